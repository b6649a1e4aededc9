# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: the repros, and the verdicts of broken ones."""

from ..common import EXIT_FAIL, EXIT_USAGE
from ..run import packaged, platforms
from .step import RUN, RUN_LIMIT, Step

_QUICK = ("outside", "wrong", "guest-crash", "no-c")


def steps(scratch):
    yield from _repros(scratch)


def _repros(scratch):
    """Yield the steps on repros, some of them broken: the report distinguishes a crash of the
    guest, a crash of the hypervisor, and a hang."""
    good = "    exercised();\n    good(\"fine\");"
    table = [
        ("outside", good, 0, r"good .*fine \(exercised\)"),
        ("unexercised", '    good("fine");', 125, "the path in question was not reached"),
        ("silent", "", 125, "ended without a verdict"),
        ("wrong", '    exercised();\n    bad("broken");', 1, "bad .*broken"),
        ("no-c", "    int x = nothing;", 125, "does not build:(.|\n)*nothing"),
        ("guest-crash", '    __asm__ volatile("ud2");', 125, "the guest, not the hyp.*#UD"),
        ("late", '    kit_deadline(200, "it");\n    for (;;)\n        barrier();', 1,
         r"bad .*it did not end within 200 ms"),
        ("dying", '    dying_is_bad("it died");\n    __asm__ volatile("ud2");', 1,
         "bad .*it died: .*#UD"),
        ("draft",
         "    int unused;\n    struct fault f;\n    PV_TRY(f)\n        *(volatile int *)NULL = 1;\n"
         '    exercised();\n    good("%s", kit_fault_text(&f));', 0,
         r"warning: unused(.|\n)*good .*#PF\(0x2\) at 0x0"),
        ("texts",
         '    if (strcmp(kit_exit_text(&(struct kit_exit){.vector = 0x81}), "vector 0x81"))\n      '
         '  bad("0x81");\n'
         '    exercised();\n'
         '    good("%s", kit_exit_text(&(struct kit_exit){.vector = 14, .error = 4, .address = '
         '0x1234}));',
         0, r"good .*#PF\(0x4\) at 0x1234"),
        ("endless", "    for (;;)\n        barrier();", 125, "the guest, not the hyp.*TIMEOUT"),
    ]
    for name, body, status, words in table:
        path = scratch / f"{name}.c"
        path.write_text(f'#include "repro/kit.h"\n\nREPRO("{name}")\n{{\n{body}\n}}\n')
        argv = RUN + ["repro", str(path), "--on", "xen-pv", "--timeout", "10"]
        yield Step(f"repro: {name}", argv, status, words, platform="xen-pv", quick=name in _QUICK)
    on_pv = ["--on", "xen-pv"]
    skipped = RUN + ["repro", "--skipped", *on_pv]
    yield Step("repros whose step is left out", [*skipped, "xsa-182", "xsa-213"],
               words="2 cannot-tell; 0 unexpected", platform="xen-pv")
    words = "UNEXPECTED: it did not come by a STEP"
    yield Step("a repro without a STEP", [*skipped, str(scratch / "outside.c")], EXIT_FAIL, words,
               platform="xen-pv")
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
        yield Step("all repros, against their heads", RUN + ["repro", *RUN_LIMIT, "--all"],
                   words="0 unexpected")
    if any(version.startswith("4.14") for version in packaged.cached()):
        argv = ["repro", "xsa-454", "--xen", "4.14"]
        yield Step("a Xen that crashes is bad", RUN + argv, EXIT_FAIL, "Xen BUG at hypercall.c:258")
        argv = ["repro", "xsa-462", "--xen", "4.14", "--timeout", "8"]
        yield Step("a Xen that hangs is bad", RUN + argv, EXIT_FAIL, r"HANG \(hypervisor\)")
