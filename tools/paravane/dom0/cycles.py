#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Save and restore a guest, while its payload suspend checks that nothing is lost:
cycles.py TYPE CPUS CANCELLED RESTORED [MIGRATED [MOVED]] [--xen FILE|VERSION]

Of so many suspends, the first are cancelled (xl save -c), the next are restored from the file, the
next are migrations to the same host, and the last (MOVED: 0 or 1) is restored on another host,
which booted later; that takes another suspend before it, during which the first host gets older.
--xen chooses the Xen of the hosts, as it does for ./run.sh: a PV guest migrates on a Xen with
shadow page tables only (Debian's 4.17.5 has them, its 4.17.7 does not). The exit status is 0 if the
guest's verdict is PASS.
"""

import argparse
import base64
import functools
import re
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from paravane.commandline import joined, not_empty, number
from paravane.common import EXIT_FAIL, EXIT_PASS, EXIT_USAGE, Trouble, build_dir
from paravane.dom0 import dom0_shell, guest
from paravane.dom0 import shape as shapes
from paravane.outer import running
from paravane.run import runs

_MEM = 32  # MiB: all of it goes from one host to the other
_DOMAINS_MEM = 192  # of the domains below a host, at most
_NAME = "guest1"
_SAVED = "/run/saved"
_AGE = 30  # seconds that the first host gets older before the last suspend; the other is younger
_YOUNGER = 10  # seconds by which the other host must be younger when it has restored the guest
_ATTEMPTS = 3  # hosts that may be too slow for that
# Seconds of QEMU's own time. The toolstack looks at 4 GiB of frame numbers of a PVH guest.
_LIMIT = {"pv": 120, "pvh": 600}
_SHOWN = 2000  # characters of the guest's console, if a script fails
_VERDICT = re.compile(r"paravane: verdict (\w+)(.*)")
# The guest suspends itself and has no part in the toolstack's request: answer that in its place.
_ANSWER = """
xenstore-watch /local/domain | while read -r path; do
  case $path in */control/shutdown)
    [ "$(xenstore-read $path 2>/dev/null)" = suspend ] && xenstore-write $path "" ;;
  esac
done
"""
# A request that arrives before the guest has suspended itself makes it suspend once more.
_UNTIL_SUSPENDED = f"/domain_end $(xl domid {_NAME}) >/dev/null || exit 1"
_SAVE = f"xl save {_NAME} {_SAVED} 2>&1"
_RESTORE = f"xl restore {_SAVED} 2>&1"
_CANCEL = f"xl save -c {_NAME} {_SAVED} 2>&1"
_MIGRATE = "migrate"  # stands for the script that guest.migration() returns
_PACK = f"""({_SAVE}) >/run/said || {{ cat /run/said; exit 1; }}
gzip -c {_SAVED} | base64
"""
# The guest is paused, because it would only wait, and busily.
_GET_OLDER = f"xl pause {_NAME} && sleep {_AGE} && xl unpause {_NAME}"
_UPTIME = "cut -d. -f1 /proc/uptime"
_UNPACK = (
    f"ln -sf /dev/port2 /var/log/xen/console/guest-{_NAME}.log; gunzip -c /run/in/saved >{_SAVED}"
)


class Cycles:
    """The suspends of one guest. kind: "pv" or "pvh"; shape: the machine of the hosts."""

    def __init__(self, kind, smp, shape, say=functools.partial(print, flush=True)):
        self._kind, self._smp, self._say = kind, smp, say
        self._shape = shape
        self._image = {"image": (build_dir() / "paravane.elf").read_bytes()}
        self._done = 0

    def run(self, scripts, moved):
        """Run one of xl's scripts for each suspend, and move the guest if moved; return its
        verdict, as a match."""
        words = f"run=suspend:{len(scripts) + moved}"
        wanted = guest.Wanted(self._kind, words=words, mem=_MEM, smp=self._smp, ramdisk="")
        with running.Outer(self._shape, self._image, self._say) as dom0:
            one = guest.Guest(dom0, wanted, say=self._say)
            one.expect(r"cycle 1: suspending")
            self._sh(dom0, dom0_shell.PREPARE)
            dom0.start(_ANSWER)
            migration = guest.migration(dom0)
            for nth, script in enumerate(scripts, 1):
                if moved and nth == len(scripts):
                    age = int(self._sh(dom0, f"{_GET_OLDER}; {_UPTIME}"))
                script = migration if script == _MIGRATE else script
                done = f"s=$?; rm -f {_SAVED}; exit $s"
                self._xl(dom0, f"{_UNTIL_SUSPENDED}\n{script}; {done}")
            if not moved:
                return self._verdict(dom0)
            packed = base64.b64decode(self._xl(dom0, f"{_UNTIL_SUSPENDED}\n{_PACK}"))
            self._say(one.console.text().strip())
        return self._verdict_of_younger_host(packed, age)

    def _verdict_of_younger_host(self, packed, age):
        """Restore the guest on a host that booted later than the first one, which was older than
        this age (s) when the guest suspended; return the guest's verdict."""
        for _ in range(_ATTEMPTS):
            with running.Outer(self._shape, {"saved": packed}, self._say) as dom0:
                self._xl(dom0, f"{_UNPACK} && {_RESTORE}")
                if int(self._sh(dom0, _UPTIME)) + _YOUNGER < age:
                    return self._verdict(dom0)
        raise running.Failed(f"{_ATTEMPTS} hosts were older than {age} s when they had restored")

    def _xl(self, dom0, script):
        """Run a script of xl's in dom0, which is one step of the cycles; return what it prints."""
        output = self._sh(dom0, script)
        self._done += 1
        self._say(f"cycles: {self._done} done")
        return output

    def _sh(self, dom0, script):
        status, output = dom0.sh(script, _LIMIT[self._kind])
        limit = status and guest.TIME_LIMIT.search(output)
        if limit:
            raise guest.TooSlow(f"dom0 is too slow on this busy computer: {limit[0]}")
        if status:
            self._say(dom0.console(1).text()[-_SHOWN:].strip())
            raise running.Failed(f"{script!r}: {guest.error_of(output)}")
        return output

    def _verdict(self, dom0):
        try:
            return self._wait_for(dom0, _VERDICT)
        finally:
            self._say(dom0.console(1).text().strip())

    @staticmethod
    def _wait_for(dom0, pattern):
        """Return the match of a pattern in what the guest prints."""
        found = dom0.wait_for(lambda: pattern.search(dom0.console(1).text()), running.LIMIT)
        if not found:
            raise running.Failed(
                f"the guest did not print {pattern.pattern!r} after the last cycle"
            )
        return found


