# SPDX-License-Identifier: MIT
"""Lists in docs/ that must name every op."""

import re
import unittest
from pathlib import Path

from paravane import optable

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = ("cpu", "flag")  # classes that the stub takes from bare metal


class Backend(unittest.TestCase):
    def test_order_of_work_has_each_op_once(self):
        table = re.findall(r"(?m)^\| \d+: .*$", (ROOT / "docs/backend.md").read_text())
        named = [op for row in table for op in re.findall(r"`(\w+)`", row.split("|")[2])]
        ops = optable.read(ROOT).ops
        wanted = [name for name, op in ops.items() if op.table not in WRITTEN]
        self.assertEqual(
            sorted(name for name in named if not name.startswith("raw_")), sorted(wanted)
        )


if __name__ == "__main__":
    unittest.main()
