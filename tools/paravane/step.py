"""One step of `./run.sh test`: a command, what it must end with and what it must say. It runs from outside: exit codes
and words are what is checked."""

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass

from . import platforms
from .common import EXIT_SKIP, ROOT

RUN = ["./run.sh"]
_STEP_LIMIT = 3600
RUN_LIMIT = ["--timeout", "300"]  # of a machine that ends by itself, however busy this computer is


@dataclass
class Step:
    """A command, the status it must end with (None: any but 0), and what its output must match."""

    name: str
    argv: list
    status: int = 0
    words: str = ""
    env: tuple = ()
    platform: str = ""  # skipped where this computer lacks the platform
    may_skip: bool = False  # status 125 means that it was skipped, with the reason last


class Skipped(Exception):
    """A step that cannot be run here, with the reason."""


def boot(name, platform, *more, **expected):
    argv = RUN + ["boot", "--on", platform, *RUN_LIMIT, *more]
    return Step(f"{platform}: {name}", argv, platform=platform, **expected)


def report(step):
    """Runs a step and prints its line; returns passed, failed or skipped. A function is a step too, which returns what is
    wrong (or "") and its output, and has its name in its docstring."""
    begun = time.monotonic()
    try:
        problem, output = step() if callable(step) else _run_step(step)
        outcome = "failed" if problem else "passed"
    except Skipped as reason:
        problem, output, outcome = str(reason), "", "skipped"
    name = step.__doc__.strip() if callable(step) else step.name
    line = f"{outcome:7} {name}  ({time.monotonic() - begun:.1f} s)"
    print(line + (f": {problem}" if problem else ""), flush=True)
    if outcome == "failed":
        for text in _telling(output.splitlines()):
            print(f"    | {text}")
        sys.stdout.flush()
    return outcome


def _telling(lines, tail=60, context=12):
    """Of a failed step's output: each failed test with the diagnostics before it, and the end."""
    shown = set(range(max(0, len(lines) - tail), len(lines)))
    for at in (i for i, line in enumerate(lines) if re.match(r"\s*not ok\b", line)):
        shown.update(range(max(0, at - context), at + 1))
    last = -1
    for at in sorted(shown):
        if at != last + 1:
            yield "..."
        yield lines[at]
        last = at


def _run_step(step):
    """Runs a step's command; returns (what is wrong or "", its output)."""
    if step.platform:
        reason = platforms.lacking(platforms.PLATFORMS[step.platform])
        if reason:
            raise Skipped(reason)
    env = {**os.environ, **dict(step.env)}
    try:
        done = subprocess.run(
            step.argv, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=_STEP_LIMIT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        return f"still running after {_STEP_LIMIT} s", (late.output or b"").decode(errors="replace")
    except OSError as error:
        return f"cannot run {step.argv[0]}: {error.strerror}", ""
    output = done.stdout.decode("utf-8", "replace")
    if step.may_skip and done.returncode == EXIT_SKIP:
        raise Skipped((output.strip() or "no reason given").splitlines()[-1])
    if done.returncode != step.status:
        return f"status {done.returncode} instead of {step.status}", output
    if step.words and not re.search(step.words, output):
        return f"nothing in the output matches {step.words!r}", output
    if "Traceback (most recent call last)" in output:
        return "a Python traceback in the output", output
    return "", output
