# SPDX-License-Identifier: MIT
"""`./run.sh bench --linux-domu`: the kernel as a domU beside a Linux as a domU, by instructions.

Both run below the same dom0, in a QEMU that counts instructions (-icount): a nanosecond of Xen's
clock is an instruction, so the time that Xen has accounted to a domain is the number of
instructions of the domain, and of Xen on its behalf. A domain's idle time does not count. The same
programs (diskbench.c, netbench.c) transfer blocks and bytes in both; they wait for their next line
of input while a count is read.
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
_KIB = 16384  # that each transfer by TCP has
_PINGS = 300
# What the network's program is asked for, how many KiB, what dom0 does at the other end, of how
# many units that is, and their name. A step without a name transfers nothing: its cost is
# subtracted from the others; the first connection costs more than the second. During the pings the
# program waits for the end of a stream, and the counts are read before and after them, so what
# happens around the pings is not counted.
_EMPTY = ("receive", 0, "true | nc -l -p 5002 & usleep 200000", 1, "")
_NET_STEPS = (
    _EMPTY,
    _EMPTY,
    ("send", _KIB, "nc -l -p 5001 >/dev/null & usleep 200000", _KIB, "TCP, send, a KiB"),
    ("receive", _KIB + 1, f"head -c {_KIB + 1}k /dev/zero | nc -l -p 5002 & usleep 200000",
     _KIB + 1, "TCP, receive, a KiB"),
    ("receive", 0, f"""
exec 3>&1
(
  usleep 400000
  /run/in/domain_time >&3
  for n in $(seq {_PINGS}); do ping -q -c 1 -W 10 10.0.0.2 >/dev/null || echo lost; done
  /run/in/domain_time >&3
) | nc -l -p 5002 & usleep 200000""", _PINGS, "a ping"),
)  # fmt: skip
_TSC = 'tsc_mode = "native"'  # under emulated SVM a PVH Linux ends at an emulated RDTSCP
_NAMES = {"created": "until the first line, the domain's", "dom0": "until the first line, dom0's",
          "ready": "until the program runs, the domain's"}  # fmt: skip
# The same time passes each time until the count is read, because what the program does in it
# is counted, too.
_READY = """
/run/in/domain_time -w {log} 'bench: {pattern}' 'bench: failed' >/dev/null
grep 'bench: failed' {log} && exit 1
usleep 100000
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
    """What runs in the domain. image, ramdisk: names of files, or ""; words: the command line."""

    image: str
    words: str
    ramdisk: str = ""


def _systems(program, words):
    """Return Paravane and Linux with a program, which Paravane gives these words."""
    linux = System("linux", "console=hvc0 earlyprintk=xen", f"{program}.initramfs")
    return System(f"{program}.elf", f"run=app:{program} {words}"), linux


_DISK = _systems("diskbench", "")
_NET = _systems("netbench", "-- NET=10.0.0.2/24 --")


def command(on, say=functools.partial(print, flush=True)):
    """Print the comparison for each kind of guest; on: what --on names. Return the exit code."""
    chosen = platforms.parse(on or "domu-pv,domu-pvh")
    for platform in chosen:
        if platform.emulator is not domu:
            raise usage(f"bench --linux-domu: {platform.name} is not a domU")
    kinds = [platform.name.removeprefix("domu-") for platform in chosen]
    files = {"domain_time": _domain_time()}
    for program in ("diskbench", "netbench"):
        build(f"APP={ROOT / 'tools/paravane/dom0' / program}.c")
        files[f"{program}.elf"] = (build_dir() / f"{program}.elf").read_bytes()
        files["linux"], files[f"{program}.initramfs"] = linux_guest.files(program)
    worse = []
    for kind in kinds:
        ours, theirs = (
            {**_measure(files, kind, disk, say), **_measure_net(files, kind, net, say)}
            for disk, net in zip(_DISK, _NET)
        )
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
    """Return {what: instructions} of one system as a guest of this kind with a disk."""
    scratch = (disks.Disk(mib=8),)
    with _dom0(files, system, say) as dom0:
        output = _create(dom0, _wanted(kind, system, disks=scratch), scratch)
        before, domain, after = split_times(output)
        counts = {_NAMES["created"]: after[domain], _NAMES["dom0"]: after[0] - before[0]}
        counts[_NAMES["ready"]] = _times(_sh(dom0, _wait("ready")))[domain]
        counts.update(_transfers(dom0, domain))
    return counts


