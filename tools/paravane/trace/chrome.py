# SPDX-License-Identifier: MIT
"""Write events in the Chrome trace event format, which Perfetto and chrome://tracing open: a track
for each CPU, a slice for each call, an instant for each callback."""

import json

from .. import report
from . import events

_PID = 1


def write(path, recording, chosen):
    """Write the file."""
    report.write_text(path, json.dumps(document(recording, chosen)) + "\n")


def document(recording, chosen):
    """Return what the file holds. The format's times are microseconds."""
    rate = recording.ticks_per_second or 1_000_000
    found = [{"ph": "M", "pid": _PID, "name": "process_name",
              "args": {"name": recording.header.get("platform", "paravane")}}]
    for cpu in sorted({event.line.cpu for event in chosen}):
        found.append({"ph": "M", "pid": _PID, "tid": cpu, "name": "thread_name",
                      "args": {"name": f"CPU {cpu}"}})
    for event in chosen:
        found.append(_event(event, rate))
    return {"traceEvents": found, "displayTimeUnit": "ns", "otherData": recording.header}


def _event(event, rate):
    line = event.line
    base = {"pid": _PID, "tid": line.cpu, "ts": line.ticks * 1e6 / rate, "cat": line.kind,
            "name": line.name, "args": {"record": line.sequence, "what": events.describe(event)}}
    if line.kind not in events.OPENS:
        return {**base, "ph": "i", "s": "t"}
    base["args"]["result"] = event.result
    return {**base, "ph": "X", "dur": event.ticks * 1e6 / rate}
