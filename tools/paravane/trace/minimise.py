# SPDX-License-Identifier: MIT
"""`./run.sh minimise FILE`: shrink a recording to the calls that matter.

Delta debugging (Zeller and Hildebrandt, 2002): a candidate is a part of the records; it is replayed
in a machine of its own, a copy of one that was saved after its boot (snapshot.py), and kept if the
machine ends as --until says. As many candidates as --jobs
run at once; the first of them, in their order, that passes is taken, so the result does not depend
on which machine was faster.
"""

import concurrent.futures
import dataclasses
import os
import random
import re
import threading
import time
from pathlib import Path

from .. import report, wanted
from ..commandline import COMMON, SEED, Parser, add, joined, not_empty, number, run_options
from ..common import EXIT_FAIL, EXIT_PASS, usage
from ..repro import repro
from ..run import qemu
from ..suite import suite
from . import emit, frames, replay, snapshot, text
from .steps import FILL, REGISTERS

_CONDITION = re.compile(r"(\w+)\.([\w.\[\]]+)(==|!=|<|>)(-?\w+)$")
_HARMLESS = (
    "xen_version by=code cmd=XENVER_version arg=0",
    "xen_version by=code cmd=XENVER_pagesize arg=0",
    "sched_op by=code cmd=SCHEDOP_yield arg=0 start_info=0",
    "vcpu_op by=code cmd=VCPUOP_is_up vcpu=0 arg=0",
    "memory_op by=code cmd=XENMEM_maximum_ram_page arg=0",
)


def run(args, caller):
    """Run the command; return 0 if a smaller recording was written."""
    parser = Parser("minimise")
    parser.add_argument("file")
    add(parser, {**COMMON, "--until": {"type": not_empty, "default": "bad"},
                 "--jobs": {"type": number("jobs", 1, 64), "default": os.cpu_count() or 1},
                 "--out": {"type": not_empty}, "--pad": {"type": number("calls", 1, 100_000)},
                 "--seed": SEED})
    parser.set_defaults(smp=0, mem=0)
    wanted.add_options(parser)
    asked = parser.parse_args(joined(parser, args))
    recording = replay.load(caller / asked.file, asked.file)
    fitted = replay.fit(asked, recording)
    platform = replay.platform_of(recording, asked)
    until = Condition(asked.until)
    out = caller / (asked.out or f"{Path(asked.file).stem}-minimised")
    name = re.sub("[^a-z0-9._-]+", "-", out.name.lower()).strip("-.") or "minimised"
    if asked.pad:
        recording = padded(recording, asked.pad, asked.seed)
    options = wanted.one(asked, caller, [platform], run_options(asked, caller, [platform]))
    made = replay.compile_for(recording, options.image, asked.file)
    options = fitted(options, made)
    saved = _saved(made, platform, options)
    search = Search(made, platform, options, until, asked.jobs, saved)
    try:
        found = search.minimise()
    except (KeyboardInterrupt, suite.Interrupted):
        found = search.best
        if found:
            _write(out, name, recording, search)
        raise
    finally:
        if saved:
            saved.close()
    if not found:
        print(f"minimise: the {len(made.calls)} calls do not end so that --until {asked.until} "
              f"holds: {search.last}")
        return EXIT_FAIL
    _write(out, name, recording, search)
    return EXIT_PASS


def _saved(made, platform, options):
    """Return a Snapshot for the candidates, or None if each has to boot."""
    problem, saved = f"{platform.emulator.NAME} has it", None
    if platform.emulator is qemu:
        saved = snapshot.Snapshot(platform, options, len(made.code()))
        problem = saved.problem
    if problem:
        if saved:
            saved.close()
        print(f"minimise: each candidate boots, because the machine cannot be saved: {problem}")
        return None
    print(f"minimise: candidates are copies of a machine that was saved after {saved.seconds:.0f} "
          "s", flush=True)
    return saved


class Condition:
    """What --until asks for."""

    def __init__(self, wish):
        self.is_death = wish == "bad"
        match = _CONDITION.match(wish)
        if not self.is_death and not match:
            raise usage("--until: 'bad', or NAME.FIELD==VALUE (also != < >), for example "
                        "mmu_update.result<0")
        self._parts = () if self.is_death else match.groups()

    def call(self, outcome):
        """Return the number of the call after which an Outcome ends so, from 0; None: it does
        not."""
        if self.is_death:
            return max(0, len(outcome.steps) - 1) if outcome.verdict == "bad" else None
        call, field, how, value = self._parts
        return next((at for at, event in enumerate(outcome.steps)
                     if event.line.name == call and event.end
                     and _compares(event.end.fields.get(field, ""), how, value)), None)


