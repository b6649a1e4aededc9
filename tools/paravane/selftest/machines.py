# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: machines with more and less memory, with other clocks, and a few of the
sweep."""

import sys

from ..common import ROOT
from ..run import emulators
from .step import RUN, RUN_LIMIT, Step, boot
from .trace import recorded

# Tests of what depends on the size of the memory. Where it is least, all of libc's have to fit in.
_OF_MEMORY = "test=boot.*,kernel.*,mm*,threads.*,libc.*"
_OF_LEAST_MEMORY = "test=boot.*,kernel.*,mm*,threads.*,libc*"


def steps(scratch):
    yield from _sizes()
    yield from _clocks(scratch)
    yield recorded("an independent model of the CPU", "bochs", "--append", "test=irq.*",
                   words=r"paravane: verdict PASS\n")
    sample = ["suite", *RUN_LIMIT, "--jobs", "1", "--machines", "sample"]
    yield Step("a few of the sweep's machines", RUN + sample, words=r"machines as expected, 0 not")


def _sizes():
    """Yield the steps with little and much memory."""
    verdict = r"paravane: verdict PASS"
    for platform, mem, words in (
        ("qemu", 32, _OF_LEAST_MEMORY), ("qemu", 64, _OF_MEMORY), ("qemu", 3072, _OF_MEMORY),
        ("xen-pv", 64, _OF_LEAST_MEMORY), ("xen-pv", 1024, _OF_MEMORY),
        ("xen-pv", 3072, _OF_MEMORY), ("xen-pvh", 64, _OF_MEMORY),
    ):  # fmt: skip
        more = ["--mem", str(mem), "--append", words]
        yield boot(f"{mem} MiB", platform, *more, words=verdict)


def _clocks(scratch):
    """Yield the steps on clocks: each one of known frequency is used if the better ones are
    missing. If the machine has an RTC, the test compares the rate with it."""
    for number, (platform, machine, words) in enumerate((
        ("qemu", "hpet=on", "measured against HPET"),
        ("qemu", "hpet=off", "measured against ACPI PM timer"),
        ("microvm", "pit=on", "measured against PIT"),
        ("microvm", "pit=off", "measured against RTC"),
        ("microvm", "pit=off,rtc=off",
         r"warn\] no HPET, ACPI PM timer, PIT or RTC, and no TSC rate by CPUID: \d+ kHz"),
    )):  # fmt: skip
        qemu = scratch / f"qemu-clock-{number}"
        qemu.write_text(f'#!/bin/sh\nexec {emulators.default()} "$@" -machine {machine}\n')
        qemu.chmod(0o755)
        more = ["--append", "test=irq.*"]
        words += r"(.|\n)*verdict PASS"
        yield boot(
            f"clock with {machine}", platform, *more, words=words, env=(("QEMU", str(qemu)),)
        )
    yield _on_a_busy_computer(scratch)


def _on_a_busy_computer(scratch):
    """Yield the steps in which QEMU stops for a while, as on a busy computer: the RTC's flags are
    then set once instead of many times."""
    qemu = scratch / "qemu-stutters"
    stutter = f"{sys.executable} -B {ROOT / 'tools/paravane/run/stutter.py'} 4 4 3"
    qemu.write_text(f'#!/bin/sh\nexec {stutter} -- {emulators.default()} "$@" -machine pit=off\n')
    qemu.chmod(0o755)
    words = r"measured against RTC(.|\n)*verdict PASS"
    more = ["--append", "test=irq.device_interrupts_at_its_rate"]
    return boot("clock with pit=off on a computer that stutters", "microvm", *more, words=words,
                env=(("QEMU", str(qemu)),))
