# SPDX-License-Identifier: MIT
"""What recording adds to each op, in instructions (docs/trace.md, "What it costs").

Each op is measured with recording off, with hypercalls recorded, and with all ops recorded, all
with -icount. A guest that waited for the recorder would count the wait, so the figures are those of
a run that lost no record without waiting: two runs with the same figures prove it.
"""

import dataclasses
import os
import tempfile
from pathlib import Path

from ..run.platforms import PLATFORMS
from ..suite.suite import run_all
from ..trace import save

OFF, CALLS, ALL = "off", "calls", "all"
KINDS = (OFF, CALLS, ALL)


def run(directory, names, options, times=2):
    """Measure on the platforms with these names; print a table; return the problems."""
    with tempfile.TemporaryDirectory() as folder:
        keys = [(name, kind, i) for name in names for kind in KINDS for i in range(times)]
        tasks = [(" ".join(map(str, key)), _task(directory, options, Path(folder), *key))
                 for key in keys]
        results = dict(zip(keys, run_all(tasks, os.cpu_count() or 1)))
    problems = [f"{key[0]}, {key[1]}: {result.status}: {result.reason}"
                for key, result in results.items() if result.status != "PASS"]
    for name in names:
        problems += _differing(name, results, times)
    figures = {key[:2]: result.bench for key, result in results.items() if key[2] == 0}
    print("\n".join([*render(names, figures), *problems]))
    return problems


def _task(directory, options, folder, name, kind, number):
    label = f"-record-{kind}-{number}"
    record = None if kind == OFF else save.Wanted(folder / f"{name}{label}", what=kind)
    asked = dataclasses.replace(
        options, run="bench", icount=True, smp=1, timeout=options.timeout * 5, record=record
    ).with_words("op.*")
    return lambda stop: directory.run(PLATFORMS[name], asked, stop=stop, label=label)


def _differing(name, results, times):
    """Return a line for each figure that two runs count differently."""
    odd = []
    for kind in KINDS:
        first, last = (results[name, kind, number].bench for number in (0, times - 1))
        odd += [f"{name}, {kind}: {measured} is {first[measured].get('value')} in one run, "
                f"{last.get(measured, {}).get('value')} in another"
                for measured in first if first[measured] != last.get(measured)]
    return odd


def render(names, figures):
    """Return the lines of a table: for each op, by platform, its instructions without recording,
    and how many more they are when calls, and when all ops are recorded. figures: {(platform,
    kind): {measurement: its figure}}."""
    ops = sorted({measured for found in figures.values() for measured in found
                  if "value" in found[measured]})
    lines = ["instructions of each op: not recorded, + with its hypercalls recorded, + with all "
             "ops recorded", f"{'':28}" + "".join(f"{name:>26}" for name in names)]
    for measured in ops:
        cells = [_cell([figures[name, kind].get(measured, {}).get("value") for kind in KINDS])
                 for name in names]
        lines.append(f"{measured.removeprefix('op.'):28}" + "".join(f"{c:>26}" for c in cells))
    return lines


def _cell(values):
    if None in values:
        return "-"
    off, calls, all_ = values
    return f"{off} +{calls - off} +{all_ - off}"
