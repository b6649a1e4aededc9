# SPDX-License-Identifier: MIT
"""Does the suite notice a wrong op? Each op of each backend is replaced by wrong ones (mutate=OP:KIND,
test/mutants/mutate.c), and the suite must fail; a survivor shows a missing test, or is listed in
test/mutants/survivors.txt with the reason why no test can notice it.

The guest runs the tests that cite the op first, and the machine is ended at the first failure. --filter shows the
mutants fewer tests, which must notice them as well.
"""

import re
import textwrap
from dataclasses import dataclass

from .. import optable, report
from ..common import EXIT_FAIL, EXIT_INTERRUPTED, EXIT_PASS, EXIT_SKIP, ROOT, Trouble
from ..suite import suite
from . import mutations
from .patience import Patience

SURVIVORS = ROOT / "test/mutants/survivors.txt"
_SEVERAL = 2  # CPUs, for ops that are of no use to one
_SEVERAL_GROUPS = {"smp", "mm_smp", "locks", "threads"}
_TIMEOUT = 900  # seconds, for what patience.py cannot measure
_MEM = 96  # MiB: Xen builds a smaller guest sooner


@dataclass
class Outcome:
    """What became of a mutant on a platform. status: FAIL, CRASH, TIMEOUT (each kills it) or SURVIVED."""

    platform: str
    mutant: mutations.Mutant
    status: str
    reason: str
    seconds: float


def run(directory, platforms, options, jobs, pattern, json_path=None):
    """Runs all mutants whose OP:KIND, or OP, matches the regular expression; prints score and survivors; returns
    the exit code."""
    table = optable.read(ROOT)
    options.mem = min(options.mem, _MEM)
    options.timeout = max(options.timeout, _TIMEOUT)
    several = {op for op in table.ops if _SEVERAL_GROUPS & {t.name.split(".")[0] for t in table.citing(op)}}
    todo, equal = _todo(table, platforms, pattern)
    todo = [(platform, mutant, _SEVERAL if mutant.op in several else options.smp) for platform, mutant in todo]
    limits = _limits(directory, options, jobs, sorted({(p.name, cpus) for p, _, cpus in todo}), platforms)
    tasks = [
        (f"{platform.name} {mutant.name}", _task(directory, platform, options.on_cpus(cpus), mutant, limits))
        for platform, mutant, cpus in todo
    ]
    outcomes = suite.run_all(tasks, jobs, _line)
    if any(outcome.status == "INTERRUPTED" for outcome in outcomes):
        return EXIT_INTERRUPTED
    return _conclude(platforms, outcomes, equal, json_path)


def _todo(table, platforms, pattern):
    """([(platform, Mutant)] to run, the same of those that are equivalent). Of a backend's, those come first whose
    functions no backend before it has."""
    live, equal = [], []
    seen = set()
    for platform in platforms:
        backend = next(b for b in table.backends if b.name == platform.backend)
        mutants = mutations.of_backend(table, backend)
        mutants.sort(key=lambda m: backend.functions[m.op] in seen)
        for mutant in mutants:
            if re.fullmatch(pattern, mutant.name) or re.fullmatch(pattern, mutant.op):
                (equal if mutant.equal else live).append((platform, mutant))
        seen |= set(backend.functions.values())
    if not live:
        raise Trouble(f"no mutant matches {pattern!r}")
    return live, equal


def _limits(directory, options, jobs, wanted, platforms):
    """{(platform's name, CPUs): the longest pauses of a run in which the replaced op does what the right one
    does}: such a run must pass."""
    below = {p.name: p.emulator.RUNS_BELOW for p in platforms}
    watches = {key: Patience(tree=below[key[0]]) for key in wanted}

    def task(key):
        name, cpus = key
        platform = next(p for p in platforms if p.name == name)
        right = options.on_cpus(cpus).with_words(options.pattern, "mutate=clock_ns:same")
        return f"{name}, {cpus} CPU, right", lambda stop: directory.run(
            platform, right, stop=stop, label=f"-right-{cpus}", watch=watches[key]
        )

    for result in suite.run_all([task(key) for key in wanted], jobs):
        if result.status == "INTERRUPTED":
            raise suite.Interrupted
        if result.status != "PASS":
            raise Trouble(f"{result.platform} does not pass as it is: {result.reason}", _status(result))
    return {key: watch.pause for key, watch in watches.items()}


def _status(result):
    return EXIT_SKIP if result.status == "SKIP" else EXIT_FAIL


