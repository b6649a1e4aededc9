# SPDX-License-Identifier: MIT
"""A benchmark's Document as text, at most WIDTH columns wide: what was counted, what is noisy, and
how it compares with an earlier one."""

import textwrap

from .. import optable
from ..suite import matrix

WIDTH = 100
_NAME, _WHOLE_NAME = 24, 36
_COLUMNS = {"count": 9, "hypercalls": 8, "sites": 9}  # the room for a figure of each kind
_WHOLE = "whole operations"
_TITLES = {"count": "instructions", "hypercalls": "hypercalls", "sites": "call sites became"}

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


def render(document, ops, platforms, times=2):
    """Return the lines of all tables. platforms: those of which something was counted; times: how
    often each figure was."""
    lines = [f"{name}: not run: {reason}" for name, reason in document.skipped.items()]
    if platforms:
        lines += [
            "",
            "counted (-icount: the same in every run), the hypervisor's instructions included;",
            "the dearest op first",
        ]
        lines += _counted(document, ops, platforms)
        lines += _unpatched(document, ops, platforms)
        lines += _cycles(document, ops, platforms)
    lines += _seconds(document)
    lines += document.problems
    if platforms and not document.problems:
        what = "two runs counted the same on " if times == 2 else "each figure counted once on "
        lines += ["", what + ", ".join(platforms)]
    return lines


def _groups(document, ops):
    """Return [(title, names)]: the ops by class, then all other measurements."""
    others = [name for name in document.measurements if not name.startswith("op.")]
    groups = [(group, [f"op.{op}" for op in names]) for group, names in optable.groups(ops).items()]
    return [group for group in [*groups, (_WHOLE, others)] if group[1]]


def _counted(document, ops, platforms):
    kinds = {kind: _platforms_with(document, kind, platforms) for kind in _COLUMNS}
    notes = matrix.Notes()
    lines = []
    for title, names in _groups(document, ops):
        found = {
            name: document.measurements[name] for name in names if name in document.measurements
        }
        measured = sorted(name for name in found if found[name].count)
        if title != _WHOLE:
            measured.sort(key=lambda name: -max(found[name].count.values()))
        shown = {**kinds, "sites": []} if title == _WHOLE else kinds
        lines += _head(title, shown)
        lines += [_row(title, name, found[name], shown, notes) for name in measured]
        lines += _not_measured(found)
    return lines + notes.legend("notes:")


def _head(title, kinds):
    above = [(_TITLES[kind], len(on) * _COLUMNS[kind]) for kind, on in kinds.items() if on]
    below = [(name, _COLUMNS[kind]) for kind, on in kinds.items() for name in on]
    return ["", _line(title, title, above), _line(title, "", below)]


def _platforms_with(document, kind, platforms):
    """Return the platforms that have figures of this kind (for hypercalls: figures other than
    0)."""
    tables = [getattr(one, kind) for one in document.measurements.values()]
    return [name for name in platforms if any(table.get(name) for table in tables)]


def _row(group, name, found, kinds, notes):
    cells = [
        (_cell(kind, getattr(found, kind).get(platform)), _COLUMNS[kind])
        for kind, on in kinds.items()
        for platform in on
    ]
    remarks = [found.unit] if found.unit != "ticks" else []
    remarks += [f"{where}: {why}" for where, why in found.reason.items()]
    line = _line(group, "  " + name.removeprefix("op."), cells)
    return f"{line} {notes.mark(remarks)}" if remarks else line


def _cell(kind, value):
    if value is None:
        return "-"
    if kind == "hypercalls":
        return f"{value:.2f}".removesuffix(".00")
    if kind == "sites":
        return max(value, key=value.get) + "+" * (len(value) > 1)
    return str(value)


def _not_measured(found):
    """Return the lines on a group's ops that have no figure, by reason."""
    by_reason = {}
    for name, one in found.items():
        if not one.count:
            reason = "; ".join(dict.fromkeys(one.reason.values()))
            by_reason.setdefault(reason, []).append(name.removeprefix("op."))
    text = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in by_reason.items())
    return textwrap.wrap(f"not measured: {text}", WIDTH, initial_indent="  ",
                         subsequent_indent="    ") if text else []


def _line(group, name, cells):
    width = _WHOLE_NAME if group == _WHOLE else _NAME
    text = f"{name:{width}}"
    for cell, room in cells:
        width += room
        text = text.rstrip() + " " + cell.rjust(width - len(text.rstrip()) - 1)
    return text.rstrip()


def _unpatched(document, ops, platforms):
    """Return the lines that compare the cost of a call through the op table with that of a patched
    one."""
    rows = []
    for op in ops:
        found = document.measurements.get(f"op.{op}")
        if found and found.unpatched:
            both = [
                table.get(p, "-") for table in (found.unpatched, found.count) for p in platforms
            ]
            rows.append(_line("", f"  {op}", [(str(value), _COLUMNS["count"]) for value in both]))
    if not rows:
        return []
    width = len(platforms) * _COLUMNS["count"]
    names = [(name, _COLUMNS["count"]) for name in platforms]
    return ["",
            _line("", "what patching saves", [("through the table", width), ("patched", width)]),
            _line("", "", names * 2), *rows]  # fmt: skip


def _cycles(document, ops, platforms):
    """Return the lines of the table of cycles, one column for each platform."""
    if not any(one.cycles for one in document.measurements.values()):
        return []
    lines = [
        "",
        "cycles a call by this computer's TSC, median of some runs",
        "(noisy: this is an emulator's time, and whatever else runs here takes its share)",
    ]
    for title, names in _groups(document, ops):
        found = {n: document.measurements[n].cycles for n in names if n in document.measurements}
        measured = sorted(name for name in found if found[name])
        if title != _WHOLE:
            measured.sort(key=lambda name: -max(found[name].values()))
        lines += ["", _line(title, title, [(name, _COLUMNS["count"]) for name in platforms])]
        for name in measured:
            cells = [(str(found[name].get(p, "-")), _COLUMNS["count"]) for p in platforms]
            lines.append(_line(title, "  " + name.removeprefix("op."), cells))
    return lines


def _seconds(document):
    if not document.seconds:
        return []
    lines = [
        "",
        "seconds of an empty run, median of some (noisy: up to 2x); reference: a bare image to its "
        "first line",
        f"{'':9}  {'first line':>10}  {'reference':>10}  {'to verdict':>10}  {'process':>8}",
    ]
    for name, row in document.seconds.items():
        lines.append(
            f"{name:9}  {row['first_line']:10.3f}  {REFERENCE.get(name, '-'):>10}  "
            f"{row['to_verdict']:10.3f}  {row['process']:8.3f}"
        )
    return lines
