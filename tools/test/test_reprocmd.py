# SPDX-License-Identifier: MIT
"""The command repro: what it takes, what it writes, and how a debugger gets in."""

import contextlib
import hashlib
import io
import tarfile
import tempfile
import unittest
import xml.etree.ElementTree as ET
from pathlib import Path
from unittest import mock

from paravane import commandline, report
from paravane.commands import repro as repro_commands
from paravane.common import EXIT_SKIP, EXIT_USAGE, Trouble
from paravane.repro import bundle, command as repro_command, controls, repro, repros
from paravane.run import platforms, runs

ONE = '/*\n * @platforms xen-pv\n */\nREPRO("one")\n'


def case(verdict, expected="", name="one"):
    one = repros.Repro(name, Path(f"{name}.c"), expect={"4": expected} if expected else {})
    result = runs.Result("xen-pv", "PASS", hypervisor="4.17.5", seconds=1.0, directory="/nowhere")
    options = runs.Options(Path("image"))
    return repro.Case(
        one, platforms.PLATFORMS["xen-pv"], "4.17.5-1", options, result, verdict, "why", "4.17.5"
    )


class NamedTest(unittest.TestCase):
    def test_files_and_folders(self):
        with tempfile.TemporaryDirectory() as scratch:
            Path(scratch, "drafts").mkdir()
            Path(scratch, "empty").mkdir()
            for name in ("one", "two"):
                Path(scratch, "drafts", f"{name}.c").write_text(ONE.replace("one", name))
            found = repro_command._named(["drafts", "drafts/one.c", "xsa-213"], Path(scratch))
            self.assertEqual([one.name for one in found], ["one", "two", "one", "xsa-213"])
            self.assertTrue(found[0].outside and not found[3].outside)
            with self.assertRaisesRegex(Trouble, "the folder empty has no C file"):
                repro_command._named(["empty"], Path(scratch))

    def test_payload_of_boot(self):
        self.assertTrue(repro_command.is_file("repro:a/b.c") and repro_command.is_file("repro:b.c"))
        self.assertFalse(repro_command.is_file("repro:b") or repro_command.is_file("suite")
                         or repro_command.is_file(None))
        repro_command.check_payload("repro:xsa-213", outside=False)
        repro_command.check_payload("repro:mine", outside=True)
        with self.assertRaisesRegex(
            Trouble, "no repro is called 'mine'; one in a file: --run repro:path/to/mine.c"
        ):
            repro_command.check_payload("repro:mine", outside=False)


class DebuggerTest(unittest.TestCase):
    def said(self, image, xen=None):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            repro_command.print_gdb(image, "repro_run", xen)
        return said.getvalue()

    def test_symbols(self):
        """The symbols are those of the image that boots, and of a Xen that was built beside
        them."""
        with tempfile.TemporaryDirectory() as scratch:
            image, xen = Path(scratch, "mine.elf"), Path(scratch, "xen.gz")
            for path in (image, image.with_suffix(".debug.elf")):
                path.touch()
            self.assertIn(f"gdb {scratch}/mine.debug.elf -ex", self.said(image))
            self.assertNotIn("xen-syms", self.said(image, xen))
            Path(scratch, "xen-syms").touch()
            self.assertIn(f"add-symbol-file {scratch}/xen-syms", self.said(image, xen))
            kept = Path(scratch, "kept", "xen-4.17.5-1-debug.elf")
            self.assertNotIn("add-symbol-file", self.said(image, kept))
            kept.parent.mkdir()
            kept.with_suffix(".syms").touch()
            self.assertIn(
                f"add-symbol-file {scratch}/kept/xen-4.17.5-1-debug.syms", self.said(image, kept)
            )
            image.with_suffix(".debug.elf").unlink()
            self.assertIn(f"gdb {scratch}/mine.elf -ex", self.said(image))

    def test_only_this_computer_can_connect(self):
        boot = platforms.Boot(Path("i"), Path("m"), Path("d"), xen=Path("x"), gdb=True)
        argv = platforms.PLATFORMS["xen-pv"].command(boot)
        self.assertNotIn("-s", argv)
        self.assertEqual(argv[argv.index("-gdb") + 1], "tcp:127.0.0.1:1234")

    def test_one_machine(self):
        asked = mock.Mock(xen=None)
        with self.assertRaisesRegex(Trouble, "--gdb takes one repro, one platform"):
            repro_command._wait_for_gdb([case("good"), case("good")], asked, Path("."))


