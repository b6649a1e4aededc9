"""`./run.sh test`: all that CI runs, one line a step, and a closing line with the counts."""

import os
import re
import sys
import tempfile
from pathlib import Path

from . import emulators, packaged, platforms, selftest_devices, selftest_entry, selftest_input
from . import selftest_programs, selftest_stop, sizes
from .common import EXIT_FAIL, EXIT_PASS, EXIT_USAGE, build_dir, make_dirs, short
from .step import RUN, RUN_LIMIT, Step, boot, report


def run():
    """Runs every step; returns the exit code."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    make_dirs(build_dir())
    with tempfile.TemporaryDirectory(dir=build_dir()) as scratch:
        for step in _steps(Path(scratch)):
            counts[report(step)] += 1
    closing = f"{counts['passed']} passed, {counts['failed']} failed"
    if counts["skipped"]:
        closing += f", {counts['skipped']} skipped"
    print(closing)
    return EXIT_FAIL if counts["failed"] or not counts["passed"] else EXIT_PASS


def _steps(scratch):
    """All steps, in order: cheap ones first. Lazily, for later ones need what earlier ones built."""
    build = f"BUILD={short(build_dir())}"
    jobs = f"-j{os.cpu_count() or 1}"
    llvm = f"{short(build_dir())}/llvm"
    unit_tests = ["-B", "-m", "unittest", "discover", "-q", "-s", "tools/test", "-t", "tools"]
    yield Step("unit tests of the runner", [sys.executable, *unit_tests])
    yield Step("build with gcc", ["make", jobs, build])
    yield Step("build with clang and lld", ["make", jobs, "LLVM=1", f"BUILD={llvm}"])
    yield Step("make check", ["make", "check", build])
    yield Step("host tests", ["make", jobs, "host-test", build])
    yield Step("fuzzing, bounded", ["make", jobs, "fuzz", build])
    by_op = ["suite", *RUN_LIMIT, "--ops", str(scratch / "ops-results.md")]
    yield Step("suite on every platform, by op too", RUN + by_op, words=r"\b0 fail")
    by_clang = ["suite", *RUN_LIMIT, "--on", "qemu,xen-pv", "--image", f"{llvm}/paravane.elf"]
    yield Step("suite, built by clang", RUN + by_clang)
    not_patched = ["suite", *RUN_LIMIT, "--on", "qemu,xen-pv,xen-pvh", "--append", "nopatch"]
    yield Step("suite, no call site patched", RUN + not_patched)
    several = ["--on", "qemu", "--smp", "4", "--append", "pv.sites test=sites.*"]
    listed = r"(?m)^# \d+ call sites of ops, 0 indirect"
    yield Step("call sites, listed", RUN + ["boot", *RUN_LIMIT, *several], words=listed)
    checked = ["suite", *RUN_LIMIT, "--on", "qemu,xen-pv,xen-pvh", "--append", "check=context"]
    yield Step("suite, each op in its context", RUN + checked, words=r"\b0 fail")
    for platform in ("qemu", "xen-pv", "xen-pvh"):
        broken = r"op safe_halt of backend \S+: context: a caller with interrupts disabled is required; called from plant_context"
        more = ["--append", "check=context plant=context test=boot.*"]
        yield boot("an op out of its context", platform, *more, status=EXIT_FAIL, words=broken)
    yield from _bench(scratch)
    yield from _loaders_accept()
    yield from _sizes()
    yield from _cpus(scratch)
    yield from _clocks(scratch)
    sample = ["suite", *RUN_LIMIT, "--machines", "sample"]
    yield Step("a few of the sweep's machines", RUN + sample, words=r"machines as expected, 0 not")
    yield from _bare(build)
    yield from _proofs()
    yield from _hostile()
    yield from _mutants()
    yield from selftest_input.steps(scratch)
    yield from selftest_devices.steps(scratch)
    yield from selftest_entry.steps(scratch)
    yield from _repros(scratch)
    yield from selftest_programs.steps(scratch)
    yield from (selftest_stop.interrupted, selftest_stop.terminated, selftest_stop.killed)


def _bench(scratch):
    """What is counted: twice the same, not much more than in the baseline, and a limit that bites."""
    baseline = ["--counted", "--on", "qemu,xen-pv,xen-pvh", "--against", "test/bench-baseline.json"]
    yield Step("bench: every figure twice, against the baseline", RUN + ["bench", *RUN_LIMIT, *baseline],
               words=r"two runs counted the same on qemu(.|\n)* 0 over the limit, 0 gone")  # fmt: skip
    yield Step("bench: all of it", RUN + ["bench", *RUN_LIMIT, "--on", "qemu"],
               words=r"through the table(.|\n)*cycles(.|\n)*seconds(.|\n)*two runs counted the same on qemu")  # fmt: skip
    cheap, old, unknown = (scratch / f"{name}.json" for name in ("cheap", "old", "unknown"))
    head = '{"format": "paravane-bench", "version": '
    cheap.write_text(head + '1, "measurements": {"op.cpu_features": {"count": {"qemu": 10}}}}')
    more = ["--counted", "--on", "qemu", *RUN_LIMIT, "--append", "test=op.cpu_*", "--against", str(cheap)]
    yield Step("bench: an op that got dearer", RUN + ["bench", *more], EXIT_FAIL, r"OVER .*op.cpu_features on qemu")
    old.write_text(head + '0, "measurements": {}}')
    unknown.write_text(head + '1, "measurements": {"op.frob": {"count": {"qemu": 1}}}}')
    for name, args, words in (
        ("no file", ["--against", "/nowhere.json"], "cannot be read"),
        ("no JSON", ["--against", "README.md"], "is not JSON"),
        ("old file", ["--against", str(old)], "has version 0 of the format"),
        ("unknown op", ["--against", str(unknown)], "an op that there is not: frob"),
        ("limit", ["--against", str(cheap), "--limit", "0.5"], "not a ratio"),
        ("limit of nothing", ["--limit", "2"], "--against"),
        ("unwritable file", ["--svg", "/proc/nowhere/bench.svg"], "cannot write /proc/nowhere/bench.svg"),
    ):
        yield Step(f"bad input: bench, {name}", RUN + ["bench", *args], EXIT_USAGE, re.escape(words))


def _loaders_accept():
    image = short(build_dir() / "paravane.elf")
    for kind in ("x86-multiboot2", "x86-xen-dom0", "x86_64-xen-domu"):
        yield Step(f"grub-file --is-{kind}", ["grub-file", f"--is-{kind}", image])


def _sizes():
    """Memory from little to much."""
    verdict = r"paravane: verdict PASS"
    for mem in (32, 64, 4096):
        yield boot(f"{mem} MiB", "qemu", "--mem", str(mem), words=verdict)
    for mem in (64, 1024, 4096):
        yield boot(f"{mem} MiB", "xen-pv", "--mem", str(mem), words=verdict)
    yield boot("64 MiB", "xen-pvh", "--mem", "64", words=verdict)


def _clocks(scratch):
    """Each clock of known frequency is used where the better ones are missing. Where the machine has an RTC, the test
    compares the rate with it."""
    for number, (platform, machine, words) in enumerate((
        ("qemu", "hpet=on", "measured against HPET"),
        ("qemu", "hpet=off", "measured against ACPI PM timer"),
        ("microvm", "pit=on", "measured against PIT"),
        ("microvm", "pit=off", "measured against RTC"),
        ("microvm", "pit=off,rtc=off", r"warn\] no HPET, ACPI PM timer, PIT or RTC, and no TSC rate by CPUID: \d+ kHz"),
    )):  # fmt: skip
        qemu = scratch / f"qemu-clock-{number}"
        qemu.write_text(f'#!/bin/sh\nexec {platforms.qemu_binary()} "$@" -machine {machine}\n')
        qemu.chmod(0o755)
        more = ["--append", "test=irq.*"]
        words += r"(.|\n)*verdict PASS"
        yield boot(f"clock with {machine}", platform, *more, words=words, env=(("QEMU", str(qemu)),))


def _turns(platform):
    """With more virtual CPUs than this computer has CPUs, those under Xen take turns on one."""
    return ["--pcpus", "1"] if platform.startswith("xen") else []


def _cpus(scratch):
    """More CPUs than one: each says what it did; one that does not come is an error."""
    verdict = r"paravane: verdict PASS"
    for cpus, on in (("4", "qemu,grub,uefi"), ("2", "qemu")):
        argv = ["suite", *RUN_LIMIT, "--smp", cpus, "--on", on]
        yield Step(f"suite with {cpus} CPUs on {on}", RUN + argv, words=r"\b0 fail")
    turns = ["suite", *RUN_LIMIT, "--smp", "4", "--pcpus", "1", "--on", "xen-pv,xen-pvh"]
    yield Step("suite with 4 CPUs that take turns on one", RUN + turns, words=r"\b0 fail")
    for abi in ("2l", "fifo"):
        argv = [*turns, "--append", f"evtchn={abi}"]
        yield Step(f"suite with 4 CPUs, event channels of the {abi} ABI", RUN + argv, words=r"\b0 fail")
    for platform in ("qemu", "xen-pv"):
        for cpus in (33, 64):
            more = [*_turns(platform), "--smp", str(cpus), "--append", "test=smp.e*"]
            words = rf"CPU {cpus - 1}: 1000 units of work(.|\n)*{verdict}"
            yield boot(f"{cpus} CPUs come up", platform, *more, words=words)
        more = [*_turns(platform), "--smp", "33", "--append", "test=smp.call*"]
        yield boot("33 CPUs are called at once", platform, *more, words=verdict)
        more = ["--smp", "4", "--append", "plant=crash test=smp.cpus*"]
        others = r"CPU 1, thread idle:\s[^$]*CPU 3, thread idle:"
        yield boot("a panic stops 4 CPUs", platform, *more, status=EXIT_FAIL, words=others)
    left_off = rf"8 CPUs, 64 \(APIC id 64\) to 71 \(APIC id 71\), are left off: this kernel uses at most 64\n(.|\n)*{verdict}"
    yield boot("72 CPUs", "qemu", "--smp", "72", "--append", "test=smp.e*", words=left_off)
    gaps = scratch / "qemu-with-gaps"
    gaps.write_text(f'#!/bin/sh\nexec {emulators.default()} "$@" -smp 6,sockets=2,cores=3,threads=1\n')
    gaps.chmod(0o755)
    more = ["--smp", "6", "--append", "test=smp.c*"]
    named = rf"CPU 2: APIC id 2\n# CPU 3: APIC id 4\n(.|\n)*{verdict}"
    yield boot("APIC ids with gaps", "qemu", *more, words=named, env=(("QEMU", str(gaps)),))
    for platform, word, name in (
        ("qemu", "plant=absent_cpu", r"2 \(APIC id 99\)"),
        ("xen-pv", "mutate=cpu_up:nop", r"1 \(vCPU 1\)"),
    ):
        left_off = rf"CPU {name} is left off: no answer to the start\n"
        more = ["--smp", "2", "--append", f"{word} test=smp.every_l*"]
        words = left_off + r"(.|\n)*not ok 1 smp.every_listed_cpu_is_up"
        yield boot("a CPU that never answers fails the suite", platform, *more, status=EXIT_FAIL, words=words)
        more = ["--smp", "2", "--append", f"{word} test=boot.*"]
        words = left_off + rf"(.|\n)*{verdict}"
        yield boot("a CPU that never answers is left off", platform, *more, words=words)
    ring = r"PANIC: .*CPU (\d) waits for lock (\w+), held by CPU \d, which waits for lock \w+, held by CPU \1\n"
    for platform in ("qemu", "xen-pv", "xen-pvh"):
        more = ["--smp", "2", "--append", "plant=deadlock test=boot.*"]
        words = ring + r"(?=.*\n  #0 on_pv_panic\+)(.|\n)*CPU \d, thread other:(.|\n)*spin_lock"
        yield boot("a deadlock names both owners", platform, *more, status=EXIT_FAIL, words=words)
    soak = ["suite", *RUN_LIMIT, "--on", "qemu", "--soak", "2", "--filter", "threads.*"]
    yield Step("a soak of two seconds", RUN + soak, words=r"\b0 fail")


def _bare(build):
    """Without the suite the kernel still boots, is small, and its backtraces get their functions' names from its twin."""
    yield Step("make bare", ["make", "bare", build])
    yield _bare_is_small
    yield Step("make bare, by clang", ["make", "bare", "LLVM=1", f"{build}/llvm"])
    image = ["--image", short(build_dir() / "bare" / "paravane.elf")]
    names = r"functions by \S*debug\.elf:[^$]*#0 plant_wild_write\+[^$]* boot_main\+"
    for platform in ("qemu", "xen-pv", "xen-pvh"):
        more = [*image, "--append", "plant=early"]
        yield boot("the bare kernel panics", platform, *more, status=EXIT_FAIL, words=names)


