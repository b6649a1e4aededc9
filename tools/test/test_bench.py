# SPDX-License-Identifier: MIT
"""The benchmark: its lines, what two runs must agree on, the tables, the file, the comparison, the
chart."""

import json
import tempfile
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path

from paravane.bench import bench, chart, comparison, file, recorded, tables
from paravane.bench.file import Document
from paravane.common import EXIT_USAGE, Trouble
from paravane.optable import Op
from paravane.run.ktap import Transcript

OPS = {name: Op(name, "cpu", "Hardware analogues", "void", "") for name in ("a", "b", "c")}


def said(*lines):
    transcript = Transcript()
    for line in lines:
        transcript.feed(line)
    return transcript


def document(**platforms):
    """A Document of what these platforms said."""
    made = Document()
    for platform, lines in platforms.items():
        made.add_counts(platform.replace("_", "-"), said(*lines).bench)
    return made


class RecordedTest(unittest.TestCase):
    def test_what_recording_adds_is_shown_by_platform(self):
        def figures(a, b):
            return said(f"bench op.a {a} ticks", *([f"bench op.b {b} ticks"] if b else [])).bench

        lines = recorded.render(["qemu", "xen-pv"], {
            ("qemu", "off"): figures(1, 7), ("qemu", "calls"): figures(1, 7),
            ("qemu", "all"): figures(301, 320), ("xen-pv", "off"): figures(300, 0),
            ("xen-pv", "calls"): figures(900, 0), ("xen-pv", "all"): figures(1200, 0)})
        self.assertEqual([line.split() for line in lines[2:]],
                         [["a", "1", "+0", "+300", "300", "+600", "+900"],
                          ["b", "7", "+0", "+313", "-"]])


class LinesTest(unittest.TestCase):
    def test_lines(self):
        guest = said(
            "bench op.read_cr0 10 ticks",
            "# hypercalls op.read_cr0 150 of 100 calls",
            "bench op.halt - ends the run",
        )
        figure, reason = {"value": 10, "unit": "ticks", "hypercalls": 1.5}, {
            "reason": "ends the run"
        }
        self.assertEqual(guest.bench, {"op.read_cr0": figure, "op.halt": reason})
        self.assertEqual(guest.problems, [])

    def test_sites(self):
        guest = said("# site read_cr0 inline 11 movq %cr0, %rax",
                     "# site read_cr0 direct 2 native_read_cr0",
                     "# site 123 somewhere", "# site x frob 3 y",
                     "# site wbinvd nothing 2")  # fmt: skip
        self.assertEqual(
            guest.sites, {"read_cr0": {"inline": 11, "direct": 2}, "wbinvd": {"nothing": 2}}
        )

    def test_lines_that_lie(self):
        for line in ("bench op.a", "bench op.a -", "bench op.a ten ticks", "bench a 1 ticks"):
            self.assertIn("malformed bench line", said(line).problems[0])
        self.assertEqual(said("bench a.b 1 t", "bench a.b 2 t").problems, ["two figures named a.b"])
        for before in ((), ("bench a.b - none",)):
            problems = said(*before, "# hypercalls a.b 100 of 100 calls").problems
            self.assertEqual(problems, ["hypercalls of a.b, which was not measured"])

    def test_differences(self):
        first = {"op.a": {"value": 1, "unit": "ticks"}, "op.b": {"reason": "why"}}
        self.assertEqual(bench.differences(first, dict(first)), [])
        second = {"op.a": {"value": 2, "unit": "ticks"}, "op.c": {"reason": "why"}}
        names = [line.split(":")[0] for line in bench.differences(first, second)]
        self.assertEqual(names, ["op.a", "op.b", "op.c"])


