# SPDX-License-Identifier: MIT
"""Source mutants: the committed list applies to the tree, and what is wrong with an entry is named."""

import contextlib
import io
import re
import tempfile
import unittest
from pathlib import Path

from paravane.common import EXIT_FAIL, EXIT_PASS, ROOT, Trouble
from paravane.mutants import baseline, journal, source_list, source_mutants
from paravane.run import runs

ENTRY = """[[mutant]]
name = "a"
file = "x.c"
function = "f"
before = "1"
after = "2"
why = "because"
test = "group.test"
"""
SOURCE = """/* f(1) */
static int g(void)
{
    return f(1);
}

int f(int a,
      int b)
{
    return a + b + 1;
}

int h(void)
{
    return 1;
}
"""


def read(text):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "list.toml").write_text(text)
        return source_list.read(Path(folder))


class ListTest(unittest.TestCase):
    def test_every_committed_edit_applies_once(self):
        mutants = source_list.read()
        self.assertTrue(mutants)
        for mutant in mutants:
            with self.subTest(mutant.name):
                text = (ROOT / mutant.file).read_text()
                self.assertNotEqual(mutant.apply(text), text)

    def test_every_named_test_exists(self):
        guest = "".join(path.read_text() for path in (ROOT / "test").glob("**/*.c"))
        for mutant in source_list.read():
            with self.subTest(mutant.name):
                if mutant.test.startswith("host "):
                    self.assertTrue((ROOT / f"test/host/test_{mutant.test[5:]}.c").exists())
                elif mutant.test and mutant.test != "build" and not mutant.test.startswith("step "):
                    name = r"TEST\(%s, %s\b" % tuple(mutant.test.split("."))
                    self.assertTrue(re.search(name, guest), mutant.test)

    def test_every_file_has_a_mutant(self):
        advice = "add an entry whose test fails to test/mutants/source/, or a reason to without.txt"
        self.assertEqual(source_list.files_without(source_list.read()), [], advice)

    def test_every_file_without_a_mutant_exists_and_has_none(self):
        without = source_list.read_without(source_list.WITHOUT.read_text())
        self.assertFalse(set(without) & {mutant.file for mutant in source_list.read()})
        for file in without:
            self.assertTrue((ROOT / file).exists(), file)

    def test_a_file_without_a_mutant_is_noticed(self):
        mutants = [mutant for mutant in source_list.read() if mutant.file != "mm/heap.c"]
        self.assertIn("mm/heap.c", source_list.files_without(mutants))
        with self.assertRaisesRegex(Trouble, "mm/heap.c has no reason"):
            source_list.read_without("mm/heap.c\n")

    def test_the_edit_is_made_in_its_function_only(self):
        changed = read(ENTRY)[0].apply(SOURCE)
        self.assertIn("return a + b + 2;", changed)
        self.assertEqual(changed.replace("b + 2", "b + 1"), SOURCE)

    def test_an_edit_that_does_not_apply_is_named(self):
        for old, new, words in (
            ('before = "1"', 'before = "7"', "occurs 0 times in x.c, f"),
            ('before = "1"', 'before = " "', "times in x.c, f"),
            ('function = "f"', 'function = "k"', "no function k in x.c"),
            ('function = "f"', "", "occurs 4 times in x.c"),
        ):
            with self.assertRaisesRegex(Trouble, words):
                read(ENTRY.replace(old, new))[0].apply(SOURCE)

    def test_wrong_entries_are_named(self):
        for text, words in (
            (ENTRY + ENTRY, "used twice"),
            (ENTRY.replace("why", "reason"), "lacks why and has unknown keys reason"),
            (ENTRY.replace('test = "group.test"', ""), "either test or equivalent"),
            (ENTRY + 'equivalent = "too"\n', "either test or equivalent"),
            (ENTRY.replace('after = "2"', 'after = "1"'), "changes nothing"),
            (ENTRY.replace("group.test", "group.*"), "names one test, without a wildcard"),
            (ENTRY + "pcpus = 1\n", "does not run on Xen or KVM"),
            (ENTRY + 'vmm = "slow=4"\n', "does not run on KVM"),
            ("[[mutants]]\n", "only"),
            ("[[mutant", "list.toml"),
        ):
            with self.assertRaisesRegex(Trouble, words):
                read(text)


