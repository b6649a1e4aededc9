# SPDX-License-Identifier: MIT
"""`./run.sh suite --machines`: run the suite on many machines, each a row of machine_table.py with
the expected outcome.

A row fails if its machine does anything else. The console of each is kept like that of any other
run.
"""

import dataclasses
import fnmatch
import re
import time
from collections import Counter

from ..common import short, usage
from ..run import platforms, runs
from ..run.machine import Ending
from ..run.verdict import DEBUG_EXIT
from . import suite
from .matrix import table

_PAUSE = 3.0  # seconds in which a machine that should stand still could start again


@dataclasses.dataclass(frozen=True)
class Row:
    """One machine. The runner's own options for it are named as run.sh's; xen is more words for
    Xen; more goes to QEMU as it is, without names the platform's options that are left out, the
    others are platforms.Feed's. The outcome:

    status PASS or ERROR: the verdict, with QEMU's exit status to it;
           HALT: the machine prints its line and halts, without a verdict;
           STANDS: the verdict is PASS, and the machine does not start again after it;
           MUTE: the verdict is PASS by QEMU's exit status alone, for the machine has no console.
    prints: expressions that lines of the console match; never: those that none does.
    """

    name: str
    platform: str = "qemu"
    cpu: str = ""
    machine: str = ""
    smp: int = 1
    mem: int = platforms.DEFAULT_MEM
    words: tuple = ()
    xen: tuple = ()
    tests: str = ""
    more: tuple = ()
    without: tuple = ()
    grub: tuple = ()
    grub_words: tuple = ()
    grub_modules: tuple = ()
    files: tuple = ()
    launcher: object = None
    deaf: bool = False
    by_hand: bool = False
    status: str = "PASS"
    prints: tuple = ()
    never: tuple = ()
    qemu: tuple = ()  # the first version that has such a machine, as numbers
    sample: bool = False  # one of the few that ./run.sh test boots

    @property
    def expected(self):
        """Return the expected outcome, in words."""
        how = {"PASS": "passes", "ERROR": "refuses", "HALT": "halts",
               "STANDS": "passes, starts once"}
        how["MUTE"] = "passes without a console"
        return how[self.status] + "".join(f', prints "{_plain(words)}"' for words in self.prints)

    def options(self, base):
        """Return the Options `base` with what this row adds."""
        feed = platforms.Feed(
            self.more, self.without, self.grub, self.grub_words, self.grub_modules, self.files,
            self.launcher, self.deaf,
            self.by_hand,
        )
        return dataclasses.replace(
            base, cpu=self.cpu, machine=self.machine, smp=self.smp, mem=self.mem,
            pattern=self.tests,
            append=(*base.append, *self.words), xen_append=(*base.xen_append, *self.xen), feed=feed,
        )  # fmt: skip


def _plain(expression):
    """Return a regular expression as a message shows it."""
    for written, shown in (("(?i)", ""), (r"\b", ""), (r"\d+", "N"),
                           ("(.|\n)*", "…"), (".*", "…")):
        expression = expression.replace(written, shown)
    return re.sub(r"\\(.)", r"\1", expression)


@dataclasses.dataclass
class Case:
    """A row on one QEMU."""

    row: Row
    label: str
    version: str
    options: runs.Options

    @property
    def name(self):
        return self.row.name + self.label


def sweep(rows, image, variants, jobs, verbose):
    """Run all rows on each QEMU of [(label, version, Options)] and print the outcomes; return the
    Results."""
    directory = runs.RunDirectory(image)
    listed = cases(rows, variants)
    results = run(directory, listed, jobs)
    print_results(listed, results, directory, verbose)
    return results


def choose(rows, which, pattern, names):
    """Return the rows on these platforms whose name matches pattern, if one is given. which: "all"
    or "sample"."""
    found = [
        row
        for row in rows
        if row.platform in names
        and fnmatch.fnmatchcase(row.name, pattern or "*")
        and (row.sample or which == "all")
    ]
    if not found:
        raise usage(f"--filter: no machine is called {pattern}" if pattern
                    else "no machine is on these platforms")
    return found


def cases(rows, variants):
    """Return every Case. variants: [(label, QEMU's version, Options)]."""
    return [
        Case(row, label, version, row.options(options))
        for row in rows
        for label, version, options in variants
    ]


