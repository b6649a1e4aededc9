# SPDX-License-Identifier: MIT
"""Make a platform's configuration file and command line for Bochs.

Bochs is an interpreter with a CPU model of its own, so a run there checks what QEMU's model may
have wrong. bochs_machine.py runs it, with the guest's serial port as standard input and output.
"""

import os
import re
import shutil
import subprocess
import sys

from ..common import ROOT, build_dir, make_dirs, short, usage
from ..outer import parts

NAME = "Bochs"
HAS_GDB_STUB = False
RUNS_BELOW = True  # in a process below that of the command line
_BINARY = "bochs"
# Configured below neither to draw nor to listen
_PLUGIN = "/usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_sdl2_gui.so"
_SHARED_MEMORY = ROOT / "tools/paravane/run/bochs_memory.c"
_BIOS = "/usr/share/bochs/BIOS-bochs-latest"
_VGA_BIOS = "/usr/share/vgabios/vgabios.bin"
_IPS = 50_000_000  # instructions in a second of the guest's time
_LOOK_LIMIT = 60  # seconds for --help, on a computer however busy
_MEM_MAX = 2048  # MiB

# No key, window or host's clock reaches the guest: halted CPUs skip the time until the next event.
_CONFIGURATION = """\
display_library: sdl2
romimage: file={bios}
vgaromimage: file={vga_bios}
memory: guest={mem}, host={mem}
cpu: model={cpu}, count={smp}, ips={ips}, reset_on_triple_fault=0
clock: sync=none, time0=utc
ata0-master: type=cdrom, path="{iso}", status=inserted
boot: cdrom
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
debugger_log: -
"""


def missing():
    """Return what Bochs lacks on this computer, or ""."""
    for there, package in (
        (shutil.which(_BINARY), "bochs"),
        (os.path.exists(_PLUGIN), "bochs-sdl"),
    ):
        if not there:
            return f"{package} is not installed"
    return ""


def configuration(platform, boot):
    """Return the text of the configuration file."""
    return _CONFIGURATION.format(
        bios=_BIOS, vga_bios=_VGA_BIOS, mem=boot.mem, cpu=boot.cpu or platform.cpu, smp=boot.smp,
        ips=_IPS,
        iso=platform.load(boot),
    )  # fmt: skip


def command(platform, boot):
    """Return the command line that boots; the configuration file is kept with the run."""
    reason = refusal(platform, boot)
    if reason:
        raise usage(f"{platform.name}: {NAME} does not make this machine: {reason}")
    path = boot.directory / "bochsrc"
    path.write_text(configuration(platform, boot))
    argv = [sys.executable, "-B", short(ROOT / "tools/paravane/run/bochs_machine.py"), short(path)]
    if boot.recorder:
        argv += [short(_shared_memory()), str(boot.recorder.fd), str(boot.mem << 20)]
    return argv


def memory(_platform, boot):
    """Return the machine's memory in MiB."""
    return boot.mem


def _shared_memory():
    """Return the path of the library that puts the guest's memory into a file."""
    return parts.compile_program(make_dirs(build_dir()), "bochs-memory", [_SHARED_MEMORY],
                                 "-shared", "-fPIC")


def refusal(platform, boot):
    """Return why Bochs does not make the machine, or ""."""
    for asked, reason in (
        (boot.emulator, "it is not a QEMU, which --qemu names"),
        (boot.machine, "it has one machine, so that --machine has no meaning"),
        (boot.icount, "it does not count instructions"),
        (boot.mem > _MEM_MAX, f"it has at most {_MEM_MAX} MiB"),
    ):
        if asked:
            return reason
    known = _models() if boot.cpu else ()
    if boot.cpu and boot.cpu not in known:
        return f"{boot.cpu} is not one of its CPU models: {', '.join(known)}"
    return ""


def _models():
    """Return the CPU models that this Bochs lists."""
    done = subprocess.run(
        [_BINARY, "--help", "cpu"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        errors="replace",
        timeout=_LOOK_LIMIT, check=False,
    )  # fmt: skip
    listed = (done.stdout + done.stderr).partition("Supported CPU models:")[2]
    return re.findall(r"^(\w+)$", listed, re.M)
