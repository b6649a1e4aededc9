# SPDX-License-Identifier: MIT
"""The labs, one file of labs/ each, and what is wrong with such a file.

Keys of all labs:

    title, level   one line; 1 (easy) to 5
    task           what to do, in a few sentences; a line that is indented is a command
    hints          texts, each shown with the task

A lab with `function` is of the kind "write it": the body of that function is cut out.

    file, function, op   where the function is; the op whose contract it has to keep, or "". In an
                         assembly file the function is a macro or a patch template
    stub                 the body in its place, which compiles
    [[check]]            on, tests, append, smp: tests of the suite on a platform;
                         or host: a test of test/host/;
                         or bad, good: versions of Xen on which the file, a repro, has to report
                         that, on the platform `on`
    [[explain]]          test (a glob), or text (a regular expression on all that a failing check
                         has said): say
    [[wrong]]            a wrong solution: name, body; says: words that its answer must have

A lab with `mutant` is of the kind "find it": an image with that edit of test/mutants/source/ runs.

    answers        names of ops, one of which the answer must be; right: what to say then
    near           {op: what to say to that wrong answer}: three or more
    [[check]]      on, tests, append, smp: the tests that the task names
    fails          those of these tests that fail in the image; the others pass

A lab with `crash` is of the kind "cut it down": a recording in which the hypervisor dies is to be
cut down to a few calls (crash.py).

    crash, on, xen   the repro whose run is recorded; the platform; the version of Xen
    calls, solution  how many may be left; which are, in a right solution (crash.py, kept)
    right            what to say about that one
    [[wrong]]        a wrong solution: name, keep (the same), says
"""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from ..common import Trouble, usage

FOLDER = Path(__file__).resolve().parent / "labs"
_COMMON = {"title", "level", "task", "hints"}
_FREE = {"hints", "op"}  # may be left out
_WRITE = _COMMON | {"file", "function", "op", "stub", "check", "explain", "wrong"}
_FIND = _COMMON | {"mutant", "answers", "right", "near", "check", "fails"}
_CRASH = _COMMON | {"crash", "on", "xen", "calls", "solution", "right", "wrong"}


@dataclass(frozen=True)
class Check:
    """One way to try a solution: a host test, tests of the suite on a platform, or a repro on two
    Xens."""

    host: str = ""
    on: str = "qemu"
    tests: str = ""
    append: str = ""
    smp: int = 1
    bad: str = ""
    good: str = ""

    def __str__(self):
        if self.host:
            return f"the host test {self.host}"
        if self.bad:
            return f"the repro on {self.on} of Xen {self.bad} and Xen {self.good}"
        more = f" with {self.smp} CPUs" if self.smp > 1 else ""
        return f"{self.tests} on {self.on}{more}"


@dataclass(frozen=True)
class Explain:
    """What to say if a test that matches fails, or a text occurs in what a check has said."""

    say: str
    test: str = ""
    text: str = ""


@dataclass(frozen=True)
class Wrong:
    """A wrong solution: the body of the function, or what of a recording is kept; and words that
    the answer to it must have."""

    name: str
    says: str
    body: str = ""
    keep: str = ""


@dataclass(frozen=True)
class Lab:
    """One lab; the keys are explained above."""

    name: str
    title: str
    level: int
    task: str
    hints: tuple = ()
    file: str = ""
    function: str = ""
    op: str = ""
    stub: str = ""
    check: tuple = ()
    explain: tuple = ()
    wrong: tuple = ()
    mutant: str = ""
    answers: tuple = ()
    right: str = ""
    near: dict = field(default_factory=dict)
    fails: tuple = ()
    crash: str = ""
    on: str = ""
    xen: str = ""
    calls: int = 0
    solution: str = ""

    @property
    def kind(self):
        return "find" if self.mutant else "cut" if self.crash else "write"

    @property
    def is_assembly(self):
        """Return whether the function is not C."""
        return self.file.endswith(".S")

    @property
    def is_repro(self):
        """Return whether the function is a repro, which is built and run by itself."""
        return any(check.bad for check in self.check)


def read(folder=FOLDER):
    """Return {name: Lab}, the easy ones first."""
    labs = [parse(path.stem, path.read_text()) for path in sorted(folder.glob("*.toml"))]
    return {lab.name: lab for lab in sorted(labs, key=lambda lab: (lab.level, lab.name))}


def parse(name, text):
    """Return the Lab of one file's text."""
    try:
        entry = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Trouble(f"lab {name}: {error}") from error
    known = _WRITE if "function" in entry else _CRASH if "crash" in entry else _FIND
    for word, keys in (("unknown", set(entry) - known), ("missing", known - _FREE - set(entry))):
        if keys:
            raise Trouble(f"lab {name}: {word} key {min(keys)!r}")
    parts = {"check": Check, "explain": Explain, "wrong": Wrong}
    try:
        for key, kind in parts.items():
            entry[key] = tuple(kind(**item) for item in entry.get(key, ()))
    except TypeError as error:
        raise Trouble(f"lab {name}: [[{key}]]: {error}") from error
    for key in ("hints", "answers", "fails"):
        entry[key] = tuple(entry.get(key, ()))
    for explain in entry["explain"]:
        re.compile(explain.text)
    return Lab(name=name, **entry)


def named(name, labs):
    """Return the lab of this name; Trouble with the known names otherwise."""
    if name not in labs:
        raise usage(f"lab: unknown name {name!r}; known: {', '.join(labs)}")
    return labs[name]
