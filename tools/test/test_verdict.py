# SPDX-License-Identifier: MIT
"""What is believed of a transcript: one table, each row a way to lie or to break."""

import unittest

from paravane.run.ktap import Transcript
from paravane.run.machine import Ending
from paravane.run.verdict import judge

HEAD = ["paravane: Paravane 0.1 on native", "KTAP version 1", "1..2"]
GOOD = HEAD + ["ok 1 a.b", "ok 2 a.c # SKIP no such thing here", "paravane: verdict PASS"]


def verdict_of(lines, ending=None, wants_ktap=True):
    said = Transcript()
    for line in lines:
        said.feed(line)
    return judge(said, ending or Ending("exit", 33), wants_ktap)


def replaced(old, new):
    return [new if line == old else line for line in GOOD]


class VerdictTest(unittest.TestCase):
    def expect(self, status, words, lines, ending=None):
        verdict = verdict_of(lines, ending)
        self.assertEqual(verdict.status, status, verdict.reason)
        self.assertIn(words, verdict.reason)

    def test_good(self):
        self.expect("PASS", "", GOOD)
        self.expect("PASS", "", GOOD, Ending("exit", 0))
        self.expect("PASS", "", GOOD, Ending("over"))

    def test_inconsistent(self):
        table = {
            "plan is 3": replaced("1..2", "1..3"),
            "plan is None": [line for line in GOOD if line != "1..2"],
            "a.b failed": replaced("ok 1 a.b", "not ok 1 a.b"),
            "two results named a.b": replaced(GOOD[4], "ok 2 a.b"),
            "result 3 where 2 was due": replaced(GOOD[4], "ok 3 a.c"),
            "without a reason": replaced(GOOD[4], "ok 2 a.c # SKIP"),
            "more than one plan": HEAD + GOOD[2:],
            "more than one verdict": GOOD + ["paravane: verdict PASS"],
            "after the verdict": GOOD + ["ok 3 a.d"],
            "malformed result": replaced("ok 1 a.b", "ok one a.b"),
            "malformed verdict": GOOD[:-1] + ["paravane: verdict GREAT", GOOD[-1]],
            "started more than once": GOOD[:1] + GOOD,
            "without a KTAP header": [line for line in GOOD if not line.startswith("KTAP")],
            "no test passed": replaced("ok 1 a.b", "ok 1 a.b # SKIP never"),
        }
        for words, lines in table.items():
            with self.subTest(words):
                self.expect("FAIL", words, lines)
                self.expect("FAIL", "INCONSISTENT", lines)

    def test_status_of_qemu(self):
        self.expect("FAIL", "the emulator ended with status 35", GOOD, Ending("exit", 35))
        self.expect("FAIL", "the emulator ended with status -11", GOOD, Ending("exit", -11))
        self.expect("FAIL", "the emulator ended with status 0", GOOD,
                    Ending("exit", 0, reports_verdict=True))
        self.expect("PASS", "", GOOD, Ending("exit", 33, reports_verdict=True))

    def test_a_machine_that_starts_again(self):
        again = "(XEN) [   17.3] Hardware Dom0 shutdown: rebooting machine"
        self.expect("FAIL", "is to start again", GOOD + [again], Ending("over"))

    def test_no_shutdown(self):
        self.expect("FAIL", "did not shut down", GOOD, Ending("timeout", limit="5 s"))

    def test_no_verdict(self):
        self.expect("FAIL", "TIMEOUT after 9 s", GOOD[:4], Ending("timeout", limit="9 s"))
        self.expect("FAIL", "before the guest's first", [], Ending("timeout", limit="9 s"))
        self.expect("FAIL", "CRASH (the machine reset", GOOD[:4], Ending("exit", 0))
        self.expect("FAIL", "CRASH", [], Ending("exit", 0))
        self.expect("ERROR", "did not start the machine: no", [], Ending("exit", 1, message="no"))
        self.expect("FAIL", "ended with status -6: no", [], Ending("exit", -6, message="no"))
        self.expect("FAIL", "FLOOD", GOOD[:4], Ending("flood", limit="8 MiB"))

    def test_crashes(self):
        panic = ["paravane: PANIC: page fault", "  rip=0", "  #0 f+0x12"]
        said = panic + ["paravane: verdict FAIL: panic: page fault"]
        self.expect("FAIL", "CRASH: panic: page fault", HEAD + said, Ending("exit", 35))
        self.expect("FAIL", "CRASH: panic: page fault", HEAD + panic, Ending("timeout"))
        self.expect("FAIL", "CRASH: panic", GOOD[:-1] + panic + GOOD[-1:])
        xen = ["(XEN) [ 1.0] Xen BUG at hypercall.c:258", "(XEN) [ 1.0] Panic on CPU 0:"]
        more = ["(XEN) [ 1.0] no room"]
        words = "CRASH (hypervisor): Panic on CPU 0: no room"
        self.expect("FAIL", words, HEAD + xen[1:] + more, Ending("over"))
        self.expect("FAIL", "CRASH (hypervisor)", HEAD + xen, Ending("over"))
        self.expect("FAIL", "CRASH (hypervisor)", GOOD + xen, Ending("over"))
        small = ["(XEN) Panic on CPU 0:", "(XEN) Domain 0 allocation is too small for kernel image"]
        self.expect("FAIL", "give it more with --mem", small, Ending("over"))
        dom0 = ["(XEN) [ 1.0] Hardware Dom0 crashed: 'noreboot' set - not rebooting."]
        self.expect("FAIL", "the hypervisor crashed the guest", HEAD + dom0, Ending("over"))

    def test_other_verdicts(self):
        self.expect("SKIP", "too old", HEAD[:1] + ["KTAP version 1", "1..0",
                    "paravane: verdict SKIP: too old"], Ending("exit", 37))  # fmt: skip
        self.expect("ERROR", "bad word", ["paravane: verdict ERROR: bad word"], Ending("exit", 39))
        failing = replaced("ok 1 a.b", "not ok 1 a.b")[:-1] + ["paravane: verdict FAIL"]
        self.expect("FAIL", "a.b", failing, Ending("exit", 35))

    def test_diagnostics_belong_to_the_next_result(self):
        said = Transcript()
        for line in HEAD + ["# one", "not ok 1 a.b", "# two", "ok 2 a.c"]:
            said.feed(line)
        said.feed("# tsc 5 ticks from entry to verdict")
        self.assertEqual([test.diagnostics for test in said.tests], [["one"], ["two"]])
        self.assertEqual(said.ticks, 5)


if __name__ == "__main__":
    unittest.main()