class TableTest(unittest.TestCase):
    def test_table(self):
        made = document(
            qemu=("bench op.a 12 ticks", "bench op.b - why not", "bench op.c 40 ticks with d"),
            xen_pv=("bench op.a 7 ticks", "# hypercalls op.a 150 of 100 calls",
                    "bench mm.x 3 calls"),
        )
        table = [line.split() for line in tables.render(made, OPS, ["qemu", "xen-pv"])]
        title = "Hardware analogues instructions hypercalls"
        head = table.index(title.split()) + 1
        self.assertEqual(table[head], ["qemu", "xen-pv", "xen-pv"])
        self.assertEqual(table[head + 1], ["c", "40", "-", "-", "[1]"])
        self.assertEqual(table[head + 2], ["a", "12", "7", "1.50"])
        self.assertEqual(table[head + 3], "not measured: b (why not)".split())
        self.assertEqual(table[head + 7], ["mm.x", "-", "3", "-", "[2]"])
        self.assertIn("[1] ticks with d".split(), table)

    def test_width(self):
        platforms = ["qemu", "xen-pv", "xen-pvh"]
        bare = [f"bench op.{'a' * 21} 12345678 ticks with much else"]
        lines = [*bare, f"# hypercalls op.{'a' * 21} 99999 of 100 calls"]
        made = document(qemu=bare, xen_pv=lines, xen_pvh=lines)
        made.measurements["op." + "a" * 21].sites.update(
            {p: {"nothing": 3, "direct": 1} for p in platforms}
        )
        ops = {"a" * 21: Op("a" * 21, "cpu", "Hardware analogues", "void", "")}
        widest = max(map(len, tables.render(made, ops, platforms)))
        self.assertLessEqual(widest, tables.WIDTH)

    def test_what_patching_saves(self):
        made = document(qemu=("bench op.a 12 ticks", "bench op.b 5 ticks"))
        bench._note_unpatched(
            made, "qemu", [said("bench op.a 14 ticks", "bench op.b 5 ticks").bench] * 2
        )
        self.assertEqual(made.problems, [])
        table = [line.split() for line in tables.render(made, OPS, ["qemu"])]
        self.assertIn(["a", "14", "12"], table)
        bench._note_unpatched(made, "qemu", [said("bench op.a 11 ticks").bench] * 2)
        self.assertEqual(made.problems, ["qemu: op.a costs 12 patched, 11 not patched"])
        made = document(xen_pvh=("bench op.a 6960 ticks",))
        for figure, problems in ((6751, 0), (5000, 1)):
            bench._note_unpatched(made, "xen-pvh", [said(f"bench op.a {figure} ticks").bench] * 2)
            self.assertEqual(len(made.problems), problems)

    def test_every_op_is_there(self):
        made = document(qemu=("bench op.a 12 ticks", "bench op.b - why not"))
        bench._check_complete(made, OPS, ["qemu"])
        self.assertEqual(len(made.problems), 1)
        self.assertIn("qemu: op c is not in the benchmark", made.problems[0])


class FileTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "bench.json"

    def test_written_and_read(self):
        made = document(
            qemu=("bench op.a 12 ticks", "# hypercalls op.a 50 of 100 calls", "bench op.b - why")
        )
        made.made_by = {"qemu": "7.2"}
        file.write(self.path, made)
        again = file.read(self.path)
        self.assertEqual(again.measurements, made.measurements)
        self.assertEqual(again.made_by, made.made_by)

    def test_unreadable(self):
        good = {"format": "paravane-bench", "version": 1, "measurements": {}}
        for text, words in (
            (None, "cannot be read"),
            (b"\xff\xfe", "not text"),
            (b"{", "not JSON"),
            (b"[" * 100000, "not JSON"),
            (b"[]", "not written by"),
            (b'{"platforms": []}', "not written by"),
            (json.dumps({**good, "version": 2}).encode(), "version 2 of the format, not 1"),
            (json.dumps({**good, "measurements": []}).encode(), "a measurement that is none"),
            (json.dumps({**good, "measurements": {"op.a": {"count": 3}}}).encode(), "that is none"),
            (json.dumps({**good, "measurements": {"op.a": {"count": {"qemu": "x"}}}}).encode(),
             "that is none"),
            (json.dumps({**good, "measurements": {"op.a": {"sites": 3}}}).encode(), "that is none"),
            (json.dumps({**good, "measurements": {"op.a": {"colour": {}}}}).encode(),
             "that is none"),
        ):
            if text is not None:
                self.path.write_bytes(text)
            with self.assertRaises(Trouble) as caught:
                file.read(self.path)
            self.assertIn(words, str(caught.exception))
            self.assertEqual(caught.exception.status, EXIT_USAGE)

    def test_unknown_op(self):
        with self.assertRaisesRegex(Trouble, "names an op that does not exist: frob"):
            comparison.check_names(document(qemu=("bench op.frob 1 ticks",)), OPS)
        comparison.check_names(document(qemu=("bench op.a 1 ticks", "bench mm.x 1 ticks")), OPS)


