#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write docs/ops.md: every op with its class, backends and tests, and what became of the 89 calls
of 2007.

ops_doc.py            write docs/ops.md; in docs/ops-2007.tsv remove `planned:` before existing ops
ops_doc.py --check    fail, with a line for each reason, if the contract's comments do not agree
                      with the definitions and the callers (paravane/contract.py), if docs/ops.md
                      is not what would be written, or if docs/pitfalls.md names a test that does
                      not exist

The mapping must account for exactly 89 calls: each by ops of pv/ops.def, by `planned:NAME` as long
as (and only as long as) pv/ops.def has no NAME, or by a reason.
"""

import argparse
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from paravane import contract, optable
from paravane.optable import OpTableError

ROOT = Path(__file__).resolve().parents[2]
MAPPING, DOCUMENT = "docs/ops-2007.tsv", "docs/ops.md"
PITFALLS = "docs/pitfalls.md"
CALLS = 89
PLANNED = "planned:"
_BAR = "|"
XEN_HEADERS = os.environ.get("XEN_HEADERS", "/usr/include/xen")  # as in the Makefile

_HEAD = """\
# The ops

Written by `make docs` from the contract (`pv/ops.def` and the files in `pv/ops/`), the tables in
`pv/`, the suite in `test/` and `docs/ops-2007.tsv`; `make check` fails where it differs from them.
[ops-results.md](ops-results.md) has the results of a run of the suite, by op.
"""

_THEN = """\
## The {calls} calls of 2007

Linux 2.6.23 had one flat `struct paravirt_ops` for 32-bit x86: {but_one} function pointers with PAE
and the local APIC, and one more with page tables in high memory (`CONFIG_HIGHPTE`). The table has
them in its order. Of the {calls}, **{here}** exist here, **{planned}** are planned, and
**{none}** have no place in this kernel.
"""

_NOW = """\
## The {count} ops of Paravane

- *what* is the first sentence of the op's contract. The op's name leads to the rest.
- *context* and *status* are what `check=context` compares with every call and with what the op
  returns. The head of `pv/ops.def` defines the words.
- *used by* names the callers, if neither the kernel nor a program calls the op.
- A backend's column has the function in its table. A backend without its own shares another's.
- A test is listed under every op that it cites (`TEST` in `test/harness/test.h`).
"""


@dataclass(frozen=True)
class Call:
    """One call of 2007. targets: ops, or planned:NAME; empty if it has no place, for the reason in
    remark."""

    name: str
    targets: tuple
    remark: str


def parse_mapping(text):
    """Return the Calls of ops-2007.tsv's text."""
    calls = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        name, targets, remark = (line.split("\t") + ["", ""])[:3]
        if line.count("\t") not in (1, 2) or not re.fullmatch(r"\w+", name) or not targets:
            raise OpTableError(f"{MAPPING}:{number}: not call, ops and remark with tabs between")
        listed = () if targets == "-" else tuple(target.strip() for target in targets.split(","))
        calls.append(Call(name, listed, remark))
    return calls


def check_mapping(calls, ops):
    """Raise OpTableError unless the mapping has all calls and agrees with these ops."""
    names = [call.name for call in calls]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise OpTableError(f"{MAPPING}: twice: {', '.join(twice)}")
    if len(calls) != CALLS:
        raise OpTableError(f"{MAPPING}: accounts for {len(calls)} calls, not {CALLS}")
    for call in calls:
        if not call.targets and not call.remark:
            raise OpTableError(f"{MAPPING}: {call.name} has no place, and no reason is given")
        for target in call.targets:
            name = target.removeprefix(PLANNED)
            if target == name and name not in ops:
                raise OpTableError(f"{MAPPING}: {call.name}: pv/ops.def has no op {name}")
            if target != name and name in ops:
                raise OpTableError(
                    f"{MAPPING}: {call.name}: {name} is not planned any more: it exists"
                )


def promote(text, ops):
    """Return the mapping's text without `planned:` before ops that exist."""
    return re.sub(PLANNED + r"(\w+)", lambda m: m[1] if m[1] in ops else m[0], text)