class GuestTest(unittest.TestCase):
    def test_a_guest_gets_what_its_entry_asks_for(self):
        more = 'on = "xen-pv"\nsmp = 2\npcpus = 1\nmem = 300\nappend = "soak=8"\nmachine = "a=b"\ncpu = "max,-x"\n'
        options = source_mutants.guest_options(runs.Options("image"), read(ENTRY + more)[0], "other")
        self.assertEqual((options.smp, options.pcpus, options.mem, options.image), (2, 1, 300, "other"))
        self.assertEqual((options.machine, options.cpu), ("a=b", "max,-x"))
        self.assertEqual((options.pattern, options.append), ("group.test", ("soak=8",)))
        more = 'on = "kvm"\nsmp = 2\npcpus = 1\nvmm = "slow=4 move"\n'
        options = source_mutants.guest_options(runs.Options("image"), read(ENTRY + more)[0], "other")
        self.assertEqual((options.pcpus, options.vmm), (1, ("slow=4", "move")))


class ScoreTest(unittest.TestCase):
    def test_a_survivor_fails_the_run(self):
        mutant = read(ENTRY)[0]
        for status, code in (("FAIL", EXIT_PASS), ("HOST", EXIT_PASS), ("SURVIVED", EXIT_FAIL), ("ERROR", EXIT_FAIL)):
            outcomes = [source_mutants.Outcome(mutant, "FAIL", ""), source_mutants.Outcome(mutant, status, "why")]
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                self.assertEqual(source_mutants._conclude(outcomes, 0), code)
            self.assertEqual("why" in printed.getvalue(), code == EXIT_FAIL)


class BaselineTest(unittest.TestCase):
    KNOWN = ["mm.all", "mm.all_more", "mm.other", "smp.one"]

    def probes(self, *entries):
        made = [read(ENTRY.replace("group.test", test) + more)[0] for test, more in entries]
        return baseline.probes(made, self.KNOWN)

    def test_a_name_is_shortened_to_what_no_other_begins_with(self):
        short = [baseline.shortened(test, self.KNOWN) for test in self.KNOWN]
        self.assertEqual(short, ["mm.all", "mm.all_*", "mm.o*", "s*"])

    def test_tests_of_one_machine_share_a_boot(self):
        found = self.probes(("mm.all", ""), ("smp.one", ""), ("mm.other", "smp = 2\n"), ("host mm", ""), ("build", ""))
        tests = [(probe.mutant.test, probe.mutant.smp, probe.tests) for probe in found]
        self.assertCountEqual(
            tests,
            [("mm.all,s*", 1, ("mm.all", "smp.one")), ("mm.o*", 2, ("mm.other",)), ("host mm", 1, ("host mm",))],
        )

    def test_a_pattern_fits_into_the_command_line(self):
        tests = [f"group.{n:02}_" + "x" * 20 for n in range(30)]
        for pattern, _ in baseline._packed(tests, tests):
            self.assertLess(len(pattern), 64)

    def test_many_tests_of_one_machine_are_run_as_the_suite(self):
        tests = [f"group.{n:02}_test" for n in range(60)]
        found = baseline.probes([read(ENTRY.replace("group.test", test))[0] for test in tests], tests)
        self.assertEqual([(probe.mutant.test, len(probe.tests)) for probe in found], [("", 60)])
        self.assertEqual([probe.mutant.test for probe in found[0].alone()], tests)


class JournalTest(unittest.TestCase):
    def resumed(self, path, tree="t", entry=ENTRY):
        return journal.Journal(path, 0, True, tree).known(read(entry)[0])

    def test_a_killed_mutant_is_known_to_the_next_run(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "f.json"
            self.assertIsNone(self.resumed(path))
            journal.Journal(path, 0, False, "t").add(read(ENTRY)[0], "FAIL", "why", 1.5)
            self.assertEqual(self.resumed(path), {"status": "FAIL", "reason": "why", "seconds": 1.5})
            self.assertIsNone(self.resumed(path, entry=ENTRY.replace('after = "2"', 'after = "3"')))
            with self.assertRaisesRegex(Trouble, "of other sources"):
                self.resumed(path, "u")
            path.write_text("[]")
            with self.assertRaisesRegex(Trouble, "is not a result of"):
                self.resumed(path)

    def test_a_survivor_is_tried_again(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "f.json"
            journal.Journal(path, 0, False, "t").add(read(ENTRY)[0], "SURVIVED", "", 1)
            self.assertIsNone(self.resumed(path))
