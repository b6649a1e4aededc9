# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: machines whose devices are missing, stuck, or left in a state that
another kernel chose."""

import json
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

from build.elf import Elf

from ..common import EXIT_FAIL, EXIT_USAGE, build_dir
from ..run import emulators, module, platforms
from ..run.verdict import DEBUG_EXIT
from .step import Skipped, boot, check, communicate, end, start

_LIMIT = 300  # seconds for a machine that ends by itself, however busy this computer is
_QUIET = 5  # seconds after the verdict in which a machine that starts again would repeat it
_STUCK_TICKS = 200_000_000  # a million looks at the port, generously
_SCREEN = (0xB8000, 80, 25)
_VERDICT = r"paravane: verdict PASS"


def steps(scratch):
    left = (r"unexpected interrupt at vector 0xec(.|\n)*unexpected interrupt at vector 0x9c(.|\n)*"
            r"verdict PASS")
    for platform in ("qemu", "grub"):
        more = ["--append", "inject=interrupts_left test=irq.*"]
        yield boot("interrupts that an earlier kernel left", platform, *more, words=left)
    yield from _consoles(scratch)
    yield from _refusals(scratch)
    yield from _clocks(scratch)


def _clocks(scratch):
    """Yield the steps on the real-time clock: it is missing, or it has any year."""
    serial = ["-serial", "stdio"]
    absent = rf"SKIP this machine has no real-time clock(.|\n)*SKIP no wall clock(.|\n)*{_VERDICT}"
    yield check("microvm: no real-time clock", _ends_well, scratch, "microvm",
                [*serial, "-machine", "rtc=off"],
                absent, "test=irq.*,time.*")  # fmt: skip
    for year in (1999, 2024, 2037):
        options = [*serial, "-rtc", f"base={year}-12-31T23:00:00"]
        for platform in ("qemu", "grub"):
            words = rf"# wall clock: {year}-12-31 23:(.|\n)*{_VERDICT}"
            yield check(f"{platform}: the year {year}", _ends_well, scratch, platform, options,
                        words, "test=time.wall*")


def _consoles(scratch):
    """Yield the steps on outputs: the verdict is on every output that a machine has; without one it
    is QEMU's status."""
    com2 = ["-chardev", "stdio,id=com2", "-device", "isa-serial,index=1,chardev=com2"]
    both = ["-debugcon", "stdio", "-serial", "null"]
    for name, platform, options, words in (
        ("no console at all", "qemu", [], ""),
        ("no console at all", "microvm", ["-machine", "isa-serial=off"], ""),
        ("the debug port only", "qemu", ["-debugcon", "stdio"], _VERDICT),
        ("the debug port only", "microvm", ["-machine", "isa-serial=off", "-debugcon", "stdio"],
         _VERDICT),
        ("the debug port beside COM1", "qemu", both, _VERDICT),
        ("COM2 only", "qemu", com2, _VERDICT),
    ):
        yield check(f"{platform}: {name}", _ends_well, scratch, platform, options, words)
    yield check("qemu: a serial port that nothing reads is not waited for", _stuck_port, scratch)
    yield check("qemu: the screen shows the verdict", _screen, scratch)
    yield check("qemu: the screen shows why a CPU is refused", _early_screen, scratch)
    yield check(
        "qemu: without ACPI and exit device the machine halts after its verdict", _halts, scratch
    )


def _machine(scratch, platform, options, words="test=boot.*", exit_device=True, icount=False):
    """Return a platform's command line with other options in place of the serial port, and its time
    limit in seconds."""
    reason = platforms.lacking(platforms.PLATFORMS[platform])
    if reason:
        raise Skipped(reason)
    directory = Path(tempfile.mkdtemp(dir=scratch))
    given = directory / "testmodule"
    given.write_bytes(module.test_module())
    image = build_dir() / "paravane.elf"
    told = platforms.command_words(
        platforms.PLATFORMS[platform], "suite", extra=(words,), promise=False
    )
    argv = platforms.PLATFORMS[platform].command(
        platforms.Boot(image, given, directory, told, icount=icount)
    )
    at = argv.index("-serial")
    argv[at : at + 2] = options
    if not exit_device:
        at = argv.index("-device")
        del argv[at : at + 2]
        argv.remove("-no-reboot")
    return [str(word) for word in argv]


