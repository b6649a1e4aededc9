"""The benchmark's lines, what two runs must agree on, and the table."""

import unittest

from paravane import bench
from paravane.ktap import Transcript
from paravane.optable import Op


def said(*lines):
    transcript = Transcript()
    for line in lines:
        transcript.feed(line)
    return transcript


class BenchTest(unittest.TestCase):
    def test_lines(self):
        guest = said("bench op.read_cr0 10 ticks", "bench op.halt - ends the run")
        figure, reason = {"value": 10, "unit": "ticks"}, {"reason": "ends the run"}
        self.assertEqual(guest.bench, {"op.read_cr0": figure, "op.halt": reason})
        self.assertEqual(guest.problems, [])

    def test_lines_that_lie(self):
        for line in ("bench op.a", "bench op.a -", "bench op.a ten ticks", "bench a 1 ticks"):
            self.assertIn("malformed bench line", said(line).problems[0])
        self.assertEqual(said("bench a.b 1 t", "bench a.b 2 t").problems, ["two figures named a.b"])

    def test_differences(self):
        first = {"op.a": {"value": 1, "unit": "ticks"}, "op.b": {"reason": "why"}}
        self.assertEqual(bench.differences(first, dict(first)), [])
        second = {"op.a": {"value": 2, "unit": "ticks"}, "op.c": {"reason": "why"}}
        names = [line.split(":")[0] for line in bench.differences(first, second)]
        self.assertEqual(names, ["op.a", "op.b", "op.c"])

    def test_table(self):
        ops = {name: Op(name, "cpu", 2, "void", "", "") for name in ("a", "b", "c")}
        rows = [
            {"platform": "qemu", "bench": said("bench op.a 12 ticks", "bench op.b - why not").bench},
            {"platform": "xen-pv", "bench": said("bench op.a 7 ticks", "bench mm.x 3 calls").bench},
        ]
        table = [line.split() for line in bench.table(ops, rows)]
        self.assertEqual(table[0], "class 2: hardware analogues qemu xen-pv".split())
        self.assertEqual(table[1], ["a", "12", "7"])
        self.assertEqual(table[2], ["b", "-", "-", "why", "not"])
        self.assertEqual(table[3], ["c", "-", "-", "not", "measured"])
        self.assertEqual(table[-1], ["mm.x", "-", "3", "calls"])


if __name__ == "__main__":
    unittest.main()