class FilesTest(unittest.TestCase):
    def test_junit(self):
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch, "j.xml")
            cases = [case("good"), case("bad"), case("bad", "bad"), case("cannot-tell"),
                     case("good", "bad"),
                     case("cannot-tell", "good")]  # fmt: skip
            report.write_repro_junit(path, cases)
            suite = ET.parse(path).getroot()[0]
            kinds = [one[0].tag if len(one) else "" for one in suite]
            self.assertEqual(kinds, ["", "failure", "", "skipped", "failure", "failure"])
            self.assertEqual(suite.get("failures"), "3")

    def test_bundle(self):
        """It holds the source, the logs and the hypervisor, and a hash of each."""
        with tempfile.TemporaryDirectory() as scratch:
            run = Path(scratch, "run")
            (run / "xen-pv-one").mkdir(parents=True)
            (run / "xen-pv-one" / "console.log").write_text("said")
            source, xen, path = Path(scratch, "one.c"), Path(scratch, "xen-1.elf"), Path(scratch,
                                                                                         "b.tar.gz")
            source.write_text(ONE)
            xen.write_text("Xen")
            one = case("bad")
            one.repro.path, one.options.xen = source, xen
            bundle.write(path, [one], mock.Mock(path=run))
            with tarfile.open(path) as archive:
                read = {
                    name: archive.extractfile(name).read().decode() for name in archive.getnames()
                }
            self.assertEqual(read["b/run/xen-pv-one/console.log"], "said")
            self.assertEqual(read["b/source/one.c"], ONE)
            self.assertIn(f"{hashlib.sha256(b'Xen').hexdigest()}  xen/xen-1.elf", read["b/sha256"])
            self.assertIn("xen: 4.17.5-1 (4.17.5)", read["b/versions"])
            self.assertIn('"verdict": "bad"', read["b/verdicts.json"])
            with self.assertRaisesRegex(Trouble, "cannot write"):
                bundle.write(Path(scratch, "none", "b.tar.gz"), [one], mock.Mock(path=run))

    def test_words_for_xen(self):
        """--xen-append comes after the words of the head."""
        one = repros.Repro("one", Path("one.c"), platforms=["xen-pv"], xen="xpti=dom0")
        listed = repro.cases(
            [one], None, [], runs.Options(Path("i"), timeout=9, xen_append=("pv=no-32",))
        )
        self.assertEqual(listed[0].options.xen_append, ("xpti=dom0", "pv=no-32"))

    def test_parse(self):
        more = "--jobs --all --json --junit --bundle --xen-append --gdb --controls".split()
        asked = commandline.parse_repro(
            ["one", "--xen-append", "-a b", "--bundle", "x.tar.gz", "--gdb"], more
        )
        self.assertEqual((asked.xen_append, asked.bundle, asked.gdb), ("-a b", "x.tar.gz", True))


