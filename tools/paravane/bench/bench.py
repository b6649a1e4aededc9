# SPDX-License-Identifier: MIT
"""Measure costs: count instructions, which can be compared, and measure seconds and cycles, which
are noisy.

With QEMU's -icount the TSC counts instructions, one a tick, and two runs give the same figure; the
costs of caches and TLBs are not in it. The command runs each measurement twice, if not asked to do
it once, and fails if the figures differ. Wall-clock times vary by a factor of two on a busy
computer, and no test may depend on them. All results go into a Document (file.py); docs/bench.md
explains how to read it.
"""

import dataclasses
import os
import statistics

from ..run.platforms import PLATFORMS
from ..suite.op_report import read_table
from ..suite.suite import run_all
from . import comparison, file, tables

RUNS = 3  # of what is noisy: the median counts
COUNTED = ("qemu", "xen-pv", "xen-pvh")
# Counted only where --on names them: a table has room for three.
ASKED = ("vmware", "rom", "kvm", "kvm-hyperv")
CPUS = 4  # where CPUs are measured against each other

# What is run, each with a pattern of measurements, a number of CPUs and more words. "boot" is an
# empty
# run: from entry to verdict with as good as nothing in between. "nopatch" shows what patching
# saves.
KINDS = {
    "boot": ("boot.*", 1, ()),
    "bench": ("*", 1, ()),
    "smp": ("smp.*", CPUS, ()),
    "nopatch": ("op.*", 1, ("nopatch",)),
}


def run(directory, platforms, options, only_counted=False, named=False, times=2):
    """Measure, print the tables, and return the Document. named: --on has named the platforms;
    times: how often each figure is counted."""
    ops = read_table().ops
    document = file.Document.new(options.image)
    options = dataclasses.replace(options, run="bench", pattern="")
    if not only_counted:
        for platform in platforms:
            _time(directory, platform, options, document)
    counted = COUNTED + ASKED if named else COUNTED
    here = [p.name for p in platforms if p.name in counted]
    kinds = [kind for kind in KINDS if kind != "nopatch" or not only_counted]
    skipped = _count(directory, here, options, document, kinds, times)
    document.skipped.update(skipped)
    counted = [name for name in here if name not in skipped]
    if counted and not only_counted:
        _cycles(directory, counted, options, document)
    if not any(word.startswith("test=") for word in options.append):
        _check_complete(document, ops, counted)
    print("\n".join(tables.render(document, ops, counted, times)))
    return document


def earlier(path):
    """Return the Document of an earlier benchmark, to compare with."""
    old = file.read(path)
    comparison.check_names(old, read_table().ops)
    return old


def compare(old, new, limit):
    """Print the differences; return whether nothing exceeds the limit (a ratio; None: the
    default)."""
    lines, fine = comparison.compare(old, new, limit or comparison.LIMIT)
    print("\n".join(lines))
    return fine


def _time(directory, platform, options, document):
    """Boot several times, one run after another, and note the medians of the seconds."""
    options = dataclasses.replace(options, pattern=KINDS["boot"][0])
    timed = [directory.run(platform, options, label=f"-{i}") for i in range(RUNS)]
    if not timed[0].ran:
        document.skipped[platform.name] = timed[0].reason
        return
    document.problems += _failures(timed)
    document.seconds[platform.name] = {
        "first_line": _median(timed, "first_seconds"),
        "to_verdict": _median(timed, "guest_seconds"),
        "process": _median(timed, "seconds"),
    }


def _median(results, name):
    return round(statistics.median(getattr(result, name) for result in results), 3)


def _count(directory, names, options, document, kinds, times):
    """Run each kind one or two times on each platform, and note the counts. A count does not depend
    on the load of this computer, so the runs go in parallel; they are slow, so they have a longer
    limit.
    Return {platform: why it cannot be run}."""

    def task(name, kind, number):
        pattern, smp, words = KINDS[kind]
        asked = dataclasses.replace(
            options, icount=True, smp=smp, timeout=options.timeout * 5
        ).with_words(pattern, *words)
        label = f"-{kind}-count{number}"
        return lambda stop: directory.run(PLATFORMS[name], asked, stop=stop, label=label)

    keys = [(name, kind, i) for name in names for kind in kinds for i in range(times)]
    tasks = [(" ".join(map(str, key)), task(*key)) for key in keys]
    results = dict(zip(keys, run_all(tasks, os.cpu_count() or 1)))
    skipped = {}
    for name in names:
        mine = {kind: [results[name, kind, i] for i in range(times)] for kind in kinds}
        if not mine["boot"][0].ran:
            skipped[name] = mine["boot"][0].reason
        else:
            _note_counts(document, name, mine)
    return skipped


