# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: several CPUs."""

import re

from ..common import EXIT_FAIL
from ..run import emulators
from .step import RUN, RUN_LIMIT, Step, boot, check, output_of, physical
from .suites import suite


def steps(scratch):
    yield from _cpus(scratch)


def _turns(platform):
    """Return the option by which Xen's virtual CPUs take turns on one physical CPU, whatever this
    computer has."""
    return ["--pcpus", "1"] if platform.startswith("xen") else []


def _cpus(scratch):
    """Yield the steps with several CPUs. Each CPU reports its work, and one that does not start is
    an error. suites.py has the whole suite with several CPUs; the tests of several CPUs also run
    where Xen's virtual CPUs take turns."""
    verdict = r"paravane: verdict PASS"
    # GRUB and UEFI leave other tables and other free memory below 1 MiB, with which the CPUs are
    # started and their interrupts routed. What runs after that is the same as on qemu (suites.py).
    loaded = ["--smp", "4", "--on", "grub,uefi", "--filter", "boot.*,apic.*,irq.*,smp.c*,smp.e*"]
    yield suite("4 CPUs on grub,uefi", *loaded, cpus=2)
    # The FIFO ABI of event channels is the kernel's choice, so the suite with 3 CPUs on xen-pv has
    # it, and these tests have the other one there.
    several = "irq.*,events.*,time.*,smp.*,wide.*,lo*,th*,mm_s*,race.*,fail*"
    for platform, abi in (("xen-pv", "2l"), ("xen-pvh", "fifo")):
        turns = ["--smp", "4", "--pcpus", "1", "--on", platform, "--append", f"evtchn={abi}"]
        yield suite(f"4 CPUs that take turns on one, {platform}, event channels of the {abi} ABI",
                    *turns, "--filter", several)
    for platform in ("qemu", "xen-pv"):
        for cpus in (33, 64):
            more = [*_turns(platform), "--smp", str(cpus), "--append", "test=smp.e*"]
            words = rf"CPU {cpus - 1}: 1000 units of work(.|\n)*{verdict}"
            yield boot(f"{cpus} CPUs come up", platform, *more, words=words)
        more = [*_turns(platform), "--smp", "33", "--append", "test=smp.call*"]
        yield boot("33 CPUs are called at once", platform, *more, words=verdict)
        more = ["--smp", "4", "--append", "inject=crash test=smp.cpus*"]
        others = r"CPU 1, thread idle:\s[^$]*CPU 3, thread idle:"
        yield boot("a panic stops 4 CPUs", platform, *more, status=EXIT_FAIL, words=others)
    left_off = (rf"8 CPUs, 64 \(APIC id 64\) to 71 \(APIC id 71\), are left off: this kernel uses "
                rf"at most 64\n(.|\n)*{verdict}")
    yield boot("72 CPUs", "qemu", "--smp", "72", "--append", "test=smp.e*", words=left_off)
    gaps = scratch / "qemu-with-gaps"
    gaps.write_text(
        f'#!/bin/sh\nexec {emulators.default()} "$@" -smp 6,sockets=2,cores=3,threads=1\n'
    )
    gaps.chmod(0o755)
    more = ["--smp", "6", "--append", "test=smp.c*"]
    named = rf"CPU 2: APIC id 2\n# CPU 3: APIC id 4\n(.|\n)*{verdict}"
    yield boot("APIC ids with gaps", "qemu", *more, words=named, env=(("QEMU", str(gaps)),))
    for platform, word, name in (
        ("qemu", "inject=absent_cpu", r"2 \(APIC id 99\)"),
        ("xen-pv", "mutate=cpu_up:nop", r"1 \(vCPU 1\)"),
    ):
        more = ["--smp", "2", "--append", f"{word} test=boot.*,smp.every_l*"]
        words = (rf"(?s)CPU {name} is left off: no answer to the start\n(?=.*\nok \d "
                 rf"boot\.)(?=.*\nnot ok \d smp.every_listed_cpu_is_up)")
        words += r".*verdict FAIL: 1 of \d tests failed"
        yield boot("a CPU that never answers is left off, and one test fails", platform, *more,
                   status=EXIT_FAIL, words=words)
    yield check("qemu: lines of 4 CPUs stay whole", _chorus)
    ring = (r"PANIC: .*CPU (\d) waits for lock (\w+), held by CPU \d, which waits for lock \w+, "
            r"held by CPU \1\n")
    for platform in ("qemu", "xen-pv", "xen-pvh"):
        more = [*physical(platform), "--smp", "2", "--append", "inject=deadlock test=boot.*"]
        words = ring + r"(?=.*\n  #0 on_pv_panic\+)(.|\n)*CPU \d, thread other:(.|\n)*spin_lock"
        yield boot("a deadlock names both owners", platform, *more, status=EXIT_FAIL, words=words)
    soak = ["suite", *RUN_LIMIT, "--on", "qemu", "--soak", "2", "--filter", "threads.*"]
    yield Step("a soak of two seconds", RUN + soak, words=r"\b0 fail")


def _chorus():
    """Yield the steps in which four CPUs print 100 lines each at the same time."""
    argv = [*RUN, "boot", "--on", "qemu", *RUN_LIMIT, "--smp", "4", "--append",
            "inject=chorus test=boot.c*"]
    _, output = output_of(argv)
    song = re.compile(r"# CPU \d sings do re mi fa so la ti do re mi fa so la ti do")
    sung = [line for line in output.splitlines() if "sings" in line or "re mi" in line]
    broken = [line for line in sung if not song.fullmatch(line)]
    if broken:
        return f"a line is {broken[0]!r}", output
    return ("" if len(sung) == 400 else f"{len(sung)} lines instead of 400"), output
