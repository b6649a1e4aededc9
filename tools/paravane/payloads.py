# SPDX-License-Identifier: MIT
"""What an image built from this tree can run, for `list`: read from the sources, since the image's own registry
(PAYLOAD) is made from them. The reproductions are listed by repros.py."""

import re

from .common import ROOT

_PAYLOAD = re.compile(r"^PAYLOAD\((\w+),", re.M)
_WITH_ARGUMENT = {"app", "repro"}  # run=NAME:ARGUMENT


def names(root=ROOT):
    """The values that run= takes, without the reproductions."""
    found = set()
    for folder in ("kernel", "test"):
        for path in (root / folder).rglob("*.c"):
            found |= set(_PAYLOAD.findall(path.read_text(errors="replace")))
    apps = {path.stem for path in (root / "app").glob("*.c")}
    apps |= {path.parent.name for path in (root / "app").glob("*/*.c")}
    return sorted(found - _WITH_ARGUMENT) + [f"app:{name}" for name in sorted(apps)]
