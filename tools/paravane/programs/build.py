# SPDX-License-Identifier: MIT
"""Build a program for this machine and for the guest, with the same sources and flags."""

import os
import shutil
import subprocess

from .. import archive
from ..common import ROOT, Trouble, build_dir, build_lock, short


def for_host(program, folder, more=()):
    """Return this machine's build; more are options of the linker."""
    binary = folder.parent / f"{program.name}-host"
    flags = [flag.replace("\\", "") for flag in program.flags]  # which make passes to a shell
    compiler, objects = _compiler(), []
    for source in sorted(folder.glob("*.c")):
        objects.append(folder.parent / f"{source.stem}-host.o")
        _command([*compiler, "-O2", "-w", *flags, "-c", "-o", str(objects[-1]), source.name],
                 folder)
    _command(["gcc", *more, "-o", str(binary), *map(str, objects), "-lm"], folder)
    return binary


def _compiler():
    """Return gcc, with ccache where tools/build/ccache.mk uses it too."""
    try:
        os.makedirs(_ccache_dir(), exist_ok=True)
    except OSError:
        return ["gcc"]
    usable = shutil.which("ccache") and os.access(_ccache_dir(), os.W_OK)
    return ["ccache", "gcc"] if usable else ["gcc"]


def _ccache_dir():
    return os.environ.get("CCACHE_DIR") or str(archive.cache_dir() / "ccache")


def for_guest(program, folder):
    """Return the image that holds the program."""
    flags = " ".join(program.flags + program.guest_flags)
    jobs, build = f"-j{os.cpu_count() or 1}", f"BUILD={short(build_dir())}"
    with build_lock():
        _command(["make", jobs, build, f"APP={folder}", f"APP_CFLAGS={flags}"], ROOT)
    return build_dir() / f"{program.name}.elf"


def _command(argv, cwd):
    done = subprocess.run(
        argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=False, env={**os.environ, "CCACHE_DIR": _ccache_dir()},
    )
    if done.returncode != 0:
        print(done.stdout.decode("utf-8", "replace")[-4000:])
        raise Trouble(f"failed: {' '.join(argv)}")
