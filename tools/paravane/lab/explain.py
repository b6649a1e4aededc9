# SPDX-License-Identifier: MIT
"""From what a check has shown to an answer in the terms of the lab."""

import fnmatch
import re
from dataclasses import dataclass

_ERROR = re.compile(r"^\S+:\d+:\d+: (?:fatal )?error: .*|^.*undefined reference.*", re.M)
_HOST_FAILURE = re.compile(r"^\S+?:\d+: (\w+): not so: (.*)$", re.M)
_EVIDENCE_MAX = 4


@dataclass
class Shown:
    """What one check has shown. failed: {name of a test: its diagnostics}; text: all that was said,
    for regular expressions; reason: why the run ended, if not by its tests."""

    where: str
    passed: bool
    failed: dict
    reason: str = ""
    text: str = ""


def of_host_test(where, status, output):
    """Return what a test of test/host/ has shown."""
    failed = {}
    for name, what in _HOST_FAILURE.findall(output):
        failed.setdefault(name, []).append(what)
    reason = "" if failed or not status else f"the test ended with status {status}"
    return Shown(where, not status, failed, reason, output)


def of_result(where, result):
    """Return what a run of the suite has shown."""
    failed = {test.name: test.diagnostics for test in result.tests if test.status == "fail"}
    said = [result.reason, *result.panic, *(line for lines in failed.values() for line in lines)]
    reason = "" if failed and not result.culprit else result.reason
    return Shown(where, result.status == "PASS", failed, reason, "\n".join(said))


def of_verdicts(where, runs):
    """Return what runs of a repro have shown: (Xen, the right verdict, the verdict, the reason) of
    each."""
    wrong, text = "", []
    for xen, right, verdict, reason in runs:
        text.append(f"{xen}: {verdict}: {reason}")
        wrong = "" if verdict == right else f"{text[-1]}; it should be {right}"
    return Shown(where, not wrong, {}, wrong, "\n".join(text))


def compiler_errors(output):
    """Return the compiler's errors in make's output; the last lines if it names none."""
    found = [match[0] for match in _ERROR.finditer(output)]
    return found[:_EVIDENCE_MAX] or output.strip().splitlines()[-_EVIDENCE_MAX:]


def answer(lab, shown):
    """Return the lines that answer a failed check."""
    said = next((rule.say for rule in lab.explain if _matches(rule, shown)), "")
    lines = [" ".join(said.split())] if said else [
        f"The check fails, by {shown.where}. This is not one of the usual mistakes: compare your "
        f"function with the contract{f' (./run.sh op {lab.op})' if lab.op else ''}, label by label."
    ]
    return lines + ["", f"What was seen ({shown.where}):"] + _evidence(shown)


def _matches(rule, shown):
    if rule.test:
        return any(fnmatch.fnmatchcase(name, rule.test) for name in shown.failed)
    return bool(re.search(rule.text, shown.text))


def _evidence(shown):
    lines = [f"  {shown.reason}"] if shown.reason else []
    for name, diagnostics in list(shown.failed.items())[:_EVIDENCE_MAX]:
        lines.append(f"  {name} fails" + (f": {diagnostics[0]}" if diagnostics else ""))
    left = len(shown.failed) - _EVIDENCE_MAX
    return lines + ([f"  and {left} more tests"] if left > 0 else [])
