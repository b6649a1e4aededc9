# SPDX-License-Identifier: MIT
"""Check that each variable of pv/, mm/, kernel/ and drivers/ that outlives a call has a comment on
who may use it when.

Several CPUs, threads and interrupts may use such a variable. The reason why that is safe is in the
comment above the variable, above the group of variables (no empty line in between) to which it
belongs, or beside it. The comment has one of these labels:

    Written:     when, and by which context; after that it is only read, or used by that
                 context only
    Guarded by:  the lock, or the rule that lets one context at a time in
    Per CPU:     each CPU uses its own element; which other CPU reads it, and why that is safe
    Atomic:      one word, read and written whole; why no more is needed
"""

import re

LABEL = re.compile(r"\b(Written|Guarded by|Per CPU|Atomic): \S")
FOLDERS = ("pv", "mm", "kernel", "drivers")


def unexplained(sources):
    """Yield one line for each writable variable without an argument. sources: {source path: what
    nm lists of its object, (kind, name)}."""
    for source, names in sorted(sources.items()):
        if source.suffix != ".c" or source.parts[0] not in FOLDERS:
            continue
        lines = source.read_text().splitlines()
        for name in variables(names):
            at = declaration(lines, name)
            if at is None:
                yield f"{source}: cannot find the declaration of {name}"
            elif not LABEL.search(comment_of(lines, at)):
                yield (f"{source}:{at + 1}: {name}: no argument why it may be shared "
                       "(tools/build/shared_state.py has the labels)")


def variables(names):
    """Yield the names of the variables in writable sections, without the numbers that the compiler
    adds to function-local ones."""
    for kind, name in names:
        match = re.match(r"([A-Za-z_]\w*)(?:\.\d+)?$", name)
        if kind in "bBdD" and match:
            yield match[1]


def declaration(lines, name):
    """Return the index of the line that defines a variable: at column 0, after the brace of its
    struct, or static in a function."""
    word = re.compile(rf"(?<![\w.>\"]){re.escape(name)}\b(?!\s*\()")
    starts = re.compile(r"(?!extern|typedef|return|#|/\*| \*)([A-Za-z_]\w*|\})\s|\s+static\s")
    continued = False  # a declaration that goes over several lines
    for at, line in enumerate(lines):
        code = re.sub(r'/\*.*?(\*/|$)|"[^"]*"', "", line)
        begins = bool(starts.match(code))
        found = word.finditer(code.split("=")[0]) if begins or continued else ()
        if any(not _is_constant_or_parameter(code[: match.start()]) for match in found):
            return at
        continued = (begins or continued) and not re.search(r"[;{]\s*$", code)
    return None


def _is_constant_or_parameter(before):
    """Return whether a name is a constant object's, a type's or a parameter's, judged by what
    precedes it in its line."""
    before = re.sub(r"\([^()]*\)", "", before)
    return bool(re.search(r"\bconst\b[^*]*$|\b(struct|enum|union) $|\((?!\*)", before))


def comment_of(lines, at):
    """Return the text of the group of declarations around a line, up to an empty line before and
    after it."""
    first, last = at, at
    while first > 0 and lines[first - 1].strip() and not re.match(r"[{}]\s*$", lines[first - 1]):
        first -= 1
    while last + 1 < len(lines) and lines[last + 1].strip() and not re.match(r"[{}]\s*$",
                                                                             lines[last + 1]):
        last += 1
    return re.sub(r"\n\s*\*?\s*", " ", "\n".join(lines[first : last + 1]))
