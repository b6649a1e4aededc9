# SPDX-License-Identifier: MIT
"""Build a program for this machine and for the guest, with the same sources and flags."""

import os
import subprocess

from ..common import ROOT, Trouble, build_dir, build_lock, short


def for_host(program, folder, more=()):
    """Return this machine's build."""
    binary = folder.parent / f"{program.name}-host"
    sources = sorted(path.name for path in folder.glob("*.c"))
    flags = [flag.replace("\\", "") for flag in program.flags]  # which make passes to a shell
    _command(["gcc", "-O2", "-w", *more, *flags, "-o", str(binary), *sources, "-lm"], folder)
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
        check=False
    )
    if done.returncode != 0:
        print(done.stdout.decode("utf-8", "replace")[-4000:])
        raise Trouble(f"failed: {' '.join(argv)}")
