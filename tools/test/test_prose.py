# SPDX-License-Identifier: MIT
"""The phrases and the widths that make check rejects."""

import unittest

from build import columns, prose


class ProseTest(unittest.TestCase):
    def found(self, line):
        return [phrase for _, phrase, _ in prose.faults(line)]

    def test_phrases(self):
        for line, phrase in (
            ("/* Nobody reads it. */", "Nobody"),  # prose: allow
            ("the line is no pin", "is no"),  # prose: allow
            ("it waits for ever", "for ever"),  # prose: allow
            ("TEST(events, timer_storm)", "_storm"),  # prose: allow
            ("TEST(smp, call_goes_on)", "_goes_on"),  # prose: allow
        ):
            self.assertEqual(self.found(line)[:1], [phrase], line)

    def test_words_within_words(self):
        for line in ("brainstorming", "there is no frame", "left behind", "stands on its own",
                     "goes on to the next"):
            self.assertEqual(self.found(line), [], line)

    def test_allowed(self):
        self.assertEqual(self.found('"in vain" # prose: allow'), [])


class ColumnsTest(unittest.TestCase):
    def test_widths(self):
        text = "\n".join(["x" * 100, "x" * 101, "\t" + "x" * 92, "\t" + "x" * 93, "…" * 100])
        self.assertEqual(list(columns.wide_lines(text)), [(2, 101), (4, 101)])


if __name__ == "__main__":
    unittest.main()
