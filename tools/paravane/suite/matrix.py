# SPDX-License-Identifier: MIT
"""Render the matrix of results, at most WIDTH columns wide.

Rows are groups of tests (or tests), columns are platforms. Every cell is a pass, a failure, or a
skip, whose letter leads to its reason below the matrix.

A test that ran on one platform must have a result on every platform that ran. Where the result is
missing, the cell shows that, and the matrix fails.
"""

import string

MISSING = "missing"
WIDTH = 100


def missing_tests(results):
    """Return {platform: [names]} of the tests that other platforms have and that platform does not,
    with no crash or time-out that explains it."""
    names = _names(results)
    missing = {}
    for result in results:
        if result.ran and not _stopped_early(result):
            have = {test.name for test in result.tests}
            absent = [name for name in names if name not in have]
            if absent:
                missing[result.platform] = absent
    return missing


def render(results, verbose=False):
    """Return the lines of the matrix."""
    notes = Letters()
    names = _names(results)
    rows = []
    for group in _unique(name.split(".")[0] for name in names):
        members = [name for name in names if name.split(".")[0] == group]
        rows.append([group] + [_group_cell(result, members, notes) for result in results])
        for name in members:
            cells = [_test_cell(result, name, notes) for result in results]
            if verbose or any(cell.startswith(("FAIL", MISSING)) for cell in cells):
                rows.append(["  " + name] + cells)
    rows.append(["verdict"] + [_verdict_cell(result, notes) for result in results])
    rows.append(["seconds"] + [f"{r.seconds:.1f}" if r.ran else "-" for r in results])
    head = ["paravane"] + [result.platform for result in results]
    return table(head, _folded(head, rows)) + notes.legend()


def _folded(head, rows):
    """Return the rows, with a line of its own for each name that leaves no room for the cells."""
    cells = sum(2 + max(len(row[i]) for row in [head, *rows]) for i in range(1, len(head)))
    room = max(WIDTH - cells, max(len(row[0]) for row in [head, *rows] if row[0][0] != " "))
    for row in rows:
        if len(row[0]) > room:
            yield [row[0]]
            row = ["", *row[1:]]
        yield row


class Notes:
    """Number reasons in the order of their first use."""

    def __init__(self):
        self._numbers = {}

    def mark(self, reasons):
        numbers = [self._numbers.setdefault(r, len(self._numbers) + 1) for r in _unique(reasons)]
        return self._joined(sorted(numbers))

    def _joined(self, numbers):
        return "[" + ",".join(str(number) for number in numbers) + "]"

    def legend(self, title="skipped or not applicable:"):
        if not self._numbers:
            return []
        return ["", title] + [
            f"  {self._joined([number])} {reason}" for reason, number in self._numbers.items()
        ]


class Letters(Notes):
    """The same with a letter each, which takes less room; with numbers if there are too many."""

    def _joined(self, numbers):
        known = string.ascii_letters
        letters = "".join(known[n - 1] for n in numbers if n <= len(known))
        more = [n for n in numbers if n > len(known)]
        return letters + (super()._joined(more) if more else "")


def _names(results):
    return _unique(test.name for result in results for test in result.tests)


def _unique(items):
    return list(dict.fromkeys(items))


def find(result, name):
    """Return the Test of this name in a Result, or None."""
    return next((test for test in result.tests if test.name == name), None)


def _group_cell(result, members, notes):
    if not result.ran:
        return "skip " + notes.mark([result.reason]) if result.status == "SKIP" else "-"
    tests = [test for test in (find(result, name) for name in members) if test]
    passed = sum(test.status == "pass" for test in tests)
    skips = [test.reason for test in tests if test.status == "skip"]
    if any(test.status == "fail" for test in tests):
        return f"FAIL {passed}/{len(members)}"
    if len(tests) < len(members):
        return f"{_absent(result)} {passed}/{len(members)}"
    if skips and not passed:
        return "skip " + notes.mark(skips)
    return f"{passed}/{len(members)}" + (" " + notes.mark(skips) if skips else "")


def _test_cell(result, name, notes):
    if not result.ran:
        return "skip" if result.status == "SKIP" else "-"
    test = find(result, name)
    if test is None:
        return _absent(result)
    if test.status == "skip":
        return "skip " + notes.mark([test.reason])
    return {"pass": "pass", "fail": "FAIL"}[test.status]


def _absent(result):
    """Return the cell of a test without a result: "-" if a crash or a time-out explains it, else
    MISSING."""
    return "-" if _stopped_early(result) else MISSING


def _stopped_early(result):
    return result.status not in ("PASS", "SKIP") and not result.reason.startswith("INCONSISTENT")


def _verdict_cell(result, notes):
    if result.status == "PASS":
        return "pass"
    if result.status == "SKIP":
        return "skip " + notes.mark([result.reason or "the guest gave no reason"])
    for word in ("CRASH", "TIMEOUT", "INCONSISTENT", "FLOOD"):
        if result.reason.startswith(word):
            return word
    return "stopped" if result.status == "INTERRUPTED" else result.status


def table(head, rows):
    """Return the lines of a table: each column as wide as its widest cell, and a rule below the
    head. A row of one cell is a line of its own."""
    rows = list(rows)
    full = [head, *(row for row in rows if len(row) > 1)]
    widths = [max(len(row[i]) for row in full) for i in range(len(head))]
    rule = "  ".join("-" * width for width in widths)
    body = ["  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in rows]
    return ["  ".join(c.ljust(w) for c, w in zip(head, widths)).rstrip(), rule] + body
