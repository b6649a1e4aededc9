# SPDX-License-Identifier: MIT
"""Write the recording of a run that has ended (--record)."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from ..common import EXIT_USAGE, Trouble
from . import decode, layouts, raw, text
from .recorder import Recorder


@dataclass(frozen=True)
class Wanted:
    """The options --record FILE, --record-policy and --record-ops. several: the command makes more
    than one run, and each has a file of its own beside FILE."""

    path: Path
    policy: str = "wait"
    what: str = "ops"
    several: bool = False
    restores = False  # the machine is a copy of a saved one

    def path_for(self, label):
        if not self.several:
            return self.path
        return self.path.with_name(f"{self.path.stem}-{label}{self.path.suffix}")

    def recorder(self, mib, cpus):
        return Recorder(mib, cpus, self.policy, self.what)

    def check(self):
        """Raise Trouble now, and not after the run, if the file cannot be written."""
        if self.path.is_dir() or not os.access(self.path.parent, os.W_OK):
            raise Trouble(f"--record: cannot write {self.path}", EXIT_USAGE)


def save(path, recorder, about, image):
    """Write the file; return one line that says what is in it. about: header's fields."""
    known = layouts.read(image)
    decoder = decode.Decoder(known)
    header = {
        **about,
        "image": f"{about['image']} sha256={hashlib.sha256(image.read_bytes()).hexdigest()[:16]}",
        "ticks-per-second": f"{recorder.rate()} (estimated)",
        "ops": {"ops": "all but hot ones", "all": "all"}.get(recorder.what, "none"),
        "when-full": recorder.policy,
    }
    if recorder.broken:
        header["damaged"] = f"after {recorder.broken}"
    lost = sum(recorder.lost.values())
    partial = path.with_name(path.name + ".partial")
    with open(partial, "w", encoding="utf-8") as file:
        lines = (decoder.line(record) for record in raw.records(recorder.raw))
        count = text.write(file, header, lines, lost)
    partial.rename(path)
    recorder.raw.close()
    if not recorder.found:
        return f"{path}: no record: the image had not come as far as recording"
    return f"{path}: {count} records, {lost} lost"
