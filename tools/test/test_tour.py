# SPDX-License-Identifier: MIT
"""docs/tour.md: what it sends its reader to exists, and is short enough to be read."""

import re
import unittest
from pathlib import Path

from paravane.selftest import tour

ROOT = Path(__file__).resolve().parents[2]
READING_SET_MAX = 1500  # lines


def functions(text):
    """Yield (file, function) of every paragraph that begins with **Read**."""
    for paragraph in re.findall(r"(?ms)^\*\*Read\*\* (.*?)(?:\.\s+Tests?:|\n\n)", text):
        for path, names in re.findall(r"`([\w/.]+)`: ([\w,\s]+)", paragraph):
            for name in re.split(r",\s+", names.strip()):
                yield path, name.split()[0]


def length(path, name):
    """Return how many lines the function has, from its comment to its last line; 0 if there is no
    such function."""
    body = rf"(?m)(?:^/\*(?:(?!\*/).|\n)*\*/\n)?^\w[^;\n]*\b{name}\([^;]*?\)\n\{{\n(?:.*\n)*?\}}$"
    found = re.search(body, (ROOT / path).read_text())
    return found[0].count("\n") + 1 if found else 0


PAGE = """
```
$ ./run.sh boot --append "test=a*"
[info] clock: TSC, …
ok 1 a.b
```
"""


class Tour(unittest.TestCase):
    def test_expected_lines_are_compared_in_order(self):
        [(command, lines)] = tour.commands(PAGE)
        self.assertEqual(command, './run.sh boot --append "test=a*"')
        pattern = tour.pattern(lines)
        self.assertRegex("x\n[info] clock: TSC, 5 kHz\nmore\nok 1 a.b\n", pattern)
        self.assertRegex("(d0) [    2.1] [info] clock: TSC, 5\n(d0) [    2.2] ok 1 a.b\n", pattern)
        for printed in ("ok 1 a.b\n[info] clock: TSC, 5\n", "[info] clock: TSC, 5\nok 1 a.bc\n",
                        "[info] clock: HPET, 5\nok 1 a.b\n"):
            self.assertNotRegex(printed, pattern)

    def test_reading_set_exists_and_is_short(self):
        lengths = {item: length(*item) for item in functions((ROOT / "docs/tour.md").read_text())}
        self.assertGreater(len(lengths), 30)
        self.assertEqual([item for item, lines in lengths.items() if not lines], [])
        self.assertLess(sum(lengths.values()), READING_SET_MAX)


if __name__ == "__main__":
    unittest.main()
