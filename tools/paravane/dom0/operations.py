# SPDX-License-Identifier: MIT
"""`./run.sh operations`: random operations of a toolstack on a busy guest (test/kernel/busy.c).

Each operation is done or refused by xl. What is to happen follows from the state in which the
earlier ones have left the guest, and an operation that ends otherwise fails the run. After each one
the guest is asked, at its console, whether anything was lost, and what it has must be what it was
given. A seed names a sequence of operations.
"""

import argparse
import collections
import dataclasses
import functools
import itertools
import random
import re
import shlex

from ..commandline import SEED, Parser, add, build, hours, joined, not_empty, number
from ..common import EXIT_FAIL, EXIT_PASS, Trouble, short, usage
from ..outer import running
from ..run import domu, platforms, runs
from ..run import image as images
from . import disks, dom0_shell, guest, xl_operations
from . import shape as shapes

_MEM, _MAXMEM = 64, 96  # MiB
_DISK_MIB = 2
_ATTEMPTS = 60  # checks until the guest has followed the last operation
_LIMIT = {"pv": 300, "pvh": 900}  # seconds of QEMU's own time for one operation
_ANSWER = (
    r"^busy: check {number}: ok: (\d+) CPUs, (\d+) of (\d+) KiB, (\d+) suspends, (\d+) NMIs(.*)$"
    r"|^paravane: verdict .*$"
)
# A domain's number, and the terminal of its console.
_FIND = "D=$(xl domid {name}) && echo $D && xenstore-read /local/domain/$D/console/tty"
_SHELL = 8  # the number of a guest that does not exist, whose port the shell has
_VERDICT = r"^paravane: verdict (\w+)(.*)$"
_TRIES = 6  # of an operation that runs into time limits of libxl's own
_GUESTS_SHARE = 10  # seconds of QEMU's own time in which a guest closes a device
_CLOSED = "6"  # XenbusStateClosed


# What the guest prints if a backend has not answered within the limit of a detach.
_UNFINISHED = re.compile(r"\w+: \w+: the backend does not finish what is outstanding")

_print = functools.partial(print, flush=True)


class Wrong(Trouble):
    """The guest, or the answer of the toolstack, is not as it must be."""


class Tally:
    """How many operations of each kind were done, and refused for which reason; and how often a
    time limit of libxl's has passed during one."""

    def __init__(self):
        self.done, self.refused = collections.Counter(), collections.Counter()
        self.limits = collections.Counter()

    def add(self, other):
        self.done.update(other.done)
        self.refused.update(other.refused)
        self.limits.update(other.limits)

    def count(self):
        """Return how many operations have ended."""
        return self.done.total() + self.refused.total()

    def report(self, say):
        kinds = sorted(self.done.items())
        say(f"operations: done: {', '.join(f'{n} {name}' for name, n in kinds)}")
        for (name, reason), times in sorted(self.refused.items()):
            say(f"operations: refused, as it must be: {times} {name}: {reason}")
        if self.limits:
            kinds = sorted(self.limits.items())
            said = ", ".join(f"{n} {name}" for name, n in kinds)
            say(f"operations: time limits of libxl's own that have passed: {said}")