def _task(directory, platform, options, mutant, limits):
    """A function of a stop event that returns the mutant's Outcome."""

    def task(stop):
        words = options.with_words(options.pattern, f"mutate={mutant.name}")
        limit = limits[platform.name, options.smp]
        watch = Patience(limit, options.smp, platform.emulator.RUNS_BELOW)
        label = "-" + mutant.name.replace(":", "-")
        result = directory.run(platform, words, stop=stop, label=label, watch=watch)
        return Outcome(platform.name, mutant, _judged(result), result.reason, result.seconds)

    return task


def _judged(result):
    """A mutant is killed by what happens after it is there: the guest's first line comes before."""
    if result.status in ("PASS", "INTERRUPTED"):
        return "SURVIVED" if result.status == "PASS" else result.status
    if not result.banner or result.reason.startswith("mutate="):
        raise Trouble(f"{result.platform}: no mutant was run: {result.reason}")
    word = re.match(r"CRASH|TIMEOUT|FLOOD", result.reason)
    return word[0].replace("FLOOD", "CRASH") if word else "FAIL"


def _line(value):
    if not isinstance(value, Outcome):
        return suite.one_line(value)
    return f"{value.status:8} {value.seconds:4.1f} s  {value.reason}"[:100]


def read_survivors(text):
    """{(backend, OP:KIND): why nothing can notice it} of test/mutants/survivors.txt; a backend may be "all"."""
    explained = {}
    for line in text.splitlines():
        words = line.split(None, 2)
        if not words or line.startswith("#"):
            continue
        if len(words) < 3 or ":" not in words[1]:
            raise Trouble(f"{SURVIVORS.name}: cannot read {line!r}")
        for backend in words[0].split(","):
            if (backend, words[1]) in explained:
                raise Trouble(f"{SURVIVORS.name}: {words[1]} is there twice")
            explained[backend, words[1]] = words[2]
    return explained


def _conclude(platforms, outcomes, equal, json_path):
    explained = read_survivors(SURVIVORS.read_text())
    wrong = []
    document = {"platforms": {}, "mutants": [], "equivalent": []}
    for platform in platforms:
        mine = [outcome for outcome in outcomes if outcome.platform == platform.name]
        left_out = [mutant for where, mutant in equal if where is platform]
        document["platforms"][platform.name] = _score(platform, mine, left_out, explained)
        wrong += _surprises(mine, explained)
        document["equivalent"] += [_plain(platform.name, m, reason=m.equal) for m in left_out]
    for outcome in outcomes:
        more = {"status": outcome.status, "reason": outcome.reason, "seconds": outcome.seconds}
        why = _explanation(outcome, explained)
        document["mutants"].append(_plain(outcome.platform, outcome.mutant, **more, explained=why))
    for line in wrong:
        print(f"  {line}")
    document["surprises"] = wrong
    if json_path:
        report.write_json(json_path, document)
    return EXIT_FAIL if wrong else EXIT_PASS


def _plain(platform, mutant, **more):
    return {"platform": platform, "op": mutant.op, "kind": mutant.kind, **more}


def _explanation(outcome, explained):
    name = outcome.mutant.name
    return explained.get((outcome.mutant.backend, name), explained.get(("all", name), ""))


def _score(platform, outcomes, left_out, explained):
    """Prints a platform's line; returns the figures."""
    count = {s: sum(o.status == s for o in outcomes) for s in ("FAIL", "CRASH", "TIMEOUT", "SURVIVED")}
    named = [o.mutant.name for o in outcomes if o.status == "SURVIVED" and _explanation(o, explained)]
    reasons = len(named)
    total, killed = len(outcomes), len(outcomes) - count["SURVIVED"]
    score = 100 * killed / (total - reasons) if total > reasons else 100
    print(
        f"\n{platform.name}: mutation score {score:.1f} %: {killed} of {total} killed ({count['FAIL']} fail, "
        f"{count['CRASH']} crash, {count['TIMEOUT']} time out), {reasons} survive as explained; "
        f"{len(left_out)} more change nothing"
    )
    for line in textwrap.wrap(" ".join(named), 110):
        print(f"  {line}")
    return {**count, "total": total, "explained": reasons, "equivalent": len(left_out), "score": round(score, 2)}


def _surprises(outcomes, explained):
    """One line for each survivor without an explanation, and each explanation without a survivor. A time-out
    contradicts none: what is right by its result may be slow."""
    for outcome in outcomes:
        name, why = f"{outcome.platform} {outcome.mutant.name}", _explanation(outcome, explained)
        if outcome.status == "SURVIVED" and not why:
            yield f"survived: {name}"
        elif outcome.status in ("FAIL", "CRASH") and why:
            yield f"killed, yet test/mutants/survivors.txt lists it as a survivor: {name}: {outcome.reason}"
