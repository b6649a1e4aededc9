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
    compiler = ["ccache", "gcc"] if shutil.which("ccache") else ["gcc"]
    objects = []
    for source in sorted(folder.glob("*.c")):
        objects.append(folder.parent / f"{source.stem}-host.o")
        _command([*compiler, "-O2", "-w", *flags, "-c", "-o", str(objects[-1]), source.name],
                 folder)
    _command(["gcc", *more, "-o", str(binary), *map(str, objects), "-lm"], folder)
    return binary


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
        check=False, env={"CCACHE_DIR": str(archive.cache_dir() / "ccache"), **os.environ},
    )
    if done.returncode != 0:
        print(done.stdout.decode("utf-8", "replace")[-4000:])
        raise Trouble(f"failed: {' '.join(argv)}")
