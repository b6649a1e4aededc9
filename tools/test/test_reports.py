"""The matrix, the exit code, JUnit and JSON."""

import json
import tempfile
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path

from paravane import matrix, report, suite
from paravane.ktap import Test
from paravane.runs import Result


def result(name, status="PASS", tests=(), reason="", ran=True):
    return Result(name, status, reason, ran, tests=list(tests), directory="nowhere")


GOOD = result("qemu", tests=[Test("cpu.a", "pass"), Test("cpu.b", "skip", "no such CPU")])
BAD = result("grub", "FAIL", [Test("cpu.a", "fail", "", ["1 != 2\x00"]), Test("cpu.b", "pass")])
ABSENT = result("uefi", "SKIP", reason="OVMF is not installed", ran=False)


class ReportTest(unittest.TestCase):
    def test_matrix(self):
        text = "\n".join(matrix.render([GOOD, BAD, ABSENT]))
        self.assertRegex(text, r"cpu +1/2 \[1\] +FAIL 1/2 +skip \[2\]")
        self.assertRegex(text, r"  cpu.a +pass +FAIL +skip")
        self.assertNotIn("cpu.b", text)
        self.assertIn("[2] OVMF is not installed", text)

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
