# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: several CPUs."""

import re

from ..common import EXIT_FAIL
from ..run import emulators
from .step import RUN, RUN_LIMIT, Step, boot, check, output_of
from .suites import suite


def steps(scratch):
    yield from _cpus(scratch)


def _turns(platform):
    """Yield the steps in which Xen's virtual CPUs take turns on one physical CPU, whatever this
    computer has."""
    return ["--pcpus", "1"] if platform.startswith("xen") else []


def _cpus(scratch):
    """Yield the steps with several CPUs. Each CPU reports its work, and one that does not start is
    an error. Xen's virtual CPUs run in parallel; the tests of several CPUs run a second time where
    they take turns."""
    verdict = r"paravane: verdict PASS"
    for cpus in ("4", "2"):
        yield suite(f"suite with {cpus} CPUs on qemu", "--smp", cpus, "--on", "qemu", cpus=2)
    # GRUB and UEFI leave other tables and other free memory below 1 MiB, with which the CPUs are
    # started.
    loaded = ["--smp", "4", "--on", "grub,uefi", "--filter",
              "boot.*,apic.*,irq.*,kernel.*,smp.*,mm_smp.*,threads.*"]
    yield suite("4 CPUs on grub,uefi", *loaded, cpus=2)
    # On xen-pvh QEMU 7.2 is at fault now and then (docs/facts.md): that form is a soak,
    # smp-xen-pvh.
    yield suite("suite with 4 CPUs on xen-pv, each on a CPU of its own", "--smp", "4", "--on",
                "xen-pv", cpus=2)
    # The steps before use event channels by the FIFO ABI, which is the kernel's choice.
    on_xen = ["--smp", "4", "--on", "xen-pv,xen-pvh", "--pcpus", "1"]
    both = "irq.*,events.*,time.*,smp.*,wide.*,lo*,th*"
    more = ",mm_s*,race.*,fail*"
    yield suite("4 CPUs that take turns on one", *on_xen, "--filter", both + more)
    yield suite("4 CPUs, event channels of the 2l ABI", *on_xen, "--append", "evtchn=2l",
                "--filter", both)
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
        more = ["--smp", "2", "--append", "inject=deadlock test=boot.*"]
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
