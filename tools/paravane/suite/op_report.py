# SPDX-License-Identifier: MIT
"""Report the outcome of a run of the suite by op and platform, for programs (JSON) and for people
(Markdown).

A cell is one op on one platform: the outcomes of the tests that cite the op. It is a hole if none
of them passed and no skip has a reason. A report with a hole fails the command.
"""

import subprocess

from .. import optable
from ..common import EXIT_USAGE, ROOT, Trouble
from ..run import emulators
from . import matrix

_HEAD = """\
# The ops in a run of the suite

Written by `./run.sh suite --ops docs/ops-results.md`. A cell is `passed/citing`: how many of the
tests that cite the op passed on this platform. A number in brackets leads to the reason, below the
table, why others, or all (`skip`), were not applicable. [ops.md](ops.md) has each op's contract and
the tests that cite it.
"""


def read_table():
    """Return the OpTable of this tree."""
    try:
        return optable.read(ROOT)
    except optable.OpTableError as error:
        raise Trouble(f"cannot read the op table: {error}", EXIT_USAGE) from error


def document(table, results):
    """Return {op: its class, and for each platform the outcome of each test that cites it}, in a
    form that JSON can hold."""
    return {
        op.name: {
            "class": op.group,
            "platforms": {r.platform: _outcomes(table, op, r) for r in results},
        }
        for op in table.ops.values()
    }


def _outcomes(table, op, result):
    outcomes = {}
    for cited in table.citing(op.name):
        test = matrix.find(result, cited.name)
        outcomes[cited.name] = {"status": test.status if test else "absent"}
        reason = test.reason if test else _why_absent(result)
        if reason:
            outcomes[cited.name]["reason"] = reason
    return outcomes


def _why_absent(result):
    return "" if result.ran else result.reason


def holes(table, results):
    """Return one line for each empty cell."""
    found = []
    for op in table.ops.values():
        for result in results:
            outcomes = _outcomes(table, op, result).values()
            if not any(_explains(result, outcome) for outcome in outcomes):
                found.append(
                    f"{op.name} on {result.platform}: nothing passed, and no reason is given"
                )
    return found


def _explains(result, outcome):
    if outcome["status"] == "absent":
        return result.status == "SKIP" and bool(outcome.get("reason"))
    return outcome["status"] == "pass" or (outcome["status"] == "skip" and bool(outcome["reason"]))


def render(table, results):
    """Return the text of docs/ops-results.md."""
    notes = matrix.Notes()
    lines = [_HEAD, *_where(results)]
    for group, names in optable.groups(table.ops).items():
        lines += ["", f"## {group}", ""]
        lines += _rows(table, [table.ops[name] for name in names], results, notes)
    return "\n".join(lines + _reasons(notes)) + "\n"


def _where(results):
    """Return the lines that describe the platforms: QEMU, and the hypervisor on each."""
    lines = [f"Run with {_qemu_version()}:", ""]
    for result in results:
        if result.ran:
            xen = f", Xen {result.hypervisor}" if result.hypervisor else ""
            lines.append(f"- {result.platform}: {result.status.lower()}, {result.banner}{xen}")
        else:
            lines.append(f"- {result.platform}: not run: {result.reason}")
    return lines


def _qemu_version():
    done = subprocess.run(
        [emulators.default(), "--version"], capture_output=True, text=True, check=False
    )
    return done.stdout.split("\n")[0].split(" (")[0] or "an unknown QEMU"


def _rows(table, members, results, notes):
    head = ["op", *(result.platform for result in results)]
    rows = [head, ["---"] * len(head)]
    rows += [[f"`{op.name}`", *(_cell(table, op, r, notes) for r in results)] for op in members]
    return ["| " + " | ".join(row) + " |" for row in rows]


def _cell(table, op, result, notes):
    outcomes = list(_outcomes(table, op, result).values())
    count = {s: sum(o["status"] == s for o in outcomes) for s in ("pass", "fail", "skip", "absent")}
    reasons = [o["reason"] for o in outcomes if o["status"] != "pass" and o.get("reason")]
    mark = " " + notes.mark(reasons) if reasons else ""
    if count["fail"]:
        return f"**FAIL** {count['pass']}/{len(outcomes)}{mark}"
    if not count["pass"]:
        return ("skip" + mark) if reasons else "**empty**"
    return f"{count['pass']}/{len(outcomes)}{mark}"


def _reasons(notes):
    legend = notes.legend()
    return ["", "## Not applicable", "",
            *("- " + line.strip() for line in legend[2:])] if legend else []
