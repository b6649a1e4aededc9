#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Build newlib, with musl's mathematical functions, from the distribution's source packages, once, outside of the tree.

    tools/build/newlib.py path [--cc CC]      where it is or will be; nothing if there is no source
    tools/build/newlib.py build [--cc CC]     build it there, unless that was done before
    tools/build/newlib.py clean               remove all that were ever built, and lwip.py's

The folder's name is a key made of the sources, the flags and the compiler, so another set of flags is another
folder. It appears by a rename when all is built, and disappears by one, so that it is whole even if this program
is killed. A lock file lets two builds at once end in one.
"""

import argparse
import fcntl
import glob
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path

# The distribution's package, and what tools/paravane/libc_sources.py fetches of the next release.
PACKAGED = "/usr/src/newlib/newlib-*.tar.xz"
FETCHED = "sources/newlib-*.tar.xz"
MUSL = "sources/musl_*.orig.tar.gz"
LWIP = "lwip-"  # how the names of folders begin that lwip.py makes

# How the names of folders in the cache begin that are not a library, or not any more.
BUILDING, REMOVED = "building-", "removed-"

PORT = Path(__file__).resolve().parents[2] / "lib" / "newlib"
CONFIG = PORT / "config.h"  # read before every file of newlib's, as before every program's
HEADERS = PORT / "include"  # headers that newlib lacks

# As the kernel's own code, but: doubles live in SSE registers, no stack check at function entry. Frame
# pointers, for a backtrace that begins in the library.
FLAGS = (
    "-O2 -ffreestanding -fno-pie -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables"
    " -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer -mno-red-zone -mcmodel=kernel -ffunction-sections -fdata-sections -fno-common"
    " -Ulinux -Uunix -U__linux -U__unix -U__linux__ -U__unix__ -U__gnu_linux__"
).split()

_ENCODINGS = (
    "us_ascii utf_8 utf_16 utf_16be utf_16le ucs_2 ucs_2be ucs_2le ucs_4 ucs_4be ucs_4le"
    " iso_8859_1 iso_8859_2 iso_8859_5 iso_8859_15 koi8_r cp850 win_1250 win_1251 win_1252"
).replace(" ", ",")

CONFIGURE = (
    "--target=x86_64-elf --disable-multilib --disable-libgloss --disable-nls --disable-shared"
    " --disable-newlib-supplied-syscalls --enable-newlib-io-c99-formats --enable-newlib-io-long-long"
    " --enable-newlib-io-long-double --enable-newlib-io-pos-args --enable-newlib-mb"
    " --enable-newlib-retargetable-locking --enable-newlib-global-stdio-streams"
    f" --enable-newlib-iconv --enable-newlib-iconv-encodings={_ENCODINGS}"
).split()

# What the sources have, and what takes its place.
POSIX_FOLDER = ("\nposix_dir=\n", "\nposix_dir=posix\n")
POSITIONS = ("&ap, &numargs", "(va_list *) ap, &numargs")
OFFSETS = {  # of tm_gmtoff and tm_zone (lib/newlib/config.h), which newlib leaves to hosts
    "gmtime_r.c": ("  res->tm_isdst = 0;\n\n  return", "  res->tm_isdst = 0;\n  res->tm_gmtoff = 0;\n  res->tm_zone = \"GMT\";\n  return"),
    "lcltime_r.c": (
        "  TZ_UNLOCK;\n\n  return",
        "  res->tm_gmtoff = -tz->__tzrule[res->tm_isdst > 0].offset;\n  res->tm_zone = _tzname[res->tm_isdst > 0];\n"
        "  TZ_UNLOCK;\n  return",
    ),
    "mktime.c": (
        "  tim_p->tm_isdst = isdst;\n",
        "  tim_p->tm_isdst = isdst;\n  tim_p->tm_gmtoff = -tz->__tzrule[isdst > 0].offset;\n  tim_p->tm_zone = _tzname[isdst > 0];\n",
    ),
}

# Sources in a folder that newlib builds for hosted targets only, and of which the rest needs what is missing here.
MORE = ("unix/basename.c", "unix/dirname.c")

# musl's mathematical functions take the place of newlib's, whose long double functions are missing. musl's lgamma
# writes the variable __signgam; newlib's header reads signgam through a function of that name.
MUSL_FLAGS = [*FLAGS, "-frounding-math", "-fexcess-precision=standard", "-D__signgam=(*__signgam())", "-w"]
# An instruction that uses memory below the stack pointer, which an interrupt overwrites here.
RED_ZONE = r"-0x[0-9a-f]+\(%rsp"

MUSL_RULES = (
    "\nMATH = $(filter-out %/signgam.o,$(filter obj/src/math/% obj/src/complex/%,$(LIBC_OBJS)))\n"
    "libmath.a: $(MATH)\n"
    "\t$(AR) rcs $@ $(MATH)\n"
)


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "paravane"


def newest(*patterns):
    """The last file that matches the first pattern that any file matches, or None."""
    for pattern in patterns:
        found = sorted(glob.glob(str(pattern)))
        if found:
            return Path(found[-1])
    return None


def sources():
    """The archives to build from: newlib's and, if it was fetched, musl's. Nothing without newlib's."""
    fetched, musl = newest(cache() / FETCHED), newest(cache() / MUSL)
    if fetched and musl:
        return [fetched, musl]
    packaged = newest(PACKAGED)
    return [packaged] if packaged else []


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def folder(cc):
    """Where the library of this compiler is or will be. Its name ends in -plain if it is built without musl."""
    texts = [CONFIG.read_text(), *(path.read_text() for path in sorted(HEADERS.rglob("dirent.h")))]
    parts = [output(cc, "--version"), " ".join(FLAGS), " ".join(CONFIGURE), " ".join(MUSL_FLAGS), MUSL_RULES,
             RED_ZONE, *POSITIONS, str(OFFSETS), *texts]  # fmt: skip
    key = hashlib.sha256("\0".join(parts).encode())
    for path in sources():
        key.update(path.name.encode() + path.read_bytes())
    return cache() / f"newlib-{key.hexdigest()[:16]}{'' if len(sources()) > 1 else '-plain'}"


