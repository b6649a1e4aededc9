# SPDX-License-Identifier: MIT
"""Repros: what their heads say, who is to blame, and which Xen a version names."""

import contextlib
import gzip
import io
import os
import re
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from paravane import archive, cli
from paravane.common import ROOT, Trouble
from paravane.repro import command as repro_command, repro, repros
from paravane.run import packaged, runs, xen
from paravane.run.ktap import Transcript
from paravane.run.machine import Ending
from paravane.run.platforms import PLATFORMS
from paravane.suite import suite

HEAD = """\
/*
 * Words.
 *
 * @title     a title
 * @platforms xen-pv qemu
 * @needs     mem=512 smp=2
 * @expect    4.14=bad 4.14/xen-pv=cannot-tell 4=good qemu=bad
 */
REPRO("one")
"""


class HeadTest(unittest.TestCase):
    def load(self, text, name="one.c"):
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch, name)
            path.write_text(text)
            return repros.load(path)

    def refuses(self, words, text):
        with self.assertRaises(Trouble) as caught:
            self.load(text)
        self.assertIn(words, str(caught.exception))
        self.assertEqual(caught.exception.status, 125)

    def test_head(self):
        one = self.load(HEAD)
        self.assertEqual((one.name, one.title, one.outside), ("one", "a title", True))
        self.assertEqual(one.platforms, ["xen-pv", "qemu"])
        self.assertEqual(one.needs, {"mem": 512, "smp": 2})
        self.assertEqual(one.expected("xen-pvh", "4.14.6-1"), "bad")
        self.assertEqual(one.expected("xen-pv", "4.14.6-1"), "cannot-tell")
        self.assertEqual(one.expected("xen-pv", "4.20.3"), "good")
        self.assertEqual(one.expected("qemu", ""), "bad")
        self.assertEqual(one.expected("xen-pv", "3.0"), "")

    def test_versions(self):
        """A version is meant as far as it is given, to the end of a number; with + also what came
        later."""
        one = self.load(
            HEAD.replace("4.14=bad 4.14/xen-pv=cannot-tell 4=good", "4.1=bad 4.14.1+=good")
        )
        for version, expected in (
            ("4.1.6", "bad"), ("4.17.5+72-1", "good"), ("4.14.1", "good"), ("4.14.0", ""),
            ("4.9-unstable", ""),
            ("4.20-rc", "good"), ("4.14.10", "good"), ("", ""),
        ):  # fmt: skip
            self.assertEqual(one.expected("xen-pv", version), expected, version)

    def test_no_head(self):
        self.assertEqual(self.load('REPRO("one")').platforms, ["xen-pv", "xen-pvh"])

    def test_wrong_heads(self):
        self.refuses("registers nothing", "/* nothing */")
        self.refuses("unknown platform 'vax'", HEAD.replace("qemu\n", "vax\n"))
        self.refuses(
            "unknown @titel; the tags: @title, @advisory", HEAD.replace("@title", "@titel")
        )
        self.refuses("a tag and its value", HEAD.replace("@needs     mem=512 smp=2", "@needs"))
        self.refuses("a tag and its value", HEAD.replace("@title     a title", "@ title a title"))
        self.refuses("two lines of @title", HEAD.replace("@needs     mem=512 smp=2", "@title b"))
        self.refuses("'vax' is neither", HEAD.replace("4=good", "vax=good"))
        self.refuses("'4/vax' is neither", HEAD.replace("4=good", "4/vax=good"))
        self.refuses("'4=fine'", HEAD.replace("4=good", "4=fine"))
        self.refuses("'mem=x'", HEAD.replace("mem=512", "mem=x"))
        self.refuses("the name 'One!'", 'REPRO("One!")')

    def test_the_tree(self):
        """Every repro of the tree has a head that says what a reader looks for."""
        for one in repros.all_repros().values():
            self.assertTrue(one.title and one.affected and one.expect, one.name)


    def test_advisories(self):
        """The head of a repro of an advisory has the advisory's address."""
        for name, one in repros.all_repros().items():
            number = name.removeprefix("xsa-")
            expected = (
                f"https://xenbits.xen.org/xsa/advisory-{number}.html" if number != name else ""
            )
            self.assertEqual(one.advisory, expected, name)

    def test_every_step_can_be_left_out(self):
        for one in repros.all_repros().values():
            self.assertRegex(one.path.read_text(), r"(?m)^\s+STEP\b", one.name)

    def test_expected_as_affected(self):
        """Of a version below the first repaired one no head of the tree expects that it is good."""
        for one in repros.all_repros().values():
            repaired = re.search(r"(?:fixed|changed) in (4\.[0-9]+\.([0-9]+))", one.affected)
            if repaired:
                before = repaired[1].rpartition(".")[0] + f".{int(repaired[2]) - 1}"
                for platform in one.platforms:
                    self.assertNotEqual(
                        one.expected(platform, before), "good", f"{one.name} {before}"
                    )


