# SPDX-License-Identifier: MIT
"""Lines out of raw serial bytes."""

import random
import unittest

from paravane.run.console import LINE_MAX, Cleaner, Lines


def lines_of(*chunks):
    cleaner, lines, found = Cleaner(), Lines(), []
    for chunk in chunks:
        found += lines.feed(cleaner.feed(chunk))
    return found + list(lines.flush())


class ConsoleTest(unittest.TestCase):
    def test_carriage_returns_go(self):
        self.assertEqual(lines_of(b"one\r\ntwo\n\r\r\nthree"), ["one", "two", "", "three"])

    def test_colours_go_and_cursor_moves_break_lines(self):
        raw = b"\x1b[2J\x1b[01;01H\x1b[0mBdsDxe: x\x1b[05;01Hparavane: hello\r\n"
        self.assertEqual(lines_of(raw), ["BdsDxe: x", "paravane: hello"])

    def test_every_split_gives_the_same(self):
        raw = b"a\x1b[1;31mb\x1b[2;1Hc\r\nnext\x1b[0m line\r\n\x1b"
        whole = lines_of(raw)
        for at in range(len(raw)):
            self.assertEqual(lines_of(raw[:at], raw[at:]), whole)

    def test_xen_in_the_middle_of_a_line(self):
        raw = b"ok 1 gr(XEN) [    1.0] hello\r\noup.name\r\nok 2 x.y\r\n"
        self.assertEqual(
            lines_of(raw), ["(XEN) [    1.0] hello", "ok 1 group.name", "ok 2 x.y"]
        )

    def test_lines_are_bounded(self):
        found = lines_of(b"x" * (3 * LINE_MAX), b"y" * LINE_MAX, b"\nnext\n")
        self.assertEqual([len(line) for line in found], [LINE_MAX, 4])

    def test_noise_is_survived(self):
        noise = random.Random(1)
        for _ in range(200):
            data = bytes(noise.choice(b"\x1b[;H0\x00\n\r(XEN) a\xff") for _ in range(200))
            for line in lines_of(data[:77], data[77:], b"\nend\n")[:-1]:
                self.assertNotIn("\x1b", line)


if __name__ == "__main__":
    unittest.main()