class CompareTest(unittest.TestCase):
    def compare(self, old, new, limit=1.25):
        lines, fine = comparison.compare(document(**old), document(**new), limit)
        return "\n".join(lines), fine

    def test_within_the_limit(self):
        text, fine = self.compare(
            {"qemu": ["bench op.a 100 ticks"]}, {"qemu": ["bench op.a 125 ticks"]}
        )
        self.assertTrue(fine)
        self.assertIn("1.25  op.a on qemu: 100 to 125 ticks", text)
        self.assertIn("1 figures compared: 0 the same within 0.5 %, 0 over the limit, 0 gone", text)

    def test_over_the_limit(self):
        text, fine = self.compare(
            {"qemu": ["bench op.a 100 ticks"]}, {"qemu": ["bench op.a 126 ticks"]}
        )
        self.assertFalse(fine)
        self.assertIn("OVER", text)
        self.assertTrue(self.compare({"qemu": ["bench op.a 100 ticks"]},
                                     {"qemu": ["bench op.a 126 ticks"]}, 1.3)[1])

    def test_a_few_instructions_are_no_matter(self):
        self.assertTrue(
            self.compare({"qemu": ["bench op.a 1 ticks"]}, {"qemu": ["bench op.a 5 ticks"]})[1]
        )
        self.assertFalse(
            self.compare({"qemu": ["bench op.a 1 ticks"]}, {"qemu": ["bench op.a 6 ticks"]})[1]
        )

    def test_a_hypercall_is(self):
        line = "bench op.a 100 ticks"
        old = {"qemu": [line, "# hypercalls op.a 0 of 100 calls"]}
        text, fine = self.compare(old, {"qemu": [line, "# hypercalls op.a 100 of 100 calls"]})
        self.assertFalse(fine)
        self.assertIn("op.a on qemu: 0 to 1 hypercalls", text)

    def test_layout(self):
        for platform, fine in (("xen_pvh", True), ("xen_pv", False)):
            old, new = {platform: ["bench op.apic_read 6000 ticks"]}, {
                platform: ["bench op.apic_read 11000 ticks"]
            }
            self.assertEqual(self.compare(old, new)[1], fine)
        worse = {"xen_pvh": ["bench op.apic_read 17000 ticks"]}
        self.assertFalse(self.compare({"xen_pvh": ["bench op.apic_read 6000 ticks"]}, worse)[1])

    def test_gone(self):
        for new in (["bench op.b 1 ticks"], ["bench op.b 1 ticks", "bench op.a - too shy"]):
            text, fine = self.compare(
                {"qemu": ["bench op.a 1 ticks", "bench op.b 1 ticks"]}, {"qemu": new}
            )
            self.assertFalse(fine)
            self.assertRegex(text, "GONE +op.a on qemu: (no such measurement|too shy)")

    def test_other_platforms_do_not_count(self):
        line = ["bench op.a 1 ticks"]
        self.assertTrue(self.compare({"qemu": line, "xen_pv": line}, {"qemu": line})[1])
        text, fine = self.compare({"xen_pv": line}, {"qemu": line})
        self.assertFalse(fine)
        self.assertIn("nothing to compare with on qemu", text)


class ChartTest(unittest.TestCase):
    def test_chart(self):
        lines = ["bench op.read_cr0 12 ticks", "bench op.set_pte 1 ticks", "bench op.halt - why"]
        picture = chart.render(document(qemu=lines, xen_pv=["bench op.read_cr0 12345 ticks"]))
        root = ET.fromstring(picture)
        words = [element.text for element in root.iter() if element.text]
        for word in ("read_cr0", "set_pte", "read_cr0 on xen-pv: 12345", "100 000"):
            self.assertIn(word, words)
        self.assertNotIn("halt", words)

    def test_nothing_measured(self):
        ET.fromstring(chart.render(document()))


if __name__ == "__main__":
    unittest.main()
