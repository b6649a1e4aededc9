# SPDX-License-Identifier: MIT
"""The file format of recordings: text, one record a line. docs/trace.md has its rules.

The parser's input may be any file. Its memory is bounded by the number of lines that it accepts and
by their length, and whatever is wrong ends in Bad, which names the line and what can still be read.
"""

import re
from dataclasses import dataclass, field

FORMAT = 1
MAGIC = "paravane-trace"
LINE_MAX = 1 << 19  # characters; 512 requests of mmu_update take 50,000
LINES_MAX = 20_000_000
_HEADER_MAX = 64  # lines
KINDS = ("call", "return", "op", "opreturn", "callback", "code", "codereturn", "table",
         "frames", "unknown")
NAME = re.compile(r"[A-Za-z_0-9]{1,64}$")
_KEY = re.compile(r"[a-z][a-z-]{0,31}$")
_FIELD = re.compile(r"([A-Za-z_0-9][\w.\[\]]{0,127})="
                    r'("(?:[^"\\\x00-\x1f]|\\["\\nrt]|\\x[0-9a-f]{2})*"'
                    r"|[\w:+\-.?]{1,65536})(?: |$)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_END = re.compile(r"end records=(\d{1,12}) lost=(\d{1,12})$")


class Bad(Exception):
    """What is wrong with a recording. `rest`: what of it can still be used."""

    def __init__(self, what, rest=""):
        super().__init__(what)
        self.rest = rest


@dataclass
class Line:
    """One record."""

    sequence: int
    ticks: int
    cpu: int
    kind: str
    name: str
    fields: dict

    def __str__(self):
        words = [str(self.sequence), str(self.ticks), str(self.cpu), self.kind, self.name]
        return " ".join(words + [f"{name}={value}" for name, value in self.fields.items()])


@dataclass
class Recording:
    """A file: its header, its lines, and its end."""

    header: dict = field(default_factory=dict)
    lines: list = field(default_factory=list)
    lost: int = 0
    problem: str = ""  # why the end of the file is missing; the lines are good

    @property
    def ticks_per_second(self):
        word = self.header.get("ticks-per-second", "0").split()[0]
        return int(word) if word.isdecimal() else 0


def quoted(data):
    """Return bytes as a quoted text."""
    out = []
    for byte in data:
        char = chr(byte)
        short = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}.get(char)
        out.append(short or (char if 32 <= byte < 127 else f"\\x{byte:02x}"))
    return '"' + "".join(out) + '"'


def unquoted(text):
    """Return the bytes of a quoted text."""
    found = re.sub(r"\\(x[0-9a-f]{2}|.)",
                   lambda m: chr(int(m[1][1:], 16)) if m[1][0] == "x" and len(m[1]) == 3
                   else _ESCAPES[m[1]], text[1:-1])
    return found.encode("latin-1")


def write(file, header, lines, lost):
    """Write a recording; return how many records it has. lines: any iterable of Lines."""
    file.write(f"{MAGIC} {FORMAT}\n")
    for key, value in header.items():
        file.write(f"{key} {' '.join(str(value).split()) or '-'}\n")
    file.write("\n")
    count = 0
    for line in lines:
        file.write(f"{line}\n")
        count += 1
    file.write(f"end records={count} lost={lost}\n")
    return count


def parse_line(text):
    """Return the Line of a text, or raise ValueError with the reason."""
    words = text.split(" ", 5)
    if len(words) < 5 or not all(word.isdecimal() and len(word) < 20 for word in words[:3]):
        raise ValueError("it does not begin with SEQUENCE TICKS CPU KIND NAME")
    kind, name = words[3], words[4]
    if kind not in KINDS:
        raise ValueError(f"{kind[:32]!r} is not a kind of record")
    if not NAME.match(name):
        raise ValueError(f"{name[:32]!r} is not a name")
    return Line(int(words[0]), int(words[1]), int(words[2]), kind, name,
                _fields(words[5] if len(words) > 5 else ""))


def _fields(text):
    fields, at = {}, 0
    while at < len(text):
        match = _FIELD.match(text, at)
        if not match:
            raise ValueError(f"{text[at:at + 40]!r} is not NAME=VALUE")
        if match[1] in fields:
            raise ValueError(f"{match[1]} is there twice")
        fields[match[1]] = match[2]
        at = match.end()
    return fields


def read(stream, keep=True):
    """Return the Recording of a binary stream, or raise Bad. A file whose end is missing, or whose
    last lines are damaged, is a Recording with a problem: what precedes is good. keep: False only
    checks."""
    numbered = enumerate(_text_lines(stream), 1)
    recording = Recording(_header(numbered))
    ended, last = False, 0
    for at, text in numbered:
        end = _END.match(text)
        if end:
            ended = True
            recording.lost = int(end[2])
            if int(end[1]) != len(recording.lines):
                recording.problem = (f"its last line counts {end[1]} records, but there are "
                                     f"{len(recording.lines)}")
            break
        if not text or text.startswith("#"):
            continue
        try:
            line = parse_line(text)
        except ValueError as error:
            recording.problem = f"line {at}: {error}"
            break
        if line.sequence <= last:
            recording.problem = f"line {at}: record {line.sequence} follows record {last}"
            break
        last = line.sequence
        if keep:
            recording.lines.append(line)
        if len(recording.lines) > LINES_MAX:
            raise Bad(f"it has more than {LINES_MAX} records")
    if not ended and not recording.problem:
        recording.problem = "its last line, 'end records=…', is missing: it is cut short"
    return recording


def _text_lines(stream):
    while True:
        data = stream.readline(LINE_MAX)
        if not data:
            return
        if len(data) >= LINE_MAX and not data.endswith(b"\n"):
            yield "\0too long"
            return
        yield data.decode("utf-8", "replace").rstrip("\n").rstrip("\r")


def _header(numbered):
    at, first = next(numbered, (0, ""))
    words = first.split(" ")
    if words[0] != MAGIC or len(words) != 2 or not words[1].isdecimal() or len(words[1]) > 6:
        raise Bad(f"it is not a recording: its first line is not '{MAGIC} {FORMAT}'")
    if int(words[1]) > FORMAT:
        raise Bad(f"it has format {words[1]}, and this tool reads up to {FORMAT}",
                  "read it with the run.sh of the tree that recorded it")
    header = {"format": words[1]}
    for at, text in numbered:
        if not text:
            return header
        key, _, value = text.partition(" ")
        if not _KEY.match(key) or not value or key in header or at > _HEADER_MAX:
            raise Bad(f"line {at} of its header is not 'KEY VALUE'")
        header[key] = value
    raise Bad("it ends in its header: it has no records")