def render(table, calls):
    """Return the text of docs/ops.md."""
    check_mapping(calls, table.ops)
    return "\n".join([_HEAD, *_then(calls), "", *_new(table, calls), "", *_now(table)]) + "\n"


def _then(calls):
    none = sum(not call.targets for call in calls)
    planned = sum(any(t.startswith(PLANNED) for t in call.targets) for call in calls)
    here = len(calls) - none - planned
    counts = {"calls": CALLS, "but_one": CALLS - 1, "here": here, "planned": planned, "none": none}
    rows = [(str(i), f"`{c.name}`", _targets(c), c.remark) for i, c in enumerate(calls, 1)]
    return [_THEN.format(**counts), *_table(("", "call of 2007", "here", "remark"), rows)]


def _targets(call):
    def show(target):
        name = target.removeprefix(PLANNED)
        return f"`{name}`" if name == target else f"planned: `{name}`"

    return ", ".join(show(target) for target in call.targets) or "no place"


def _new(table, calls):
    """Return the lines on the ops that none of the calls leads to."""
    known = {target for call in calls for target in call.targets}
    lines = ["## Ops that 2007 did not have", ""]
    for group, names in optable.groups(table.ops).items():
        new = ", ".join(f"`{name}`" for name in names if name not in known)
        if new:
            lines.append(f"- {group}: {new}")
    return lines


def _now(table):
    lines = [_NOW.format(count=len(table.ops))]
    backends = (backend.name for backend in table.backends)
    head = ("op", "what", "context", "status", "used by", *backends, "tests")
    for group, names in optable.groups(table.ops).items():
        lines += [f"### {group}", ""]
        lines += [*_table(head, [_row(table, table.ops[name]) for name in names]), ""]
    return lines[:-1]


def _row(table, op):
    functions = [_function(table, backend.functions[op.name]) for backend in table.backends]
    tests = [f"[{test.name}](../{test.file})" for test in table.citing(op.name)]
    name = f"[`{op.signature}`](../{op.where.split(':')[0]})"
    what = op.summary.replace("*", "\\*")
    return (name, what, ", ".join(op.rules), op.statuses, op.used_by, *functions,
            "<br>".join(tests))


def _function(table, name):
    return f"[`{name}`](../{table.files[name]})" if name in table.files else f"`{name}`"


def _table(head, rows):
    def line(cells):
        return "| " + " | ".join(cell.replace(_BAR, "\\" + _BAR) for cell in cells) + " |"

    return [line(head), line(["---"] * len(head)), *map(line, rows)]


def check_pitfalls(text, tests):
    """Raise OpTableError unless every `group.test` that the text names is a test of the suite."""
    for name in re.findall(r"`([a-z]+\.[a-z0-9_]+)`", text):
        if name not in tests:
            raise OpTableError(f"{PITFALLS} names the test {name}, which does not exist")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    try:
        return _check() if args.check else _write()
    except (OpTableError, OSError) as error:
        print(f"ops_doc: {error}", file=sys.stderr)
        return 1


def _write():
    table = optable.read(ROOT)
    text = (ROOT / MAPPING).read_text()
    promoted = promote(text, table.ops)
    document = render(table, parse_mapping(promoted))
    if promoted != text:
        (ROOT / MAPPING).write_text(promoted)
    (ROOT / DOCUMENT).write_text(document)
    return 0


def _check():
    table = optable.read(ROOT)
    wrong = list(contract.faults(ROOT, table.ops, Path(XEN_HEADERS)))
    if wrong:
        raise OpTableError("the contract:\n" + "\n".join(wrong))
    document = render(table, parse_mapping((ROOT / MAPPING).read_text()))
    path = ROOT / DOCUMENT
    if not path.exists() or path.read_text() != document:
        raise OpTableError(f"{DOCUMENT} differs from the sources: `make docs` writes it")
    check_pitfalls((ROOT / PITFALLS).read_text(), {test.name for test in table.tests})
    return 0


if __name__ == "__main__":
    sys.exit(main())