def _note_counts(document, name, results):
    """Note the counts of {kind: the Results of its runs} in the document."""
    if results["boot"][0].hypervisor:
        document.made_by["xen"] = results["boot"][0].hypervisor
    for runs in results.values():
        document.problems += _failures(runs)
    document.problems += [
        f"{name}: {line}" for line in dearer_than_bare(name, results["bench"][0].bench)
    ]
    times = len(results["boot"])
    counts = [_figures({kind: runs[i] for kind, runs in results.items()}) for i in range(times)]
    document.problems += [f"{name}: {line}" for line in differences(counts[0], counts[-1])]
    document.add_counts(name, counts[0])
    for op, forms in results["bench"][0].sites.items():
        document.measurement(f"op.{op}").sites[name] = forms
    if "nopatch" in results:
        _note_unpatched(document, name, [result.bench for result in results["nopatch"]])


# What takes so many instructions is emulated by a hypervisor, and that costs more or less by where
# the
# instruction lies and by the prefixes that fill its site.
EMULATED, EMULATED_RATIO = 500, 1.25


def _note_unpatched(document, name, counts):
    """Note what each op costs through the table, and report each op that costs more when
    patched."""
    document.problems += [
        f"{name}, nopatch: {line}" for line in differences(counts[0], counts[-1])
    ]
    for measured, figure in counts[0].items():
        found = document.measurement(measured)
        if "value" not in figure or name not in found.count:
            continue
        found.unpatched[name] = figure["value"]
        ratio = EMULATED_RATIO if figure["value"] >= EMULATED else 1
        if found.count[name] > figure["value"] * ratio:
            document.problems.append(
                f"{name}: {measured} costs {found.count[name]} patched, {figure['value']} not "
                "patched"
            )


def _figures(results):
    """Return all that one run of each kind has counted. Figures between CPUs come from the run with
    several."""
    figures = {n: f for n, f in results["bench"].bench.items() if not n.startswith("smp.")}
    figures.update(results["smp"].bench)
    if results["boot"].ticks is not None:
        figures["boot.verdict"] = {"value": results["boot"].ticks, "unit": "ticks"}
    return figures


def dearer_than_bare(platform, figures):
    """Yield a line for each hot op that natively costs more than its instruction
    (test/bench/sites.c)."""
    for name, figure in figures.items() if platform == "qemu" else ():
        if name.startswith("bare.") and figure.get("value") != 0:
            yield (f"{name}: 1000 ops cost {figure.get('value')} instructions more than 1000 bare "
                   "ones")


def differences(first, second):
    """Return a line for each figure in which two runs differ."""
    odd = [name for name in first | second if first.get(name) != second.get(name)]
    return [f"{name}: {first.get(name)} in one run, {second.get(name)} in another" for name in odd]


def _failures(results):
    return [
        f"{r.platform}: {r.status}: {r.reason}; log in {r.directory}"
        for r in results
        if r.status != "PASS"
    ]


def _cycles(directory, names, options, document):
    """Note the same measurements without counting: cycles of this computer's TSC."""
    patient = dataclasses.replace(options, timeout=options.timeout * 5)
    for name in names:
        runs = [directory.run(PLATFORMS[name], patient, label=f"-cycles{i}") for i in range(RUNS)]
        document.problems += _failures(runs)
        for measured in {n for run in runs for n in run.bench}:
            figures = [run.bench.get(measured, {}) for run in runs]
            values = [f["value"] for f in figures if f.get("unit", "").startswith("ticks")]
            if values:
                document.measurement(measured).cycles[name] = int(statistics.median(values))


def _check_complete(document, ops, platforms):
    """Report each op that has neither a figure nor a reason why it has none."""
    for op in ops:
        found = document.measurements.get(f"op.{op}")
        for name in platforms:
            if not found or name not in found.count.keys() | found.reason.keys():
                document.problems.append(
                    f"{name}: op {op} is not in the benchmark (test/bench/*.c)"
                )
