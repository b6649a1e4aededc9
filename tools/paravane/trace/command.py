# SPDX-License-Identifier: MIT
"""`./run.sh trace FILE`: print a recording, summarise it, or write it for a browser."""

import fnmatch
import shutil
import sys

from ..commandline import Parser, add, number, not_empty
from ..common import EXIT_PASS, EXIT_USAGE, Trouble
from . import chrome, events, html, text

_CPUS_MAX = 255
_FLAG = {"action": "store_true"}
_OPTIONS = {
    "--calls": _FLAG,
    "--errors": _FLAG,
    "--cpu": {"type": number("CPU", 0, _CPUS_MAX), "action": "append"},
    "--op": {"type": not_empty, "action": "append"},
    "--last": {"type": number("events", 1, 1 << 30)},
    "--full": _FLAG,
    "--summary": _FLAG,
    "--chrome": {"type": not_empty},
    "--html": {"type": not_empty},
}


def run(args, caller):
    """Run the command; return the exit code: 2 for a file that is damaged."""
    parser = Parser("trace")
    parser.add_argument("file")
    add(parser, _OPTIONS)
    asked = parser.parse_args(args)
    recording = load(caller / asked.file, asked.file)
    chosen = choose(events.join(recording.lines), asked)
    if asked.chrome:
        chrome.write(caller / asked.chrome, recording, chosen)
        print(f"{asked.chrome}: {len(chosen)} events, for Perfetto or chrome://tracing")
    if asked.html:
        html.write(caller / asked.html, recording, chosen)
        print(f"{asked.html}: {len(chosen)} events, for a browser")
    if asked.summary:
        print("\n".join(summary(recording, chosen)))
    elif not asked.chrome and not asked.html:
        width = 0 if asked.full else shutil.get_terminal_size((100, 24)).columns
        shown = chosen[-asked.last :] if asked.last else chosen
        for line in table(recording, shown, width):
            print(line)
    if recording.problem:
        print(f"run.sh: trace: {asked.file}: {recording.problem}; the {len(recording.lines)} "
              "records before that are as they were recorded", file=sys.stderr)
        return EXIT_USAGE
    return EXIT_PASS


def load(path, name):
    """Return the Recording of a file, or raise Trouble."""
    try:
        with open(path, "rb") as stream:
            return text.read(stream)
    except text.Bad as bad:
        rest = f"; {bad.rest}" if bad.rest else ""
        raise Trouble(f"trace: {name}: {bad}{rest}", EXIT_USAGE) from bad
    except OSError as error:
        raise Trouble(f"trace: cannot read {name}: {error.strerror}", EXIT_USAGE) from error


def choose(found, asked):
    """Return the events that the filters let through."""
    kept = []
    for event in found:
        if asked.calls and not event.is_call:
            continue
        if asked.errors and not event.is_error:
            continue
        if asked.cpu and event.line.cpu not in asked.cpu:
            continue
        if asked.op and not any(fnmatch.fnmatchcase(event.line.name, one) for one in asked.op):
            continue
        kept.append(event)
    return kept


def clock(recording):
    """Return (a function that makes text of ticks, its unit)."""
    rate = recording.ticks_per_second
    if rate:
        return (lambda ticks: f"{ticks * 1000 / rate:.3f}"), "ms"
    return str, "ticks"


def table(recording, chosen, width):
    """Yield the lines of the listing; width 0: as wide as they are."""
    show, unit = clock(recording)
    yield f"{unit:>12} cpu  event"
    for event in chosen:
        indent = "  " * min(event.depth, 8)
        result = f" = {event.result}" if event.line.kind != "callback" and event.result else ""
        what = events.describe(event)
        head = f"{show(event.line.ticks):>12} {event.line.cpu:3}  {indent}"
        room = width - len(head) - len(result)
        if width and len(what) > room:
            what = what[: max(8, room - 1)] + "…"
        yield head + what + result
    if recording.lost:
        yield f"{recording.lost} records were lost: the rings were full"


def summary(recording, chosen):
    """Return the lines of a summary: each kind of event with its number, errors and time."""
    rows = {}
    for event in chosen:
        name = event.line.name
        if event.is_call and event.line.fields.get("cmd"):
            name += f" {events.short(event.line.fields['cmd'])}"
        elif "ops[0].cmd" in event.line.fields:
            name += f" {events.short(event.line.fields['ops[0].cmd'])}"
        row = rows.setdefault((event.line.kind, name), [0, 0, 0])
        row[0] += 1
        row[1] += event.is_error
        row[2] += event.ticks
    show, unit = clock(recording)
    lines = [f"{key}: {value}" for key, value in recording.header.items() if key != "format"]
    lines += ["", f"{'number':>9} {'errors':>7} {unit:>12}  what (time with all that it called)"]
    order = {"call": 0, "code": 0, "op": 1, "callback": 2}
    for (kind, name), row in sorted(rows.items(),
                                    key=lambda item: (order.get(item[0][0], 3), -item[1][0])):
        lines.append(f"{row[0]:9} {row[1]:7} {show(row[2]):>12}  {kind} {name}")
    lines.append(f"{sum(row[0] for row in rows.values())} events, {recording.lost} records lost")
    return lines
