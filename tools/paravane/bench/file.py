# SPDX-License-Identifier: MIT
"""The results of a benchmark as a document, which can be written to a file and read again.

The format is stable, and described in docs/bench.md. Each measurement is one line, so that git
shows the difference between two files.
"""

import json
import re
import subprocess
from dataclasses import asdict, dataclass, field

from ..common import EXIT_USAGE, Trouble, short
from ..run import emulators

FORMAT = "paravane-bench"
VERSION = 1
_COMPILER = re.compile(rb"\b(GNU C\d+ [\d.]+|clang version [\w.]+)")  # in the debug information


@dataclass
class Measurement:
    """One measurement; each dictionary is by platform. count, in units, hypercalls and unpatched,
    the count of a call through the table, are deterministic; cycles are noisy; sites: how many of
    the op's call sites became what; reason: why nothing was measured."""

    unit: str = ""
    count: dict = field(default_factory=dict)
    hypercalls: dict = field(default_factory=dict)
    unpatched: dict = field(default_factory=dict)
    cycles: dict = field(default_factory=dict)
    sites: dict = field(default_factory=dict)
    reason: dict = field(default_factory=dict)


@dataclass
class Document:
    """All that one command has measured. made_by: the versions that a count depends on; path: the
    file from which it was read."""

    path: str = ""
    made_by: dict = field(default_factory=dict)
    seconds: dict = field(default_factory=dict)  # noisy, by platform
    skipped: dict = field(default_factory=dict)  # platform: why
    problems: list = field(default_factory=list)
    measurements: dict = field(default_factory=dict)  # name: Measurement

    @staticmethod
    def new(image):
        return Document(made_by=_versions(image))

    def counted(self):
        """Return the platforms of which something was counted."""
        return list(dict.fromkeys(p for one in self.measurements.values() for p in one.count))

    def measurement(self, name):
        return self.measurements.setdefault(name, Measurement())

    def add_counts(self, platform, figures):
        """Add one platform's figures, as ktap.Transcript.bench has them."""
        for name, figure in figures.items():
            found = self.measurement(name)
            if "value" not in figure:
                found.reason[platform] = figure["reason"]
                continue
            found.unit = figure["unit"]
            found.count[platform] = figure["value"]
            if "hypercalls" in figure:
                found.hypercalls[platform] = figure["hypercalls"]


def _versions(image):
    """Return the versions of the image's compiler and of the emulator, as they report them."""
    debug = image.with_name(image.stem + ".debug.elf")
    compiler = _COMPILER.search(debug.read_bytes()) if debug.exists() else None
    try:
        said = subprocess.run(
            [emulators.default(), "--version"], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        said = ""
    return {
        "compiler": compiler[1].decode() if compiler else "?",
        "qemu": said.splitlines()[0] if said else "?",
    }


def write(path, document):
    """Write the document to a file; raise Trouble if that fails."""
    head = {"format": FORMAT, "version": VERSION, **asdict(document)}
    measurements = head.pop("measurements")
    del head["path"]
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    rows = [
        f"  {json.dumps(name)}: {json.dumps(_without_empty(measurements[name]))}"
        for name in sorted(measurements)
    ]
    lines.append(' "measurements": {\n' + ",\n".join(rows) + "\n }")
    try:
        path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    except OSError as error:
        raise Trouble(f"cannot write {path}: {error.strerror}", EXIT_USAGE) from error


def _without_empty(found):
    return {key: value for key, value in found.items() if value}


def read(path):
    """Return the Document of a file. Raise Trouble (EXIT_USAGE) with one line that names the
    fault."""
    try:
        text = path.read_text()
    except OSError as error:
        raise _bad(path, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _bad(path, "is not text") from error
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _bad(path, f"is not JSON: {error}") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise _bad(path, "was not written by ./run.sh bench --json")
    if said.get("version") != VERSION:
        raise _bad(
            path,
            f"has version {said.get('version')!r} of the format, not {VERSION}; write a new one",
        )
    found = said.get("measurements")
    if not isinstance(found, dict) or not all(_is_measurement(one) for one in found.values()):
        raise _bad(path, "holds a measurement that is none")
    made_by = said.get("made_by")
    return Document(
        path=short(path),
        made_by=made_by if isinstance(made_by, dict) else {},
        measurements={name: Measurement(**one) for name, one in found.items()},
    )


def _is_measurement(one):
    if not isinstance(one, dict) or not one.keys() <= Measurement.__dataclass_fields__.keys():
        return False
    tables = {key: value for key, value in one.items() if key != "unit"}
    if not isinstance(one.get("unit", ""), str) or not all(
        isinstance(t, dict) for t in tables.values()
    ):
        return False
    numbers = [n for key in ("count", "hypercalls", "unpatched",
                             "cycles") for n in tables.get(key, {}).values()]
    return all(_is_number(n) for n in numbers)


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def _bad(path, what):
    return Trouble(f"--against: {short(path)} {what}", EXIT_USAGE)