def _measure_net(files, kind, system, say):
    """Return {what: instructions} of one system as a guest of this kind with a network interface:
    by TCP, without those of a step that transfers nothing, and of a ping."""
    counts, idle = {}, 0
    with _dom0(files, system, say) as dom0:
        _, domain, _ = split_times(_create(dom0, _wanted(kind, system, nets=1)))
        _sh(dom0, _wait("ready"))
        for number, (what, kib, other, units, name) in enumerate(_NET_STEPS, 1):
            # The answer has the number of the step, so that each is another one.
            line = f"{other}\n{_typed(domain, f'{what} {kib} {number}')}"
            output = _sh(dom0, _counted(line, f"done {number}"))
            if name:
                counts[name] = cost(output, domain, idle) // units
            else:
                idle = cost(output, domain, 0)
    return counts


def _dom0(files, system, say):
    """Return a dom0 that has the files of a system."""
    names = {system.image, system.ramdisk, "domain_time"} - {""}
    shape = shapes.Shape.of(_MEM, counted=True)
    return running.Outer(shape, {name: files[name] for name in names}, say=say)


def _wanted(kind, system, **devices):
    return guest.Wanted(
        kind, system.words, mem=_MEM, image=system.image, ramdisk=system.ramdisk, more=_TSC,
        **devices,
    )  # fmt: skip


def _create(dom0, wanted, scratch=()):
    """Create the guest; return the times of the domains before and after."""
    script = _CREATE.format(
        log=_LOG, config=wanted.config("guest1"), disks=disks.script("guest1", scratch)
    )
    return _sh(dom0, script)


def _typed(domain, line):
    """Return the script that types a line at the domain's console."""
    return f"echo {line} >$(xenstore-read /local/domain/{domain}/console/tty)\n"


def _transfers(dom0, domain):
    """Return {name: instructions of a transfer} of each step, without those of a step that makes
    none."""
    counts, idle = {}, 0
    for number, (what, order) in enumerate(_STEPS):
        count = _TRANSFERS + number  # so that each answer is another one
        line = _typed(domain, f"{what} {order} {count}")
        output = _sh(dom0, _counted(line, f"done {count}"))
        if what == "idle":
            idle = cost(output, domain, 0)
        else:
            name = f"{what}, {'sequential' if order == 'seq' else order}"
            counts[name] = cost(output, domain, idle) // count
    return counts


def _wait(pattern):
    return _READY.format(pattern=pattern, log=_LOG)


def _counted(script, pattern):
    """Return a script that reads the counts, does what another script does, waits until the program
    has printed the pattern, and reads them again."""
    return f"/run/in/domain_time\n{script}{_wait(pattern)}"


def _sh(dom0, script):
    status, output = dom0.sh(script, _LIMIT)
    if status:
        log = dom0.sh(f"tail -n 5 {_LOG}")[1]
        raise Trouble(f"bench --linux-domu: {guest.error_of(output)}; the guest: {log.strip()}")
    return output


def _times(text):
    """Return {domain: its time}."""
    return {int(domain): int(ns) for domain, ns in re.findall(r"^(\d+) (\d+)$", text, re.M)}


def cost(text, domain, idle):
    """Return what a step has cost the domain: the difference of the first count and the last,
    without what a step costs that does nothing; or that of two counts between these."""
    first, *inner, last = (int(ns) for ns in re.findall(rf"^{domain} (\d+)$", text, re.M))
    return inner[-1] - inner[0] if inner else last - first - idle


def split_times(text):
    """Return (the times before the guest was there, its domain, the times after)."""
    lines = re.findall(r"^\d+ \d+$", text, re.M)
    zero = [index for index, line in enumerate(lines) if line.startswith("0 ")][-1]
    before, after = _times("\n".join(lines[:zero])), _times("\n".join(lines[zero:]))
    return before, max(after), after
