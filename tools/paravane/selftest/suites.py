# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: the suite as a whole."""

from ..common import EXIT_FAIL, EXIT_USAGE, build_dir, short
from .step import CLANG, GCC, RUN, RUN_LIMIT, Step, boot


def steps(scratch):
    yield suite("suite on every platform, by op too", "--ops", str(scratch / "ops-results.md"))
    llvm = short(build_dir() / "llvm" / "paravane.elf")
    yield suite("suite, built by clang", "--on", "qemu,xen-pv", "--image", llvm, needs=(GCC, CLANG))
    checked = ["--append", "nopatch check=context"]
    yield suite(
        "suite, no call site patched, each op in its context", "--on", "xen-pv,xen-pvh", *checked
    )
    yield suite("suite with 2 CPUs, not patched, each op in its context", "--on", "qemu", "--smp",
                "2", *checked)
    several = ["--smp", "4", "--append", "pv.sites test=sites.*"]
    yield boot(
        "call sites, listed", "qemu", *several, words=r"(?m)^# \d+ call sites of ops, 0 indirect"
    )
    shown = r"linked .* call .*through the table: set_pte>\n +executed .* mov %rsi,\(%rdi\)"
    one = [*RUN, "op", "set_pte", "--on", "qemu"]
    yield Step("op: one op, to the bytes of a call", one, words=shown)
    yield Step("op: no such op", [*RUN, "op", "set_pt"], EXIT_USAGE, words="similar: set_pte")
    for platform in ("qemu", "xen-pv", "xen-pvh"):
        broken = (r"op safe_halt of backend \S+: context: a caller with interrupts disabled is "
                  r"required; called from inject_context")
        more = ["--append", "check=context inject=context test=boot.*"]
        yield boot("an op out of its context", platform, *more, status=EXIT_FAIL, words=broken)


def suite(name, *more, **expected):
    """Return the step that runs the suite on several platforms, one after the other, because other
    steps run beside it."""
    return Step(
        name, [*RUN, "suite", *RUN_LIMIT, "--jobs", "1", *more], words=r"\b0 fail", **expected
    )


def in_short(_scratch):
    """Yield the steps that ./run.sh test --quick runs instead of the suite on every platform."""
    for platform in ("qemu", "xen-pv"):
        yield suite(f"suite on {platform}", "--on", platform, quick=True)