class Run:
    """The operations on one guest. kind: "pv" or "pvh"; only: kinds of operations; hypervisor: the
    path of another Xen than that of the dom0, or None; counted: the machine's time is counted in
    instructions; say: called with each line."""

    def __init__(self, image, kind, smp, seed, only=xl_operations.KINDS, hypervisor=None,
                 counted=False, say=_print):  # fmt: skip
        self._only = only
        self._kind, self._smp, self.seed, self._say = kind, smp, seed, say
        self._random = random.Random(f"{seed} {kind} {smp}")
        self._shape = shapes.Shape.of(_MAXMEM * 3, xen=hypervisor, counted=counted)
        self._files = {"image": image}
        self._checks = itertools.count(1)
        migrates = kind == "pvh" or self._shape.has_shadow_paging()
        self._state = xl_operations.State(
            cpus=smp, cpus_max=smp, kib=_MEM << 10, migrates=migrates
        )
        self.tally, self.seconds = Tally(), 0  # of QEMU's own time
        self.crashed = False  # QEMU did
        self._dom0 = self._shell = self._guest = self._domain = self._tty = None

    def run(self, count, seconds):
        """Do this many operations, or as many as begin within so many seconds of QEMU's own time
        (0: no limit). Return an exit code."""
        wanted = guest.Wanted(
            self._kind, words="run=busy", mem=_MEM, maxmem=_MAXMEM, smp=self._smp, ramdisk="",
            disks=(disks.Disk(mib=_DISK_MIB),) * 2, nets=1,
        )  # fmt: skip
        with running.Outer(self._shape, self._files, self._say) as self._dom0:
            try:
                self._shell = dom0_shell.Shell(self._dom0, _SHELL)
                self._sh(dom0_shell.PREPARE)
                migration = guest.migration(self._dom0)
                self._state = dataclasses.replace(self._state, migration=migration)
                self._guest = guest.Guest(self._dom0, wanted, say=self._say)
                self._guest.expect(r"^busy: \d+ pages have checksums$", limit=200)
                self._find_domain()
                verdict = self._all(count, seconds)
            except Trouble as trouble:
                self._say(self._guest.console.text()[-2000:].strip() if self._guest else "")
                self.crashed = str(trouble).startswith(running.QEMU_CRASHED)
                theirs = self.crashed or isinstance(trouble, guest.TooSlow)
                verdict = "ERROR" if theirs else "FAIL"
                self._report(f"{verdict}: {trouble}")
                return EXIT_FAIL
            finally:
                self.seconds = self._dom0.clock.seconds()
        self._report(verdict)
        return EXIT_PASS

    def _all(self, count, seconds):
        self._check()
        for _ in range(count):
            if seconds and self._dom0.clock.seconds() > seconds:
                break
            self._operate(xl_operations.choose(self._random, self._state, self._only))
        if self._state.paused:
            self._operate(xl_operations.UNPAUSE)
        return self._end()

    def _report(self, verdict):
        self.tally.report(self._say)
        self._say(
            f"operations: {self._kind}, {self._smp} CPUs, seed {self.seed}:"
            f" {self.tally.count()} operations: {verdict}"
        )

    # ---- One operation ----

    def _operate(self, operation):
        seen = len(self._guest.console.data)
        start = self._dom0.clock.seconds()
        reason = self._ask(operation)
        ended = self._dom0.clock.seconds()
        self.judge(operation, reason)
        if operation.suspends and not reason:
            self._find_domain()
            self._guest.watch()
        for pattern in () if reason else operation.prints:
            self._guest.expect(pattern, start=seen)
        check_that_all_was_finished(operation, self._guest.console.text(seen))
        self._check()
        self._say(
            f"operations: {self.tally.count()} {operation.name}:"
            f" {f'refused: {reason}' if reason else 'done'}, {ended - start:.1f} s,"
            f" checked after {self._dom0.clock.seconds() - ended:.1f} s"
        )

    def _ask(self, operation):
        """Have xl do an operation; return what it refused, or "". A time limit of libxl's own is
        not an answer: the operation is asked for again, within bounds."""
        script, start = operation.script, self._dom0.clock.seconds()
        for _ in range(_TRIES):
            status, output = self._shell.sh(f"D={self._domain}\n{script}", _LIMIT[self._kind])
            reason = refusal(status, output)
            if not guest.TIME_LIMIT.search(reason):
                return reason
            self.tally.limits[operation.name.split()[0]] += 1
            self._say(f"operations: {operation.name}: a time limit of libxl's own: {reason}")
            if not status:
                return ""  # and xl has done the rest
            if not operation.again:
                break
            script = operation.again
        self._check_that_it_closed(operation, self._dom0.clock.seconds() - start)
        raise guest.TooSlow(f"{operation.name}: dom0 is too slow on this busy computer: {reason}")

    def _check_that_it_closed(self, operation, seconds):
        """Raise Wrong if the guest has not done its part of detaching a device, although so many
        seconds of QEMU's own time were sufficient for it."""
        if not operation.closes or seconds < _GUESTS_SHARE:
            return
        path = f"/local/domain/{self._domain}/{operation.closes}/state"
        state = self._sh(f"xenstore-read {path} 2>/dev/null || echo {_CLOSED}").strip()
        if state != _CLOSED:
            raise Wrong(f"{operation.name}: the guest has not closed {operation.closes} after"
                        f" {seconds:.0f} s: its state is {state}")

    def judge(self, operation, reason):
        """Compare what xl has said with what must happen, and advance to the next state."""
        kind = operation.name.split()[0]
        if reason and not re.search(operation.refusal or "$.", reason):
            raise Wrong(f"{operation.name} was refused: {reason}")
        if operation.refusal and not reason:
            raise Wrong(f"{operation.name} was not refused")
        if reason:
            self.tally.refused[kind, re.sub(r"\d+", "N", reason)] += 1
        else:
            self.tally.done[kind] += 1
            self._state = operation.after(self._state)

    def _find_domain(self):
        self._domain, self._tty = self._sh(_FIND.format(name=self._guest.name)).split()

    def _sh(self, script):
        status, output = self._shell.sh(script, _LIMIT[self._kind])
        if status:
            raise Wrong(f"{script!r} ended with status {status}: {guest.error_of(output)}")
        return output

    # ---- The guest ----

    def _check(self):
        """Wait until the guest has what it was given, and has lost nothing."""
        if self._state.paused:
            return
        kib = self._state.kib
        wanted = (self._state.cpus, kib, kib, self._state.suspends, self._state.nmis)
        for _ in range(_ATTEMPTS):
            found = self._answer()
            if tuple(int(word) for word in found.groups()[:5]) == wanted:
                return
        raise Wrong(f"the guest does not have what it was given, {self._state}: {found[0]}")

    def _answer(self):
        """Return the match of the guest's answer to a check."""
        check, seen = next(self._checks), len(self._guest.console.data)
        self._type(f"check {check}")
        found = self._guest.expect(_ANSWER.format(number=check), limit=200, start=seen)
        if not found[1]:
            raise Wrong(f"the guest ends: {found[0]}")
        return found

    def _type(self, line):
        self._sh(f"echo {line} >{self._tty}")

    def _end(self):
        """Have the guest look at everything once more, and end; return its verdict."""
        self._type("end")
        found = self._guest.expect(_VERDICT, limit=200)
        if found[1] != "PASS":
            raise Wrong(f"the guest's verdict is {found[1]}{found[2]}")
        end = self._guest.wait()
        if end != "poweroff":
            raise Wrong(f"the domain ended by {end}")
        return found[1] + found[2]


