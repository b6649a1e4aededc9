#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/build/symtab.py from outside: what it answers, and how it refuses. test_symtab.c reads its table."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TOOL = os.path.join(HERE, "..", "..", "tools", "build", "symtab.py")
TEXT = "0000000000001000 T _text_start\n0000000000001000 T f\n0000000000001010 T _text_end\n"


def run(text, *args):
    result = subprocess.run(
        [sys.executable, "-B", TOOL, *args], input=text, capture_output=True, text=True
    )
    return result.returncode, result.stdout, result.stderr


class SymtabTest(unittest.TestCase):
    def refuses(self, text, message, *args):
        self.assertEqual(run(text, *args), (1, "", f"symtab.py: {message}\n"))

    def test_empty(self):
        status, out, _ = run("")
        self.assertEqual(status, 0)
        self.assertIn('.Lfunctions:\n    .uleb128 0x0; .asciz ""\n.Lpairs:\n', out)

    def test_order_of_input_does_not_matter(self):
        lines = TEXT.splitlines(keepends=True)
        self.assertEqual(run(TEXT), run("".join(reversed(lines))))

    def test_names_are_packed(self):
        """Undone here as the kernel undoes it, the names are the names, and few bytes."""
        names = [f"a_long_prefix_{i}_and_{'suffix' if i % 3 else 'end'}" for i in range(60)]
        text = "0000000000001000 T _text_start\n0000000000002000 T _text_end\n"
        text += "".join(f"{0x1000 + 16 * i:016x} T {name}\n" for i, name in enumerate(names))
        out = run(text)[1]
        pairs = [tuple(map(int, p)) for p in re.findall(r"\.byte (\d+), (\d+)", out)]
        packed = re.findall(r'\.asciz "(.*)"', out)[:-1]
        packed = [[int(o, 8) if o else ord(c) for o, c in re.findall(r"\\(\d{3})|(.)", p)] for p in packed]

        def expand(byte):
            return chr(byte) if byte < 128 else "".join(map(expand, pairs[byte - 128]))

        self.assertEqual(["".join(map(expand, p)) for p in packed], names)
        self.assertLess(sum(map(len, packed)) + 2 * len(pairs), sum(map(len, names)) / 3)

    def test_refuses(self):
        self.refuses("nonsense\n", "not a line of nm: 'nonsense'")
        self.refuses("xyz T f\n", "not a line of nm: 'xyz T f'")
        no_borders = "the image does not define _text_start and _text_end"
        self.refuses("0000000000001000 T f\n", no_borders)
        swapped = TEXT.replace("start", "tmp").replace("end", "start").replace("tmp", "end")
        not_enclosed = "_text_start and _text_end do not enclose a text of less than 4 GiB"
        self.refuses(swapped, not_enclosed)
        self.refuses(TEXT.replace("00000001010", "00100001010"), not_enclosed)

    def test_check(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "symtab.S")
            with open(path, "w", encoding="ascii") as f:
                f.write(run(TEXT)[1])
            self.assertEqual(run(TEXT, "--check", path), (0, "", ""))
            moved = run(TEXT.replace("1000 T f", "1001 T f"), "--check", path)
            self.assertEqual(moved[0], 1)
            self.assertIn("is not the table of this image", moved[2])
            self.refuses("", "no symbols on standard input", "--check", path)
            self.refuses(TEXT, f"{folder}/no: No such file or directory", "--check", f"{folder}/no")


if __name__ == "__main__":
    unittest.main()
