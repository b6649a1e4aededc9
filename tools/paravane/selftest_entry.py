"""Steps of `./run.sh test`: machines as other loaders, firmware and VMMs leave them at the kernel's entry."""

import re
import subprocess
import sys

from . import platforms
from .common import EXIT_FAIL, EXIT_USAGE, ROOT, build_dir
from .step import boot

_MULTIBOOT2 = "eax==0x36d76289"  # GRUB runs code of its own where the kernel will be
_PASS = r"paravane: verdict PASS"


def steps(scratch):
    yield from _registers(scratch)
    yield from _lacking_cpus(scratch)


def _registers(scratch):
    """Registers that the boot protocols leave open; each name of a step says what is left on."""
    some = ["--append", "test=cpu.*"]
    left = {
        "5-level paging": ["cr4=0x1000"],
        "all of CR4": ["cr4=0x1210f0"],
        "EFER.SCE and FFXSR": ["efer=0x4001"],
        "the cache off, AM, TS": ["cr0=0x6004003b"],
        "the flags NT, AC and DF": ["eflags=0x44402"],
    }
    for name, words in left.items():
        yield _boot(scratch, f"left on: {name}", "qemu", "pvh_entry", words, *some, words=_PASS)
        words = [_MULTIBOOT2, *words]
        yield _boot(scratch, f"left on: {name}", "grub", "multiboot2_entry", words, *some, words=_PASS)
    yield _boot(scratch, "left on: 5-level paging, 2 CPUs", "qemu", "pvh_entry", ["cr4=0x1000"],
                "--smp", "2", "--append", "test=smp.c*", words=_PASS)  # fmt: skip
    yield _boot(scratch, "not a Multiboot2 loader", "grub", "multiboot2_entry", [_MULTIBOOT2, "eax=0x2badb002"],
                status=EXIT_USAGE, words="the loader is not a Multiboot2 loader")  # fmt: skip
    yield _boot(scratch, "an exception before the kernel handles any", "qemu", "boot_main", ["rip=0x5000000000"],
                status=EXIT_FAIL, words=r"PANIC: exception 0x0e at 0x0000005000000000")  # fmt: skip


def _lacking_cpus(scratch):
    """CPUs that miss what the kernel needs: one line, on the serial port and on the debug port."""
    for cpu, words in (("n270", "no 64-bit mode"), ("qemu64,-lm", "no 64-bit mode")):
        env = _qemu(scratch, cpu, f'exec {platforms.qemu_binary()} "$@" -cpu {cpu}')
        yield boot(f"CPU {cpu}", "qemu", status=EXIT_USAGE, words=words, env=env)
        swap = 'for word do shift; [ "$word" = -serial ] && word=-debugcon; set -- "$@" "$word"; done'
        env = _qemu(scratch, f"{cpu}-debug-port", f'{swap}; exec {platforms.qemu_binary()} "$@" -cpu {cpu}')
        yield boot(f"CPU {cpu}, debug port", "qemu", status=EXIT_USAGE, words=words, env=env)


def _boot(scratch, name, platform, symbol, changes, *more, **expected):
    """A boot on a QEMU whose registers are changed where symbol's code is about to run."""
    tool = ROOT / "tools" / "paravane" / "entry_state.py"
    words = " ".join([f"{_physical(symbol):#x}", *changes])
    script = f'exec {sys.executable} -B {tool} {words} -- {platforms.qemu_binary()} "$@"'
    env = _qemu(scratch, re.sub(r"\W+", "-", f"{platform}-{name}"), script)
    return boot(name, platform, *more, env=env, **expected)


def _qemu(scratch, name, command):
    """The environment in which the runner's QEMU is a shell command."""
    path = scratch / f"qemu-{name}"
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)
    return (("QEMU", str(path)),)


def _physical(symbol):
    """The address at which the CPU executes symbol: entries in 32-bit code run at their physical address."""
    names = subprocess.run(
        ["nm", build_dir() / "paravane.debug.elf"], capture_output=True, text=True, check=True
    ).stdout
    address = int(re.search(rf"^([0-9a-f]+) \w {symbol}$", names, re.MULTILINE)[1], 16)
    return address & 0x7FFFFFFF if symbol.endswith("_entry") else address
