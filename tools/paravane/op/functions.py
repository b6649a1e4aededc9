# SPDX-License-Identifier: MIT
"""Find the text of a function in a C or assembly file: where it begins, with the comment above it,
and its lines."""

import re
from dataclasses import dataclass

_C_START = (
    r"^(?:__attribute__\(\(\w+\)\) )?(?:[A-Za-z_][\w *]*?[ *])?{name}\([^;{{}}]*\)[^;{{}}]*\{{"
)
_C_ALIAS = r"^(?:[A-Za-z_][\w *]*?[ *])?{name}\([^;{{}}]*\)\s*__attribute__\(\(alias[^;]*;"
_MACRO_USE = r"^[A-Z_]+\(.*\b{name}\b.*\)$"
_LABEL = re.compile(r"^\w+:", re.M)
_ASM_MACRO = r"^\s*(?:FUNCTION|ENTRY|[a-z_]+)\s+{name}\b"


@dataclass(frozen=True)
class Function:
    """A function's text. line: of its first line in the file, from 1; text: without its comment."""

    name: str
    file: str
    line: int
    text: str

    @property
    def where(self):
        return f"{self.file}:{self.line}"


def find(root, file, name):
    """Return the Function of this name in the file of the tree at root, or None."""
    text = (root / file).read_text()
    span = _assembly(text, name) if file.endswith((".S", ".inc")) else _c(text, name)
    if span is None:
        return None
    start, end = span
    return Function(name, file, 1 + text.count("\n", 0, start), text[start:end].rstrip())


def _c(text, name):
    for pattern in (_C_START, _C_ALIAS, _MACRO_USE):
        match = re.search(pattern.format(name=re.escape(name)), text, re.M)
        if match:
            return (
                match.start(),
                _end_of_body(text, match.end()) if pattern is _C_START else match.end(),
            )
    return None


def _end_of_body(text, start):
    """A function's last line is its first one that begins with a brace, unless all of it is on one
    line."""
    line_end = text.find("\n", start)
    if text[start:line_end].rstrip().endswith("}"):
        return line_end
    close = text.find("\n}", start)
    return close + 2 if close >= 0 else len(text)


def _assembly(text, name):
    """From the label to the line before the next label that is not local, or before a directive for
    another one."""
    match = re.search(rf"^{re.escape(name)}:", text, re.M) or re.search(
        _ASM_MACRO.format(name=re.escape(name)), text, re.M
    )
    if not match:
        return None
    end = len(text)
    for pattern in (_LABEL, re.compile(r"^\s*\.globl\b|^/\*|^\s*FUNCTION\b", re.M)):
        following = pattern.search(text, match.end() + 1)
        end = min(end, following.start() if following else end)
    return match.start(), end
