# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: the repros, and the verdicts of broken ones."""

from ..common import EXIT_FAIL, EXIT_USAGE
from ..run import packaged, platforms
from .step import RUN, RUN_LIMIT, Step

_QUICK = ("exercised", "wrong", "guest-crash", "no-c")
_GOOD = 'exercised();\ngood("fine");'
# What a repro does, the status of its run and what it prints. All are bodies of one draft, which
# is built once; soak= selects one. Each of these ends in another way.
_ENDS = (
    ("exercised", _GOOD, 0, r"good .*fine \(exercised\)"),
    ("unexercised", 'good("fine");', 125, "the path in question was not reached"),
    ("silent", "break;", 125, "ended without a verdict"),
    ("wrong", 'exercised();\nbad("broken");', 1, "bad .*broken"),
    ("guest-crash", '__asm__ volatile("ud2");\nbreak;', 125, "the guest, not the hyp.*#UD"),
    ("late", 'kit_deadline(200, "it");\nfor (;;)\n    barrier();', 1,
     r"bad .*it did not end within 200 ms"),
    ("dying", 'dying_is_bad("it died");\n__asm__ volatile("ud2");\nbreak;', 1,
     "bad .*it died: .*#UD"),
    ("texts",
     'if (strcmp(kit_exit_text(&(struct kit_exit){.vector = 0x81}), "vector 0x81"))\n'
     '    bad("0x81");\n'
     'exercised();\n'
     'good("%s", kit_exit_text(&(struct kit_exit){.vector = 14, .error = 4, .address = 0x1234}));',
     0, r"good .*#PF\(0x4\) at 0x1234"),
    ("endless", "for (;;)\n    barrier();", 125, "the guest, not the hyp.*TIMEOUT"),
)
# Drafts that the compiler has something to say about: each is a file of its own.
_BUILDS = (
    ("no-c", "int x = nothing;", 125, "does not build:(.|\n)*nothing"),
    ("draft",
     "int unused;\nstruct fault f;\nPV_TRY(f)\n    *(volatile int *)NULL = 1;\n"
     'exercised();\ngood("%s", kit_fault_text(&f));', 0,
     r"warning: unused(.|\n)*good .*#PF\(0x2\) at 0x0"),
)
_ENDLESS = "4"  # seconds after which a repro that does not end is given up


def steps(scratch):
    yield from _verdicts(scratch)
    yield from _repros(scratch)


def _source(name, body):
    headers = "".join(f'#include "{name}"\n' for name in ("kernel/kernel.h", "repro/kit.h"))
    return f'{headers}\nREPRO("{name}")\n{{\n{body}\n}}\n'


def _verdicts(scratch):
    """Yield the steps on the verdict of a repro that ends in some way, or does not build: the
    report distinguishes a crash of the guest, a crash of the hypervisor, and a hang."""
    cases = "".join(f"case {at}:\n{body}\n" for at, (_, body, _, _) in enumerate(_ENDS, 1))
    ends = scratch / "ends.c"
    ends.write_text(_source("ends", f"switch (cmdline.soak[0] - '0') {{\n{cases}}}"))
    on = ["--on", "xen-pv", "--timeout", _ENDLESS]
    for at, (name, _, status, words) in enumerate(_ENDS, 1):
        argv = [*RUN, "repro", str(ends), *on, "--append", f"soak={at}"]
        yield Step(f"repro: {name}", argv, status, words, platform="xen-pv", quick=name in _QUICK)
    for name, body, status, words in _BUILDS:
        path = scratch / f"{name}.c"
        path.write_text(_source(name, body))
        argv = [*RUN, "repro", str(path), *on]
        yield Step(f"repro: {name}", argv, status, words, platform="xen-pv", quick=name in _QUICK)


def _repros(scratch):
    """Yield the steps on the tree's repros, on repros without their step, and on wrong names and
    files."""
    on_pv = ["--on", "xen-pv"]
    skipped = RUN + ["repro", "--skipped", *on_pv]
    yield Step("repros whose step is left out", [*skipped, "xsa-182", "xsa-213"],
               words="2 cannot-tell; 0 unexpected", platform="xen-pv")
    words = "UNEXPECTED: it did not come by a STEP"
    yield Step("a repro without a STEP", [*skipped, str(scratch / "ends.c"), "--append", "soak=1"],
               EXIT_FAIL, words, platform="xen-pv")
    (scratch / "corrupt.elf.c").write_bytes(b"\x7fELF\0\0")
    (scratch / "folder.c").mkdir(exist_ok=True)
    (scratch / "self.c").write_text('#include "self.c"\nREPRO("self") {}\n')
    for name, args, status, words in (
        ("no such repro", ["nothing"], EXIT_USAGE, "no repro is called"),
        ("no such file", ["nothing.c"], 125, "no file nothing.c"),
        ("no Xen", ["xsa-454", *on_pv, "--xen", str(scratch / "corrupt.elf")], 125, "not a Xen"),
        ("no name", [], EXIT_USAGE, "name repros, files or folders"),
        ("a binary file", [str(scratch / "corrupt.elf.c")], EXIT_USAGE, "is not C"),
        ("a folder called as a file", [str(scratch / "folder.c")], EXIT_USAGE, "has no C file"),
        ("a file that includes itself", [str(scratch / "self.c"), *on_pv], 125,
         "does not build(.|\n)*nested depth"),
    ):
        yield Step(f"bad input: repro, {name}", RUN + ["repro", *args], status, words)
    if not platforms.lacking(platforms.PLATFORMS["xen-pv"]):
        on = ["--on", "xen-pv,xen-pvh,qemu"]  # those of domUs are in domu.py, after the dom0
        yield Step("all repros, against their heads", RUN + ["repro", *RUN_LIMIT, "--all", *on],
                   words="0 unexpected")
    if any(version.startswith("4.14") for version in packaged.cached()):
        argv = ["repro", "xsa-454", "--xen", "4.14"]
        yield Step("a Xen that crashes is bad", RUN + argv, EXIT_FAIL, "Xen BUG at hypercall.c:258")
        argv = ["repro", "xsa-462", "--xen", "4.14", "--timeout", "3"]
        yield Step("a Xen that hangs is bad", RUN + argv, EXIT_FAIL, r"HANG \(hypervisor\)")
