# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: every command of docs/tour.md prints what the page shows."""

import re
import shlex

from ..common import EXIT_FAIL, EXIT_PASS, ROOT
from .step import RUN_LIMIT, Step

PAGE = ROOT / "docs" / "tour.md"


def steps(_scratch):
    for command, lines in commands(PAGE.read_text()):
        failing = any(line.startswith("not ok") for line in lines)
        argv = [*shlex.split(command), *RUN_LIMIT]
        yield Step(f"tour: {command}", argv, EXIT_FAIL if failing else EXIT_PASS, pattern(lines))


def commands(text):
    """Yield (command, the lines that it prints) for each block that begins with a prompt."""
    for block in re.findall(r"(?ms)^```\n\$ (.*?)^```$", text):
        command, *lines = block.splitlines()
        yield command, lines


def pattern(lines):
    """Return a regular expression for these lines in this order, with other lines between them. …
    matches anything on a line."""
    whole = (".*".join(re.escape(part) for part in line.split("…")) for line in lines)
    return r"(?m)" + r"(?:.|\n)*?".join(f"^(?:\\(d0\\) \\[[^]]*\\] )?{line}$" for line in whole)
