# SPDX-License-Identifier: MIT
"""Decide the result of a run. The guest's own verdict is not sufficient.

A run passes only if the guest printed PASS, its results and the machine's exit status agree with
that, and nothing crashed. Each other case has a name.
"""

from dataclasses import dataclass

# The status QEMU ends with when a guest writes its verdict to isa-debug-exit: 2 * code + 1.
DEBUG_EXIT = {"PASS": 33, "FAIL": 35, "SKIP": 37, "ERROR": 39}
# The status an emulator ends with if it does not make the machine; no verdict gives it
# How the kernel ends the domain after a verdict, where there is a toolstack.
_END_OF_DOMAIN = {"PASS": "poweroff", "SKIP": "poweroff", "FAIL": "crash", "ERROR": "crash"}
_REFUSES = 1


@dataclass(frozen=True)
class Verdict:
    """PASS, FAIL, SKIP or ERROR, with the reason in words; PASS has none."""

    status: str
    reason: str = ""


def judge(said, ending, wants_ktap):
    """Return the Verdict on a Transcript and the machine's Ending. wants_ktap: a suite ran."""
    if ending.how == "exit" and ending.code == _REFUSES and ending.message and not said.banner:
        return Verdict("ERROR", f"the emulator did not start the machine: {ending.message}")
    broken = _crash(said, ending)
    if said.failed and said.crash != "hypervisor":
        return Verdict("ERROR", said.failed)
    if broken:
        return Verdict("FAIL", broken)
    if ending.how == "enough":
        return Verdict("FAIL", _failures(said))
    if said.verdict is None:
        return Verdict("FAIL", _no_verdict(said, ending))
    wrong = _inconsistency(said, ending, wants_ktap)
    if wrong:
        return Verdict("FAIL", "INCONSISTENT: " + wrong)
    reason = said.verdict_reason
    if said.verdict == "FAIL" and not reason:
        reason = _failures(said) or "the guest gave no reason"
    return Verdict(said.verdict, "" if said.verdict == "PASS" else reason)


def _crash(said, ending):
    if said.crash == "hypervisor":
        return f"CRASH (hypervisor): {said.crash_line}" + _remedy(said.crash_line)
    if said.panic is not None:
        return f"CRASH: panic: {said.panic}"
    if said.crash == "guest":
        reason = said.xen_reason or said.crash_line.rstrip(":")
        return f"CRASH: the hypervisor crashed the guest: {reason}"
    if ending.how == "flood":
        return f"FLOOD: more than {ending.limit} of output"
    return ""


def _remedy(crash_line):
    """Return what the user can do about a reason that the hypervisor printed; "" if that is not
    known."""
    too_small = "allocation is too small" in crash_line
    return " (too little memory for dom0: give it more with --mem)" if too_small else ""


def _no_verdict(said, ending):
    if ending.how == "timeout":
        where = f" in {said.tests[-1].name} or after it" if said.tests else ""
        where = where if said.banner else ", before the guest's first line"
        return f"TIMEOUT after {ending.limit}{where}"
    if not said.banner and ending.message:
        return f"the emulator ended with status {ending.code}: {ending.message}"
    reason = "CRASH (the machine reset or the emulator ended without a verdict"
    if ending.how == "over":
        reason = "CRASH (the machine halted without a verdict"
    if said.domain_end:
        reason = f"CRASH (the {said.ended} ended by {said.domain_end} without a verdict"
    reason += ")" if said.banner else ", before the guest's first line)"
    why = said.xen_reason or (ending.how == "exit" and ending.code and ending.message)
    return reason + (f": {why}" if why else "")


def _inconsistency(said, ending, wants_ktap):
    """Return what contradicts the guest's verdict, or ""."""
    if said.problems:
        return "; ".join(said.problems)
    passed = [test for test in said.tests if test.status == "pass"]
    failed = [test for test in said.tests if test.status == "fail"]
    if said.verdict in ("PASS", "SKIP"):
        if failed:
            return f"verdict {said.verdict}, but {failed[0].name} failed"
        if said.is_ktap or wants_ktap or said.tests:
            if not said.is_ktap:
                return f"verdict {said.verdict} without a KTAP header"
            if said.plan != len(said.tests):
                return f"{len(said.tests)} results, but the plan is {said.plan}"
            if said.verdict == "PASS" and not passed:
                return "verdict PASS, but no test passed"
    if ending.how == "timeout":
        return f"verdict {said.verdict}, but the machine did not shut down within {ending.limit}"
    if (
        ending.how == "exit"
        and ending.code not in (DEBUG_EXIT[said.verdict], 0)[: 1 if ending.reports_verdict else 2]
    ):
        return f"verdict {said.verdict}, but the emulator ended with status {ending.code}"
    if said.domain_end not in ("", _END_OF_DOMAIN[said.verdict]):
        return f"verdict {said.verdict}, but the {said.ended} ended by {said.domain_end}"
    if said.restarts:
        return f"verdict {said.verdict}, but the machine is to start again"
    return ""


def _failures(said):
    names = [test.name for test in said.tests if test.status == "fail"]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
