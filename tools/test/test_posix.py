# SPDX-License-Identifier: MIT
"""./run.sh programs posix: what is read of compilers, of the build and of runs."""

import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from paravane.programs import posix
from paravane.run import runs


class Build(unittest.TestCase):
    def test_only_main_stays_global(self):
        text = "\t.globl\tcase_3\ncase_3:\n\tret\n\t.globl\thandler\nhandler:\n\tret\n"
        self.assertEqual(posix.made_local(text, "case_3"),
                         "\t.globl\tcase_3\ncase_3:\n\tret\nhandler:\n\tret\n")
        self.assertNotIn(".globl", posix.made_local("\t.globl\tcase_33\n", "case_3"))

    def test_a_case_without_main_passes_if_it_compiles(self):
        text = "\t.globl\tdummy\ndummy:\n\t.long\t0\n"
        self.assertIn("\t.globl\tcase_3\ncase_3:\n", posix.with_entry(text, "case_3"))
        self.assertNotIn(".globl\tdummy", posix.with_entry(text, "case_3"))
        whole = "\t.globl\tcase_3\ncase_3:\n\tret\n"
        self.assertEqual(posix.with_entry(whole, "case_3"), whole)

    def test_what_is_missing_and_for_which_case(self):
        text = (
            "make: the program x: fork is missing, which case_7.s, case_12.s need: define it\n"
            "make: the program x: mmap is missing, which case_7.s needs: define it\n"
        )
        self.assertEqual(posix.missing(text), {7: ["fork", "mmap"], 12: ["fork"]})

    def test_the_first_error(self):
        text = "a.c: In function main:\na.c:3:5: error: PIPE_BUF undeclared\na.c:4: error: x\n"
        self.assertEqual(posix.first_error(text), "PIPE_BUF undeclared")

    def test_the_list_of_cases(self):
        text = posix.case_list(["a/1-1", "b/1-1", "c/1-1"], [0, 2])
        self.assertIn('{"a/1-1", case_0},\n    {"c/1-1", case_2},\n};', text)
        self.assertIn("nr_cases = 2;", text)


class Run(unittest.TestCase):
    """With a list of outputs in the place of boots: they are consumed in order."""

    def results(self, linked, *outputs):
        left = list(outputs)
        asked = []

        class Directory:
            def __init__(self, *_):
                pass

            def run(self, _platform, options):
                asked.append(" ".join(options.append))
                status, reason, text = left.pop(0)
                return runs.Result("qemu", status, reason, output=text.splitlines())

        with mock.patch.object(posix.runs, "RunDirectory", Directory):
            qemu = SimpleNamespace(name="qemu")
            found = posix.run_cases("posix-time", qemu, Path("image"), linked, None)
        self.assertEqual(left, [])
        return found, asked

    def test_a_case_that_ends_the_program_is_repeated_alone(self):
        found, asked = self.results(
            ["a/1", "b/1", "c/1"],
            ("FAIL", "panic: x", "begin a/1\ncase a/1: passed: status 0\nbegin b/1\n"),
            ("PASS", "", "begin c/1\ncase c/1: failed: status 1\nall cases\n"),
            ("PASS", "", ""),
            ("FAIL", "app:posix exited with code 1", ""),
        )
        self.assertEqual(asked, ["-- 0", "-- 2", "-- 1 alone", "-- 2 alone"])
        self.assertEqual(found["a/1"][0], "passed")
        self.assertEqual(found["b/1"][0], "passed")
        self.assertEqual(found["c/1"], ("failed", "app:posix exited with code 1"))

    def test_a_boot_without_any_case_counts_for_the_next_one(self):
        found, _ = self.results(["a/1"], ("ERROR", "no memory", ""), ("ERROR", "no memory", ""))
        self.assertEqual(found, {"a/1": ("failed", "no memory")})


class Report(unittest.TestCase):
    def test_counts_and_reasons(self):
        names = ["sem_init/1-1", "sem_init/2-1", "sem_open/1-1", "sem_post/1-1"]
        reasons = {"sem_open/1-1": "does not link: sem_open", "sem_post/1-1": "does not compile: y"}
        results = {"sem_init/1-1": ("passed", ""),
                   "sem_init/2-1": ("failed", "app:x exited with code 4")}
        lines = list(posix.report("x on qemu", names, reasons, results))
        self.assertEqual(lines[0], "x on qemu: 4 cases, 3 compile, 2 link, 1 pass")
        self.assertIn("     1 unsupported: sem_init/2-1", lines)
        self.assertIn("     1 does not link: sem_open: sem_open/1-1", lines)


if __name__ == "__main__":
    unittest.main()
