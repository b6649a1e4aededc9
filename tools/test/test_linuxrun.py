# SPDX-License-Identifier: MIT
"""A program beside Linux: the archive that Linux unpacks, and what is believed of what a program
says."""

import tempfile
import unittest
from pathlib import Path

from paravane import linuxrun
from paravane.common import Trouble


def unpack(archive):
    """{name: (mode, device, data)} of a "newc" archive, up to its trailer."""
    found, at = {}, 0
    while True:
        assert archive[at : at + 6] == b"070701"
        fields = [int(archive[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        size, name_size = fields[6], fields[11]
        name = archive[at + 110 : at + 109 + name_size].decode()
        at += (110 + name_size + 3) // 4 * 4
        if name == "TRAILER!!!":
            return found
        found[name] = (fields[1], (fields[9], fields[10]), archive[at : at + size])
        at += (size + 3) // 4 * 4


class Initramfs(unittest.TestCase):
    def test_holds_the_program_its_files_and_a_console(self):
        with tempfile.TemporaryDirectory() as folder:
            files = Path(folder, "files")
            files.mkdir()
            Path(folder, "program").write_bytes(b"\x7fELF!")
            (files / "script.lua").write_bytes(b"print(1)")
            found = unpack(linuxrun.initramfs(Path(folder, "program"), files))
        self.assertEqual(found["init"], (0o100755, (0, 0), b"\x7fELF!"))
        self.assertEqual(found["script.lua"], (0o100644, (0, 0), b"print(1)"))
        self.assertEqual(found["dev/console"], (0o20600, (5, 1), b""))
        self.assertEqual(found["dev/null"], (0o20666, (1, 3), b""))


class Counted(unittest.TestCase):
    def test_a_console_line(self):
        self.assertEqual(linuxrun._counted("Linux", "\r\ntimed: 1234 ns, returned 0\r\n"), 1234)

    def test_a_program_that_failed_counts_for_nothing(self):
        for text in ("", "timed: 1234 ns, returned 1\n", "timed: 12"):
            with self.assertRaises(Trouble):
                linuxrun._counted("Linux", text)


if __name__ == "__main__":
    unittest.main()
