# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: programs of the tree, one from outside that misbehaves, and real
ones."""

import os
import pty
import random
import shutil
import tempfile

from ..common import EXIT_FAIL, EXIT_PASS, EXIT_USAGE, build_dir, short
from ..run import module, platforms
from .step import GCC, RUN, RUN_LIMIT, Skipped, Step, boot, check, output_of, physical


# Programs from outside of the tree that misbehave, and for each the step that also builds it: the
# others boot the same image.
_FAULTY = ("faulty_program", "qemu: program: code 3")
_THREADS = ("faulty_threads", "qemu: threads: deep")


def _outside(program, name, platform, *more, **expected):
    """Return a step that boots one of these."""
    file, builder = program
    if f"{platform}: {name}" == builder:
        more = ["--app", f"tools/test/{file}.c", *more]
        return boot(name, platform, *more, **expected)
    more = ["--image", short(build_dir() / f"{file}.elf"), "--run", f"app:{file}", *more]
    return boot(name, platform, *more, needs=(GCC, builder), **expected)


def steps(scratch):
    for platform in ("qemu", "xen-pv", "xen-pvh"):
        hello = r"hello from hello\n.*argument 1: x\n.*argument 2: B=2\n(.|\n)*verdict PASS"
        yield boot("hello", platform, "--run", "app:hello", "--append", "-- A=1 x B=2", words=hello)
    cut = scratch / "cut.tar"
    cut.write_bytes(module.test_module()[:3000])
    for platform in ("qemu", "xen-pv"):
        for what, status, words in (
            ("", EXIT_FAIL, r"FAIL.*app:faulty_program exited with code 3"),
            ("crash", EXIT_FAIL,
             r"page fault(.|\n)*#\d crash_here\+(.|\n)*#\d app_faulty_program_main"),
            ("deep", EXIT_FAIL, r"stack overflow(.|\n)*#\d deep\+"),
            ("creep", EXIT_FAIL, r"stack overflow(.|\n)*#\d creep\b"),
            ("large", EXIT_FAIL, r"stack overflow(.|\n)*#\d large_frame\b"),
            ("array 5000000", EXIT_PASS, r"an array of 5000000 bytes: 3"),
            ("array 9000000", EXIT_FAIL, r"stack overflow(.|\n)*#\d array\b"),
            ("abort", EXIT_FAIL, r"was killed by signal 6 \(SIGABRT\)(.|\n)*#\d abort\+"),
            ("overflow", EXIT_PASS, r"caught signal 11, code 1, on its own stack"),
            ("overflow-same", EXIT_FAIL,
             r"stack overflow.*no handler of SIGSEGV has SA_ONSTACK(.|\n)*#\d deep\+"),
            ("alarm", EXIT_FAIL, r"FAIL.*was killed by signal 14 \(SIGALRM\)"),
            ("malloc", EXIT_PASS, r"0 blocks are wrong after \d{3} alarms"),
            ("memory", EXIT_PASS, r"Not enough space after \d+ MiB(.|\n)*verdict PASS"),
            ("files", EXIT_PASS, r"No space left on device after \d+ blocks(.|\n)*PASS"),
            ("descriptors", EXIT_PASS, r"value too large after 125 files(.|\n)*verdict PASS"),
        ):
            yield _outside(_FAULTY, f"program: {what or 'code 3'}", platform, "--append",
                           f"-- {what}", status=status, words=words)
        yield from _stacks(platform)
        if shutil.which("g++"):
            yield from _in_cxx(platform)
        reader = ["--run", "app:reader"]
        yield boot("reader, no input", platform, *reader, words=r"has 2 lines(.|\n)*bye")
        damaged = r"/reader/questions: I/O error"
        yield boot("reader, archive cut off", platform, *reader, "--module", str(cut), status=1,
                   words=damaged)
        missing = [*reader, "--append", "-- /nowhere"]
        words = "/nowhere: No such file"
        yield boot("reader, no such file", platform, *missing, status=1, words=words)
        kinds = (
            r"constructor 101\n.*constructor 200\n.*constructor without"
            r"(.|\n)*returns 40, its assembly 44\n"
            r".*cpuid has SSE2\n.*rdtsc advances\n.*fenv has the division"
            r"(.|\n)*at exit\n.*destructor without.*\n.*destructor 101"
        )
        more = ["--app", "tools/test/kinds_program"]
        yield boot("program of C and assembly in folders", platform, *more, words=kinds)
    yield from _threads()
    yield from _refused()
    for platform in ("qemu", "microvm", "grub", "uefi", "xen-pv", "xen-pvh"):
        name = f"{platform}: input of all byte values arrives"
        yield check(name, _input_arrives, platform)
    yield check("qemu: input from a terminal", _input_of_terminal)
    for platform in ("qemu", "xen-pv"):
        yield check(f"{platform}: a signal ends a read of the console", _read_ends, platform,
                    needs=(GCC, _FAULTY[1]))
    late = r"TIMEOUT after 5 s \(the program has read 0 bytes of its input, and not all\)"
    spin = "./run.sh boot --timeout 5 --app tools/test/faulty_program.c --append '-- spin'"
    argv = ["sh", "-c", f"seq 1 9 | {spin}"]
    yield Step("qemu: program that leaves its input", argv, EXIT_FAIL, late)
    none = ["--run", "app:nothing"]
    yield boot("no such program", "qemu", *none, status=EXIT_USAGE, words="no program is called")
    argv = RUN + ["boot", "--app", "/nowhere.c"]
    yield Step("bad input: no such program", argv, EXIT_USAGE, "neither a folder nor a file in C")
    yield _same_sums
    for name, program in (("lua", "Lua"), ("sqlite", "SQLite")):
        yield Step(f"{program}, compared with the host's", RUN + ["programs", name], may_skip=True)
    yield Step("zlib's tests, compared with the host's", [*RUN, "programs", "zlib", "--on", "qemu"],
               may_skip=True)


def _refused():
    """Programs that the build refuses, with what they lack."""
    boot_app = [*RUN, "boot", "--app"]
    needs = (
        r"program {}: nowhere is missing, which lacking_program.c needs: define it"
        r"(.|\n)*nowhere_either is missing"
    )
    privileged = r"a program or libc has a privileged instruction in app_lacking_program_main: hlt"
    for what, flags, words in (
        ("a function", "", needs),
        ("main()", "-DNO_MAIN", r"program {}: it has no main\(\): one of its files must define"),
        ("privileges", "-DHLT", privileged),
        ("processes", "-DWORDS", r"{}: wordexp, which lacking_program.c needs, does not work here"),
    ):
        program = "tools/test/lacking_program.c"
        env = (("APP_CFLAGS", flags),)
        words = words.format(".*" + program)
        name = f"bad input: a program without {what}"
        yield Step(name, [*boot_app, program], EXIT_FAIL, words, env=env)
    if shutil.which("g++"):
        yield Step("bad input: a program with an exception, as one file",
                   [*boot_app, f"{_CXX}/main.cc"], EXIT_FAIL, "exception handling disabled",
                   env=(("APP_CFLAGS", "-DTHROWS"),))


_CXX = "tools/test/cxx_program"


def _in_cxx(platform):
    """A program in C++ and C: virtual functions, templates, static objects, new and delete; and
    its end where C++ has an exception."""
    right = (
        r"the first object is constructed\n.*the second object is constructed\n"
        r".*the area is 49\n.*a square is deleted\n.*a shape is deleted\n"
        r".*onethreetwo, sum 6\n.*2, aligned 1, too large 1\n.*constructed once\n"
        r".*the second object is destroyed\n.*the first object is destroyed"
    )
    for what, status, words in (
        ("", EXIT_PASS, right),
        ("range", EXIT_FAIL, r"killed by std::out_of_range: vector::_M_range_check: __n \(which "
                             r"is 5\) >= this->size\(\) \(which is 3\)(.|\n)*#\d .*bad_end"),
        ("memory", EXIT_FAIL, r"killed by operator new: no memory for 1099511627776 bytes"),
    ):
        more = ["--smp", "4", "--app", _CXX, "--append", f"-- {what}"]
        yield boot(f"program in C++: {what or 'right'}", platform, *more, status=status,
                   words=words)


def _stacks(platform):
    """Stacks of main by stack=: large enough, too small, larger than the memory, wrong sizes."""
    overflow = r"stack overflow(.|\n)*#\d {}\+"
    memory = r"no memory for more than \d+ KiB of main\(\)'s stack, which may have 921600"
    for size, what, status, words in (
        ("8M", "recursion", EXIT_PASS, "verdict PASS"),
        ("256K", "recursion", EXIT_FAIL, overflow.format("deep_enough")),
        ("900M", "deep", EXIT_FAIL, memory + r"(.|\n)*" + overflow.format("deep")),
        ("8X", "recursion", EXIT_USAGE, "stack=8X: the value must be 64K to 1024M"),
        ("1025M", "recursion", EXIT_USAGE, "stack=1025M: the value must be 64K to 1024M"),
    ):
        more = ["--append", f"stack={size} -- {what}"]
        yield _outside(_FAULTY, f"stack of {size}", platform, *more, status=status, words=words)


def _threads():
    """Yield the steps on programs with threads on 4 CPUs: their output, and how they end. On a busy
    computer one CPU may do all the work."""
    for platform in ("qemu", "xen-pv", "xen-pvh"):
        shared = r"256 parts by 8 threads on [1-4] of 4 CPUs, checksum 0015bd9815d0116a"
        yield boot(
            "threads on 4 CPUs", platform, "--smp", "4", *physical(platform),
            "--run", "app:threads", words=shared,
        )
    # On qemu and xen-pv the whole suite runs on several CPUs (suites.py). Here groups with threads.
    yield boot("libc on 4 CPUs that take turns", "xen-pvh", "--smp", "4", *physical("xen-pvh"),
               "--append", "test=libc_t*,libc_s*,libc_l*", words="verdict PASS")
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
            more = ["--smp", "4", "--append", f"-- {what}"]
            yield _outside(_THREADS, f"threads: {what}", platform, *more, status=status,
                           words=words)


def _input_arrives(platform):
    reason = platforms.lacking(platforms.PLATFORMS[platform])
    if reason:
        raise Skipped(reason)
    data = b"\x01\x01\x01\x04\r\n" + random.Random(1).randbytes(3000) + b"one line of text\n" * 200
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        _, wanted = output_of(["cksum"], stdin=file)
        file.seek(0)
        argv = [*RUN, "boot", "--on", platform, *RUN_LIMIT, "--run", "app:cksum"]
        status, output = output_of(argv, stdin=file)
    right = wanted in output and "Ctrl-D" not in output and status == EXIT_PASS
    return ("" if right else f"the guest's checksum is not {wanted!r}"), output


def _read_ends(platform):
    """The input has one line and does not end: the read for the next line ends by the alarm."""
    ours, theirs = os.pipe()
    try:
        os.write(theirs, b"one line\n")
        image = short(build_dir() / f"{_FAULTY[0]}.elf")
        argv = [*RUN, "boot", "--on", platform, *RUN_LIMIT, "--image", image, "--run",
                f"app:{_FAULTY[0]}", "--append", "-- read"]
        status, output = output_of(argv, stdin=ours)
    finally:
        os.close(ours)
        os.close(theirs)
    right = "read one line\n" in output and "Interrupted system call after 1 alarm" in output
    wrong = "the line is not read, or the read does not end with EINTR"
    return ("" if right and status == EXIT_PASS else wrong), output


def _input_of_terminal():
    ours, theirs = pty.openpty()
    try:
        os.write(ours, b"first line\nsecond line\n\x04")
        argv = [*RUN, "boot", "--on", "qemu", *RUN_LIMIT, "--run", "app:cksum"]
        status, output = output_of(argv, stdin=theirs)
    finally:
        os.close(ours)
        os.close(theirs)
    _, wanted = output_of(["sh", "-c", "printf 'first line\\nsecond line\\n' | cksum"])
    right = wanted in output and "end them by Ctrl-D" in output and status == EXIT_PASS
    wrong = f"the guest does not detect a terminal, or its checksum is not {wanted!r}"
    return ("" if right else wrong), output


def _same_sums():
    """compute prints the same sums in the guest and on the host"""
    host = build_dir() / "compute-host"
    cc = shutil.which("gcc") or shutil.which("cc")
    if not cc:
        raise Skipped("no compiler for this computer")
    status, output = output_of([cc, "-O2", "-o", host, "app/compute.c", "-lm"])
    if status != 0:
        return f"{cc} ends with status {status}", output
    _, expected = output_of([host])
    _, output = output_of(RUN + ["boot", "--on", "qemu", *RUN_LIMIT, "--run", "app:compute"])
    missing = [line for line in expected.splitlines() if line not in output]
    return (f"the guest did not print {missing[0]!r}" if missing else ""), output
