# SPDX-License-Identifier: MIT
"""Words, platforms, images and hypervisors: what is refused, and what is passed on."""

import contextlib
import gzip
import io
import os
import re
import struct
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from paravane import commandline
from paravane.common import ROOT, Trouble
from paravane.run import image, iso, platforms, qemu, xen


def elf(kind=62, cut=0):
    """The smallest file that image.check() accepts."""
    note = struct.pack("<III4sI", 4, 4, 18, b"Xen\0", 0x100000)
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 2, kind, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 4, 4, 120, 0, 0, len(note), len(note), 4)
    return (head + segment + note)[: -cut or None]


class CommandTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        build = mock.patch.dict("os.environ", {"BUILD": str(self.scratch)})
        build.start()
        self.addCleanup(build.stop)

    def write(self, name, data):
        (self.scratch / name).write_bytes(data)
        return self.scratch / name

    def refuses(self, words, function, *args):
        with self.assertRaises(Trouble) as caught:
            function(*args)
        self.assertIn(words, str(caught.exception))
        self.assertEqual(caught.exception.status, 2)

    def test_images(self):
        image.check(self.write("good", elf()))
        self.refuses("cut off", image.check, self.write("cut", elf(cut=1)))
        self.refuses("headers lie outside", image.check, self.write("cut", elf(cut=40)))
        self.refuses("x86-64", image.check, self.write("arm", elf(kind=40)))
        self.refuses("not an ELF", image.check, self.write("text", b"hello"))
        self.refuses("not an ELF", image.check, self.write("empty", b""))
        self.refuses("cannot read", image.check, self.scratch / "nowhere")

    def test_xen_files(self):
        good = b"\x7fELF" + struct.pack("<I", 0x1BADB002) + b"(XEN) "
        self.assertEqual(xen.prepare(self.write("xen", good)).read_bytes(), good)
        packed = self.write("xen.gz", gzip.compress(good))
        self.assertEqual(xen.prepare(packed).read_bytes(), good)
        self.refuses("not a Xen", xen.prepare, self.write("elf", elf()))
        self.refuses("damaged", xen.prepare, self.write("cut.gz", gzip.compress(good)[:-6]))
        self.refuses("no file", xen.find, "nowhere/xen.gz")

    def test_xen_versions(self):
        have = {"4.20-amd64": Path("b"), "4.17-amd64": Path("a")}
        with mock.patch.object(xen, "installed", lambda: have):
            self.assertEqual(xen.find("4.17"), Path("a"))
            self.assertEqual(xen.find(None), Path("b"))
            self.refuses("more than one", xen.find, "4.")
            self.refuses("4.20-amd64, 4.17-amd64", xen.find, "4.99")

    def test_words(self):
        qemu = platforms.PLATFORMS["qemu"]
        words = platforms.command_words(qemu, "suite", "cpu.*", ["echo=mine", "inject=fail"])
        expected = "run=suite platform=qemu test=cpu.* echo=mine inject=fail"
        self.assertEqual(words, expected.split())
        self.refuses("printable", platforms.append_words, "a\tb")

    def test_the_program_gets_its_own_words(self):
        qemu = platforms.PLATFORMS["qemu"]
        words = platforms.command_words(qemu, "app:x", extra=["--", "a", "--", "b"], promise=False)
        self.assertEqual(words, ["run=app:x", "platform=qemu", "--", "a", "--", "b", "--"])

    def test_values_may_be_dashes(self):
        parser = commandline.Parser("test")
        commandline.add(parser, {"--append": {}, "--once": {"action": "store_true"}})
        for value in ("--", "-x", "-- a", ""):
            words = commandline.joined(parser, ["--append", value, "--once"])
            asked = parser.parse_args(words)
            self.assertEqual((asked.append.split(), asked.once), (value.split(), True))

    def test_known_words_are_those_of_the_image(self):
        table = (ROOT / "kernel" / "cmdline.c").read_text().split("words[] = {")[1].split("};")[0]
        self.assertEqual(platforms.WORDS, re.findall(r'WORD\("([^"]+)"', table))
        for word in ("frobnicate=1", "run", "nopatch=1", "TEST=x", "=", "rnu=suite"):
            self.refuses("unknown word", platforms.append_words, f"log=info {word}")
        self.assertEqual(
            platforms.append_words("run=a=b nopatch -- c=d"), ["run=a=b", "nopatch", "--", "c=d"]
        )

    def test_platform_lists(self):
        names = [platform.name for platform in platforms.parse("xen-pv, qemu")]
        self.assertEqual(names, ["qemu", "xen-pv"])
        self.refuses("unknown platform 'vax'", platforms.parse, "qemu,vax")
        self.refuses("unknown platform ''", platforms.parse, "qemu,")

    def test_commas_for_the_multiboot_loader(self):
        boot = platforms.Boot(Path("/i"), Path("/m"), self.scratch, ["test=a,b"], xen=Path("/x"))
        argv = platforms.PLATFORMS["xen-pv"].command(boot)
        self.assertEqual(argv[argv.index("-initrd") + 1], "/i test=a,,b,/m testmodule")

    def _xen_machine(self, **more):
        """The value of -smp, and Xen's words."""
        boot = platforms.Boot(Path("/i"), Path("/m"), self.scratch, xen=Path("/x"), **more)
        argv = platforms.PLATFORMS["xen-pv"].command(boot)
        return int(argv[argv.index("-smp") + 1]), argv[argv.index("-append")
                                                       + 1].split(), argv[argv.index("-accel") + 1]

    def test_each_virtual_cpu_has_a_physical_one(self):
        cpus, words, accel = self._xen_machine(smp=4)
        self.assertEqual((cpus, accel), (4, "tcg,thread=multi"))
        self.assertTrue({"dom0_max_vcpus=4", "dom0_vcpus_pin"} <= set(words))

    def test_virtual_cpus_take_turns(self):
        for pcpus in (1, 2):
            cpus, words, _accel = self._xen_machine(smp=4, pcpus=pcpus)
            self.assertEqual(cpus, pcpus)
            self.assertIn("dom0_max_vcpus=4", words)
            self.assertNotIn("dom0_vcpus_pin", words)

    def test_instructions_are_counted_on_one_cpu(self):
        cpus, words, accel = self._xen_machine(smp=4, icount=True)
        self.assertEqual((cpus, accel), (1, "tcg"))
        self.assertNotIn("dom0_vcpus_pin", words)

    def test_other_cpus_and_machines(self):
        def made(platform, **more):
            boot = platforms.Boot(Path("/i"), Path("/m"), self.scratch, **more)
            argv = qemu.machine(platforms.PLATFORMS[platform], boot)
            return [argv[i + 1] for i, word in enumerate(argv) if word in ("-machine", "-cpu")]

        self.assertEqual(made("qemu"), ["q35", "max"])
        self.assertEqual(made("qemu", cpu="n270"), ["q35", "n270"])
        self.assertEqual(made("xen-pvh", cpu="-nx,+la57"), ["pc", "max,+svm,+npt,-nx,+la57"])
        self.assertEqual(made("qemu", machine="microvm,pit=off"), ["q35", "microvm,pit=off", "max"])
        boot = platforms.Boot(Path("/i"), Path("/m"), self.scratch, emulator="/q")
        self.assertEqual(platforms.PLATFORMS["qemu"].command(boot)[0], "/q")

    def test_what_the_sweep_feeds(self):
        feed = platforms.Feed(qemu=("-device", "x"), without=("-no-reboot", "-serial"))
        boot = platforms.Boot(Path("/i"), Path("/m"), self.scratch, feed=feed)
        argv = platforms.PLATFORMS["qemu"].command(boot)
        self.assertEqual(argv[-2:], ["-device", "x"])
        self.assertFalse({"-no-reboot", "-serial", "stdio"} & set(argv))
        self.assertIn("-display", argv)

    def test_quoting_for_grub(self):
        self.assertEqual(iso.quote(["a=*", "b='$x"]), "'a=*' 'b='\\''$x'")