def _ends_well(scratch, platform, options, words, tests="test=boot.*"):
    """Run a machine; return what is wrong unless it prints the words and ends with the verdict
    PASS, and its output."""
    qemu = start(_machine(scratch, platform, options, tests))
    try:
        said = communicate(qemu, _LIMIT)
    finally:
        end(qemu)
    if said is None:
        return f"still running after {_LIMIT} s of its own time", ""
    output = said.decode("utf-8", "replace")
    if qemu.returncode != DEBUG_EXIT["PASS"]:
        return f"status {qemu.returncode} instead of {DEBUG_EXIT['PASS']}", output
    return ("" if re.search(words, output) else f"nothing in the output matches {words!r}"), output


def _stuck_port(scratch):
    """Check a port whose other end is a full pipe that is not read: it delays the kernel once, not
    for each byte."""
    end, full = os.pipe()
    os.set_blocking(full, False)
    try:
        while os.write(full, b"x" * 4096):
            pass
    except BlockingIOError:
        pass
    os.set_blocking(full, True)
    try:
        stuck, free = _ticks(scratch, ["-serial", "stdio"], full), _ticks(
            scratch, ["-serial", "null"], full
        )
    finally:
        os.close(end)
        os.close(full)
    if not stuck or not free or stuck - free > _STUCK_TICKS:
        return f"{stuck} ticks, and {free} where the port takes every byte", ""
    return "", ""


def _ticks(scratch, options, stdout):
    """Return how long the guest ran by its own clock, which counts instructions; 0 if it did not
    pass."""
    log = Path(scratch) / "debug-port"
    options = [*options, "-debugcon", f"file:{log.absolute()}"]
    qemu = start(_machine(scratch, "qemu", options, icount=True), stdout=stdout)
    try:
        if communicate(qemu, _LIMIT) is None:
            return 0
    finally:
        end(qemu)
    said = re.search(
        r"# tsc (\d+) ticks from entry to verdict\s+" + _VERDICT, log.read_text(errors="replace")
    )
    return int(said[1]) if said else 0


