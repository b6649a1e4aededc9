# SPDX-License-Identifier: MIT
"""The matrix, the exit code, JUnit and JSON."""

import json
import tempfile
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path

from paravane import report
from paravane.run.ktap import Test
from paravane.run.runs import Result
from paravane.suite import matrix, suite


def result(name, status="PASS", tests=(), reason="", ran=True):
    return Result(name, status, reason, ran, tests=list(tests), directory="nowhere")


GOOD = result("qemu", tests=[Test("cpu.a", "pass"), Test("cpu.b", "skip", "no such CPU")])
BAD = result("grub", "FAIL", [Test("cpu.a", "fail", "", ["1 != 2\x00"]), Test("cpu.b", "pass")])
ABSENT = result("uefi", "SKIP", reason="OVMF is not installed", ran=False)


class ReportTest(unittest.TestCase):
    def test_matrix(self):
        text = "\n".join(matrix.render([GOOD, BAD, ABSENT]))
        self.assertRegex(text, r"cpu +1/2 a +FAIL 1/2 +skip b")
        self.assertRegex(text, r"  cpu.a +pass +FAIL +skip")
        self.assertNotIn("cpu.b", text)
        self.assertIn("  b OVMF is not installed", text)

    def test_seven_platforms_fit_in_100_columns(self):
        """With a failure, a long name, and four reasons in a group."""
        skips = [Test(f"group{i}.s", "skip", f"reason {i}") for i in range(20)]
        name = "cpu.a_name_that_would_take_more_room_than_there_is_beside_seven_platforms"
        tests = [*skips, *(Test(f"mmu_wide.{i}", "skip", f"reason {i}") for i in range(12, 16))]
        tests += [Test(f"mmu_wide.{i}", "pass") for i in range(16, 48)] + [Test(name, "pass")]
        bad = [Test(name, "fail") if test.name == name else test for test in tests]
        names = ["qemu", "microvm", "grub", "uefi", "xen-pv", "xen-pvh", "xen-grub"]
        lines = matrix.render([result(n, tests=bad if n == "grub" else tests) for n in names])
        self.assertIn("  " + name, lines)
        self.assertRegex(lines[lines.index("  " + name) + 1], r"^ +pass +pass +FAIL( +pass){4}$")
        self.assertIn("32/36 mnop", "\n".join(lines))
        self.assertLessEqual(max(map(len, lines)), 100)

    def test_reasons_beyond_the_alphabet_are_numbered(self):
        tests = [Test(f"cpu.{i}", "skip", f"reason {i}") for i in range(54)]
        lines = matrix.render([result("qemu", tests=tests)], verbose=True)
        self.assertIn("  Z reason 51", lines)
        self.assertIn("  [53] reason 52", lines)
        self.assertRegex("\n".join(lines), r"cpu +skip abc.*XYZ\[53,54\]")

    def test_verbose(self):
        self.assertIn("cpu.b", "\n".join(matrix.render([GOOD], verbose=True)))

    def test_a_missing_test_is_seen(self):
        less = result("microvm", tests=[Test("cpu.a", "pass")])
        self.assertEqual(matrix.missing_tests([GOOD, less, ABSENT]), {"microvm": ["cpu.b"]})
        self.assertIn("missing", "\n".join(matrix.render([GOOD, less])))

    def test_exit_codes(self):
        error, stopped = result("x", "ERROR"), result("x", "INTERRUPTED")
        for results, code in (
            ([GOOD, ABSENT], 0),
            ([GOOD, BAD, error], 1),
            ([GOOD, error], 2),
            ([ABSENT], 125),
            ([GOOD, stopped], 130),
        ):
            self.assertEqual(suite.exit_code(results), code)

    def test_files(self):
        with tempfile.TemporaryDirectory() as scratch:
            junit, plain = Path(scratch, "a.xml"), Path(scratch, "a.json")
            report.write_junit(junit, [GOOD, BAD, ABSENT])
            report.write_json(plain, report.suite_document([GOOD, BAD, ABSENT], 1))
            root = ET.parse(junit).getroot()
            document = json.loads(plain.read_text())
        self.assertEqual([s.get("failures") for s in root], ["0", "2", "0"])
        self.assertEqual([s.get("skipped") for s in root], ["1", "0", "1"])
        self.assertEqual(document["platforms"][1]["tests"][0]["diagnostics"], ["1 != 2\x00"])


if __name__ == "__main__":
    unittest.main()