class BuildTest(unittest.TestCase):
    """What build() prints, with a program in place of make."""

    def build(self, script):
        said = io.StringIO()
        with tempfile.TemporaryDirectory() as folder:
            make = Path(folder, "make")
            make.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
            make.chmod(0o755)
            more = {"BUILD": folder, "PATH": f"{folder}:{os.environ['PATH']}"}
            with mock.patch.dict("os.environ", more), contextlib.redirect_stdout(said):
                try:
                    commandline.build()
                except Trouble as trouble:
                    print(trouble)
        return said.getvalue().replace(folder, "BUILD").splitlines()

    def test_a_build_says_that_it_begins_and_that_newlib_is_built(self):
        said = self.build("echo '  CC\tx.o'; echo '  NEWLIB\t/n (once)'; echo '  LD\ty'")
        self.assertEqual(said, ["building in BUILD/", "building /n (once)"])

    def test_with_nothing_to_do_it_says_nothing(self):
        self.assertEqual(self.build("echo \"make: Nothing to be done for 'all'.\""), [])

    def test_a_failure_prints_all(self):
        said = self.build("echo '  CC\tx.o'; echo 'x.c: wrong' >&2; exit 1")
        self.assertEqual(said[:3], ["building in BUILD/", "  CC\tx.o", "x.c: wrong"])
        self.assertIn("the build failed: make ", said[3])


if __name__ == "__main__":
    unittest.main()
