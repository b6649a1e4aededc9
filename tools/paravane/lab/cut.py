# SPDX-License-Identifier: MIT
"""Cut the body out of a function by its name, or put another one in its place.

In C that is what is between a function's braces. In assembly it is what is between .macro and
.endm, or a patch template as a whole (pv/patch/templates.inc); in a copy two comments show where
that was.
"""

import re

from ..common import Trouble
from ..op import functions

_MACRO = r"^\t\.macro\t{name}\b.*?\n\t\.endm$"
_TEMPLATE = r"^\ttemplate\w*\s+{name}\b(?:[^\n]*\\\n)*[^\n]*$"
_FIRST, _LAST = "/* The template of {name} */", "/* The template ends */"
_MARKED = re.escape(_FIRST) + r".*?" + re.escape(_LAST)


def find(root, lab):
    """Return the text of a lab's function in the tree at root, without the comment above it."""
    found = _in_assembly(root, lab) if lab.is_assembly else _in_c(root, lab)
    if found is None:
        raise Trouble(f"lab {lab.name}: {lab.file} has no function {lab.function}")
    return found


def _in_c(root, lab):
    found = functions.find(root, lab.file, lab.function)
    return found.text if found else None


def _in_assembly(root, lab):
    text = (root / lab.file).read_text()
    name = re.escape(lab.function)
    for pattern in (_MARKED.replace(re.escape("{name}"), name), _MACRO, _TEMPLATE):
        match = re.search(pattern.replace("{name}", name), text, re.M | re.S)
        if match:
            return match[0]
    return None


def is_template(function):
    """Return whether a function's text is a patch template, which has no first and last line of its
    own."""
    return function.startswith("\ttemplate")


def with_body(function, body, name=""):
    """Return a function's text with this body: lines without the braces, or what stands for them in
    assembly."""
    body = body.strip("\n")
    if is_template(function):
        return "\n".join([_FIRST.format(name=name), body, _LAST])
    if function.startswith(("\t.macro", "/*")):
        lines = function.splitlines()
        return "\n".join([lines[0], body, lines[-1]])
    at = function.index("{")
    while function[at : at + 2] != "{\n":
        at = function.index("{", at + 1)
    return function[:at] + "{\n" + body + "\n}"


def body_of(function):
    """Return the lines between the braces of a C function's text."""
    return function[len(with_body(function, "")) - 2 : -1].strip("\n")


def replace(text, old, new):
    """Return a file's text with one function's text in place of another."""
    if text.count(old) != 1:
        raise Trouble("the function's text occurs more than once in its file")
    return text.replace(old, new)


def stub(lab):
    """Return the body of the cut function: a mark, and what makes it compile."""
    return f"    /* Lab {lab.name}: write this. ./run.sh lab check {lab.name} */\n{lab.stub}"


def cut(root, lab):
    """Return the text of the lab's file in the tree at root, with the function's body cut out."""
    return solved(root, lab, stub(lab))


def solved(root, lab, body):
    """Return the same with this body."""
    function = find(root, lab)
    new = with_body(function, body, lab.function)
    return replace((root / lab.file).read_text(), function, new)
