# SPDX-License-Identifier: MIT
"""./run.sh operations: the sequence of a seed, what each operation does to the state, and what is a
refusal; bench --linux-domu: the times of domains."""

import random
import unittest

from paravane.common import Trouble
from paravane.dom0 import beside_linux, operations, xl_operations

START = xl_operations.State(cpus=2, cpus_max=2, kib=64 << 10)


def sequence(seed, count, state=START):
    """Return [(state before, operation)] of a seed."""
    chooser, found = random.Random(seed), []
    for _ in range(count):
        operation = xl_operations.choose(chooser, state)
        found.append((state, operation))
        state = state if operation.refusal else operation.after(state)
    return found


class SequenceTest(unittest.TestCase):
    def test_a_seed_names_a_sequence(self):
        names = [[operation.name for _, operation in sequence(seed, 40)] for seed in (1, 1, 2)]
        self.assertEqual(names[0], names[1])
        self.assertNotEqual(names[0], names[2])

    def test_every_operation_is_chosen_and_most_are_refused_at_times(self):
        found = sequence(5, 3000)
        kinds = {operation.name.split()[0] for _, operation in found}
        self.assertEqual(
            kinds,
            set(
                "pause unpause trigger sysrq mem-set vcpu-set block-attach block-detach console "
                "save save-restore migrate".split()
            ),
        )
        refused = {operation.name.split()[0] for _, operation in found if operation.refusal}
        self.assertEqual(
            refused, set("unpause trigger mem-set vcpu-set block-attach block-detach".split())
        )

    def test_a_paused_guest_is_not_asked_for_what_it_has_to_answer(self):
        for state, operation in sequence(6, 3000):
            if state.paused:
                self.assertFalse(operation.suspends, operation.name)
                self.assertFalse(operation.prints, operation.name)
                self.assertNotIn(operation.name, ("pause", "block-attach", "block-detach"))

    def test_the_state_follows(self):
        for state, operation in sequence(7, 3000):
            after = operation.after(state)
            if operation.suspends:
                self.assertEqual(after.suspends, state.suspends + 1)
            self.assertTrue(1 <= after.cpus <= after.cpus_max)
            if operation.name == "block-attach":
                self.assertEqual(bool(operation.refusal), state.attached)

    def test_only_some_kinds(self):
        chooser = random.Random(9)
        for _ in range(100):
            operation = xl_operations.choose(chooser, START, ("migrate", "pause"))
            self.assertIn(operation.name, ("migrate", "pause"))
        paused = xl_operations.State(cpus=2, cpus_max=2, kib=1, paused=True)
        self.assertEqual(xl_operations.choose(chooser, paused, ("migrate",)).name, "unpause")

    def test_a_guest_that_cannot_migrate_is_refused(self):
        state = xl_operations.State(cpus=1, cpus_max=1, kib=1, migrates=False)
        for before, operation in sequence(8, 1000, state):
            if operation.name == "migrate":
                self.assertEqual(operation.refusal, "logdirty")
            self.assertFalse(before.migrates)


class RefusalTest(unittest.TestCase):
    def test_reasons(self):
        for status, output, reason in (
            (0, "", ""),
            (0, "Saving to /run/state new xl format\n", ""),
            (0, "libxl: error: libxl_domain.c:688:domain_unpause_done: Domain 1:Invalid argument\n",
             "Domain 1:Invalid argument"),
            (1, "You are overcommmitting! Aborting, use --ignore-host to continue\n",
             "You are overcommmitting! Aborting, use --ignore-host to continue"),
            (3, "", "status 3"),
            (3, "one\ntwo\n", "two"),
        ):  # fmt: skip
            self.assertEqual(operations.refusal(status, output), reason)

    def test_what_must_not_happen_fails(self):
        run = operations.Run(b"", "pv", 2, 1, say=lambda line: None)
        allowed = xl_operations.Operation("pause", "")
        refused = xl_operations.Operation("mem-set 1g", "", refusal="less than")
        with self.assertRaisesRegex(Trouble, "pause was refused: no"):
            run.judge(allowed, "no")
        with self.assertRaisesRegex(Trouble, "mem-set 1g was not refused"):
            run.judge(refused, "")
        with self.assertRaisesRegex(Trouble, "mem-set 1g was refused: no"):
            run.judge(refused, "no")
        run.judge(refused, "must be less than 5")
        run.judge(allowed, "")


class TimesTest(unittest.TestCase):
    def test_a_guest_is_created_between_two_lists(self):
        text = "0 100\nParsing\n0 170\n3 50\n"
        self.assertEqual(beside_linux.split_times(text), ({0: 100}, 3, {0: 170, 3: 50}))


if __name__ == "__main__":
    unittest.main()
