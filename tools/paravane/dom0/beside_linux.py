# SPDX-License-Identifier: MIT
"""`./run.sh bench --linux-domu`: the kernel as a domU beside a Linux as a domU, by instructions.

Both run below the same dom0, in a QEMU that counts instructions (-icount): a nanosecond of Xen's
clock is an instruction, so the time that Xen has accounted to a domain is the number of
instructions of the domain, and of Xen on its behalf. A domain's idle time does not count. The same
program (diskbench.c) transfers blocks in both; it waits for its next line of input while a count is
read.
"""

import functools
import re
from dataclasses import dataclass

from ..commandline import build
from ..common import EXIT_FAIL, EXIT_PASS, ROOT, Trouble, build_dir, usage
from ..outer import running
from ..run import domu, platforms
from . import disks, guest, image, linux_guest
from . import shape as shapes

_MEM = 256
_TRANSFERS = 2000
_LIMIT = 1200  # seconds of QEMU's own time for one step
_LOG = "/run/guest.log"
_STEPS = (
    ("idle", "seq"), ("read", "seq"), ("read", "random"), ("write", "seq"), ("write", "random"),
)  # fmt: skip
_TSC = 'tsc_mode = "native"'  # under emulated SVM a PVH Linux ends at an emulated RDTSCP
_NAMES = {"created": "until the first line, the domain's", "dom0": "until the first line, dom0's",
          "ready": "until the program runs, the domain's"}  # fmt: skip
_READY = """
until grep -q 'diskbench: {pattern}' {log}; do
  xl list guest1 >/dev/null || exit 1
  usleep 100000
done
usleep 500000
/run/in/domain_time
"""
_CREATE = """
ln -sf {log} /var/log/xen/console/guest-guest1.log
{disks}
cat >/run/in/guest.cfg <<'END'
{config}END
/run/in/domain_time
xl create -q /run/in/guest.cfg || exit 1
/run/in/domain_time -w {log}
"""


@dataclass(frozen=True)
class System:
    """What runs in the domain. words: the command line; ramdisk: its file's name, or ""."""

    name: str
    words: str
    ramdisk: str = ""


_PARAVANE = System("paravane", "run=app:diskbench")
_LINUX = System("linux", "console=hvc0 earlyprintk=xen", "initramfs")


def command(on, say=functools.partial(print, flush=True)):
    """Print the comparison for each kind of guest; on: what --on names. Return the exit code."""
    chosen = platforms.parse(on or "domu-pv,domu-pvh")
    for platform in chosen:
        if platform.emulator is not domu:
            raise usage(f"bench --linux-domu: {platform.name} is not a domU")
    kinds = [platform.name.removeprefix("domu-") for platform in chosen]
    program = ROOT / "tools/paravane/dom0/diskbench.c"
    build(f"APP={program}")
    kernel, initramfs = linux_guest.files()
    files = {
        "paravane": (build_dir() / "diskbench.elf").read_bytes(),
        "linux": kernel,
        "initramfs": initramfs,
        "domain_time": _domain_time(),
    }
    worse = []
    for kind in kinds:
        ours, theirs = (_measure(files, kind, system, say) for system in (_PARAVANE, _LINUX))
        say(f"\ndomu-{kind}, instructions, a transfer is 4 KiB:")
        say(f"  {'':40}{'Paravane':>14}{'Linux':>14}{'ratio':>8}")
        for name, mine in ours.items():
            ratio = mine / theirs[name]
            worse += [f"domu-{kind}: {name}"] if ratio >= 1 else []
            say(f"  {name:40}{mine:14,}{theirs[name]:14,}{ratio:8.3f}")
    for name in worse:
        say(f"not fewer instructions than Linux: {name}")
    return EXIT_FAIL if worse else EXIT_PASS


def _domain_time():
    return image.compile_tool("domain_time").read_bytes()


def _measure(files, kind, system, say):
    """Return {what: instructions} of one system as a guest of this kind."""
    names = {system.name, system.ramdisk, "domain_time"} - {""}
    shape = shapes.Shape.of(_MEM, counted=True)
    scratch = (disks.Disk(mib=8),)
    wanted = guest.Wanted(
        kind, system.words, mem=_MEM, image=system.name, ramdisk=system.ramdisk, disks=scratch,
        more=_TSC,
    )  # fmt: skip
    with running.Outer(shape, {name: files[name] for name in names}, say=say) as dom0:
        script = _CREATE.format(
            log=_LOG, config=wanted.config("guest1"), disks=disks.script("guest1", scratch)
        )
        before, domain, after = split_times(_sh(dom0, script))
        counts = {_NAMES["created"]: after[domain], _NAMES["dom0"]: after[0] - before[0]}
        counts[_NAMES["ready"]] = now = _times(_sh(dom0, _wait("ready")))[domain]
        counts.update(_transfers(dom0, domain, now))
    return counts


def _transfers(dom0, domain, before):
    """Return {name: instructions of a transfer} of each step, without those of a step that makes
    none."""
    counts, idle = {}, 0
    for number, (what, order) in enumerate(_STEPS):
        count = _TRANSFERS + number  # so that each answer is another one
        tty = f"$(xenstore-read /local/domain/{domain}/console/tty)"
        line = f"echo {what} {order} {count} >{tty}\n"
        now = _times(_sh(dom0, line + _wait(f"done {count}")))[domain]
        if what == "idle":
            idle = now - before
        else:
            counts[f"{what}, {'sequential' if order == 'seq' else order}"] = (
                now - before - idle
            ) // count
        before = now
    return counts


def _wait(pattern):
    return _READY.format(pattern=pattern, log=_LOG)


def _sh(dom0, script):
    status, output = dom0.sh(script, _LIMIT)
    if status:
        log = dom0.sh(f"tail -n 5 {_LOG}")[1]
        raise Trouble(f"bench --linux-domu: {guest.error_of(output)}; the guest: {log.strip()}")
    return output


def _times(text):
    """Return {domain: its time}."""
    return {int(domain): int(ns) for domain, ns in re.findall(r"^(\d+) (\d+)$", text, re.M)}


def split_times(text):
    """Return (the times before the guest was there, its domain, the times after)."""
    lines = re.findall(r"^\d+ \d+$", text, re.M)
    zero = [index for index, line in enumerate(lines) if line.startswith("0 ")][-1]
    before, after = _times("\n".join(lines[:zero])), _times("\n".join(lines[zero:]))
    return before, max(after), after
