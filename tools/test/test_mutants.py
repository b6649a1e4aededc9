# SPDX-License-Identifier: MIT
"""Mutants: which there are, which change nothing, how long one is waited for, and what may survive."""

import unittest
from unittest import mock

from paravane import optable
from paravane.common import ROOT, Trouble
from paravane.mutants import mutants, mutations, patience
from paravane.run.ktap import Transcript
from paravane.run.machine import Ending
from paravane.run.runs import Result


class MutationsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.table = optable.read(ROOT)
        cls.by_backend = {
            b.name: {m.name: m.equal for m in mutations.of_backend(cls.table, b)} for b in cls.table.backends
        }

    def kinds(self, op):
        return [name.split(":")[1] for name in self.by_backend["native"] if name.split(":")[0] == op]

    def test_kinds_follow_the_signature(self):
        self.assertEqual(self.kinds("halt"), ["nop"])
        self.assertEqual(self.kinds("vcpu_is_preempted"), ["nop", "one", "stale", "more1", "zero1"])
        self.assertEqual(self.kinds("set_pte"), ["nop", "next1", "more2", "zero2", "late"])
        self.assertEqual(
            self.kinds("port_in"),
            ["nop", "ones", "more", "stale", "more1", "zero1", "more2", "zero2", "lost3", "swap12"],
        )
        self.assertIn("noflush", self.kinds("set_fixmap"))
        self.assertIn("irq_unmask", self.kinds("irq_mask"))

    def test_what_changes_nothing_is_left_out(self):
        native, pv = self.by_backend["native"], self.by_backend["xen-pv"]
        self.assertTrue(native["lazy_enter:nop"])
        self.assertFalse(pv["lazy_enter:nop"])
        self.assertTrue(native["unpin_root:more1"])
        self.assertFalse(pv["unpin_root:more1"])
        self.assertTrue(native["pin_root:stale"])
        self.assertTrue(pv["user_access_begin:user_access_end"])
        self.assertFalse(native["user_access_begin:user_access_end"])
        self.assertFalse(native["make_pte:more1"])
        self.assertFalse(native["read_cr3:stale"])
        self.assertFalse(pv["read_cr3:stale"])

    def test_every_kind_is_one_that_the_image_knows(self):
        known = (ROOT / "test/mutants/mutate.c").read_text()
        for name in self.by_backend["native"]:
            kind = name.split(":")[1]
            self.assertTrue(kind in self.table.ops or f"KIND({kind})" in known, name)

    def test_what_survives_by_the_table_is_there(self):
        for backend, name in mutants.read_survivors(mutants.SURVIVORS.read_text()):
            of = self.by_backend if backend == "all" else [backend]
            for one in of:
                self.assertEqual(self.by_backend[one].get(name), "", f"{one} {name}")


class SurvivorsTest(unittest.TestCase):
    def test_table(self):
        read = mutants.read_survivors("# words\n\nall a:nop  no way\nnative,xen-pv b:more1  none either\n")
        self.assertEqual(
            read, {("all", "a:nop"): "no way", ("native", "b:more1"): "none either", ("xen-pv", "b:more1"): "none either"}
        )

    def test_lines_without_a_reason_or_twice_are_refused(self):
        for text in ("all a:nop\n", "all a because\n", "all a:nop x\nall a:nop y\n"):
            with self.assertRaises(Trouble):
                mutants.read_survivors(text)

    def test_surprises(self):
        def outcome(kind, status):
            return mutants.Outcome("qemu", mutations.Mutant("native", "op", kind), status, "why", 1.0)

        explained = {("native", "op:nop"): "a reason", ("all", "op:ones"): "another", ("xen-pv", "op:more"): "x"}
        survives = [outcome("nop", "SURVIVED"), outcome("ones", "TIMEOUT"), outcome("stale", "CRASH")]
        self.assertEqual(list(mutants._surprises(survives, explained)), [])
        self.assertEqual(
            list(mutants._surprises([outcome("nop", "FAIL"), outcome("more", "SURVIVED")], explained)),
            ["killed, yet test/mutants/survivors.txt lists it as a survivor: qemu op:nop: why", "survived: qemu op:more"],
        )

    def test_how_it_died(self):
        def judged(status, reason, banner="native"):
            return mutants._judged(Result("qemu", status, reason, True, banner))

        self.assertEqual(judged("PASS", ""), "SURVIVED")
        self.assertEqual(judged("FAIL", "cpu.a"), "FAIL")
        self.assertEqual(judged("ERROR", "too little memory"), "FAIL")
        self.assertEqual(judged("FAIL", "CRASH: panic"), "CRASH")
        self.assertEqual(judged("FAIL", "TIMEOUT after"), "TIMEOUT")
        for status, reason, banner in (
            ("FAIL", "TIMEOUT after 5 s", ""), ("SKIP", "no QEMU", ""), ("ERROR", "mutate=a: wants", "native")
        ):  # fmt: skip
            with self.assertRaises(Trouble):
                judged(status, reason, banner)


class PatienceTest(unittest.TestCase):
    """A machine whose process has computed and waited for a CPU as told, at times as told."""

    def watch(self, limit, steps):
        """The first Ending of steps (now, computed, waited for a CPU, results so far), and the Patience."""
        watched, said = patience.Patience(limit), Transcript()
        said.banner = "native"
        for now, computed, waited, results in steps:
            said.tests = [mock.Mock(status="pass")] * results
            with mock.patch("time.monotonic", return_value=now), mock.patch(
                "paravane.mutants.patience._wanted", return_value=(computed, computed + waited)
            ):
                ending = watched(said, 1)
            if ending:
                return ending, watched
        return None, watched

    def test_a_busy_computer_is_no_time_out(self):
        ending, watched = self.watch((0.5, 0.1), [(t, t * 0.01, t * 0.99, 0) for t in range(100)])
        self.assertIsNone(ending)
        self.assertAlmostEqual(watched.pause[0], 0.99)
        self.assertLess(watched.pause[1], 0.01)

    def test_a_loop_is_one(self):
        ending, _ = self.watch((0.5, 0.1), [(t, t * 0.5, t * 0.5, 0) for t in range(100)])
        self.assertIn("computing", ending.limit)

    def test_so_is_a_wait_without_end(self):
        ending, _ = self.watch((0.5, 0.1), [(t, 0.2, 0.1, 0) for t in range(100)])
        self.assertIn("waiting", ending.limit)

    def test_results_begin_a_new_pause(self):
        ending, watched = self.watch((0.5, 0.1), [(t, t * 1.0, 0, t // 2) for t in range(100)])
        self.assertIsNone(ending)
        self.assertLessEqual(watched.pause[0], 2)

    def test_the_machine_may_be_a_process_below_that_of_the_command_line(self):
        with mock.patch("paravane.run.owntime.Threads") as threads:
            threads.return_value.spent.return_value = {}
            patience.Patience(tree=True)(Transcript(), 7)
        threads.assert_called_once_with(7, True)

    def test_the_first_failure_is_enough(self):
        said = Transcript()
        said.tests = [mock.Mock(status="fail")]
        self.assertEqual(patience.Patience()(said, 1), Ending("enough"))


if __name__ == "__main__":
    unittest.main()