def used(path):
    """What make uses of the folder (LIBRARIES and the headers in tools/build/programs.mk): if any is missing, it
    was damaged from outside."""
    libraries = ["libc.a", "libm.a", "libgcc.a", *([] if path.name.endswith("-plain") else ["libmath.a"])]
    return [path / "include" / "stdio.h", *(path / "lib" / name for name in libraries)]


def is_built(path):
    return all(file.is_file() and file.stat().st_size for file in used(path))


def remove(path):
    """Remove a folder of the cache, by a rename first: what is left after an interruption is not taken for a library."""
    gone = path.with_name(f"{REMOVED}{path.name}")
    shutil.rmtree(gone, ignore_errors=True)
    path.rename(gone)
    shutil.rmtree(gone)


def remove_left_over():
    """Remove what killed builds and removals have left. The caller holds the lock, so that no other is under way."""
    for name in (BUILDING, REMOVED):
        for path in cache().glob(f"{name}*"):
            shutil.rmtree(path, ignore_errors=True)


def unpack(archive, folder):
    """Unpack a source archive; return the one folder in it."""
    with tarfile.open(archive) as packed:
        packed.extractall(folder)
    return next(path for path in folder.iterdir() if path.is_dir())


def edit(path, before, after):
    text = path.read_text()
    if before not in text:
        sys.exit(f"newlib.py: {path.name} does not contain {before!r}: this release needs another edit")
    path.write_text(text.replace(before, after, 1))


def edit_sources(tree):
    """Select the POSIX folder, which newlib builds for hosted targets only; fill the members of struct tm that newlib leaves
    to hosts; and correct formats with positions: where a va_list is an array, as on x86-64, the address of a parameter
    of that type is not the address of a va_list."""
    edit(tree / "configure.host", *POSIX_FOLDER)
    for name in ("vfprintf.c", "vfwprintf.c", "vfscanf.c", "vfwscanf.c"):
        edit(tree / "libc" / "stdio" / name, *POSITIONS)
    for name, texts in OFFSETS.items():
        edit(tree / "libc" / "time" / name, *texts)


def run(commands, folder, env, log):
    with open(log, "ab") as shown:
        for command in commands:
            done = subprocess.run(command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=shown,
                                  stderr=subprocess.STDOUT, check=False)
            if done.returncode != 0:
                tail = log.read_text(errors="replace").splitlines()[-30:]
                raise SystemExit("\n".join([*tail, f"newlib.py: failed: {command[0]}"]))


def environment(**more):
    env = {**os.environ, **more}
    for word in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
        env.pop(word, None)
    return env


def target_tools(cc):
    return {name: shutil.which(f"{cc.removesuffix('gcc')}{name}") or name
            for name in ("as", "ld", "ar", "nm", "ranlib", "strip", "objcopy", "objdump", "readelf")}


