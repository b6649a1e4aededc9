# SPDX-License-Identifier: MIT
"""The sweep: what a row expects, what is believed of a run, and what the launcher hands over."""

import struct
import tempfile
import unittest
from pathlib import Path

from paravane.common import Trouble
from paravane.run import launcher, platforms, runs
from paravane.suite import machine_table, machines
from paravane.suite.machines import Row


class TableTest(unittest.TestCase):
    def test_names(self):
        rows = machine_table.rows()
        self.assertEqual(len({row.name for row in rows}), len(rows))
        self.assertTrue(all(row.platform in platforms.PLATFORMS and row.expected for row in rows))
        self.assertTrue(8 <= sum(row.sample for row in rows) <= 20)

    def test_choice(self):
        rows = [Row("cpu a", sample=True), Row("cpu b"), Row("xen", "xen-pv")]
        chosen = machines.choose(rows, "all", "cpu *", ["qemu"])
        self.assertEqual([row.name for row in chosen], ["cpu a", "cpu b"])
        self.assertEqual(machines.choose(rows, "sample", None, ["qemu"]), rows[:1])
        with self.assertRaisesRegex(Trouble, "no machine is called cpu z"):
            machines.choose(rows, "all", "cpu z", ["qemu"])

    def test_expected_in_words(self):
        self.assertEqual(
            Row("a", prints=(r"(?i)no \d+ of.*\bx",)).expected, 'passes, prints "no N of…x"'
        )
        self.assertEqual(Row("a", status="MUTE").expected, "passes without a console")


class JudgeTest(unittest.TestCase):
    def judge(self, row, status, console="", **more):
        return machines.judge(row, runs.Result("a", status, ran=True, **more), console)

    def test_verdicts(self):
        self.assertEqual(self.judge(Row("a"), "PASS"), "")
        self.assertEqual(self.judge(Row("a"), "FAIL", reason="oh"), "oh")
        self.assertEqual(self.judge(Row("a", status="ERROR"), "PASS"), "verdict PASS")
        self.assertEqual(self.judge(Row("a", status="STANDS"), "PASS"), "")
        self.assertIn(
            "INCON",
            self.judge(Row("a", status="STANDS"), "FAIL", reason="INCONSISTENT: more than once"),
        )

    def test_words(self):
        row = Row("a", prints=("left off",), never=("left off(.|\n)*left off",))
        self.assertEqual(self.judge(row, "PASS", "1 left off\n"), "")
        self.assertEqual(self.judge(row, "PASS", "nothing"), 'no line has "left off"')
        self.assertIn("prints", self.judge(row, "PASS", "left off\nleft off"))

    def test_no_console(self):
        self.assertEqual(self.judge(Row("a", status="MUTE"), "FAIL", code=33), "")
        self.assertIn(
            "status 35 instead of 33", self.judge(Row("a", status="MUTE"), "FAIL", code=35)
        )

    def test_halts(self):
        row = Row("a", status="HALT", prints=("no long mode",))
        self.assertEqual(self.judge(row, "FAIL", "no long mode\n"), "")
        self.assertIn("more than once", self.judge(row, "FAIL", "no long mode\nno long mode\n"))
        self.assertIn("does not halt", self.judge(row, "FAIL", "", reason="TIMEOUT after 9 s"))

    def test_a_machine_that_this_qemu_lacks(self):
        case = machines.Case(Row("a", qemu=(9, 0)), "", "7.2.22", None)
        result = machines._run(None, case, None)
        self.assertEqual(
            (result.status, result.reason), ("SKIP", "QEMU 7.2.22 has no such machine, 9.0 has")
        )


class LauncherTest(unittest.TestCase):
    def boot(self, scratch):
        image, module = Path(scratch, "image"), Path(scratch, "module")
        image.write_bytes(
            b"\x7fELF" + bytes(60) + struct.pack("<III4sQ", 4, 8, 18, b"Xen\0", 0x100123)
        )
        module.write_bytes(b"files")
        return platforms.Boot(image, module, Path(scratch), ["a", "b=c"])

    def parts(self, **more):
        """(the loaded bytes, start_info) of a launcher, found as QEMU and the kernel find them."""
        with tempfile.TemporaryDirectory() as scratch:
            data = launcher.make(self.boot(scratch), **more)
        offset, _, address, size = struct.unpack_from("<QQQQ", data, 64 + 8)
        self.assertEqual(address, launcher.BASE)
        blob = data[offset : offset + size]
        note = data[struct.unpack_from("<Q", data, 64 + 56 + 8)[0] :]
        code = blob[struct.unpack_from("<Q", note, 16)[0] - launcher.BASE :]
        at = code.rindex(b"\xbb") + 1
        start_info = struct.unpack_from("<I", code, at)[0] - launcher.BASE
        self.assertEqual(struct.unpack_from("<I", code, at + 5)[0], 0x100123)
        return blob, struct.unpack_from("<IIIIQQQQII", blob, start_info)

    def test_start_info(self):
        blob, info = self.parts(memory=((1, 2, 3), (4, 5, 6)))
        self.assertEqual(info[:4], (0x336EC578, 1, 0, 1))
        line = blob[info[5] - launcher.BASE :]
        self.assertTrue(line.startswith(b"a b=c\0"))
        self.assertEqual(
            struct.unpack_from("<QQII", blob, info[7] - launcher.BASE + 24), (4, 5, 6, 0)
        )
        start, size = struct.unpack_from("<QQ", blob, info[4] - launcher.BASE)
        self.assertEqual(blob[start - launcher.BASE :][:size], b"files")

    def test_tables(self):
        blob, info = self.parts(tables=(launcher.madt(launcher.cpu(3)),))
        rsdp = blob[info[6] - launcher.BASE :][:20]
        self.assertEqual((rsdp[:8], sum(rsdp) & 0xFF), (b"RSD PTR ", 0))
        rsdt = blob[struct.unpack_from("<I", rsdp, 16)[0] - launcher.BASE :]
        madt = blob[struct.unpack_from("<I", rsdt, 36)[0] - launcher.BASE :]
        length = struct.unpack_from("<I", madt, 4)[0]
        self.assertEqual(
            (madt[:4], sum(madt[:length]) & 0xFF, madt[44:52]), (b"APIC", 0, launcher.cpu(3))
        )

    def test_overridden_fields(self):
        _, info = self.parts(memory=None, fields={"magic": 7, "nr_modules": 9})
        self.assertEqual((info[0], info[1], info[3]), (7, 0, 9))


if __name__ == "__main__":
    unittest.main()