def _verdict(kind, smp, shape, scripts, moved):
    """Return the verdict. Once more, if a time limit of libxl's own has passed or QEMU crashed:
    neither is the guest's fault."""
    try:
        return Cycles(kind, smp, shape).run(scripts, moved)
    except Trouble as trouble:
        crashed = str(trouble).startswith(running.QEMU_CRASHED)
        if not crashed and not isinstance(trouble, guest.TooSlow):
            raise
        print(f"cycles: {trouble}; they run once more", flush=True)
        return Cycles(kind, smp, shape).run(scripts, moved)


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Trouble(f"{message}\n{__doc__.splitlines()[1]}", EXIT_USAGE)


def _parse(args):
    parser = _Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("TYPE", choices=guest.TYPES)
    parser.add_argument("CPUS", type=number("virtual CPUs", 1, 8))
    for name, many in (("CANCELLED", None), ("RESTORED", None), ("MIGRATED", "?")):
        parser.add_argument(name, type=number("suspends", 0, 1000), nargs=many, default=0)
    parser.add_argument("MOVED", type=number("moves", 0, 1), nargs="?", default=0)
    parser.add_argument("--xen", type=not_empty)
    asked = parser.parse_args(joined(parser, args))
    if asked.MOVED and not asked.CANCELLED + asked.RESTORED + asked.MIGRATED:
        parser.error("MOVED takes another suspend before it")
    return asked


def _shape(asked):
    """Return the machine of the hosts. Raise Trouble if its Xen does not migrate the guest."""
    found = runs.find_xen(asked.xen, Path.cwd()) if asked.xen else None
    shape = shapes.Shape.of(_DOMAINS_MEM, xen=found)
    if asked.MIGRATED and asked.TYPE == "pv" and not shape.has_shadow_paging():
        raise Trouble(
            "MIGRATED: this Xen has no shadow page tables, without which it migrates no PV guest;"
            " --xen 4.17.5 has them",
            EXIT_USAGE,
        )
    return shape


def main(args):
    """Return the exit status."""
    try:
        asked = _parse(args)
        scripts = [_CANCEL] * asked.CANCELLED + [f"{_SAVE} && {_RESTORE}"] * asked.RESTORED
        scripts += [_MIGRATE] * asked.MIGRATED
        verdict = _verdict(asked.TYPE, asked.CPUS, _shape(asked), scripts, asked.MOVED)
    except Trouble as trouble:
        print(f"cycles: {trouble}")
        return trouble.status
    print(f"cycles: {asked.TYPE}, {asked.CPUS} CPUs: {verdict[1]}{verdict[2]}")
    return EXIT_PASS if verdict[1] == "PASS" else EXIT_FAIL


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
