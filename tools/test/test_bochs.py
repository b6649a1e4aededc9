# SPDX-License-Identifier: MIT
"""Bochs: its configuration file and command line, what is refused, and what the program around it
makes of its words."""

import io
import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from paravane.common import ROOT, Trouble
from paravane.run import bochs, bochs_machine, platforms

_MODELS = ("Supported CPU models:\n\npentium\nryzen\ncorei7_haswell_4770\n\n00000i[SIM   ] "
           "quit_sim "
           "called\n")

_PROGRAM = """\
#include <cstring>
int main()
{
    char *small = new char[100], *large = new char[70000], *other = new char[80000];
    std::strcpy(small, "small");
    std::strcpy(large, "shared");
    std::strcpy(other, "other");
    const int wrong = std::strcmp(small, "small") || std::strcmp(large, "shared");
    delete[] other;
    delete[] large;
    delete[] small;
    return wrong;
}
"""


def platform():
    """The platform, whose ISO is a name."""
    real = platforms.PLATFORMS["bochs"]
    return mock.Mock(
        wraps=real, load=lambda boot: "runs/boot.iso", cpu=real.cpu, min_mem=2, **{"name": "bochs"}
    )


class LibraryTest(unittest.TestCase):
    def test_the_library_shares_the_first_large_block(self):
        """Preloaded into a C++ program, as into Bochs."""
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        folder = Path(scratch.name)
        source, program = folder / "program.cc", folder / "program"
        source.write_text(_PROGRAM)
        subprocess.run(["g++", "-O0", "-o", program, source], check=True)
        with tempfile.TemporaryFile() as file:
            done = subprocess.run(
                [program], pass_fds=[file.fileno()], capture_output=True, check=False,
                env={"LD_PRELOAD": str(bochs._shared_memory()),
                     "BOCHS_MEMORY": f"{file.fileno()} 65536"})
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertEqual(os.fstat(file.fileno()).st_size, 70000)
            file.seek(0)
            self.assertEqual(file.read(6), b"shared")


class BochsTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        said = mock.Mock(stdout=_MODELS, stderr="")
        listing = mock.patch.object(bochs.subprocess, "run", lambda *_, **__: said)
        listing.start()
        self.addCleanup(listing.stop)

    def boot(self, **more):
        return platforms.Boot(Path("/i"), Path("/m"), self.scratch, **more)

    def test_configuration(self):
        lines = bochs.configuration(platform(), self.boot(mem=300, smp=2)).splitlines()
        for line in (
            "display_library: sdl2",
            "memory: guest=300, host=300",
            "cpu: model=corei7_haswell_4770, count=2, ips=50000000, reset_on_triple_fault=0",
            "clock: sync=none, time0=utc",
            'ata0-master: type=cdrom, path="runs/boot.iso", status=inserted',
            "boot: cdrom",
            "panic: action=fatal",
        ):
            self.assertIn(line, lines)
        self.assertIn("model=ryzen,", bochs.configuration(platform(), self.boot(cpu="ryzen")))
        self.assertFalse(
            [line for line in lines if line.startswith("com1")],
            "the port is chosen when Bochs starts",
        )

    def test_a_recorded_machine_has_its_memory_in_a_file(self):
        with mock.patch.object(bochs, "_shared_memory", lambda: ROOT / "build/library"):
            argv = bochs.command(platform(), self.boot(mem=300, recorder=mock.Mock(fd=7)))
        self.assertEqual(argv[-3:], ["build/library", "7", str(300 << 20)])
        more, fds = bochs_machine._sharing(*argv[-3:])
        self.assertEqual(more, {"LD_PRELOAD": "build/library",
                                "BOCHS_MEMORY": f"7 {300 << 20}"})
        self.assertEqual(fds, [7])
        self.assertEqual(bochs_machine._sharing(), ({}, []))

    def test_command_line(self):
        argv = bochs.command(platform(), self.boot())
        self.assertEqual(
            argv[1:], ["-B", "tools/paravane/run/bochs_machine.py", str(self.scratch / "bochsrc")]
        )
        self.assertTrue((ROOT / argv[2]).exists())
        self.assertEqual(
            (self.scratch / "bochsrc").read_text(), bochs.configuration(platform(), self.boot())
        )

    def test_what_bochs_cannot_do_is_refused(self):
        for more, words in (
            ({"emulator": "/q"}, "not a QEMU"),
            ({"machine": "q35"}, "--machine has no meaning"),
            ({"icount": True}, "does not count instructions"),
            ({"mem": 4096}, "at most 2048 MiB"),
            (
                {"cpu": "+nx"},
                "+nx is not one of its CPU models: pentium, ryzen, corei7_haswell_4770",
            ),
        ):
            self.assertIn(words, bochs.refusal(platform(), self.boot(**more)))
            with self.assertRaises(Trouble) as caught:
                bochs.command(platform(), self.boot(**more))
            self.assertEqual(caught.exception.status, 2)
        self.assertEqual(bochs.refusal(platform(), self.boot(cpu="ryzen", smp=4)), "")

    def test_only_on_demand(self):
        self.assertNotIn("bochs", [one.name for one in platforms.parse(None)])
        self.assertEqual([one.name for one in platforms.parse("bochs")], ["bochs"])

    def test_missing_packages(self):
        def lacking(binary, plugin):
            with mock.patch.object(bochs.shutil, "which", lambda _: binary):
                with mock.patch.object(bochs.os.path, "exists", lambda _: plugin):
                    return platforms.lacking(platforms.PLATFORMS["bochs"])

        self.assertEqual(lacking(None, True), "bochs is not installed; ./run.sh setup installs it")
        self.assertEqual(
            lacking("/usr/bin/bochs", False),
            "bochs-sdl is not installed; ./run.sh setup installs it",
        )


class SaidTest(unittest.TestCase):
    def said(self, *pieces):
        log = io.BytesIO()
        said = bochs_machine.Said(log)
        for piece in pieces:
            said.feed(piece)
        self.assertEqual(log.getvalue(), b"".join(pieces))
        return said

    def test_soft_off(self):
        said = self.said(
            b"====\nBochs is exi",
            b"ting with the following message:\n[ACPI  ] ACPI control: soft ",
            b"power off\n===\n",
        )
        self.assertEqual(said.ending(connected=True), bochs_machine.DONE)

    def test_panics(self):
        said = self.said(b"Bochs is exiting with the following message:\n[CPU0  ] 3rd exception\n")
        self.assertEqual((said.ending(True), said.reason), (bochs_machine.GAVE_UP, "3rd exception"))
        self.assertEqual(said.ending(connected=False), bochs_machine.NOT_STARTED)

    def test_the_second_reset_is_the_guests(self):
        reset = b"00000000000i[SYS   ] bx_pc_system_c::Reset(HARDWARE) called\n"
        self.assertEqual(self.said(reset).ending(True), bochs_machine.GAVE_UP)
        self.assertEqual(self.said(reset, reset[:20], reset[20:]).ending(True), bochs_machine.DONE)

    def test_the_log_is_bounded(self):
        log = io.BytesIO()
        said = bochs_machine.Said(log)
        for _ in range(9):
            said.feed(b"x" * (1 << 20))
        self.assertEqual(len(log.getvalue()), 8 << 20)


if __name__ == "__main__":
    unittest.main()
