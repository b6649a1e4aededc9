#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds newlib from the distribution's source package, once, outside of the tree.

    tools/build/newlib.py path [--cc CC]      where it lies or will lie; nothing if there is no source
    tools/build/newlib.py build [--cc CC]     builds it there, unless that was done before
    tools/build/newlib.py clean               removes all that were ever built

The folder's name is a key made of the sources, the flags and the compiler, so another set of flags is another
folder. It appears by a rename when all is built, and a lock file lets two builds at once end in one.
"""

import argparse
import fcntl
import glob
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

SOURCES = "/usr/src/newlib/newlib-*.tar.xz"

# As the kernel's own code, but: doubles live in SSE registers, no stack check at function entry. Frame
# pointers, for a backtrace that begins in the library. __DYNAMIC_REENT__: one struct _reent a thread.
FLAGS = (
    "-O2 -ffreestanding -fno-pie -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables"
    " -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer -mno-red-zone -mcmodel=kernel -ffunction-sections -fdata-sections -fno-common"
    " -D__DYNAMIC_REENT__ -Ulinux -Uunix -U__linux -U__unix -U__linux__ -U__unix__ -U__gnu_linux__"
).split()

CONFIGURE = (
    "--target=x86_64-elf --disable-multilib --disable-libgloss --disable-nls --disable-shared"
    " --disable-newlib-supplied-syscalls --enable-newlib-io-c99-formats --enable-newlib-io-long-long"
    " --enable-newlib-retargetable-locking --enable-newlib-global-stdio-streams"
).split()


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "paravane"


def source():
    found = sorted(glob.glob(SOURCES))
    return Path(found[-1]) if found else None


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def folder(cc):
    """Where the library of this compiler lies."""
    parts = [source().name, output(cc, "--version"), " ".join(FLAGS), " ".join(CONFIGURE)]
    key = hashlib.sha256("\0".join(parts).encode() + source().read_bytes()).hexdigest()[:16]
    return cache() / f"newlib-{key}"


def is_built(path):
    return (path / "lib" / "libc.a").exists() and (path / "lib" / "libm.a").exists()


def make(cc, scratch, prefix):
    """Configures, makes and installs in scratch; what is to stay goes to prefix."""
    with tarfile.open(source()) as archive:
        archive.extractall(scratch)
    tree = next(path for path in scratch.iterdir() if path.is_dir())
    build = scratch / "build"
    build.mkdir()
    headers = Path(output(cc, "-print-file-name=include").strip())
    tools = {name: shutil.which(f"{cc.removesuffix('gcc')}{name}") or name
             for name in ("as", "ld", "ar", "nm", "ranlib", "strip", "objcopy", "objdump", "readelf")}
    names = {f"{name.upper()}_FOR_TARGET": program for name, program in tools.items()}
    env = {**os.environ, **names, "CC_FOR_TARGET": f"{cc} -nostdinc -isystem {headers}", "MAKEINFO": "true",
           "CFLAGS_FOR_TARGET": " ".join(FLAGS)}
    for word in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
        env.pop(word, None)
    with open(scratch / "log", "wb") as log:
        for command in ([tree / "configure", f"--prefix={scratch}/out", *CONFIGURE],
                        ["make", f"-j{os.cpu_count() or 1}", "MAKEINFO=true", "all-target-newlib"],
                        ["make", "MAKEINFO=true", "install-target-newlib"]):
            done = subprocess.run(command, cwd=build, env=env, stdin=subprocess.DEVNULL, stdout=log,
                                  stderr=subprocess.STDOUT, check=False)
            if done.returncode != 0:
                tail = (scratch / "log").read_text(errors="replace").splitlines()[-30:]
                raise SystemExit("\n".join([*tail, f"newlib.py: failed: {command[0]}"]))
    shutil.move(scratch / "out" / "x86_64-elf", prefix)


def build(cc):
    path = folder(cc)
    try:
        cache().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"newlib.py: cannot keep newlib in {cache()}: {error.strerror}; choose a folder with XDG_CACHE_HOME=DIR")
    with open(cache() / "newlib.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_built(path):
            return
        print(f"  NEWLIB	{path} (once, about a minute)", flush=True)
        with tempfile.TemporaryDirectory(dir=cache(), prefix="building-") as scratch:
            done = Path(scratch) / "done"
            make(cc, Path(scratch), done)
            shutil.rmtree(path, ignore_errors=True)
            done.rename(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("path", "build", "clean"))
    parser.add_argument("--cc", default="gcc")
    args = parser.parse_args()
    if args.command == "clean":
        for path in cache().glob("newlib-*"):
            shutil.rmtree(path)
    elif not source():
        if args.command == "build":
            sys.exit(f"newlib.py: no sources at {SOURCES}: install newlib-source")
    elif args.command == "path":
        print(folder(args.cc))
    else:
        try:
            build(args.cc)
        except OSError as error:
            sys.exit(f"newlib.py: {error}; another place: XDG_CACHE_HOME=DIR")


if __name__ == "__main__":
    main()
