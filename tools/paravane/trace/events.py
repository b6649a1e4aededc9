# SPDX-License-Identifier: MIT
"""Join the lines of a recording to events: a call with its return is one event.

Calls of a CPU are nested: an op makes hypercalls, and an interrupt arrives in the middle of either.
A call whose return is missing never returned, or the recording ends before.
"""

from dataclasses import dataclass
from typing import Optional

from .text import Line

OPENS = {"call": "return", "op": "opreturn", "code": "codereturn"}
_SHORT = ("MMUEXT_", "XENMEM_", "GNTTABOP_", "EVTCHNOP_", "VCPUOP_", "SCHEDOP_", "XENVER_",
          "CONSOLEIO_", "HVMOP_", "PHYSDEVOP_", "CALLBACKOP_", "CALLBACKTYPE_", "SEGBASE_",
          "XENMAPSPACE_")
# xen/errno.h
_ERRORS = {1: "EPERM", 2: "ENOENT", 3: "ESRCH", 5: "EIO", 6: "ENXIO", 7: "E2BIG", 9: "EBADF",
           11: "EAGAIN", 12: "ENOMEM", 13: "EACCES", 14: "EFAULT", 16: "EBUSY", 17: "EEXIST",
           19: "ENODEV", 22: "EINVAL", 28: "ENOSPC", 34: "ERANGE", 38: "ENOSYS", 62: "ETIME",
           75: "EOVERFLOW", 85: "ERESTART", 95: "EOPNOTSUPP", 105: "ENOBUFS"}
_ENDS = ("shutdown", "halt", "iret", "sysret", "cpu_leave")  # ops that do not return
_ERROR_MAX = 4096
_WRITTEN_MAX = 4  # fields that a result shows
# Arguments whose memory is shown in their place, and counts that it makes plain.
_POINTERS = ("req", "ops", "arg", "table", "calls", "buffer", "frames", "op", "done")
_BY_ADDRESS = ("INVLPG_LOCAL", "INVLPG_MULTI", "INVLPG_ALL", "SET_LDT")
_WITHOUT = ("TLB_FLUSH_LOCAL", "TLB_FLUSH_ALL", "FLUSH_CACHE", "FLUSH_CACHE_GLOBAL")


@dataclass
class Event:
    """A call of a hypercall or op with its return, or a callback."""

    line: Line
    depth: int
    end: Optional[Line] = None

    @property
    def ticks(self):
        return self.end.ticks - self.line.ticks if self.end else 0

    @property
    def result(self):
        """Return the result as text; "?" if the call did not return."""
        if self.line.kind not in OPENS:
            return ""
        if not self.end:
            return "" if self.ends else "?"
        value = self.end.fields.get("result", self.end.fields.get("rax", ""))
        name = error_name(value)
        more = [f"{field.partition('.')[2] or field}={short(after)}"
                for field, after in self.written.items() if not field.startswith("done")]
        return " ".join([f"{value} {name}" if name else value, *more[:_WRITTEN_MAX]]).strip()

    @property
    def written(self):
        """Return the memory of arguments that the call has changed: {field: its value after}."""
        if not self.end or self.line.kind != "call":
            return {}
        return {name: value for name, value in self.end.fields.items()
                if name not in ("of", "result") and self.line.fields.get(name) != value}

    @property
    def is_error(self):
        value = self.end.fields.get("result", "") if self.end else ""
        if self.line.kind in OPENS and not self.end:
            return not self.ends
        return value.startswith("-") and value[1:].isdecimal() and int(value) >= -_ERROR_MAX

    @property
    def ends(self):
        """Return whether a call of this kind does not return."""
        return self.line.name in _ENDS or self.line.fields.get("cmd") == "SCHEDOP_shutdown"

    @property
    def is_call(self):
        return self.line.kind in ("call", "code")


def error_name(value):
    """Return the name of a negated error number, or ""."""
    if value.startswith("-") and value[1:].isdecimal():
        return _ERRORS.get(int(value[1:]), "")
    return ""


def join(lines):
    """Return the Events of Lines, in the order in which they began."""
    events, open_, depth = [], {}, {}
    for line in lines:
        of = line.fields.get("of")
        if line.kind in OPENS.values():
            event = open_.pop(of, None)
            if event:
                event.end = line
                depth[line.cpu] = event.depth
            continue
        event = Event(line, depth.get(line.cpu, 0))
        events.append(event)
        if line.kind in OPENS and not event.ends:
            open_[str(line.sequence)] = event
            depth[line.cpu] = event.depth + 1
    return events


def short(value):
    """Return a value without the prefix of Xen's header."""
    for prefix in _SHORT:
        if value.startswith(prefix):
            return value[len(prefix) :]
    return value


def describe(event):
    """Return "mmuext_op(PIN_L4_TABLE, mfn=0x1a3f)"."""
    line = event.line
    if line.kind == "callback":
        return f"<- {line.name}" + "".join(f" {k}={v}" for k, v in line.fields.items())
    if line.kind == "table":
        return (f"page table of {line.name}, mfn={line.fields.get('mfn')}, from address "
                f"{line.fields.get('va')}")
    if line.kind == "code":
        return f"{line.name}({', '.join(f'{k}={v}' for k, v in line.fields.items() if v != '0')})"
    if line.kind != "call":
        return f"{line.name}({', '.join(f'{k}={short(v)}' for k, v in line.fields.items())})"
    return f"{line.name}({', '.join(_arguments(line))})"


def _arguments(line):
    """Return the arguments of a hypercall: what a pointer refers to is shown in its place."""
    shown = []
    fields = line.fields
    for name, value in fields.items():
        if "." in name or "[" in name or name == "by":
            continue
        if name == "cmd":
            shown.append(short(value))
        elif name == "done" or (name == "domid" and value == "SELF"):
            continue
        elif name in _POINTERS:
            shown += _memory(name, fields) or ([] if value == "0" else [f"{name}={value}"])
        elif name in ("count", "entries", "start_info") and (value == "0" or _has(fields)):
            continue
        else:
            shown.append(f"{name}={short(value)}")
    return shown


def _has(fields):
    return any("[" in name or ".text" in name for name in fields)


def _memory(pointer, fields):
    """Return the memory of one pointer: fields of a struct, or elements in braces."""
    elements = {}
    for name, value in fields.items():
        head, _, rest = name.partition(".")
        base, bracket, index = head.partition("[")
        if base != pointer or (not rest and not bracket):
            continue
        elements.setdefault(index.rstrip("]") if bracket else "", {})[rest] = short(value)
    texts = [_struct(element) for element in elements.values()]
    if len(texts) > 1 and "" not in elements:
        return ["{" + ", ".join(text) + "}" for text in texts]
    return [word for text in texts for word in text]


def _struct(fields):
    if {"cmd", "arg1.mfn", "arg2.src_mfn"} <= set(fields):
        return _mmuext(fields)
    return [f"{name}={value}" if name not in ("", "text") else value
            for name, value in fields.items() if value != "0" or len(fields) == 1]


def _mmuext(fields):
    command = fields["cmd"]
    shown = [command]
    if command in _BY_ADDRESS:
        shown.append(f"linear_addr={fields['arg1.mfn']}")
    elif command not in _WITHOUT and "FLUSH" not in command:
        shown.append(f"mfn={fields['arg1.mfn']}")
    if fields["arg2.src_mfn"] != "0":
        shown.append(f"arg2={fields['arg2.src_mfn']}")
    return shown
