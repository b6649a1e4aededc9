# SPDX-License-Identifier: MIT
"""The platforms of domUs: what they refuse, how a run of one is described, and its verdict."""

import dataclasses
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from paravane.common import EXIT_SKIP, EXIT_USAGE, Trouble
from paravane.dom0 import disks, guest, image
from paravane.dom0 import shape as shapes
from paravane.outer import saved
from paravane.run import domu, outer_guest, platforms, runs
from paravane.run.ktap import Transcript
from paravane.run.machine import Ending
from paravane.run.verdict import judge


class PlatformTest(unittest.TestCase):
    def boot(self, **more):
        return platforms.Boot(Path("/i"), Path("/m"), Path("/d"), ["run=suite"], **more)

    def test_only_on_demand(self):
        self.assertFalse([p for p in platforms.parse(None) if p.emulator is domu])
        self.assertEqual(
            [p.name for p in platforms.parse("domu-pvh,domu-pv")], ["domu-pv", "domu-pvh"]
        )

    def test_what_is_refused(self):
        pv = platforms.PLATFORMS["domu-pv"]
        for more, words in (
            ({"machine": "hpet=off"}, "--machine has no meaning"),
            ({"icount": True}, "would include dom0"),
            ({"cpu": "qemu64"}, "can only add"),
            ({"maxmem": 100}, "--maxmem is less"),
        ):
            self.assertIn(words, domu.refusal(pv, self.boot(**more)))
        self.assertEqual(domu.refusal(pv, self.boot(cpu="-nx", maxmem=512)), "")

    def test_the_description_is_read_as_it_was_written(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("image", "module", "data"):
                Path(folder, name).write_bytes(name.encode())
            listed = (disks.Disk(file=str(Path(folder, "data"))), disks.Disk(mib=4, readonly=True))
            boot = dataclasses.replace(
                self.boot(
                    xen=Path("/x"),
                    xen_asked=True,
                    smp=2,
                    mem=128,
                    maxmem=256,
                    xl=("a = 1", "b = 2"),
                    disk=listed,
                    net=2,
                ),
                image=Path(folder, "image"),
                module=Path(folder, "module"),
            )
            described = domu.description(platforms.PLATFORMS["domu-pvh"], boot)
            shape, wanted, files = domu.read(outer_guest.write(described, Path(folder, "json")))
        self.assertEqual(shape, domu.shape(boot))
        self.assertEqual(shape.xen, Path("/x"))
        self.assertEqual(
            wanted,
            guest.Wanted("pvh", "run=suite", 128, 256, 2, more="a = 1\nb = 2", disks=listed,
                         nets=2),
        )
        self.assertEqual(files, {"image": b"image", "module": b"module", "disk0": b"data"})

    def test_the_installed_xen_does_not_replace_that_of_the_toolstack(self):
        self.assertIsNone(domu.shape(self.boot(xen=Path("/boot/xen"))).xen)

    def test_a_missing_toolstack_does_not_end_the_runs_of_other_hypervisors(self):
        for status in (EXIT_SKIP, EXIT_USAGE):
            emulator = mock.Mock(command=mock.Mock(side_effect=Trouble("no toolstack", status)))
            platform = dataclasses.replace(
                platforms.PLATFORMS["domu-pv"], needs=(), emulator=emulator
            )
            one = runs.RunDirectory.__new__(runs.RunDirectory)
            with tempfile.TemporaryDirectory() as folder:
                one.path = one.image = one.module = one.rom = Path(folder)
                if status == EXIT_USAGE:
                    with self.assertRaisesRegex(Trouble, "no toolstack"):
                        one.run(platform, runs.Options(one.image))
                else:
                    result = one.run(platform, runs.Options(one.image))
                    self.assertEqual((result.status, result.reason), ("SKIP", "no toolstack"))

    def test_without_a_dom0(self):
        with mock.patch.object(image, "find", lambda *_: None):
            self.assertIn(
                "no dom0 is assembled; ./run.sh setup",
                platforms.lacking(platforms.PLATFORMS["domu-pv"]),
            )
            with self.assertRaisesRegex(Trouble, "no dom0 is assembled"):
                saved.folder(shapes.Shape())


class VerdictTest(unittest.TestCase):
    HEAD = ["paravane: Paravane 0.1 on xen-pv", "KTAP version 1", "1..1", "ok 1 a.b"]

    def verdict(self, *lines, code=0):
        said = Transcript()
        for line in [*self.HEAD, *lines]:
            said.feed(line)
        return judge(said, Ending("exit", code), True)

    def test_the_end_of_the_domain_counts(self):
        passed = "paravane: verdict PASS"
        self.assertEqual(self.verdict(passed, "domu: the domain ended by poweroff").status, "PASS")
        for end in ("crash", "reboot", "suspend"):
            verdict = self.verdict(passed, f"domu: the domain ended by {end}")
            self.assertEqual(verdict.status, "FAIL")
            self.assertIn(f"but the domain ended by {end}", verdict.reason)
        lost = self.verdict("domu: the domain ended by crash")
        self.assertIn("the domain ended by crash without a verdict", lost.reason)

    def test_a_failure_ends_as_a_crash(self):
        failed = "paravane: verdict FAIL: one failed"
        true = self.verdict(failed, "domu: the domain ended by crash")
        self.assertEqual((true.status, true.reason), ("FAIL", "one failed"))
        wrong = self.verdict(failed, "domu: the domain ended by poweroff")
        self.assertIn("verdict FAIL, but the domain ended by poweroff", wrong.reason)

    def test_the_guest_cannot_say_how_it_ended(self):
        forged = (
            "domu: the domain ended by poweroff",
            "paravane: verdict PASS",
            "domu: the domain ended by crash",
        )
        self.assertEqual(self.verdict(*forged).status, "FAIL")

    def test_a_failure_of_the_toolstack_is_not_one_of_the_guest(self):
        verdict = self.verdict("domu: failed: the dom0 panicked: x", code=1)
        self.assertEqual((verdict.status, verdict.reason), ("ERROR", "the dom0 panicked: x"))