def _compares(left, how, right):
    try:
        left, right = int(left, 0), int(right, 0)
    except ValueError:
        if how in "<>":
            return False
    return {"==": left == right, "!=": left != right}.get(how) if how in ("==", "!=") else (
        left < right if how == "<" else left > right)


def padded(recording, count, seed):
    """Return the recording with so many harmless hypercalls at random places, for trials."""
    chance, lines = random.Random(seed), []
    places = sorted(chance.randrange(len(recording.lines) + 1) for _ in range(count))
    for at, line in enumerate([*recording.lines, None]):
        while places and places[0] == at:
            places.pop(0)
            lines.append(text.parse_line(f"1 0 0 call {chance.choice(_HARMLESS)}"))
        if line:
            lines.append(line)
    renumbered, numbers = [], {}
    for sequence, line in enumerate(lines, 1):
        fields = dict(line.fields)
        if "of" in fields:
            fields["of"] = numbers.get(fields["of"], fields["of"])
        elif line in recording.lines:
            numbers[str(line.sequence)] = str(sequence)
        renumbered.append(dataclasses.replace(line, sequence=sequence, fields=fields))
    return dataclasses.replace(recording, lines=renumbered)


def _ddmin(items, smaller):
    """Return as few of the items as still pass, by Zeller's delta debugging. smaller(choices): the
    items that one of these choices needs, or None if no choice passes."""
    parts = 2
    while len(items) > 1:
        size = -(-len(items) // parts)
        places = range(0, len(items), size)
        choices = [items[i : i + size] for i in places]
        choices += [items[:i] + items[i + size :] for i in places] if len(places) > 2 else []
        found = smaller(choices)
        if found is not None:
            items, parts = found, 2 if len(found) <= size else max(2, parts - 1)
        elif size == 1:
            break
        else:
            parts = min(len(items), parts * 2)
    return items


class Search:
    """The search for the smallest candidate. best: its Program, or None so far."""

    def __init__(self, made, platform, options, until, jobs, saved=None):
        self._made, self._platform, self._options = made, platform, options
        self._saved = saved
        self._until, self._jobs = until, jobs
        self._tables = [step for step in made.steps if step.mode == FILL]
        self._known = {}  # a candidate's steps: whether it passed
        self._stop = threading.Event()
        self._started = time.monotonic()
        self.tried = 0
        self.best, self.ended, self.last = None, "", ""
        self.result = None  # of the last call, if that is what --until asks for

    def minimise(self):
        """Return the Program of the smallest candidate that passes, or None."""
        with concurrent.futures.ThreadPoolExecutor(self._jobs) as pool:
            try:
                steps = self._first([self._made.calls], pool)
                if not steps:
                    return None
                steps = self._drop_calls(steps, pool)
                steps = self._drop_entries(steps, pool)
                steps = self._simplify(steps, pool)
                self._shrink_tables(steps, pool)
            finally:
                self._stop.set()
        return self.best

    def _drop_calls(self, steps, pool):
        # What kills a hypervisor, or is refused, often needs nothing but the last call.
        alone = self._first([steps[-1:]], pool) if len(steps) > 1 else None
        return alone or _ddmin(steps, lambda choices: self._first(choices, pool))

    def _drop_entries(self, steps, pool):
        """Remove entries of batches."""
        at = 0
        while at < len(steps):
            steps = self._drop_entries_of(at, steps, pool)
            at += 1
        return steps

    def _drop_entries_of(self, at, steps, pool):
        whole = steps[at]
        found = steps

        def smaller(choices):
            nonlocal found
            shorter = self._first(
                [[*steps[:at], whole.shortened(kept), *steps[at + 1 :]] for kept in choices], pool
            )
            found = shorter or found
            # A program that passed before it came to this batch needs no entry of it.
            return shorter and [entry for step in shorter[at : at + 1] for entry in step.kept]

        if whole.batch:
            _ddmin(list(range(whole.batch.count)), smaller)
        return found

    def _simplify(self, steps, pool):
        """Set registers to 0 where that makes no difference, one after another."""
        for at, step in enumerate(steps):
            fixed = {one.at for one in step.relocations if not one.is_memory}
            for register, name in enumerate(REGISTERS):
                if name == "rax" or register in fixed or not step.registers[name]:
                    continue
                plain = dataclasses.replace(step, registers={**step.registers, name: 0})
                candidate = [*steps[:at], plain, *steps[at + 1 :]]
                if self._first([candidate], pool):
                    steps, step = candidate, plain
        return steps

    def _shrink_tables(self, steps, pool):
        """Leave no page table, or nothing of them but those that the calls name: pinned, and
        empty."""
        used, whole = emit.used_symbols(steps), self._tables
        named = {one.registers["rax"]: one.emptied() for one in whole
                 if one.registers["rax"] in used}
        for fewer in ([], list(named.values())):
            if len(fewer) < len(whole):
                self._tables = fewer
                if self._first([steps], pool):
                    return
        self._tables = whole

    def _first(self, candidates, pool):
        """Return the first candidate that passes, cut after the call with which it does; or
        None."""
        for start in range(0, len(candidates), self._jobs):
            some = candidates[start : start + self._jobs]
            for steps, future in [(steps, pool.submit(self._try, steps)) for steps in some]:
                outcome = self._result(future)
                last = outcome and self._until.call(outcome)
                if last is not None:
                    self._keep(steps[: last + 1], outcome, last)
                    return self.best.calls
        return None

    @staticmethod
    def _result(future):
        while True:
            try:
                return future.result(timeout=0.5)
            except concurrent.futures.TimeoutError:
                continue

    def _try(self, steps):
        if self._stop.is_set() or not steps:
            return None
        candidate = self._program(steps)
        key = tuple(step.code() for step in candidate.steps)
        if self._known.get(key) is False:
            return None
        outcome = replay.replay(candidate, self._platform, self._options, "", self._stop,
                                self._saved)
        self.tried += 1
        self._known[key] = self._until.call(outcome) is not None
        self.last = repro.judge(outcome.result)[1] or outcome.result.status
        return outcome

    def _program(self, calls):
        """Return the Program of these calls, with the page tables in their places."""
        steps = sorted([*self._tables, *calls], key=lambda step: step.event.line.sequence)
        while len(steps) > 1 and steps[-1].mode == FILL:
            steps.pop()
        return dataclasses.replace(self._made, steps=steps)

    def _keep(self, steps, outcome, last):
        self.best = self._program(steps)
        if not self._until.is_death:
            end = outcome.steps[last].end.fields
            self.result = end.get("result", end.get("rax", "0"))
        self.ended = repro.judge(outcome.result)[1]
        passed = time.monotonic() - self._started
        print(f"minimise: {len(steps)} of {len(self._made.calls)} calls, {self.tried} candidates, "
              f"{passed:.0f} s", flush=True)


def _write(out, name, recording, search):
    """Write the recording and the repro that are left."""
    used = emit.used_symbols(search.best.steps)
    mfns = [mfn for symbol, mfn in search.best.mfns.items() if symbol in used]
    kept = [line for line in recording.lines if line.kind == "frames"
            and frames.has_any(line, mfns)]
    for step in search.best.steps:
        kept.append(_simplified(step))
        if step.event.end:
            kept.append(_with_entries(step, step.event.end))
    kept.sort(key=lambda line: line.sequence)  # calls of several CPUs overlap
    trace, source = out.with_name(out.name + ".trace"), out.with_name(name + ".c")
    with open(trace, "w", encoding="utf-8") as file:
        text.write(file, {key: value for key, value in recording.header.items() if key != "format"},
                   kept, 0)
    print(f"minimise: calls that are left: {len(search.best.calls)}, in {trace}")
    if any(step.mode == FILL and any(step.memory) for step in search.best.steps):
        print("minimise: no repro is written, because the calls need page tables with entries")
        return
    report.write_text(source, emit.write(name, search.best, recording.header, search.ended,
                                         search.result))
    print(f"minimise: the repro is {source}")


def _with_entries(step, line):
    """Return the line of a step's call or return with the entries that are left of its batch."""
    if step.kept is None:
        return line
    of, fields = step.batch, {}
    for name, value in line.fields.items():
        entry = re.match(re.escape(of.name) + r"\[(\d+)\](.*)", name)
        if entry and int(entry[1]) in step.kept:
            fields[f"{of.name}[{step.kept.index(int(entry[1]))}]{entry[2]}"] = value
        elif name == of.counter or (name == "done[0]" and value == str(of.count)):
            fields[name] = str(len(step.kept))
        elif not entry:
            fields[name] = value
    return dataclasses.replace(line, fields=fields)


def _simplified(step):
    """Return the line of a step, with the registers that _simplify has cleared."""
    line = _with_entries(step, step.event.line)
    if line.kind == "table" and not any(step.memory):
        fields = {name: line.fields[name] for name in ("mfn", "va")}
        return dataclasses.replace(line, fields={**fields, "pinned": "1"})
    if line.kind != "code":
        return line
    fixed = {REGISTERS[one.at] for one in step.relocations if not one.is_memory}
    fields = {name: ("0" if name in step.registers and name not in fixed
                     and not step.registers[name] else value)
              for name, value in line.fields.items()}
    return dataclasses.replace(line, fields=fields)
