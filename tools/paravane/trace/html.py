# SPDX-License-Identifier: MIT
"""Write a recording as one page for a browser, which needs nothing beside it: a timeline for each
CPU, a search, and a list whose rows open to the record's fields."""

import json
from pathlib import Path

from .. import report
from . import events

_PAGE = Path(__file__).with_name("page.html")
_EVENTS_MAX = 200_000  # a browser has to keep all of them


def write(path, recording, chosen):
    """Write the page; of very long recordings, the last events."""
    report.write_text(path, page(recording, chosen))


def page(recording, chosen):
    """Return the text of the page."""
    kept = chosen[-_EVENTS_MAX:]
    data = {
        "header": recording.header,
        "rate": recording.ticks_per_second,
        "lost": recording.lost,
        "left": len(chosen) - len(kept),
        "problem": recording.problem,
        "events": [_row(event) for event in kept],
    }
    # "</script>" in a text of the guest's must not end the script.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return _PAGE.read_text(encoding="utf-8").replace("/*DATA*/null", text, 1)


def _row(event):
    line = event.line
    end = event.end.fields if event.end else {}
    more = {name: value for name, value in end.items() if name not in ("of", "result")}
    return [line.ticks, event.ticks, line.cpu, event.depth, line.kind, line.name,
            events.describe(event), event.result, int(event.is_error), line.sequence, line.fields,
            more]
