# SPDX-License-Identifier: MIT
"""The command `./run.sh doctor`: what this computer has for Paravane, what it lacks, and what to do
about it, one line each."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import setup
from .common import EXIT_FAIL, EXIT_PASS, build_dir
from .run import emulators, packaged, platforms, xen

OK, NOTE, PROBLEM = "ok", "note", "problem"
# Measured: the whole of ./run.sh test, with the packaged Xens and the programs in the cache.
_DISK_WANTED = 4 << 30
_MEMORY_FOR_ONE = 1 << 30  # one machine of a dom0 and its domain, the largest of the daily runs

# Releases on which the whole suite has run, and what a user of one of them will notice.
_LOSES = "with several CPUs a PVH guest loses an interrupt now and then (docs/facts.md)"
_QEMU = {
    "7.2": f"no x2APIC; a refused `int N` has a wrong error code; {_LOSES}",
    "10.0": _LOSES,
}
_QEMU_OLDEST = (5, 2)  # the oldest that setup --qemu offers
_XEN = {
    "4.14": "has published bugs, which ./run.sh repro --all shows",
    "4.17": "",
    "4.20": "keeps ports 0x92, 0xcf9 and 0x4d0 from a dom0 (repro abi-ports)",
}


@dataclass(frozen=True)
class Finding:
    """One line. state: OK, NOTE or PROBLEM."""

    state: str
    what: str


def run():
    """Print the Findings. Status: 0, or 1 if one of them is a problem."""
    found = [*_packages(), *_emulators(), *_hypervisors(), *_platforms(), *_computer()]
    for finding in found:
        print(f"{finding.state:8} {finding.what}")
    problems = sum(finding.state == PROBLEM for finding in found)
    print(f"\n{problems} problems" if problems != 1 else "\n1 problem")
    return EXIT_FAIL if problems else EXIT_PASS


def _packages():
    for optional, state in ((False, PROBLEM), (True, NOTE)):
        absent, kind = setup.missing(optional), "optional packages" if optional else "packages"
        if absent:
            command = (
                "apt-get install " + " ".join(absent)
                if setup.is_debian_12()
                else ("install them by these names of Debian 12: " + " ".join(absent))
            )
            yield Finding(state, f"{kind}: {len(absent)} missing; ./run.sh setup, or {command}")
        else:
            yield Finding(OK, f"{kind}: all installed")


def _emulators():
    own = emulators.version_of(emulators.default())
    if not own:
        yield Finding(PROBLEM, "QEMU: not installed; ./run.sh setup installs it")
    for version, path in {
        **({own: emulators.default()} if own else {}),
        **emulators.cached(),
    }.items():
        too_old = _numbers(version) < _QEMU_OLDEST
        yield _too_old(version, path) if too_old else _release("QEMU", version, path, _QEMU)


def _numbers(version):
    """Return a version's first two numbers; as far as it has them."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _too_old(version, path):
    release = list(_QEMU)[0]
    return Finding(
        PROBLEM,
        f"QEMU {version} ({path}): older than any on which the suite has run; ./run.sh setup "
        f"--qemu {release} fetches another, and --qemu {release} uses it",
    )


def _hypervisors():
    found = {**xen.installed(), **packaged.cached()}
    if not found:
        yield Finding(
            NOTE, "Xen: none; ./run.sh setup installs one, without it only bare metal runs"
        )
    for version, path in found.items():
        yield _release("Xen", version, path, _XEN)


def _release(what, version, path, known):
    """Return the Finding on one release of a program."""
    match = re.match(r"\d+\.\d+", version)
    release = match[0] if match else version
    if release not in known:
        tried = ", ".join(known)
        return Finding(NOTE, f"{what} {version} ({path}): not tried; the suite has run on {tried}")
    return Finding(
        OK, f"{what} {version} ({path})" + (f": {known[release]}" if known[release] else "")
    )


def _platforms():
    for platform in platforms.PLATFORMS.values():
        reason = platforms.lacking(platform)
        if reason:
            yield Finding(NOTE, f"platform {platform.name}: skipped: {reason}")


def _computer():
    yield Finding(OK, f"acceleration: none is used; every machine is emulated{_kvm()}")
    cpus = len(os.sched_getaffinity(0))
    state = NOTE if cpus < 2 else OK
    yield Finding(
        state, f"{cpus} CPUs" + ("; runs with --smp take turns on it" if cpus < 2 else "")
    )
    memory = available_memory(Path("/proc/meminfo").read_text())
    if memory < cpus * _MEMORY_FOR_ONE:
        yield Finding(
            PROBLEM,
            f"memory: {memory >> 20} MiB available for {cpus} machines side by "
            f"side; use --jobs {max(1, memory // _MEMORY_FOR_ONE)}",
        )
    else:
        yield Finding(OK, f"memory: {memory >> 20} MiB available")
    yield from _disk()


def _kvm():
    return " (/dev/kvm is there)" if Path("/dev/kvm").exists() else ""


def available_memory(text):
    """Return the bytes that /proc/meminfo's text has as available; 0 if it does not say."""
    words = [line.split() for line in text.splitlines() if line.startswith("MemAvailable:")]
    return int(words[0][1]) << 10 if words and len(words[0]) > 1 else 0


def _disk():
    """Check the disks of the build directory and of the cache, once if they are one."""
    seen = set()
    for place in (build_dir(), packaged.cache_dir()):
        there = next(path for path in (place, *place.parents) if path.exists())
        device, free = os.stat(there).st_dev, shutil.disk_usage(there).free
        if device in seen:
            continue
        seen.add(device)
        short_of = free < _DISK_WANTED
        more = f"; ./run.sh test needs up to {_DISK_WANTED >> 20}" if short_of else ""
        state = PROBLEM if short_of else OK
        yield Finding(state, f"disk: {free >> 20} MiB free for {place}{more}")
