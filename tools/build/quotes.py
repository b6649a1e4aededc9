#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare the code that docs/ quotes with the source, or write the text of the source into it.

quotes.py --check [PAGE...]   print each quotation that differs; status 1 if there is one
quotes.py [PAGE...]           write the source's text into each quotation that differs
                              PAGE is a Markdown file; by default all below docs/.

A quotation is a block of code below a comment that names where its text is:

    <!-- quote pv/native/mmu.c native_set_pte -->
    <!-- quote boot/boot.c "first line" to "last line" -->

The first form quotes a function without the comment above it, the second all lines from the only
one that contains the first text to the next one that contains the second. If the second is "}" or
"};" the line has nothing else: it ends a function, a test or a struct. A changed source fails
the check, because the words around the quotation may be wrong then, too: read them before you write
the new text.
"""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from paravane.op import functions

ROOT = Path(__file__).resolve().parents[2]
_COMMENT = re.compile(r"^<!-- quote (?P<file>[\w./-]+) (?P<what>.*?) *-->$", re.M)
_CODE = re.compile(r"^```.*?^```$", re.M | re.S)
_BLOCK = re.compile(r"\n+```(?P<language>\w*)\n(?P<text>(?:.*\n)*?)```$", re.M)
_ENDS = ("}", "};")  # of a region: the whole line
_REGION = re.compile(r'^"(?P<first>.+)" to "(?P<last>.+)"$')


class QuoteError(Exception):
    """A quotation without a block, or whose text the source does not have."""


@dataclass(frozen=True)
class Quote:
    """One quotation. what: a function's name or a region; line: of its comment in the page, from 1;
    start, end: of the block's text in the page."""

    file: str
    what: str
    line: int
    start: int
    end: int
    text: str


def quotes(page):
    """Yield the Quotes of a page's text. A comment inside of a block of code is an example."""
    code = [block.span() for block in _CODE.finditer(page)]
    for comment in _COMMENT.finditer(page):
        if any(start <= comment.start() < end for start, end in code):
            continue
        line = 1 + page.count("\n", 0, comment.start())
        block = _BLOCK.match(page, comment.end())
        if not block:
            raise QuoteError(f"line {line}: no block of code follows {comment[0]}")
        yield Quote(comment["file"], comment["what"], line, *block.span("text"), block["text"])


def source(root, quote):
    """Return the text that the block of this Quote has to hold."""
    where = f"line {quote.line}: {quote.file}"
    if not (root / quote.file).is_file():
        raise QuoteError(f"{where} does not exist")
    region = _REGION.match(quote.what)
    if region:
        return _region((root / quote.file).read_text(), region["first"], region["last"], where)
    found = functions.find(root, quote.file, quote.what)
    if found is None:
        raise QuoteError(f"{where} has no function {quote.what}")
    return found.text + "\n"


def _region(text, first, last, where):
    lines = text.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if first in line]
    if len(starts) != 1:
        raise QuoteError(f"{where} has {len(starts)} lines with {first!r} in place of one")
    for end in range(starts[0], len(lines)):
        if lines[end].rstrip() == last or last not in _ENDS and last in lines[end]:
            return "".join(lines[starts[0]:end + 1])
    raise QuoteError(f"{where} has no line with {last!r} after the one with {first!r}")


def faults(root, page, text):
    """Yield a line for each quotation of the page (its path) that is not the source's text."""
    try:
        for quote in quotes(text):
            try:
                if quote.text != source(root, quote):
                    yield (
                        f"{page}:{quote.line}: {quote.file}, {quote.what}: the source has changed; "
                        f"read what {page} says about it, correct that, then run `make quotes`"
                    )
            except QuoteError as error:
                yield f"{page}: {error}"
    except QuoteError as error:
        yield f"{page}: {error}"


def refreshed(root, text):
    """Return the page's text with the source's text in each quotation."""
    for quote in reversed(list(quotes(text))):
        text = text[:quote.start] + source(root, quote) + text[quote.end:]
    return text


def _check(paths):
    found = [
        fault
        for path in paths
        for fault in faults(ROOT, path.relative_to(ROOT), path.read_text())
    ]
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


def _write(paths):
    for path in paths:
        text = path.read_text()
        try:
            new = refreshed(ROOT, text)
        except QuoteError as error:
            print(f"{path.relative_to(ROOT)}: {error}", file=sys.stderr)
            return 1
        if new != text:
            path.write_text(new)
            print(f"{path.relative_to(ROOT)}: written; read it before you commit it")
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("pages", nargs="*", type=Path)
    args = parser.parse_args()
    paths = [path.resolve() for path in args.pages] or sorted((ROOT / "docs").rglob("*.md"))
    return _check(paths) if args.check else _write(paths)


if __name__ == "__main__":
    sys.exit(main())