class BadFileTest(unittest.TestCase):
    """A file that is not C is the caller's mistake, in one line and with status 2."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)

    def refuses(self, name, words, status=2):
        with self.assertRaises(Trouble) as caught:
            for one in repro_command._named([name], self.folder):
                self.assertTrue(one)
        self.assertIn(words, str(caught.exception))
        self.assertEqual(str(caught.exception).count("\n"), 0)
        self.assertEqual(caught.exception.status, status)

    def test_files(self):
        good = 'REPRO("one") {}'
        for name, data, words, status in (
            ("empty.c", b"", "is empty", 2),
            ("blank.c", b" \n\n", "is empty", 2),
            ("binary.c", b"\x7fELF\0\0", "is not C", 2),
            ("with blank.c", good.encode(), "make cannot take a path", 2),
            ("dollar$x.c", good.encode(), "make cannot take a path", 2),
            ("nothing.c", b"int x;", "registers nothing", 125),
        ):
            (self.folder / name).write_bytes(data)
            with self.subTest(name):
                self.refuses(name, words, status)

    def test_what_is_no_file(self):
        (self.folder / "x.c").mkdir()
        self.refuses("x.c", "the folder x.c has no C file")
        (self.folder / "x.c" / "y.c").mkdir()
        self.refuses("x.c", "the folder x.c has no C file")
        os.mkfifo(self.folder / "pipe.c")
        self.refuses("pipe.c", "neither a C file nor a folder")
        (self.folder / "loop.c").symlink_to("loop.c")
        self.refuses("loop.c", "a symbolic link to itself")
        self.refuses("gone.c", "no file gone.c", 125)

    def test_not_readable(self):
        path = self.folder / "secret.c"
        path.write_text('REPRO("secret")')
        with mock.patch.object(
            Path, "read_bytes", side_effect=PermissionError(13, "Permission denied")
        ):
            self.refuses("secret.c", "Permission denied")

    def test_a_folder(self):
        """All files of a folder, but not its folders; two of one name have images of their own."""
        words = []
        for folder in ("a", "b"):
            (self.folder / folder / "c.c").mkdir(parents=True)
            (self.folder / folder / "one.c").write_text('REPRO("one") {}')
        chosen = repro_command._named(["a", "b"], self.folder)
        self.assertEqual([one.name for one in chosen], ["one", "one"])
        with mock.patch.object(
            repro, "_make", side_effect=lambda command: words.append(command) or (0, "")
        ):
            self.assertEqual(len({repro.build(one) for one in chosen}), 2)
        self.assertNotEqual(words[0][-1], words[1][-1])


class GuideTest(unittest.TestCase):
    def test_worked_example(self):
        """The guide shows the file as it is, and it is as short as it says."""
        code = (ROOT / "repro" / "xsa-462.c").read_text().split("*/\n", 2)[2]
        guide = (ROOT / "docs" / "repro.md").read_text()
        self.assertIn(f"```c\n{code}```", guide)
        self.assertIn(f"{len(code.splitlines())} lines", guide)
        self.assertLessEqual(len(code.splitlines()), 30)


class JudgeTest(unittest.TestCase):
    def judge(self, *args, **more):
        return repro.judge(self.result(*args, **more))

    def result(self, lines, how="exit", code=0, platform="xen-pv", message=""):
        said = Transcript()
        for line in lines:
            said.feed(line)
        options = runs.Options(Path("image"), run="repro:one")
        ending = Ending(how, code, limit="9 s", message=message)
        return runs._result(PLATFORMS[platform], Path("/r"), said, ending, options)

    def test_words_of_the_guest(self):
        begin = ["paravane: Paravane 0.1 on xen-pv", "KTAP version 1", "1..1"]
        for verdict, result, mark, expected in (
            ("good", "ok 1 one|PASS", " (exercised)", "good"),
            ("good", "ok 1 one|PASS", "", "cannot-tell"),
            ("bad", "not ok 1 one|FAIL", " (exercised)", "bad"),
            ("cannot-tell", "ok 1 one # SKIP why|SKIP", "", "cannot-tell"),
            ("bad", "ok 1 one|PASS", " (exercised)", "cannot-tell"),
        ):
            line, word = result.split("|")
            said = begin + [line, f"paravane: repro one {verdict}: why{mark}"]
            said.append(f"paravane: verdict {word}: why")
            with self.subTest(said=said):
                self.assertEqual(self.judge(said)[0], expected)
        self.assertEqual(
            self.judge(begin + ["ok 1 one", "paravane: verdict PASS"])[0], "cannot-tell"
        )

    def test_who_died(self):
        banner = "paravane: Paravane 0.1 on xen-pv"
        verdict, reason = self.judge([banner, "(XEN) Xen BUG at x.c:1"], "over")
        self.assertEqual((verdict, reason), ("bad", "CRASH (hypervisor): Xen BUG at x.c:1"))
        self.assertEqual(self.judge([banner, "paravane: PANIC: oh"])[0], "cannot-tell")
        self.assertEqual(
            self.judge([banner, "(XEN) Hardware Dom0 crashed"], "over")[0], "cannot-tell"
        )

    def test_a_death_that_is_the_bug(self):
        banner = "paravane: Paravane 0.1 on xen-pv"
        dying = "paravane: repro one dying-is-bad: Xen gave up"
        killed = ["(XEN) Domain 0 (vcpu#0) crashed on cpu#0:", "(XEN) Hardware Dom0 crashed"]
        verdict, reason = self.judge([banner, dying, *killed], "over")
        self.assertEqual(verdict, "bad")
        self.assertIn("Xen gave up: CRASH", reason)
        self.assertEqual(self.judge([banner, dying])[0], "bad")  # the machine was reset
        self.assertEqual(self.judge([banner, dying, "paravane: PANIC: oh"])[0], "bad")
        over = "paravane: repro one dying-is-unclear: "
        self.assertEqual(self.judge([banner, dying, over, *killed], "over")[0], "cannot-tell")
        self.assertEqual(self.judge([banner, *killed, dying], "timeout")[0], "cannot-tell")

    def test_left_out(self):
        """A case whose step is left out is as it should be only if it came by the step and cannot
        tell."""
        one = repros.Repro("one", Path("one.c"))
        left_out = ["paravane: repro one step-left-out"]
        for said, verdict, surprise in ((left_out, "cannot-tell", False), ([], "cannot-tell", True),
                                        (left_out, "good", True)):
            case = repro.Case(one, PLATFORMS["xen-pv"], "4.1", None, self.result(said), verdict,
                              promised="cannot-tell", skipped=True)
            self.assertEqual(case.surprise, surprise)

    def test_exercised_before_the_end(self):
        result = self.result(["paravane: repro one exercised", "paravane: PANIC: oh"])
        self.assertTrue(result.exercised)
        self.assertFalse(self.result(["paravane: PANIC: oh"]).exercised)

    def test_who_hangs(self):
        banner = "paravane: Paravane 0.1 on xen-pv"
        answer = "(XEN) 'h' pressed -> showing installed handlers"
        verdict, reason = self.judge([banner], "timeout")
        self.assertEqual(verdict, "bad")
        self.assertIn("HANG (hypervisor)", reason)
        self.assertEqual(self.judge([banner, answer], "timeout")[0], "cannot-tell")
        self.assertEqual(self.judge([banner], "timeout", platform="qemu")[0], "cannot-tell")

    def test_exit_codes(self):
        def status(*verdicts, heads=False, expected=""):
            listed = []
            for verdict in verdicts:
                one = repros.Repro("one", Path("one.c"), expect={"4": expected} if expected else {})
                case = repro.Case(
                    one, PLATFORMS["xen-pv"], "4.1", None, verdict=verdict, among_others=heads
                )
                listed.append(case)
            return repro.exit_code(listed, heads)

        self.assertEqual(status("good", "bad", "cannot-tell"), 1)
        self.assertEqual(status("good", "cannot-tell"), 0)
        self.assertEqual(status("cannot-tell"), 125)
        self.assertEqual(status("bad", "good", heads=True), 1)
        self.assertEqual(status("bad", heads=True, expected="bad"), 0)
        self.assertEqual(status("good", heads=True, expected="bad"), 1)
        self.assertEqual(status("cannot-tell", heads=True, expected="good"), 125)
        self.assertEqual(status("cannot-tell", "good", heads=True, expected="good"), 125)
        self.assertEqual(status("cannot-tell", heads=True), 125)

    def test_status_and_summary_agree(self):
        """A bad of several repros that no head expects is unexpected, and said to be."""
        one = repros.Repro("one", Path("one.c"))
        case = repro.Case(one, PLATFORMS["xen-pv"], "4.1", None, verdict="bad", among_others=True)
        self.assertTrue(case.surprise)
        self.assertEqual(repro.exit_code([case], True), 1)
        case.among_others = False
        self.assertFalse(case.surprise)

    def test_cannot_tell_where_the_head_names_no_platform(self):
        """It is unexpected only where the head promises that the repro can tell; a bad is
        everywhere."""
        one = repros.Repro("one", Path("one.c"), platforms=["xen-pv"], expect={"4": "good"})

        def surprise(platform, verdict, **more):
            return repro.Case(
                one, PLATFORMS[platform], "4.17", None, verdict=verdict, **more
            ).surprise

        self.assertTrue(surprise("xen-pv", "cannot-tell"))
        self.assertFalse(surprise("domu-pv", "cannot-tell"))
        self.assertTrue(surprise("domu-pv", "bad"))
        self.assertTrue(surprise("domu-pv", "cannot-tell", promised="good"))

    def test_two_cases_of_one_name(self):
        """Each case has a name, a row and a directory of its own."""
        one = repros.Repro("one", Path("one.c"), platforms=["xen-pv"])
        options = runs.Options(Path("image"), timeout=9)
        files = [("file a/xen.gz", Path("a")), ("file b/xen.gz", Path("b"))]
        for chosen, xens in (([one, one], [("4.14.6-1", Path("x"))]),
                             ([one], [("4.14.6-1", Path("x"))] * 2), ([one], files)):
            listed = repro.cases(chosen, None, xens, options)
            self.assertEqual(len({repro.name_of(case) for case in listed}), 2)
        self.assertEqual([case.label for case in listed], ["a/xen.gz", "b/xen.gz"])

    def test_errors_are_no_verdicts(self):
        """No error of the runner has the status of bad; an unforeseen one is one line."""
        for error, words in (
            (KeyError("x"), "internal error: KeyError: 'x'"),
            (Trouble("cannot run QEMU"), "cannot run QEMU"),
            (PermissionError(13, "no"), "no"),
        ):
            with mock.patch.object(cli, "_dispatch", side_effect=error), mock.patch.object(
                cli.signal, "signal"
            ), contextlib.redirect_stderr(io.StringIO()) as said:
                self.assertEqual(cli.main(["repro", "one"]), 125)
            self.assertIn(words, said.getvalue())
            self.assertEqual(said.getvalue().count("\n"), 1)

    def test_what_did_not_start(self):
        """Neither a QEMU that refuses the machine nor a Xen that prints nothing is the guest's
        fault."""
        verdict, reason = self.judge([], "exit", 1, message="unable to find CPU model 'x'")
        self.assertEqual(verdict, "cannot-tell")
        self.assertEqual(
            reason, "the emulator did not start the machine: unable to find CPU model 'x'"
        )
        verdict, reason = self.judge([])
        self.assertEqual(verdict, "cannot-tell")
        self.assertIn("the hypervisor did not start", reason)

    def test_why_xen_ended_the_guest(self):
        """The line in which Xen gives its reason is the reason, not what it prints each time."""
        lines = [
            "(XEN) [ 0.1] Xen version 4.17.5 (x)",
            "paravane: Paravane 0.1 on xen-pv",
            "(XEN) [ 2.3] d0v0 Bad hypercall continuation format 'domain_crash called from "
            "hypercall.c:109",
            "(XEN) [ 2.3] Domain 0 (vcpu#0) crashed on cpu#0:",
            "(XEN) [ 2.3] ----[ Xen-4.17.5  x86_64  debug=n  Not tainted ]----",
            "(XEN) [ 2.4] Hardware Dom0 crashed: 'noreboot' set - not rebooting.",
        ]
        self.assertIn("Bad hypercall continuation", self.judge(lines, "over")[1])
        lines[2:] = ["(XEN) [ 2.3] d0v0 Triple fault - invoking HVM shutdown action 1"]
        self.assertIn("Triple fault", self.judge(lines)[1])

    def test_tail(self):
        """Stack words do not push the registers and the reason out of the end of the log."""
        words = "(XEN) [    2.376071]    " + "ffffffff8019df10 " * 4
        lines = ["(XEN) [    2.3] RIP:    e033:[<ffffffff80117788>]", *[words] * 40,
                 "(XEN) [  2.4] Hardware Dom0 crashed"]
        with tempfile.TemporaryDirectory() as scratch:
            Path(scratch, "console.log").write_text("\n".join(lines))
            result = runs.Result("xen-pv", "FAIL", directory=scratch)
            self.assertEqual(result.tail(), [lines[0], lines[-1]])

    def test_interrupted(self):
        with self.assertRaises(suite.Interrupted):
            repro.judge(runs.Result("xen-pv", "INTERRUPTED"))


class TruncatedTest(unittest.TestCase):
    def test_a_xen_that_is_cut_short(self):
        """Told before a machine is started with it."""
        for installed in [*xen.installed().values()][:1]:
            data = gzip.decompress(installed.read_bytes())
            with tempfile.TemporaryDirectory() as scratch:
                path = Path(scratch, "xen")
                path.write_bytes(data[: len(data) // 2])
                with self.assertRaisesRegex(Trouble, "cut short"):
                    xen.prepare(path)
                self.assertFalse(xen._is_cut_short(data))


class VersionTest(unittest.TestCase):
    PACKAGES = [
        archive.Package("xen-hypervisor-4.14-amd64", "4.14.6-1", "bullseye/main"),
        archive.Package("xen-hypervisor-4.14-amd64", "4.14.5+94-1", "bullseye-security/main"),
        archive.Package("xen-hypervisor-4.17-amd64", "4.17.7+13-1", "bookworm-security/main"),
        archive.Package("xen-hypervisor-4.17-amd64", "4.17.5+72-1", "bookworm/main"),
    ]

    def test_choice(self):
        for wanted, version in (
            ("4.14", "4.14.6-1"),
            ("4.14.5", "4.14.5+94-1"),
            ("4.17.7", "4.17.7+13-1"),
            ("4.17.5+72-1", "4.17.5+72-1"),
            ("4.14", "4.14.6-1"),
        ):
            self.assertEqual(archive.choose("Xen", wanted, self.PACKAGES).version, version)
        for wanted, words in (("4", "more than one"), ("4.1", "not a Xen of the archive"),
                              ("9", "not a Xen of the archive")):
            with self.assertRaisesRegex(Trouble, words):
                archive.choose("Xen", wanted, self.PACKAGES)

    def test_by_hand(self):
        """Elsewhere than on Debian it is said what to do."""
        with mock.patch.object(archive.shutil, "which", lambda _: None):
            with self.assertRaisesRegex(Trouble, "no apt-get here. By hand: download .*4.14-amd64"):
                packaged.fetch("4.14")
        with tempfile.TemporaryDirectory() as scratch, mock.patch.object(
            archive, "_sources", lambda: []
        ), mock.patch.dict("os.environ", {"XDG_CACHE_HOME": scratch}):
            with self.assertRaisesRegex(Trouble, "name no Debian mirror. By hand"):
                packaged.fetch("4.14")

    def test_cache(self):
        kept = {"4.14.6-1": Path("a"), "4.20.3+1": Path("b"), "4.20.4+1": Path("c")}
        with mock.patch.object(packaged, "cached", lambda: kept), mock.patch.object(
            xen, "installed", lambda: {"4.17-amd64": Path("d")}
        ):
            self.assertEqual(xen.find("4.14"), Path("a"))
            self.assertEqual(xen.find("4.17"), Path("d"))
            self.assertEqual(xen.find("4.20.4"), Path("c"))
            for wanted, words in (("4.20", "more than one"), ("4.99", "neither a file")):
                with self.assertRaisesRegex(Trouble, words):
                    xen.find(wanted)

    def test_labels(self):
        labels = repro._labels(["4.14.6-1", "4.20.3+1-g", "4.20.3+2-g"])
        self.assertEqual(list(labels.values()), ["4.14.6", "4.20.3+1-g", "4.20.3+2-g"])
        labels = repro._labels(["4.17.5+72-1", "4.17.5+72-1-debug"])
        self.assertEqual(list(labels.values()), ["4.17.5", "4.17.5-debug"])

    def test_debug(self):
        """A build with assertions has to be named as one, and is not what a version alone names."""
        kept = {"4.17.5+72-1": Path("a"), "4.17.5+72-1-debug": Path("b")}
        with mock.patch.object(packaged, "cached", lambda: kept), mock.patch.object(
            xen, "installed", dict
        ):
            self.assertEqual(xen.find("4.17"), Path("a"))
            for wanted in ("4.17-debug", "4.17.5-debug", "4.17.5+72-1-debug"):
                self.assertEqual(xen.find(wanted), Path("b"))
            with self.assertRaisesRegex(Trouble, "setup --controls debug"):
                xen.find("4.14-debug")


if __name__ == "__main__":
    unittest.main()
