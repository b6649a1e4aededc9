# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: the suite as a whole."""

from ..common import EXIT_FAIL, EXIT_USAGE, build_dir, short
from .step import CLANG, GCC, RUN, RUN_LIMIT, Step, boot, physical


def steps(scratch):
    yield suite("suite on every platform, by op too", "--ops", str(scratch / "ops-results.md"))
    yield from _variants()
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


# How an image and a machine may differ, each in several ways: the compiler; the number of CPUs;
# call sites that are patched, or none and each op checked against its context; the ABI of event
# channels. The whole suite runs on each of these rows, and on every platform by gcc, with one CPU,
# patched and by the FIFO ABI. cpus.py adds the 2l ABI with several CPUs. Together they have each
# compiler, and one CPU and several, with patched sites and without; and each ABI on PV and on PVH,
# and with one CPU and several. A fault that needs a combination that no row has is a soak's to
# find.
_PATCHED, _CHECKED = (), ("nopatch", "check=context")
_ROWS = (
    # platform, compiler, CPUs, words
    ("qemu", CLANG, 1, _PATCHED),
    ("qemu", GCC, 4, _PATCHED),
    ("qemu", GCC, 2, _CHECKED),
    ("xen-pv", GCC, 3, _PATCHED),
    ("xen-pv", CLANG, 1, (*_CHECKED, "evtchn=2l")),
    ("xen-pvh", GCC, 1, (*_CHECKED, "evtchn=2l")),
)


def _variants():
    """Yield the steps in which the whole suite runs on another image or machine."""
    for platform, compiler, cpus, words in _ROWS:
        more = ["--on", platform, "--smp", str(cpus), *physical(platform)]
        more += ["--append", " ".join(words)] if words else []
        if compiler == CLANG:
            more += ["--image", short(build_dir() / "llvm" / "paravane.elf")]
        name = f"suite on {platform}" + (f" with {cpus} CPUs" if cpus > 1 else "")
        name += ", by clang" if compiler == CLANG else ""
        name += ", not patched, each op in its context" if words[:2] == _CHECKED else ""
        name += ", event channels of the 2l ABI" if "evtchn=2l" in words else ""
        yield suite(name, *more, needs=(GCC, compiler), cpus=min(cpus, 2))


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
