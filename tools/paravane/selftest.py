"""`./run.sh test`: all that CI runs, one line a step, and a closing line with the counts.

Every step runs as a command of its own, from outside: exit codes and words are what is checked.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from . import module, packaged, platforms, xen
from .common import EXIT_FAIL, EXIT_PASS, EXIT_SKIP, EXIT_USAGE, ROOT, build_dir, make_dirs, short

_RUN = ["./run.sh"]
_STEP_LIMIT = 3600
_RUN_LIMIT = ["--timeout", "300"]  # of a machine that ends by itself, however busy this computer is
_PATIENCE = 120  # seconds for what takes one where nothing else runs


@dataclass
class Step:
    """A command, the status it must end with (None: any but 0), and what its output must match."""

    name: str
    argv: list
    status: int = 0
    words: str = ""
    env: tuple = ()
    platform: str = ""  # skipped where this computer lacks the platform
    may_skip: bool = False  # status 125 means that it was skipped, with the reason last


class Skipped(Exception):
    """A step that cannot be run here, with the reason."""


def run():
    """Runs every step; returns the exit code."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    make_dirs(build_dir())
    with tempfile.TemporaryDirectory(dir=build_dir()) as scratch:
        for step in _steps(Path(scratch)):
            counts[_report(step)] += 1
    closing = f"{counts['passed']} passed, {counts['failed']} failed"
    if counts["skipped"]:
        closing += f", {counts['skipped']} skipped"
    print(closing)
    return EXIT_FAIL if counts["failed"] or not counts["passed"] else EXIT_PASS


def _report(step):
    begun = time.monotonic()
    try:
        problem, output = step() if callable(step) else _run_step(step)
        outcome = "failed" if problem else "passed"
    except Skipped as reason:
        problem, output, outcome = str(reason), "", "skipped"
    name = step.__doc__.strip() if callable(step) else step.name
    line = f"{outcome:7} {name}  ({time.monotonic() - begun:.1f} s)"
    print(line + (f": {problem}" if problem else ""), flush=True)
    if outcome == "failed":
        for text in _telling(output.splitlines()):
            print(f"    | {text}")
        sys.stdout.flush()
    return outcome


def _telling(lines, tail=60, context=12):
    """Of a failed step's output: each failed test with the diagnostics before it, and the end."""
    shown = set(range(max(0, len(lines) - tail), len(lines)))
    for at in (i for i, line in enumerate(lines) if re.match(r"\s*not ok\b", line)):
        shown.update(range(max(0, at - context), at + 1))
    last = -1
    for at in sorted(shown):
        if at != last + 1:
            yield "..."
        yield lines[at]
        last = at