def check_that_all_was_finished(operation, printed):
    """Raise Wrong if a device that was detached has waited for its backend without effect."""
    found = _UNFINISHED.search(printed)
    if found:
        raise Wrong(f"{operation.name}: {found[0]}")


def refusal(status, output):
    """Return what xl refused, in its words, or "". Some of its errors leave the status 0."""
    lines = [line.strip() for line in output.splitlines()]
    errors = [line for line in lines if re.search(r"\berror\b|abort", line, re.I)]
    if not status and not errors:
        return ""
    reason = (errors or lines[-1:] or [f"status {status}"])[0]
    return re.sub(r"^libxl: error: \S+?:\w+: ", "", reason)


def _kinds(text):
    names = tuple(text.split(","))
    for name in names:
        if name not in xl_operations.KINDS:
            raise argparse.ArgumentTypeError(
                f"{name!r} is not an operation; known: {', '.join(xl_operations.KINDS)}"
            )
    return names


def run_all(asked, image, hypervisor, kinds, say=_print):
    """Make all runs that a command asks for; return the exit code."""
    total, failed, used = Tally(), [], collections.Counter()
    limit = asked.hours * 3600 / len(kinds)
    for kind, seed in itertools.product(kinds, range(asked.seed, asked.seed + asked.runs)):
        if limit and used[kind] >= limit:
            continue

        def run_seed(kind=kind, seed=seed):
            one = Run(image, kind, asked.smp, seed, asked.only, hypervisor, asked.counted, say)
            code = one.run(asked.ops, limit and limit - used[kind])
            used[kind] += one.seconds
            return one, code

        one, code = run_seed()
        if one.crashed:
            say(f"operations: QEMU crashed, so seed {seed} runs once more")
            one, code = run_seed()
        if code != EXIT_PASS:
            failed.append(_command(asked, kind, seed))
            say(f"operations: repeat: {failed[-1]}")
        total.add(one.tally)
    if len(kinds) * asked.runs > 1:
        say("operations: all runs:")
        total.report(say)
        verdict = "FAIL" if failed else "PASS"
        say(f"operations: {total.count()} operations, {len(failed)} runs failed: {verdict}")
        for line in failed:
            say(f"operations: failed: {line}")
    return EXIT_FAIL if failed else EXIT_PASS


def _command(asked, kind, seed):
    """Return the command of one of the runs that a command asks for."""
    words = ["--on", f"domu-{kind}", "--smp", asked.smp, "--ops", asked.ops, "--seed", seed]
    if asked.only != xl_operations.KINDS:
        words += ["--only", ",".join(asked.only)]
    for option, value in (("--image", asked.image), ("--xen", asked.xen)):
        words += [option, value] if value else []
    words += ["--counted"] if asked.counted else []
    return "./run.sh operations " + shlex.join(map(str, words))


def run(args, caller):
    """Run `./run.sh operations`; return the exit code."""
    parser = Parser("operations")
    add(parser, {
        "--on": {"type": not_empty, "default": "domu-pv,domu-pvh"},
        "--smp": {"type": number("virtual CPUs", 1, 8), "default": 2},
        "--ops": {"type": number("operations", 1, 1 << 20), "default": 30},
        "--seed": SEED,
        "--runs": {"type": number("runs", 1, 1 << 20), "default": 1},
        "--only": {"type": _kinds, "default": xl_operations.KINDS},
        "--hours": {"type": hours, "default": 0}, "--image": {"type": not_empty},
        "--xen": {"type": not_empty}, "--counted": {"action": "store_true"},
    })  # fmt: skip
    asked = parser.parse_args(joined(parser, args))
    chosen = platforms.parse(asked.on)
    for platform in chosen:
        if platform.emulator is not domu:
            raise usage(f"operations: {platform.name} has no toolstack; use domu-pv or domu-pvh")
    hypervisor = runs.find_xen(asked.xen, caller) if asked.xen else None
    image = caller / asked.image if asked.image else build()
    images.check(image)
    data = image.read_bytes()
    print(f"operations: {short(image)}, seed {asked.seed}", flush=True)
    kinds = [platform.name.removeprefix("domu-") for platform in chosen]
    return run_all(asked, data, hypervisor, kinds)
