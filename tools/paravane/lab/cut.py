# SPDX-License-Identifier: MIT
"""Cut the body out of a function by its name, or put another one in its place."""

from ..common import Trouble
from ..op import functions


def find(root, lab):
    """Return the text of a lab's function in the tree at root, without the comment above it."""
    found = functions.find(root, lab.file, lab.function)
    if found is None:
        raise Trouble(f"lab {lab.name}: {lab.file} has no function {lab.function}")
    return found.text


def with_body(function, body):
    """Return a function's text with this body: lines without the braces."""
    at = function.index("{")
    while function[at : at + 2] != "{\n":
        at = function.index("{", at + 1)
    return function[:at] + "{\n" + body.strip("\n") + "\n}"


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
    function = find(root, lab)
    return replace((root / lab.file).read_text(), function, with_body(function, stub(lab)))


def solved(root, lab, body):
    """Return the same with this body."""
    function = find(root, lab)
    return replace((root / lab.file).read_text(), function, with_body(function, body))
