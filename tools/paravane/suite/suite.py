# SPDX-License-Identifier: MIT
"""Run the suite on several platforms at once, and compute the exit code."""

import concurrent.futures
import dataclasses
import sys
import threading
import time

from ..common import (
    EXIT_FAIL, EXIT_INTERRUPTED, EXIT_PASS, EXIT_SKIP, EXIT_USAGE, Interrupted, Trouble, short
)
from ..run import platforms, runs
from . import matrix


@dataclasses.dataclass
class Column:
    """A column of the matrix: a platform, its Options, and a name that begins with the
    platform's."""

    name: str
    platform: platforms.Platform
    options: runs.Options


def run_all(tasks, jobs, line=None):
    """Run tasks, [(name, function of a stop event)], `jobs` at a time; return their values in the
    same order. Show progress on a terminal, and a line for each task that ends, made by
    line(value)."""
    stop = threading.Event()
    progress = _Progress([name for name, _ in tasks], line or one_line)

    def one(name, task):
        progress.starts(name)
        value = task(stop)
        progress.ends(name, value)
        return value

    with concurrent.futures.ThreadPoolExecutor(max(1, jobs)) as pool:
        futures = [pool.submit(one, name, task) for name, task in tasks]
        try:
            while concurrent.futures.wait(futures, timeout=0.2).not_done:
                progress.tick()
        except KeyboardInterrupt:
            raise Interrupted from None
        finally:
            stop.set()
            for future in futures:
                future.cancel()
            progress.clear()
    return [future.result() for future in futures]


def run_suite(directory, columns, jobs):
    """Return the Results of the suite in these columns."""

    def task(column):
        def run(stop):
            label = column.name[len(column.platform.name) :]
            try:
                result = directory.run(column.platform, column.options, stop=stop, label=label)
            except Trouble as trouble:
                if trouble.status == EXIT_USAGE:
                    raise
                result = runs.Result(column.name, "FAIL", str(trouble))
            result.platform = column.name
            return result

        return column.name, run

    # The slowest first, so that it does not run alone at the end.
    order = sorted(columns, key=lambda column: column.platform.name != "uefi")
    by_name = {
        result.platform: result for result in run_all([task(column) for column in order], jobs)
    }
    results = [by_name[column.name] for column in columns]
    for name, absent in matrix.missing_tests(results).items():
        by_name[name].status = "FAIL"
        by_name[name].reason = "INCONSISTENT: no result of " + ", ".join(absent[:3])
    return results


def exit_code(results):
    """Return 0 if at least one platform passed and none failed. Platforms that were skipped do not
    count."""
    states = {result.status for result in results}
    if "INTERRUPTED" in states:
        return EXIT_INTERRUPTED
    if "FAIL" in states:
        return EXIT_FAIL
    if "ERROR" in states:
        return EXIT_USAGE
    return EXIT_PASS if "PASS" in states else EXIT_SKIP


def print_suite(results, directory, verbose):
    """Print the matrix, the failures with their reasons, and a line with the counts."""
    print()
    print("\n".join(matrix.render(results, verbose)))
    for result in results:
        if result.status in ("FAIL", "ERROR"):
            print_failure(result)
    count = {s: sum(r.status == s for r in results) for s in ("PASS", "FAIL", "ERROR", "SKIP")}
    print()
    print(
        f"{count['PASS']} of {len(results)} platforms pass, {count['FAIL'] + count['ERROR']} fail, "
        f"{count['SKIP']} skipped; logs and command lines in {short(directory.path)}/"
    )


def print_failure(result):
    """Print what a reader needs of a failure before opening its log."""
    print(f"\n{result.platform}: {result.status}: {result.reason}")
    failed = [test for test in result.tests if test.status == "fail"]
    for test in failed[:10]:
        print(f"  not ok {test.name}")
        for line in test.diagnostics:
            print(f"    {line}")
    if not result.ran:
        return
    if result.panic or not failed:
        for line in result.panic or result.tail():
            print(f"  | {line}")
    print(f"  log: {result.directory}/console.log  again: sh {result.directory}/command")


class _Progress:
    """Print a line for each finished task; on a terminal also one line, rewritten in place, of the
    running ones."""

    def __init__(self, names, line):
        self._line = line
        self._total = len(names)
        self._width = max((len(name) for name in names), default=0)
        self._running = {}
        self._done = 0
        self._live = sys.stdout.isatty()
        self._lock = threading.Lock()

    def starts(self, name):
        with self._lock:
            self._running[name] = time.monotonic()

    def ends(self, name, value):
        with self._lock:
            self._running.pop(name)
            self._done += 1
            self._erase()
            print(f"  {name.ljust(self._width)}  {self._line(value)}", flush=True)

    def tick(self):
        if self._live:
            with self._lock:
                now = time.monotonic()
                what = ", ".join(f"{n} {now - t:.0f} s" for n, t in self._running.items())
                self._erase()
                sys.stdout.write(f"  {self._done}/{self._total} done; running: {what}"[:78])
                sys.stdout.flush()

    def clear(self):
        with self._lock:
            self._erase()

    def _erase(self):
        if self._live:
            sys.stdout.write("\r\x1b[K")


def one_line(result):
    """Return a Result in one line."""
    if not result.ran:
        return f"{result.status}  {result.reason}"
    counts = {s: sum(t.status == s for t in result.tests) for s in ("pass", "fail", "skip")}
    tests = ", ".join(f"{n} {s}" for s, n in counts.items() if n) or "no tests"
    reason = f": {result.reason}" if result.reason else ""
    return f"{result.status}  {result.seconds:4.1f} s  {tests}{reason}"
