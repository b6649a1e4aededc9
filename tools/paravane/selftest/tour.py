# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: every command of docs/tour.md, docs/shell.md and the guide's chapters
prints what the page shows."""

import re
import shlex

from ..common import EXIT_FAIL, EXIT_PASS, EXIT_USAGE, ROOT
from .step import RUN_LIMIT, Step

DOCS = ROOT / "docs"


def pages(docs=DOCS):
    """Yield (name, path) of each page whose commands are run: the tour, the monitor, the guide."""
    yield "tour", docs / "tour.md"
    yield "shell", docs / "shell.md"
    for path in sorted((docs / "guide").glob("*.md")):
        yield f"guide {path.stem}", path


def steps(_scratch):
    seen = set()
    for name, path in pages():
        for command, lines in commands(path.read_text()):
            if (command, *lines) in seen:
                continue
            seen.add((command, *lines))
            argv = [*shlex.split(command), *RUN_LIMIT]
            yield Step(f"{name}: {command}", argv, status(lines), pattern(lines))


def status(lines):
    """Return the status that a command ends with if it prints these lines."""
    shown = "\n".join(lines)
    failure = r"(?m)^(not ok|paravane: verdict FAIL|run\.sh: \S+: FAIL| +\S+ xen-\S+ \S+ +bad )"
    if re.search(failure, shown):
        return EXIT_FAIL
    return EXIT_USAGE if re.search(r"(?m)^paravane: verdict ERROR", shown) else EXIT_PASS


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