def _run_step(step):
    """Runs a step's command; returns (what is wrong or "", its output)."""
    if step.platform:
        reason = platforms.lacking(platforms.PLATFORMS[step.platform])
        if reason:
            raise Skipped(reason)
    env = {**os.environ, **dict(step.env)}
    try:
        done = subprocess.run(
            step.argv, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=_STEP_LIMIT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        return f"still running after {_STEP_LIMIT} s", (late.output or b"").decode(errors="replace")
    except OSError as error:
        return f"cannot run {step.argv[0]}: {error.strerror}", ""
    output = done.stdout.decode("utf-8", "replace")
    if step.may_skip and done.returncode == EXIT_SKIP:
        raise Skipped((output.strip() or "no reason given").splitlines()[-1])
    if done.returncode != step.status:
        return f"status {done.returncode} instead of {step.status}", output
    if step.words and not re.search(step.words, output):
        return f"nothing in the output matches {step.words!r}", output
    if "Traceback (most recent call last)" in output:
        return "a Python traceback in the output", output
    return "", output


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
    yield Step("host tests", ["make", "host-test", build])
    yield Step("fuzzing, bounded", ["make", "fuzz", build])
    by_op = ["suite", *_RUN_LIMIT, "--ops", str(scratch / "ops-results.md")]
    yield Step("suite on every platform, by op too", _RUN + by_op, words=r"\b0 fail")
    by_clang = ["suite", *_RUN_LIMIT, "--on", "qemu,xen-pv", "--image", f"{llvm}/paravane.elf"]
    yield Step("suite, built by clang", _RUN + by_clang)
    not_patched = ["suite", *_RUN_LIMIT, "--on", "qemu,xen-pv,xen-pvh", "--append", "nopatch"]
    yield Step("suite, no call site patched", _RUN + not_patched)
    several = ["--on", "qemu", "--smp", "4", "--append", "pv.sites test=sites.*"]
    listed = r"(?m)^# \d+ call sites of ops, 0 indirect"
    yield Step("call sites, listed", _RUN + ["boot", *_RUN_LIMIT, *several], words=listed)
    yield from _bench(scratch)
    yield from _loaders_accept()
    yield from _sizes()
    yield from _cpus(scratch)
    yield from _bare(build)
    yield from _proofs()
    yield from _mutants()
    yield from _bad_input(scratch)
    yield from _repros(scratch)
    yield from _programs(scratch)
    yield from (_interrupted, _terminated, _killed)


def _bench(scratch):
    """What is counted: twice the same, not much more than in the baseline, and a limit that bites."""
    baseline = ["--counted", "--on", "qemu,xen-pv,xen-pvh", "--against", "test/bench-baseline.json"]
    yield Step("bench: every figure twice, against the baseline", _RUN + ["bench", *_RUN_LIMIT, *baseline],
               words=r"two runs counted the same on qemu(.|\n)* 0 over the limit, 0 gone")  # fmt: skip
    yield Step("bench: all of it", _RUN + ["bench", *_RUN_LIMIT, "--on", "qemu"],
               words=r"through the table(.|\n)*cycles(.|\n)*seconds(.|\n)*two runs counted the same on qemu")  # fmt: skip
    cheap, old, unknown = (scratch / f"{name}.json" for name in ("cheap", "old", "unknown"))
    head = '{"format": "paravane-bench", "version": '
    cheap.write_text(head + '1, "measurements": {"op.cpu_features": {"count": {"qemu": 10}}}}')
    more = ["--counted", "--on", "qemu", *_RUN_LIMIT, "--append", "test=op.cpu_*", "--against", str(cheap)]
    yield Step("bench: an op that got dearer", _RUN + ["bench", *more], EXIT_FAIL, r"OVER .*op.cpu_features on qemu")
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
        yield Step(f"bad input: bench, {name}", _RUN + ["bench", *args], EXIT_USAGE, re.escape(words))


def _loaders_accept():
    image = short(build_dir() / "paravane.elf")
    for kind in ("x86-multiboot2", "x86-xen-dom0", "x86_64-xen-domu"):
        yield Step(f"grub-file --is-{kind}", ["grub-file", f"--is-{kind}", image])


def _boot(name, platform, *more, **expected):
    argv = _RUN + ["boot", "--on", platform, *_RUN_LIMIT, *more]
    return Step(f"{platform}: {name}", argv, platform=platform, **expected)


def _sizes():
    """Memory from little to much."""
    verdict = r"paravane: verdict PASS"
    for mem in (32, 64, 4096):
        yield _boot(f"{mem} MiB", "qemu", "--mem", str(mem), words=verdict)
    for mem in (64, 1024):
        yield _boot(f"{mem} MiB", "xen-pv", "--mem", str(mem), words=verdict)
    yield _boot("64 MiB", "xen-pvh", "--mem", "64", words=verdict)


def _cpus(scratch):
    """More CPUs than one: each says what it did; one that does not come is an error."""
    verdict = r"paravane: verdict PASS"
    for cpus, on in (("4", "qemu,grub,uefi,xen-pv,xen-pvh"), ("2", "qemu")):
        argv = ["suite", *_RUN_LIMIT, "--smp", cpus, "--on", on]
        yield Step(f"suite with {cpus} CPUs on {on}", _RUN + argv, words=r"\b0 fail")
    for platform in ("qemu", "xen-pv"):
        for cpus in (33, 64):
            more = ["--smp", str(cpus), "--append", "test=smp.e*"]
            words = rf"CPU {cpus - 1}: 1000 units of work(.|\n)*{verdict}"
            yield _boot(f"{cpus} CPUs come up", platform, *more, words=words)
        more = ["--smp", "4", "--append", "plant=crash test=smp.cpus*"]
        others = r"CPU 1, thread idle:\s[^$]*CPU 3, thread idle:"
        yield _boot("a panic stops 4 CPUs", platform, *more, status=EXIT_FAIL, words=others)
    left_off = rf"CPU 71 \(APIC id 71\) is left off: this kernel uses 64 of the 72\n(.|\n)*{verdict}"
    yield _boot("72 CPUs", "qemu", "--smp", "72", "--append", "test=smp.e*", words=left_off)
    gaps = scratch / "qemu-with-gaps"
    gaps.write_text(f'#!/bin/sh\nexec {platforms.qemu_binary()} "$@" -smp 6,sockets=2,cores=3,threads=1\n')
    gaps.chmod(0o755)
    more = ["--smp", "6", "--append", "test=smp.c*"]
    named = rf"CPU 2: APIC id 2\n# CPU 3: APIC id 4\n(.|\n)*{verdict}"
    yield _boot("APIC ids with gaps", "qemu", *more, words=named, env=(("QEMU", str(gaps)),))
    for platform, word, name in (
        ("qemu", "plant=absent_cpu", r"2 \(APIC id 99\)"),
        ("xen-pv", "mutate=cpu_up:nop", r"1 \(vCPU 1\)"),
    ):
        words = rf"verdict FAIL: CPU {name} does not answer within 10 s"
        more = ["--smp", "2", "--append", word]
        yield _boot("a CPU that never answers", platform, *more, status=EXIT_FAIL, words=words)
    ring = r"PANIC: .*CPU (\d) waits for lock (\w+), held by CPU \d, which waits for lock \w+, held by CPU \1\n"
    for platform in ("qemu", "xen-pv", "xen-pvh"):
        more = ["--smp", "2", "--append", "plant=deadlock test=boot.*"]
        words = ring + r"(.|\n)*CPU \d, thread other:(.|\n)*spin_lock"
        yield _boot("a deadlock names both owners", platform, *more, status=EXIT_FAIL, words=words)
    soak = ["suite", *_RUN_LIMIT, "--on", "qemu", "--soak", "2", "--filter", "threads.*"]
    yield Step("a soak of two seconds", _RUN + soak, words=r"\b0 fail")


def _bare(build):
    """Without the suite the kernel still boots, is small, and its backtraces get their functions' names from its twin."""
    yield Step("make bare", ["make", "bare", build])
    image = ["--image", short(build_dir() / "bare" / "paravane.elf")]
    names = r"functions by \S*debug\.elf:[^$]*#0 plant_wild_write\+[^$]* boot_main\+"
    for platform in ("qemu", "xen-pv", "xen-pvh"):
        more = [*image, "--append", "plant=early"]
        yield _boot("the bare kernel panics", platform, *more, status=EXIT_FAIL, words=names)


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
            yield _boot(f"planted {fault}", platform, *more, status=EXIT_FAIL, words=word)
        good = ["--run", "suite"]
        yield _boot("nothing planted", platform, *good, words=r"paravane: verdict PASS")


def _mutants():
    """A sample of wrong ops, of which one survives as test/survivors.txt says; all take too long for every change."""
    few = r"set_pte:.*|irq_unmask:late|write_root:nop"
    for platform, sample in (("qemu", few + r"|cpu_up:more1|halt:nop"), ("xen-pv", few), ("xen-pvh", few)):
        argv = _RUN + ["mutants", "--on", platform, "--ops", sample]
        yield Step(f"{platform}: wrong ops are noticed", argv, words=r"score 100.0 %", platform=platform)
    yield _boot("a wrong op that there is not", "qemu", "--append", "mutate=halt:x", status=EXIT_USAGE, words="KIND")


def _bad_input(scratch):
    """Each mistake gets one clear line and a status that is not 0."""
    corrupt, cut, gzipped = scratch / "corrupt.elf", scratch / "cut.elf", scratch / "xen.gz"
    corrupt.write_bytes(b"this is not an ELF file\n" * 9)
    gzipped.write_bytes(b"\x1f\x8b\x08\x00 not really")
    cut.write_bytes((build_dir() / "paravane.elf").read_bytes()[:9000])
    table = [
        ("command", ["frobnicate"], "unknown command 'frobnicate'"),
        ("option", ["suite", "--frobnicate"], "frobnicate"),
        ("platform", ["suite", "--on", "qemu,vax"], "unknown platform 'vax'"),
        ("several platforms", ["boot", "--on", "qemu,grub"], "takes one platform"),
        ("memory", ["boot", "--mem", "lots"], "not a number of MiB"),
        ("no CPU", ["boot", "--smp", "0"], "not a number of virtual CPUs, 1 to 255"),
        ("CPUs", ["suite", "--smp", "x"], "not a number of virtual CPUs"),
        ("too many CPUs", ["suite", "--smp", "1000"], "not a number of virtual CPUs, 1 to 255"),
        ("no soak", ["suite", "--soak", "0"], "not a number of seconds"),
        ("soak of nothing", ["suite", "--on", "qemu", "--soak", "1", "--filter", "boot.*"], "repeats what it does"),
        ("time limit", ["boot", "--timeout", "soon"], "not a number of seconds"),
        ("missing value", ["boot", "--mem"], "expected one argument"),
        ("Xen file", ["suite", "--on", "xen-pv", "--xen", "/nowhere/xen.gz"], "there is no file"),
        ("Xen version", ["boot", "--on", "xen-pv", "--xen", "9.99"], "neither a file nor an"),
        ("wrong Xen", ["boot", "--on", "xen-pv", "--xen", str(corrupt)], "not a Xen hypervisor"),
        ("bad gzip", ["boot", "--on", "xen-pv", "--xen", str(gzipped)], "damaged gzip"),
        ("Xen without Xen", ["boot", "--on", "qemu", "--xen", "4.17"], "no platform of --on"),
        ("no image", ["boot", "--image", "/nowhere/x.elf"], "cannot read the image"),
        ("corrupt image", ["boot", "--image", str(corrupt)], "not an ELF file"),
        ("truncated image", ["boot", "--image", str(cut)], "cut off"),
        ("no platform", ["boot", "--on", ""], "an empty value"),
        ("too long a line", ["suite", "--append", "x" * 5000], "the image takes at most"),
        ("unprintable word", ["boot", "--append", "a\tb\n"], "printable ASCII"),
    ]
    for name, args, words in table:
        yield Step(f"bad input: {name}", _RUN + args, EXIT_USAGE, re.escape(words))
    for platform in ("qemu", "xen-pv"):
        for word in ("frobnicate=1", "log=loud", "test="):
            more = ["--append", word]
            words = word.split("=")[0]
            yield _boot(f"bad word {word}", platform, *more, status=EXIT_USAGE, words=words)
    little = "too little memory"
    yield _boot("8 MiB", "qemu", "--mem", "8", status=EXIT_USAGE, words=little)
    yield _boot("16 MiB", "xen-pvh", "--mem", "16", status=EXIT_USAGE, words=little)
    hint = r"CRASH \(hypervisor\).*--mem"
    yield _boot("4 MiB", "xen-pv", "--mem", "4", status=EXIT_FAIL, words=hint)
    nowhere = (("BUILD", "/proc/nowhere"),)
    yield Step("bad input: unwritable build directory", _RUN + ["suite"], EXIT_FAIL,
               "cannot write to the build directory", nowhere)  # fmt: skip
    yield Step("bad input: make, unwritable build directory", ["make", "BUILD=/proc/nowhere"], EXIT_USAGE,
               "cannot write to the build directory")  # fmt: skip
    no_qemu = (("QEMU", "/nowhere/qemu"),)
    yield Step("no QEMU", _RUN + ["suite"], 125, "not installed", no_qemu)


_PROGRAM = """\
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int panic = 3;

__attribute__((noinline)) int crash_here(int *p)
{
    return *(volatile int *)p;
}

static int deep(int n)
{
    volatile char fill[512];

    fill[n & 511] = (char)n;
    return deep(n + 1) + fill[0];
}

static int use_up(void)
{
    size_t n = 0;

    while (malloc(1 << 20))
        n++;
    printf("%s after %zu MiB\\n", strerror(errno), n);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (!strcmp(what, "crash"))
        return crash_here((int *)(sizeof(int) * argc));
    if (!strcmp(what, "deep"))
        return deep(0);
    if (!strcmp(what, "abort"))
        abort();
    if (!strcmp(what, "memory"))
        return use_up();
    return panic;
}
"""


def _programs(scratch):
    """Programs: those of the tree, one from outside that does what it should not, and real ones."""
    for platform in ("qemu", "xen-pv", "xen-pvh"):
        hello = r"hello from hello\n.*argument 1: x(.|\n)*verdict PASS"
        yield _boot("hello", platform, "--run", "app:hello", "--append", "-- A=1 x", words=hello)
    path, cut = scratch / "prog.c", scratch / "cut.tar"
    path.write_text(_PROGRAM)
    cut.write_bytes(module.test_module()[:3000])
    for platform in ("qemu", "xen-pv"):
        for what, status, words in (
            ("", EXIT_FAIL, r"FAIL.*app:prog exited with code 3"),
            ("crash", EXIT_FAIL, r"page fault(.|\n)*#\d crash_here\+(.|\n)*#\d app_prog_main"),
            ("deep", EXIT_FAIL, r"stack overflow(.|\n)*#\d deep\+"),
            ("abort", EXIT_FAIL, r"app:prog was killed by signal 6(.|\n)*#\d abort\+"),
            ("memory", EXIT_PASS, r"Not enough space after \d+ MiB(.|\n)*verdict PASS"),
        ):
            more = ["--app", str(path), "--append", f"-- {what}"]
            yield _boot(f"program: {what or 'code 3'}", platform, *more, status=status, words=words)
        reader = ["--run", "app:reader"]
        yield _boot("reader, no input", platform, *reader, words=r"has 2 lines(.|\n)*bye")
        damaged = r"/reader/questions: I/O error"
        yield _boot("reader, archive cut off", platform, *reader, "--module", str(cut), status=1, words=damaged)
        missing = [*reader, "--append", "-- /nowhere"]
        words = "/nowhere: No such file"
        yield _boot("reader, no such file", platform, *missing, status=1, words=words)
    yield from _threads()
    none = ["--run", "app:nothing"]
    yield _boot("no such program", "qemu", *none, status=EXIT_USAGE, words="no program is called")
    argv = _RUN + ["boot", "--app", "/nowhere.c"]
    yield Step("bad input: no such program", argv, EXIT_USAGE, "neither a C file nor a folder")
    yield _same_sums
    yield Step("Lua and SQLite, compared with the host's", _RUN + ["programs"], may_skip=True)


def _threads():
    """Programs with threads on 4 CPUs: what they do, and how they end. A busy computer may run one CPU only."""
    for platform in ("qemu", "xen-pv", "xen-pvh"):
        shared = r"256 parts by 8 threads on [1-4] of 4 CPUs, checksum 0015bd9815d0116a"
        yield _boot("threads on 4 CPUs", platform, "--smp", "4", "--run", "app:threads", words=shared)
        yield _boot("libc on 4 CPUs", platform, "--smp", "4", "--append", "test=libc*", words="verdict PASS")
        yield _boot("memory on 4 CPUs", platform, "--smp", "4", "--append", "test=mm*", words="verdict PASS")
    overflow = r"PANIC: stack overflow in thread pthread \d"
    for platform in ("qemu", "xen-pv"):
        for what, status, words in (
            ("deep", EXIT_FAIL, overflow + r"(.|\n)*#\d deep"),
            ("format", EXIT_FAIL, overflow + r"(.|\n)*#\d format_deeply"),
            ("crash", EXIT_FAIL, r"page fault(.|\n)*thread pthread \d:(.|\n)*#\d run\+"),
            ("exit", EXIT_FAIL, r"exited with code 5"),
            ("relock", EXIT_FAIL, r"was killed by a deadlock(.|\n)*thread pthread \d:"),
            ("last", EXIT_PASS, r"(the last thread has done\s+){4}(.|\n)*verdict PASS"),
            ("noise", EXIT_FAIL, r"noise\s(.|\n)*exits with code 4\s(?!(.|\n)*noise)"),
        ):
            more = ["--app", "tools/test/faulty_threads.c", "--smp", "4", "--append", f"-- {what}"]
            yield _boot(f"threads: {what}", platform, *more, status=status, words=words)


def _same_sums():
    """compute prints the same sums in the guest and on the host"""
    host = build_dir() / "compute-host"
    cc = shutil.which("gcc") or shutil.which("cc")
    if not cc:
        raise Skipped("no compiler for this computer")
    subprocess.run([cc, "-O2", "-o", host, "app/compute.c", "-lm"], cwd=ROOT, check=True)
    expected = subprocess.run([host], check=True, capture_output=True, text=True).stdout
    argv = _RUN + ["boot", "--on", "qemu", "--run", "app:compute"]
    done = subprocess.run(
        argv, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    missing = [line for line in expected.splitlines() if line not in done.stdout]
    return (f"the guest did not print {missing[0]!r}" if missing else ""), done.stdout


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
        ("endless", "    for (;;)\n        barrier();", 125, "the guest, not the hyp.*TIMEOUT"),
    ]
    for name, body, status, words in table:
        path = scratch / f"{name}.c"
        path.write_text(f'#include "repro/kit.h"\n\nREPRO("{name}")\n{{\n{body}\n}}\n')
        argv = _RUN + ["repro", str(path), "--on", "xen-pv", "--timeout", "15"]
        yield Step(f"repro: {name}", argv, status, words, platform="xen-pv")
    on_pv = ["--on", "xen-pv"]
    for name, args, status, words in (
        ("no such repro", ["nothing"], EXIT_USAGE, "no repro is called"),
        ("no such file", ["nothing.c"], 125, "no file nothing.c"),
        ("no Xen", ["xsa-454", *on_pv, "--xen", str(scratch / "corrupt.elf")], 125, "not a Xen"),
        ("no name", [], EXIT_USAGE, "name repros, or say --all"),
    ):
        yield Step(f"bad input: repro, {name}", _RUN + ["repro", *args], status, words)
    if not platforms.lacking(platforms.PLATFORMS["xen-pv"]):
        yield Step("all repros, against their heads", _RUN + ["repro", *_RUN_LIMIT, "--all"], words="0 unexpected")
    if any(version.startswith("4.14") for version in packaged.cached()):
        argv = ["repro", "xsa-454", "--xen", "4.14"]
        yield Step("a Xen that crashes is bad", _RUN + argv, EXIT_FAIL, "Xen BUG at hypercall.c:258")
        argv = ["repro", "xsa-462", "--xen", "4.14", "--timeout", "8"]
        yield Step("a Xen that hangs is bad", _RUN + argv, EXIT_FAIL, r"HANG \(hypervisor\)")


def _interrupted():
    """Ctrl-C in the middle: status 130, one line, no machine left"""
    return _stop(signal.SIGINT, 130)


def _terminated():
    """SIGTERM in the middle: status 130, one line, no machine left"""
    return _stop(signal.SIGTERM, 130)


def _killed():
    """the runner killed in the middle: no machine left"""
    return _stop(signal.SIGKILL, -signal.SIGKILL)


def _stop(number, status):
    """Starts a suite whose guests never end, sends it a signal, looks for machines left over."""
    if not shutil.which(platforms.qemu_binary()):
        raise Skipped("QEMU is not installed")
    argv = _RUN + ["suite", "--on", "qemu,microvm", "--append", "plant=loop"]
    runner = subprocess.Popen(
        argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    machines = _wait_for(lambda: _descendants(runner.pid, "qemu"), lambda found: len(found) == 2)
    if len(machines) != 2:
        runner.kill()
        return f"{len(machines)} machines instead of 2 after {_PATIENCE} s", _drain(runner)
    runner.send_signal(number)
    output = _drain(runner)
    left = _wait_for(lambda: [pid for pid in machines if _alive(pid)], lambda found: not found)
    if left:
        return f"machines left running: {left}", output
    if runner.returncode != status:
        return f"status {runner.returncode} instead of {status}", output
    if status == 130 and output.count("interrupted") != 1:
        return "not exactly one line says that it was interrupted", output
    return "", output


def _drain(process):
    return process.communicate(timeout=_PATIENCE)[0].decode("utf-8", "replace")


def _wait_for(look, enough, seconds=_PATIENCE):
    deadline = time.monotonic() + seconds
    found = look()
    while not enough(found) and time.monotonic() < deadline:
        time.sleep(0.1)
        found = look()
    return found


def _alive(pid):
    state = _stat(pid)
    return bool(state) and state[1] != "Z"


def _descendants(ancestor, name):
    """The pids below a process whose command's name starts with name."""
    parents = {int(path.name): _stat(int(path.name)) for path in Path("/proc").glob("[0-9]*")}
    found = []
    for pid, stat in parents.items():
        up = stat
        while up and up[2] != ancestor:
            up = parents.get(up[2])
        if up and stat[0].startswith(name):
            found.append(pid)
    return found


def _stat(pid):
    """(name, state, parent) of a process, or None."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    name, rest = text.split("(", 1)[1].rsplit(")", 1)
    return name, rest.split()[0], int(rest.split()[1])