class PlacesTest(unittest.TestCase):
    """Where a repro runs of the platforms that were asked for, and what is printed of the
    others."""

    def said(self, words, caller=Path(".")):
        """Return (status, what is printed) of ./run.sh repro on domu-pvh, which runs nothing."""
        with contextlib.redirect_stdout(io.StringIO()) as said, mock.patch.object(
            repro, "build", return_value=Path("image")
        ), mock.patch.object(repro, "hypervisors", return_value=[]):
            with self.assertRaisesRegex(Trouble, "no repro is left to run") as caught:
                repro_commands.run([*words.split(), "--on", "domu-pvh,kvm"], caller)
        return caught.exception.status, said.getvalue()

    def test_every_command_skips_a_guest_of_another_type(self):
        lines = (
            "run.sh: xsa-213: skipped on domu-pvh, whose guest is xen-pvh: its head names xen-pv"
            " (@platforms)\nrun.sh: xsa-213: skipped on kvm, whose guest is native: its head names"
            " xen-pv (@platforms)\n"
        )
        for words in ("xsa-213", "--skipped xsa-213", "--controls xsa-213"):
            with self.subTest(words):
                self.assertEqual(self.said(words), (EXIT_SKIP, lines))

    def test_controls_are_of_one_release(self):
        for words, reason in (
            ("--xen 4.20", "no --xen beside it.* 4.17, so below a domU the toolstack of 4.17"),
            ("--all", "no --all"),
        ):
            with self.subTest(words), self.assertRaisesRegex(Trouble, reason) as caught:
                repro_commands.run(["--controls", *words.split()], Path("."))
            self.assertEqual(caught.exception.status, EXIT_USAGE)

    def test_platforms_that_no_head_names(self):
        listed = repro.skips(repros.all_repros().values(), platforms.parse("kvm"), named=False)
        count = len(repros.all_repros())
        self.assertRegex("\n".join(listed), f"^{count} of {count} repros are skipped on kvm, ")

    def names(self, one, on, named=True):
        return [platform.name for platform in repro.places(one, platforms.parse(on), named)[0]]

    def test_the_same_type_of_guest(self):
        """A repro that is named runs on other platforms with a guest of its type; one of all does
        not."""
        one = repros.Repro("one", Path("one.c"), platforms=["xen-pv"])
        self.assertEqual(self.names(one, "xen-pv,domu-pv,domu-pvh,qemu"), ["xen-pv", "domu-pv"])
        self.assertEqual(self.names(one, "xen-pv,domu-pv", named=False), ["xen-pv"])

    def test_a_control_that_shows_on_some_platforms(self):
        """Its repro runs on these only, also if the repro's head names none."""
        for elsewhere in (False, True):
            one = repros.Repro("one", Path("one.c"), platforms=["xen-pv", "xen-pvh"],
                               elsewhere=elsewhere)
            control = controls.Control("one", "", (), platforms=("xen-pv",))
            (found,) = repro.controlled([control], {"one": one})
            self.assertEqual(self.names(found, "xen-pv,xen-pvh,domu-pv"), ["xen-pv", "domu-pv"])

    def test_a_draft_without_platforms(self):
        with tempfile.TemporaryDirectory() as scratch:
            for text, where in (('REPRO("one")\n', ["qemu", "domu-pv"]), (ONE, ["domu-pv"])):
                Path(scratch, "one.c").write_text(text)
                draft = repros.find("one.c", Path(scratch))
                self.assertEqual(self.names(draft, "qemu,domu-pv"), where)


class ImagesTest(unittest.TestCase):
    def test_each_file_has_its_image(self):
        """A run takes the image that its options name, also if the directory was made for another
        one."""
        with tempfile.TemporaryDirectory() as scratch, mock.patch.object(
            runs.image, "check"
        ), mock.patch.object(runs, "build_dir", lambda: Path(scratch)):
            for name in ("a", "b"):
                Path(scratch, f"{name}.elf").write_text(name)
            cases = [case("good"), case("good"), case("good")]
            for one, name in zip(cases, "aba"):
                one.options.image = Path(scratch, f"{name}.elf")
            directory, of_image = repro._directories(cases)
            for one, name in zip(cases, "aba"):
                copy = of_image[one.options.image].image
                self.assertEqual(copy.read_text(), name)
                self.assertEqual(copy.parent, directory.path)


if __name__ == "__main__":
    unittest.main()
