# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: what is built and checked without booting it, and the bare kernel."""

import sys

from ..bench import sizes
from ..common import EXIT_FAIL, build_dir, short
from .step import BARE, BARE_CLANG, CLANG, GCC, Step, boot, check


def steps(_scratch, cpus):
    """Yield the steps of this file. They are first, because the others boot what they build; those
    of --quick that need nothing run beside the first. A build does not have the CPUs for itself,
    although make keeps all of them busy: while it links, it uses one."""
    build = f"BUILD={short(build_dir())}"
    jobs = f"-j{cpus}"
    llvm = f"{build}/llvm"
    unit_tests = ["-B", "-m", "unittest", "discover", "-q", "-s", "tools/test", "-t", "tools"]
    yield Step(GCC, ["make", jobs, build], quick=True, needs=())
    yield Step("make check", ["make", "check", build], needs=(), quick=True)
    yield Step("unit tests of the runner", [sys.executable, *unit_tests], needs=(), quick=True)
    # Not beside the first, because both make the folder of headers.
    yield Step("host tests", ["make", jobs, "host-test", build], quick=True)
    yield Step(CLANG, ["make", jobs, "LLVM=1", llvm], needs=())
    yield Step(BARE, ["make", jobs, "bare", build], needs=())
    yield Step(BARE_CLANG, ["make", jobs, "bare", "LLVM=1", llvm], needs=())
    # After the host tests: both build the same objects.
    yield Step("fuzzing, bounded", ["make", jobs, "fuzz", build], needs=("host tests",))
    yield from _loaders_accept()
    yield from _bare()


def _loaders_accept():
    image = short(build_dir() / "paravane.elf")
    for kind in ("x86-multiboot2", "x86-xen-dom0", "x86_64-xen-domu"):
        yield Step(f"grub-file --is-{kind}", ["grub-file", f"--is-{kind}", image])


def _bare():
    """Yield the steps on the kernel without the suite: it boots, is small, and names the functions
    of a backtrace.

    The image has no names. The runner takes them from the unstripped twin beside it.
    """
    yield check("the bare kernel takes at most 96 KiB", lambda: _size_fault("bare"), needs=(BARE,))
    yield check("the bare kernel by clang takes at most 96 KiB", lambda: _size_fault("llvm/bare"),
                needs=(BARE_CLANG,))
    image = ["--image", short(build_dir() / "bare" / "paravane.elf")]
    names = r"functions by \S*debug\.elf:[^$]*#0 inject_wild_write\+[^$]* boot_main\+"
    for platform in ("qemu", "xen-pv", "xen-pvh"):
        more = [*image, "--append", "inject=early"]
        yield boot(
            "the bare kernel panics", platform, *more, status=EXIT_FAIL, words=names, needs=(BARE,)
        )


def _size_fault(folder):
    """Return (what is wrong with the size of the bare image in a folder of the build directory,
    "")."""
    size = (build_dir() / folder / "paravane.elf").stat().st_size
    return (f"it takes {size} bytes" if size > sizes.BARE_MAX else ""), ""
