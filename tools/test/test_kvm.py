# SPDX-License-Identifier: MIT
"""A guest of KVM: the machine of its Linux, the command line of its monitor, and what its end
means."""

import dataclasses
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from paravane.common import Trouble
from paravane.kvm import guest, image, shape, tsc
from paravane.outer import running, saved
from paravane.run import kvm, outer_guest, platforms
from paravane.run.ktap import Transcript
from paravane.run.machine import Ending
from paravane.run.verdict import judge


class GuestTest(unittest.TestCase):
    def guest(self, status, output):
        outer = mock.Mock()
        outer.result = lambda _number: (status, output)
        one = guest.Guest(outer, guest.Wanted("run=suite 'x'", 64, 2, ("offer=ff",)), 3)
        self.script = outer.start.call_args[0][0]
        return one

    def test_the_monitors_command_line(self):
        self.guest(0, "")
        self.assertEqual(
            self.script,
            "exec /vmm 64 2 /run/in/image /run/in/module 'run=suite '\"'\"'x'\"'\"'' offer=ff"
            " <>/dev/port4 >&0",
        )

    def test_how_it_ended(self):
        one = self.guest(33, "vmm: ended by its debug-exit port\n")
        self.assertEqual((one.poll(), one.status), ("its debug-exit port", 33))
        self.assertEqual(one.poll(), "its debug-exit port")
        self.assertEqual(self.guest(0, "vmm: ended by a triple fault\n").poll(), "a triple fault")

    def test_a_failure_of_the_monitor_is_not_an_end_of_the_guest(self):
        for status, output in (
            (3, "vmm: ended by open /dev/kvm: No such file or directory\n"),
            (139, "Segmentation fault\n"),
        ):
            with self.assertRaises(running.Failed):
                self.guest(status, output).poll()


class MachineTest(unittest.TestCase):
    def test_memory_for_the_guests(self):
        self.assertEqual(shape.Shape.of(64).mem, 512)
        self.assertGreaterEqual(shape.Shape.of(2048).mem, 2048 + 192)

    def test_command_line(self):
        linux = image.Image(Path("/c/vmlinux"), Path("/c/initramfs"), "key")
        one = shape.Shape(512, 4, "/q", "-smep")
        with mock.patch.object(tsc, "khz", lambda: 2596122.1):
            shape._khz.cache_clear()
            argv = saved.command_line(one, linux, "/s/ram", True, "/d", [10, 11, 12])
        shape._khz.cache_clear()
        text = " ".join(argv)
        for part in (
            "-smp 4", "-accel tcg", "max,+svm,-smep", "-kernel /c/vmlinux", "tsc_early_khz=2596000",
            "-initrd /c/initramfs", "-incoming defer",
        ):  # fmt: skip
            self.assertIn(part, text)

    def test_the_tsc_has_the_same_rate_twice(self):
        first, second = tsc.khz(), tsc.khz()
        self.assertLess(abs(first - second) / first, 0.01)
        self.assertGreater(first, 100000)


class PlatformTest(unittest.TestCase):
    def boot(self, **more):
        return platforms.Boot(Path("/i"), Path("/m"), Path("/d"), ["run=suite"], **more)

    def test_only_on_demand(self):
        self.assertFalse([p for p in platforms.parse(None) if p.emulator is kvm])

    def test_what_is_refused(self):
        one = platforms.PLATFORMS["kvm"]
        for more, words in (
            ({"machine": "hpet=off"}, "--machine has no meaning"),
            ({"cpu": "qemu64"}, "can only add"),
        ):
            self.assertIn(words, kvm.refusal(one, self.boot(**more)))
        self.assertEqual(kvm.refusal(one, self.boot(cpu="-nx")), "")

    def test_instructions_are_counted_by_another_machine(self):
        counted = kvm.shape(self.boot(icount=True))
        linux = image.Image(Path("/c/vmlinux"), Path("/c/initramfs"), "key")
        argv = saved.command_line(counted, linux, "/s/ram", True, "/d", [10, 11, 12])
        self.assertIn("-icount", argv)
        self.assertIn("tsc_early_khz=1000000", argv[argv.index("-append") + 1])
        self.assertNotEqual(counted, kvm.shape(self.boot()))

    def test_the_description_is_read_as_it_was_written(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("image", "module"):
                Path(folder, name).write_bytes(name.encode())
            boot = dataclasses.replace(
                self.boot(smp=4, pcpus=2, mem=128, vmm=("refuse=1",)),
                image=Path(folder, "image"),
                module=Path(folder, "module"),
            )
            described = kvm.description(platforms.PLATFORMS["kvm"], boot)
            path = outer_guest.write(described, Path(folder, "json"))
            made, wanted, files = kvm.read(path)
            self.assertIsNone(outer_guest.ram(path))
            boot.recorder = mock.Mock(fd=9)
            described = kvm.description(platforms.PLATFORMS["kvm"], boot)
            self.assertEqual(outer_guest.ram(outer_guest.write(described, path)), 9)
        self.assertEqual(made, shape.Shape(512, 2))
        self.assertEqual(wanted.command().split()[1:3], ["128", "4"])
        self.assertTrue(wanted.command().endswith(" refuse=1"))
        self.assertEqual(files, {"image": b"image", "module": b"module"})

    def test_without_the_linux(self):
        with mock.patch.object(image, "find", lambda: None):
            self.assertIn(
                "no Linux with KVM is assembled; ./run.sh setup",
                platforms.lacking(platforms.PLATFORMS["kvm"]),
            )
            with self.assertRaisesRegex(Trouble, "no Linux with KVM is assembled"):
                saved.folder(shape.Shape(512))


class VerdictTest(unittest.TestCase):
    HEAD = ["paravane: Paravane 0.1 on native", "KTAP version 1", "1..1", "ok 1 a.b"]
    PASS = "paravane: verdict PASS"

    def verdict(self, *lines, code):
        said = Transcript()
        for line in [*self.HEAD, *lines]:
            said.feed(line)
        return judge(said, Ending("exit", code, reports_verdict=True), True)

    def test_the_monitors_status_counts(self):
        self.assertEqual(self.verdict(self.PASS, code=33).status, "PASS")
        self.assertIn("ended with status 0", self.verdict(self.PASS, code=0).reason)

    def test_an_end_without_a_verdict(self):
        lost = self.verdict("kvm: the guest ended by a triple fault", code=0)
        self.assertIn("the guest ended by a triple fault without a verdict", lost.reason)
        after = self.verdict(self.PASS, "kvm: the guest ended by a triple fault", code=33)
        self.assertIn("but the guest ended by a triple fault", after.reason)

    def test_a_failure_of_kvm_is_not_one_of_the_guest(self):
        verdict = self.verdict("kvm: failed: the Linux with KVM panicked: x", code=1)
        self.assertEqual(verdict.status, "ERROR")
