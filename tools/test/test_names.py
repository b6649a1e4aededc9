# SPDX-License-Identifier: MIT
"""Names for a backtrace's addresses (tools/paravane/run/names.py)."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

from paravane.run import names

_FUNCTIONS = [(0x1000, "first"), (0x1010, "second"), (0x1020, "_text_end")]
_LINES = [
    "paravane: PANIC: why",
    "  rip 0000000000001012 efl 0000000000001012",
    "  #0 0000000000001012",
    "  #1 0000000000001000",
    "  #2 0000000000001021",
    "  #3 named+0x12",
]


class Names(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.image = Path(folder.name, "kernel.elf")
        self.twin = Path(folder.name, "kernel.debug.elf")
        self.image.write_bytes(bytes(0x5000))
        patch = mock.patch.object(names, "_functions", return_value=_FUNCTIONS)
        patch.start()
        self.addCleanup(patch.stop)

    def test_the_twin_names_the_frames_and_nothing_else(self):
        self.twin.write_bytes(b"other headers" + bytes(0x6000))
        lines, whose = names.named(_LINES, self.image)
        self.assertEqual(lines[:2] + lines[4:], _LINES[:2] + _LINES[4:])
        self.assertEqual(lines[2:4], ["  #0 second+0x2", "  #1 first+0x0"])
        self.assertTrue(whose.endswith("kernel.debug.elf"))

    def test_another_build_s_twin_names_nothing(self):
        self.twin.write_bytes(b"\x01" * 0x6000)
        self.assertEqual(names.named(_LINES, self.image), (_LINES, None))

    def test_no_twin_is_no_error(self):
        self.assertEqual(names.named(_LINES, self.image), (_LINES, None))

    def test_who_has_names_needs_no_twin(self):
        self.twin.write_bytes(self.image.read_bytes())
        self.assertEqual(names.named(_LINES[5:], self.image), (_LINES[5:], None))


if __name__ == "__main__":
    unittest.main()