def _qmp(qemu, command, **arguments):
    qemu.stdin.write(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
    qemu.stdin.flush()
    while True:
        answer = json.loads(qemu.stdout.readline())
        if "return" in answer or "error" in answer:
            return answer


def _screen(scratch):
    """Check the screen's text, which has scrolled, after the guest has turned the machine off by
    ACPI: QEMU keeps the memory then."""
    options = ["-vga", "std", "-no-shutdown", "-qmp", "stdio"]
    argv = _machine(scratch, "qemu", options, "test=boot.*,kernel.*")
    at = argv.index("isa-debug-exit,iobase=0xf4,iosize=0x4")
    del argv[at - 1 : at + 1]
    qemu = start(argv, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    dump = Path(scratch) / "screen"
    deadline = time.monotonic() + _LIMIT
    try:
        _qmp(qemu, "qmp_capabilities")
        while _qmp(qemu, "query-status")["return"]["status"] != "shutdown":
            if time.monotonic() > deadline:
                return f"still running after {_LIMIT} s", ""
            time.sleep(0.2)
        _save_screen(qemu, dump)
    finally:
        end(qemu)
    shown = _text_of(dump)
    right = re.search(r"(?m)^ok \d+ kernel\.\S+.*\n(.*\n)*paravane: verdict PASS$", shown)
    if not right:
        return "the screen does not show results and the verdict", shown
    once = shown.count("paravane: verdict PASS") == 1
    return ("" if once else "a row that was scrolled is still in its old place"), shown


def _save_screen(qemu, dump):
    address, columns, rows = _SCREEN
    _qmp(qemu, "pmemsave", val=address, size=2 * columns * rows, filename=str(dump.absolute()))


def _text_of(dump):
    columns = _SCREEN[1]
    cells = dump.read_bytes()[::2].decode("latin-1")
    return "\n".join(cells[i : i + columns].rstrip() for i in range(0, len(cells), columns))


def _early_screen(scratch):
    """Check that the screen's last line is what the entry prints before the kernel runs. The
    machine halts after it."""
    argv = _machine(scratch, "qemu", ["-vga", "std", "-qmp", "stdio"], exit_device=False)
    argv[argv.index("-cpu") + 1] = "n270"
    qemu = start(argv, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    dump = Path(scratch) / "early-screen"
    deadline, shown = time.monotonic() + _LIMIT, ""
    try:
        _qmp(qemu, "qmp_capabilities")
        while "verdict" not in shown and time.monotonic() < deadline:
            time.sleep(0.2)
            _save_screen(qemu, dump)
            shown = _text_of(dump)
    finally:
        end(qemu)
    right = shown.splitlines()[-1].startswith(
        "paravane: verdict ERROR: this CPU has no 64-bit mode (long mode)"
    )
    return ("" if right else "the screen's last line does not give the reason"), shown


def _halts(scratch):
    argv = _machine(
        scratch, "grub", ["-serial", "stdio", "-machine", "acpi=off"], exit_device=False
    )
    qemu = start(argv)
    os.set_blocking(qemu.stdout.fileno(), False)
    output, quiet_until, deadline = b"", None, time.monotonic() + _LIMIT
    try:
        while qemu.poll() is None and time.monotonic() < (quiet_until or deadline):
            output += qemu.stdout.read() or b""
            if quiet_until is None and b"paravane: verdict" in output:
                quiet_until = time.monotonic() + _QUIET
            time.sleep(0.1)
        running = qemu.poll() is None
    finally:
        end(qemu)
    text = output.decode("utf-8", "replace")
    verdicts = len(re.findall(_VERDICT, text))
    if verdicts != 1 or not running:
        return f"{verdicts} verdicts, then {'halted' if running else 'ended'}", text
    return "", text


def _refusals(scratch):
    """Yield the steps in which the kernel stops before it has a backend: the console names the
    reason."""
    no_nx = Path(scratch) / "qemu-without-nx"
    no_nx.write_text(f'#!/bin/sh\nexec {emulators.default()} "$@" -cpu qemu64,-nx\n')
    no_nx.chmod(0o755)
    words = r"backend xen-pv refuses: this CPU .*NX(.|\n)*verdict ERROR: no backend can run"
    yield boot(
        "a CPU without NX", "xen-pv", status=EXIT_USAGE, words=words, env=(("QEMU", str(no_nx)),)
    )
    for platform, function in (
        ("qemu", "native_early_init"),
        ("xen-pv", "xen_pv_early_init"),
        ("xen-pvh", "xen_pvh_early_init"),
    ):
        faults = _patched(scratch, function, b"\x0f\x0b")  # ud2
        words = r"PANIC: exception \(vector 6\)(.|\n)*verdict FAIL: panic before a backend"
        more = ["--image", str(faults)]
        yield boot(
            "an exception before a backend works", platform, *more, status=EXIT_FAIL, words=words
        )
    for platform, function, backend in (
        ("qemu", "native_early_init", "native"),
        ("xen-pv", "xen_pv_early_init", "xen-pv"),
    ):
        # lea 1(%rip),%rax; ret; the reason
        refuses = _patched(scratch, function, b"\x48\x8d\x05\1\0\0\0\xc3injected\0")
        words = rf"backend {backend} refuses: injected(.|\n)*verdict ERROR: no backend can run"
        more = ["--image", str(refuses)]
        yield boot(
            "a backend that refuses is named", platform, *more, status=EXIT_USAGE, words=words
        )


def _patched(scratch, function, code):
    """Return a copy of the image in which a function begins with other code."""
    whole, image = Elf(build_dir() / "paravane.debug.elf"), Elf(build_dir() / "paravane.elf")
    data = bytearray(image.data)
    address = next(symbol.value for symbol in whole.symbols if symbol.name == function)
    for _, _, offset, base, _, size, _, _ in image.segments:
        if base <= address < base + size:
            at = offset + address - base
            data[at : at + len(code)] = code
            break
    copy = Path(scratch) / f"{function}-{len(code)}.elf"
    copy.write_bytes(data)
    return copy
