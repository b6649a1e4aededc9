"""How long things take: wall-clock for a feeling, instructions for a comparison.

Wall-clock is noisy (a factor of two on a busy computer) and no test may depend on it. With
QEMU's -icount the TSC counts instructions, one a tick, and two runs give the same figure; it leaves
out what caches and TLBs cost. That they do agree is checked: a difference fails the command.
"""

import dataclasses
import os
import statistics

from . import optable
from .opreport import read_table
from .platforms import PLATFORMS
from .suite import run_all

RUNS = 3
BOOT_TESTS = "boot.*"  # what the suite is cut down to where booting is measured
COUNTED = ("qemu", "xen-pv", "xen-pvh")

# What an image that prints one line takes on each platform, from start to that line, in seconds.
REFERENCE = {
    "qemu": "0.10-0.17",
    "microvm": "0.05",
    "grub": "0.6-0.7",
    "uefi": "4-6",
    "xen-pv": "1.2-1.9",
    "xen-pvh": "1.4-2.1",
    "xen-grub": "2.1-2.5",
}


def run(directory, platforms, options):
    """Prints the figures, and returns them as a document."""
    ops = read_table().ops
    rows = [_time(directory, platform, options) for platform in platforms]
    counted = [row for row in rows if "skipped" not in row and row["platform"] in COUNTED]
    _count(directory, counted, options)
    print(f"seconds, median of {RUNS} with test={BOOT_TESTS} (noisy: up to 2x);")
    print("reference: a bare image to its first line")
    print(f"{'':9}  {'first line':>10}  {'reference':>10}  {'to verdict':>10}  {'process':>8}")
    for row in rows:
        if "skipped" in row:
            print(f"{row['platform']:9}  {row['skipped']}")
            continue
        print(
            f"{row['platform']:9}  {row['first_line']:10.3f}  {row['reference']:>10}  "
            f"{row['guest']:10.3f}  {row['process']:8.3f}"
        )
    if counted:
        print(f"\ninstructions from entry to verdict (-icount, one CPU, test={BOOT_TESTS}, two runs)")
        for row in counted:
            print(f"{row['platform']:9}  {' / '.join(str(n) for n in row['instructions'])}")
        print("\ninstructions a call (-icount), the hypervisor's included")
        print("\n".join(table(ops, counted)))
    _print_problems(rows, counted)
    return {"ok": not any(row["problems"] for row in rows), "platforms": rows}


def _print_problems(rows, counted):
    for row in rows:
        for problem in row["problems"]:
            print(f"{row['platform']}: {problem}")
    if counted and not any(row["problems"] for row in counted):
        print("\ntwo runs counted the same on " + ", ".join(row["platform"] for row in counted))


def _time(directory, platform, options):
    """Boots some times, one after another; returns the platform's row."""
    options = dataclasses.replace(options, pattern=BOOT_TESTS)
    timed = [directory.run(platform, options, label=f"-{i}") for i in range(RUNS)]
    if not timed[0].ran:
        return {"platform": platform.name, "skipped": timed[0].reason, "problems": []}
    return {
        "platform": platform.name,
        "first_line": _median(timed, "first_seconds"),
        "guest": _median(timed, "guest_seconds"),
        "process": _median(timed, "seconds"),
        "reference": REFERENCE[platform.name],
        "problems": _failures(timed),
    }


def _count(directory, rows, options):
    """Adds to these rows what is counted: a boot with a few tests and the payload "bench", each twice.
    What is counted does not depend on what else the computer does, so the runs go in parallel."""
    counting = dataclasses.replace(options, icount=True, smp=1, timeout=options.timeout * 5)
    asked = {
        "boot": dataclasses.replace(counting, pattern=BOOT_TESTS),
        "bench": dataclasses.replace(counting, run="bench", pattern=""),
    }

    def task(platform, what, number):
        label = f"-{what}-count{number}"
        return lambda stop: directory.run(platform, asked[what], stop=stop, label=label)

    keys = [(row["platform"], what, i) for row in rows for what in asked for i in (1, 2)]
    tasks = [(" ".join(map(str, k)), task(PLATFORMS[k[0]], k[1], k[2])) for k in keys]
    results = dict(zip(keys, run_all(tasks, os.cpu_count() or 1)))
    for row in rows:
        boot, bench = ([results[row["platform"], what, i] for i in (1, 2)] for what in asked)
        row["instructions"] = [result.ticks for result in boot]
        row["bench"] = bench[0].bench
        row["problems"] += _failures(boot + bench)
        row["problems"] += differences(*(result.bench for result in bench))
        if row["instructions"][0] != row["instructions"][1]:
            row["problems"].append("two boots counted differently")


def _failures(results):
    return [f"{r.status}: {r.reason}; log in {r.directory}" for r in results if r.status != "PASS"]


def differences(first, second):
    """What two runs of the payload "bench" did not agree on, in words."""
    odd = [name for name in first | second if first.get(name) != second.get(name)]
    return [f"{name}: {first.get(name)} in one run, {second.get(name)} in another" for name in odd]


def table(ops, rows):
    """Op by platform, and then whatever else was measured; reasons where there is no figure."""
    measured = list(dict.fromkeys(name for row in rows for name in row["bench"]))
    others = [name for name in measured if not name.startswith("op.")]
    groups = [
        (f"class {number}: {title}", [f"op.{op}" for op in ops if ops[op].number == number])
        for number, title in optable.CLASSES.items()
    ]
    lines = []
    for title, names in [*groups, ("whole operations", others)]:
        if names:
            lines += [_line(title, [row["platform"] for row in rows], "")]
            lines += [_figures(name, rows) for name in names]
    return lines


def _figures(name, rows):
    found = [row["bench"].get(name) for row in rows]
    units = {figure["unit"] for figure in found if figure and "unit" in figure}
    reasons = {figure["reason"] for figure in found if figure and "reason" in figure}
    cells = [str(figure.get("value", "-")) if figure else "-" for figure in found]
    remark = "; ".join(sorted((units - {"ticks"}) | reasons)) if any(found) else "not measured"
    return _line("  " + name.removeprefix("op."), cells, remark)


def _line(name, cells, remark):
    return (f"{name:36}" + "".join(f"{cell:>10}" for cell in cells) + "  " + remark).rstrip()


def _median(results, name):
    return statistics.median(getattr(result, name) for result in results)
