# SPDX-License-Identifier: MIT
"""List what an image of this tree can run, for `./run.sh list`.

The values come from the sources, because the image's own registry (PAYLOAD) is made from them.
repros.py lists the repros.
"""

import re

from .common import ROOT

_PAYLOAD = re.compile(r"^PAYLOAD\((\w+),", re.M)
_WITH_ARGUMENT = {"app", "repro"}  # run=NAME:ARGUMENT


def names(root=ROOT):
    """Return the values that run= takes, without the repros."""
    found = set()
    for folder in ("kernel", "test"):
        for path in (root / folder).rglob("*.c"):
            found |= set(_PAYLOAD.findall(path.read_text(errors="replace")))
    apps = {path.stem for path in (root / "app").glob("*.c")}
    apps |= {path.parent.name for path in (root / "app").glob("*/*.c")}
    return sorted(found - _WITH_ARGUMENT) + [f"app:{name}" for name in sorted(apps)]
