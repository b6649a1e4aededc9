#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reject source lines that are too wide (docs/style.md, "Code").

columns.py [PATH...]   print each line above its limit; status 1 if there is one.
                       PATH is a file or a folder; by default the whole tree.

A tab fills up to the next multiple of 8 columns. flake8 checks Python.
"""

import subprocess
import sys

LIMIT = 100
SUFFIXES = (".c", ".h", ".S", ".inc", ".def", ".ld")


def wide_lines(text, limit=LIMIT):
    """Yield (line number, columns) of each line of the text that is wider than the limit."""
    for number, line in enumerate(text.splitlines(), 1):
        columns = len(line.expandtabs(8))
        if columns > limit:
            yield number, columns


def main(paths):
    """Check the files of Git's index at these paths; return whether a line is too wide."""
    command = ["git", "ls-files", "--", *paths]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = False
    for path in listed.split("\n"):
        if path.endswith(SUFFIXES):
            with open(path, encoding="utf-8") as file:
                for number, columns in wide_lines(file.read()):
                    print(f"{path}:{number}: {columns} columns; wrap it at {LIMIT} (docs/style.md)")
                    found = True
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
