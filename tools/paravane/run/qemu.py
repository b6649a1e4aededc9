# SPDX-License-Identifier: MIT
"""Make a platform's command line for QEMU.

Everything is emulated in software (-accel tcg), so that a run means the same on every computer.
"""

import subprocess

from . import emulators

NAME = "QEMU"
HAS_GDB_STUB = True
RUNS_BELOW = False  # the command line is QEMU itself
GDB_PORT = 1234  # of this computer only: a program that connects to it owns the machine
XEN_MEM = 192  # MiB for Xen itself, on top of the guest's
_HUGE_MEM = 8192  # MiB
_REFUSAL_LIMIT = 60  # seconds for a machine to be made, on a computer however busy
_DEBUG_EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x4"]


def command(platform, boot):
    """Return the command line that boots."""
    argv = machine(platform, boot) + ([] if platform.on_xen else _DEBUG_EXIT) + platform.load(boot)
    for option in boot.feed.without:
        at = argv.index(option)
        has_value = argv[at + 1 : at + 2] and not argv[at + 1].startswith("-")
        del argv[at : at + 1 + has_value]
    return argv + list(boot.feed.qemu)


def memory(platform, boot):
    """Return the machine's memory in MiB."""
    return boot.mem + (XEN_MEM if platform.on_xen else 0)


def machine(platform, boot):
    """Return the part that makes the machine, without what it boots."""
    mem, cpus = memory(platform, boot), boot.smp
    if platform.on_xen:
        cpus = boot.physical_cpus()
    # Each CPU a thread of its own: they run in parallel
    accel = "tcg" if boot.icount else "tcg,thread=multi"
    argv = [boot.emulator or emulators.default(), "-accel", accel, "-machine", platform.machine]
    if boot.machine:
        argv += ["-machine", boot.machine]  # QEMU merges the two, the later one wins
    argv += ["-cpu", _cpu_model(platform.cpu, boot.cpu), "-m", str(mem), "-smp", str(cpus)]
    argv += ["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio"]
    if boot.recorder:
        argv += boot.recorder.qemu_options()
    elif mem >= _HUGE_MEM:
        # More than this computer may have: promised, and taken from it as it is touched.
        ram = f"memory-backend-ram,id=ram,size={mem}M,reserve=off"
        argv += ["-object", ram, "-machine", "memory-backend=ram"]
    if boot.gdb:
        argv += ["-gdb", f"tcp:127.0.0.1:{GDB_PORT}", "-S"]
    if boot.icount:
        # A guest that waits for input waits in this computer's time
        sleep = "on" if boot.hears else "off"
        argv += ["-icount", f"shift=0,sleep={sleep}"]
        argv += ["-rtc", "base=2026-01-01T00:00:00,clock=vm"]
    return argv


def _cpu_model(own, asked):
    """Return -cpu: the model that was asked for, or the platform's own one with features added or
    removed."""
    return f"{own},{asked}" if asked[:1] in ("+", "-") else asked or own


def refusal(platform, boot):
    """Return QEMU's reason for not making the machine; "" if it makes it."""
    argv = machine(platform, boot)
    argv[argv.index("-serial") + 1] = "null"
    done = subprocess.run(
        [*argv, "-S", "-monitor", "stdio"], input=b"quit\n", capture_output=True,
        timeout=_REFUSAL_LIMIT, check=False
    )  # fmt: skip
    return emulators.error_of(done.stderr.decode("utf-8", "replace")) if done.returncode else ""