def run(directory, listed, jobs):
    """Run all cases; return a Result for each, whose status reports whether the outcome was the
    expected one."""

    def task(case):
        def one(stop):
            return _run(directory, case, stop)

        return case.name, one

    return suite.run_all([task(case) for case in listed], jobs)


def _run(directory, case, stop):
    row = case.row
    wanted = [int(number) for number in re.findall(r"\d+", case.version)]
    if tuple(wanted) < row.qemu:
        least = ".".join(str(number) for number in row.qemu)
        return runs.Result(
            case.name, "SKIP", f"QEMU {case.version} has no such machine, {least} has"
        )
    # QEMU takes a comma in a file's name for its own
    label = "-" + re.sub(r"[^\w.+=@-]+", "_", case.name)
    folder = directory.path / (row.platform + label)
    platform = platforms.PLATFORMS[row.platform]
    result = directory.run(
        platform, case.options, stop=stop, label=label, watch=_watch(row, folder)
    )
    result.platform = case.name
    if result.ran and result.status != "INTERRUPTED":
        problem = judge(row, result, _console(folder))
        result.status, result.reason = ("FAIL" if problem else "PASS"), problem
        if not problem:
            result.culprit = ""
    return result


def _console(folder):
    try:
        return (folder / "console.log").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def judge(row, result, console):
    """Return what differs from the outcome that the row expects, or ""."""
    status = "PASS" if row.status == "STANDS" else row.status
    reason = result.reason or f"verdict {result.status}"
    if status == "MUTE":
        if result.code != DEBUG_EXIT["PASS"]:
            return f"QEMU ended with status {result.code} instead of {DEBUG_EXIT['PASS']}: {reason}"
    elif status == "HALT":
        if (
            result.status == "PASS"
            or result.reason.startswith("TIMEOUT")
            or result.culprit == "hypervisor"
        ):
            return f"does not halt with its line: {reason}"
    elif result.status != status:
        return reason
    for expression in row.prints:
        if not re.search(expression, console, re.MULTILINE):
            return f'no line has "{_plain(expression)}"' + (
                f": {result.reason}" if result.reason else ""
            )
    for expression in row.never:
        if re.search(expression, console, re.MULTILINE):
            return f'prints "{_plain(expression)}"'
    if status == "HALT" and len(re.findall(row.prints[0], console, re.MULTILINE)) > 1:
        return "prints its line more than once"
    return ""


def _watch(row, folder):
    """Return a watch for a Machine that does not end by itself: it ends the run a while after the
    machine's last words."""
    if row.status not in ("HALT", "STANDS"):
        return None
    seen = []

    def watch(said, _pid):
        over = said.verdict if row.status == "STANDS" else re.search(row.prints[0],
                                                                     _console(folder), re.MULTILINE)
        if over and not seen:
            seen.append(time.monotonic())
        return Ending("over") if seen and time.monotonic() > seen[0] + _PAUSE else None

    return watch


def print_results(listed, results, directory, verbose):
    """Print a line for each machine, each failure with its reason, and a line with the counts."""
    rows = {}
    for case, result in zip(listed, results):
        rows.setdefault(case.row, {})[case.label] = result
    labels = list(dict.fromkeys(case.label for case in listed))
    head = ["machine", "platform", "expected", *(label.lstrip("@") or "result" for label in labels),
            "seconds"]
    body = [
        [row.name, row.platform, row.expected, *(_cell(found.get(label)) for label in labels),
         " ".join(f"{found[label].seconds:.1f}" for label in labels if label in found)]
        for row, found in rows.items()
    ]  # fmt: skip
    print()
    print("\n".join(table(head, body)))
    for result in results:
        if result.status == "FAIL":
            suite.print_failure(result)
        elif result.status == "SKIP" or verbose:
            print(
                f"\n{result.platform}: {result.status}"
                + (f": {result.reason}" if result.reason else "")
            )
    counts = Counter(result.status for result in results)
    print(
        f"\n{counts['PASS']} of {len(results)} machines as expected, {counts['FAIL']} not, "
        f"{counts['SKIP']} skipped; "
        f"logs and command lines in {short(directory.path)}/"
    )


def _cell(result):
    return {"PASS": "ok", "FAIL": "FAIL", "SKIP": "skip"}.get(result.status,
                                                              "stopped") if result else "-"