def make_newlib(cc, archive, scratch, prefix):
    """Configure, make and install in scratch; move what is to stay to prefix."""
    tree = unpack(archive, scratch / "newlib")
    edit_sources(tree / "newlib")
    build_folder = scratch / "build"
    build_folder.mkdir()
    headers = Path(output(cc, "-print-file-name=include").strip())
    names = {f"{name.upper()}_FOR_TARGET": program for name, program in target_tools(cc).items()}
    compiler = f"{cc} -nostdinc -isystem {headers} -isystem {HEADERS} -imacros {CONFIG}"
    flags = " ".join([*FLAGS, "-DHAVE_FCNTL", "-DHAVE_RENAME", "-D_NO_POSIX_SPAWN", "-D_NO_POPEN"])
    env = environment(**names, CC_FOR_TARGET=compiler, MAKEINFO="true", CFLAGS_FOR_TARGET=flags)
    run(([tree / "configure", f"--prefix={scratch}/out", *CONFIGURE],
         ["make", f"-j{os.cpu_count() or 1}", "MAKEINFO=true", "all-target-newlib"],
         ["make", "MAKEINFO=true", "install-target-newlib"]), build_folder, env, scratch / "log")  # fmt: skip
    out = scratch / "out" / "x86_64-elf"
    libc = tree / "newlib" / "libc"
    more = [*compiler.split(), "-isystem", out / "include", *flags.split(), "-D_LIBC", "-c", *(libc / name for name in MORE)]
    run((more, [names["AR_FOR_TARGET"], "rs", out / "lib" / "libc.a", *(Path(name).stem + ".o" for name in MORE)]),
        build_folder, env, scratch / "log")  # fmt: skip
    shutil.move(out, prefix)


def make_math(cc, archive, scratch, prefix):
    """Build libmath.a of musl's mathematical functions, by musl's own rules, and move it to prefix."""
    tree = unpack(archive, scratch / "musl")
    (tree / "config.mak").write_text("ARCH = x86_64\n")
    (tree / "math.mak").write_text(f"include Makefile\n{MUSL_RULES}")
    command = ["make", "-f", "math.mak", f"-j{os.cpu_count() or 1}", f"CC={cc}", f"AR={target_tools(cc)['ar']}",
               f"CFLAGS_AUTO={' '.join(shlex.quote(flag) for flag in MUSL_FLAGS)}", "libmath.a"]  # fmt: skip
    run([command], tree, environment(), scratch / "log")
    shutil.move(tree / "libmath.a", prefix / "lib" / "libmath.a")


def make_libgcc(cc, scratch, prefix):
    """Copy the compiler's libgcc without the objects that use the red zone or the thread-local storage of Linux."""
    tools = target_tools(cc)
    members = scratch / "libgcc"
    members.mkdir()
    run([[tools["ar"], "x", output(cc, "-print-libgcc-file-name").strip()]], members, environment(), scratch / "log")
    kept = [path for path in sorted(members.glob("*.o"))
            if not re.search(RED_ZONE, output(tools["objdump"], "-d", "--no-show-raw-insn", path))
            and "R_X86_64_TLSGD" not in output(tools["readelf"], "-rW", path)]  # fmt: skip
    run([[tools["ar"], "rcs", prefix / "lib" / "libgcc.a", *kept]], members, environment(), scratch / "log")


def make(cc, scratch, prefix):
    newlib, *musl = sources()
    make_newlib(cc, newlib, scratch, prefix)
    make_libgcc(cc, scratch, prefix)
    for archive in musl:
        make_math(cc, archive, scratch, prefix)


@contextmanager
def locked():
    with open(cache() / "newlib.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(cc):
    path = folder(cc)
    try:
        cache().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"newlib.py: cannot keep newlib in {cache()}: {error.strerror}; choose a folder with XDG_CACHE_HOME=DIR")
    with locked():
        if is_built(path):
            return
        remove_left_over()
        print(f"  NEWLIB	{path} (once, about a minute)", flush=True)
        with tempfile.TemporaryDirectory(dir=cache(), prefix=BUILDING) as scratch:
            done = Path(scratch) / "done"
            make(cc, Path(scratch), done)
            if path.exists():
                remove(path)
            done.rename(path)


def clean():
    if not cache().is_dir():
        return
    with locked():
        remove_left_over()
        for path in (*cache().glob("newlib-*"), *cache().glob(f"{LWIP}*")):
            remove(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("path", "build", "clean"))
    parser.add_argument("--cc", default="gcc")
    args = parser.parse_args()
    if args.command == "clean":
        clean()
    elif not sources():
        if args.command == "build":
            sys.exit(f"newlib.py: no sources at {PACKAGED}: install newlib-source")
    elif args.command == "path":
        print(folder(args.cc))
    else:
        try:
            build(args.cc)
        except OSError as error:
            sys.exit(f"newlib.py: {error}; another place: XDG_CACHE_HOME=DIR")


if __name__ == "__main__":
    main()