def _bare_is_small():
    """the bare kernel takes at most 96 KiB"""
    size = (build_dir() / "bare" / "paravane.elf").stat().st_size
    return (f"it takes {size} bytes" if size > sizes.BARE_MAX else ""), ""


def _proofs():
    """The runner believes a good run, and no bad one: each planted fault ends in its own word."""
    for platform in ("qemu", "xen-pv"):
        for fault, word in (
            ("fail", r"not ok \d+ fail\b"),
            ("crash", r"CRASH: panic"),
            ("leaf", r"#0 leaf\+\S*\s+#1 plant_leaf\+\S*\s+#2 run_one\+"),
            ("divide", r"CRASH: panic"),
            ("stack", r"CRASH: panic"),
            ("early", r"CRASH: panic"),
            ("loop", r"TIMEOUT after"),
            ("silent", r"CRASH \("),
        ):
            more = ["--append", f"plant={fault} test=boot.*"]
            more += ["--timeout", "15"] if fault == "loop" else []
            yield boot(f"planted {fault}", platform, *more, status=EXIT_FAIL, words=word)
        good = ["--run", "suite"]
        yield boot("nothing planted", platform, *good, words=r"paravane: verdict PASS")


def _hostile():
    """Random user code on three backends, the same outcome on each; and one case, decoded."""
    argv = RUN + ["hostile", *RUN_LIMIT, "--cases", "20000"]
    yield Step("random user code, compared", argv, words=r"qemu: PASS(.|\n)*xen-pv: PASS(.|\n)*xen-pvh: PASS")
    intel = ["--on", "qemu", "--cpu", "max,vendor=GenuineIntel", "--cases", "20000", "--seed", "2"]
    yield Step("random user code on a CPU of Intel's", RUN + ["hostile", *RUN_LIMIT, *intel], words="0 failures")
    argv = RUN + ["hostile", *RUN_LIMIT, "--on", "qemu", "--case", "41"]
    yield Step("random user code, one case", argv, words=r"# code 64-bit(.|\n)*left by vector")


