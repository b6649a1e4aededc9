# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: proofs that the other steps notice a fault: injected faults, wrong ops,
wrong lines."""

import re

from ..common import EXIT_FAIL, EXIT_USAGE
from .step import RUN, Step, boot


def steps(_scratch):
    yield from _proofs()
    yield from _mutants()


def _proofs():
    """Yield the steps that show that the runner accepts a good run and no bad one: each injected
    fault has its own result."""
    for platform in ("qemu", "xen-pv"):
        for fault, word in (
            ("fail", r"not ok \d+ fail\b"),
            ("crash", r"CRASH: panic"),
            ("leaf", r"#0 leaf\+\S*\s+#1 inject_leaf\+\S*\s+#2 run_test\+"),
            ("divide", r"CRASH: panic"),
            (
                "stack",
                r"stack overflow in thread \S+: too little of the stack is left\n"
                r"(.|\n)*#0 recurse\+(.|\n)*CRASH",
            ),
            ("early", r"CRASH: panic"),
            ("loop", r"TIMEOUT after"),
            ("silent", r"CRASH \("),
        ):
            more = ["--append", f"inject={fault} test=boot.*"]
            more += ["--timeout", "2"] if fault == "loop" else []
            yield boot(f"injected {fault}", platform, *more, status=EXIT_FAIL, words=word)
        for fault, word in (
            ("relock", "PANIC: deadlock: thread boot waits for a mutex that it holds itself"),
            ("unlock", "PANIC: thread boot unlocks a mutex that it does not hold"),
        ):
            more = ["--append", f"inject={fault} test=boot.c*"]
            yield boot(f"injected {fault}", platform, *more, status=EXIT_FAIL, words=word)
        cut = r"(?m)^x{507}\.\.\.\n# the next line$"
        yield boot("a line that is too long", platform, "--append", "inject=long_line test=boot.c*",
                   words=cut)
        good = ["--append", "test=boot.*"]
        yield boot("nothing injected", platform, *good, words=r"paravane: verdict PASS")


def _mutants():
    """Yield the steps on a sample of wrong ops, one of which survives as test/mutants/survivors.txt
    lists it. --soak tries all."""
    few = r"set_pte:n.*"
    for platform, sample in (("qemu", few + r"|irq_unmask:late|cpu_up:more1|halt:nop"),
                             ("xen-pv", few + r"|set_pte:late|write_cr3:nop"), ("xen-pvh", few)):
        argv = [*RUN, "mutants", "--jobs", "1", "--on", platform, "--ops", sample, "--filter",
                "boot.*,irq.*,mmu.*,smp.c*,smp.e*"]
        yield Step(
            f"{platform}: wrong ops are noticed", argv, words=r"score 100.0 %", platform=platform
        )
    # Of these two a test of the host notices one, a test in the guest the other.
    sample = [*RUN, "mutants", "--source", "--jobs", "1", "--files", "*-offset-*"]
    yield Step("wrong lines are noticed", sample, words=r"source mutants: (\d+) of \1 killed")
    for name, args, words in (
        ("of no file", ["--source", "--files", "nowhere/*"], "no source mutant matches"),
        ("on a platform", ["--source", "--on", "qemu"], "each mutant has its own"),
        ("without --source", ["--files", "mm/*"], "--files names the source mutants of --source"),
        ("resumed without a file", ["--source", "--resume"],
         "--resume continues a run of --source from its --json FILE"),
    ):
        yield Step(f"bad input: source mutants {name}", RUN + ["mutants", *args], EXIT_USAGE,
                   re.escape(words))
    yield boot("a wrong op of an unknown kind", "qemu", "--append", "mutate=halt:x",
               status=EXIT_USAGE, words="KIND")