def _mutants():
    """A sample of wrong ops, of which one survives as test/survivors.txt says; all take too long for every change."""
    few = r"set_pte:.*|irq_unmask:late|write_root:nop"
    for platform, sample in (("qemu", few + r"|cpu_up:more1|halt:nop"), ("xen-pv", few), ("xen-pvh", few)):
        argv = RUN + ["mutants", "--on", platform, "--ops", sample]
        yield Step(f"{platform}: wrong ops are noticed", argv, words=r"score 100.0 %", platform=platform)
    sample = RUN + ["mutants", "--source", "--files", "mm/*"]
    yield Step("wrong lines are noticed", sample, words=r"source mutants: (\d+) of \1 killed")
    for name, args, words in (
        ("of no file", ["--source", "--files", "nowhere/*"], "no source mutant matches"),
        ("on a platform", ["--source", "--on", "qemu"], "each mutant says what it runs on"),
        ("without --source", ["--files", "mm/*"], "--files names the source mutants of --source"),
    ):
        yield Step(f"bad input: source mutants {name}", RUN + ["mutants", *args], None, re.escape(words))
    yield boot("a wrong op that there is not", "qemu", "--append", "mutate=halt:x", status=EXIT_USAGE, words="KIND")


def _repros(scratch):
    """The repros, and those that are broken: who crashed or hangs is told apart."""
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
        ("dying", '    dying_is_bad("it died");\n    __asm__ volatile("ud2");', 1, "bad .*it died: .*#UD"),
        ("draft", "    int unused;\n    struct fault f;\n    PV_TRY(f)\n        *(volatile int *)NULL = 1;\n"
         '    exercised();\n    good("%s", kit_fault_text(&f));', 0, r"warning: unused(.|\n)*good .*#PF\(0x2\) at 0x0"),
        ("texts", '    if (strcmp(kit_exit_text(&(struct kit_exit){.vector = 0x81}), "vector 0x81"))\n        bad("0x81");\n'
         '    exercised();\n'
         '    good("%s", kit_exit_text(&(struct kit_exit){.vector = 14, .error = 4, .address = 0x1234}));',
         0, r"good .*#PF\(0x4\) at 0x1234"),
        ("endless", "    for (;;)\n        barrier();", 125, "the guest, not the hyp.*TIMEOUT"),
    ]
    for name, body, status, words in table:
        path = scratch / f"{name}.c"
        path.write_text(f'#include "repro/kit.h"\n\nREPRO("{name}")\n{{\n{body}\n}}\n')
        argv = RUN + ["repro", str(path), "--on", "xen-pv", "--timeout", "15"]
        yield Step(f"repro: {name}", argv, status, words, platform="xen-pv")
    on_pv = ["--on", "xen-pv"]
    skipped = RUN + ["repro", "--skipped", *on_pv]
    yield Step("repros whose step is left out", [*skipped, "xsa-182", "xsa-213"], words="2 cannot-tell; 0 unexpected", platform="xen-pv")
    words = "UNEXPECTED: it did not come by a STEP"
    yield Step("a repro without a STEP", [*skipped, str(scratch / "outside.c")], EXIT_FAIL, words, platform="xen-pv")
    for name, args, status, words in (
        ("no such repro", ["nothing"], EXIT_USAGE, "no repro is called"),
        ("no such file", ["nothing.c"], 125, "no file nothing.c"),
        ("no Xen", ["xsa-454", *on_pv, "--xen", str(scratch / "corrupt.elf")], 125, "not a Xen"),
        ("no name", [], EXIT_USAGE, "name repros, files or folders"),
    ):
        yield Step(f"bad input: repro, {name}", RUN + ["repro", *args], status, words)
    if not platforms.lacking(platforms.PLATFORMS["xen-pv"]):
        yield Step("all repros, against their heads", RUN + ["repro", *RUN_LIMIT, "--all"], words="0 unexpected")
    if any(version.startswith("4.14") for version in packaged.cached()):
        argv = ["repro", "xsa-454", "--xen", "4.14"]
        yield Step("a Xen that crashes is bad", RUN + argv, EXIT_FAIL, "Xen BUG at hypercall.c:258")
        argv = ["repro", "xsa-462", "--xen", "4.14", "--timeout", "8"]
        yield Step("a Xen that hangs is bad", RUN + argv, EXIT_FAIL, r"HANG \(hypervisor\)")
