# SPDX-License-Identifier: MIT
"""./run.sh programs: what of a program's output is compared with the host's, and where its files
come from."""

import os
import re
import tarfile
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from paravane import archive
from paravane.programs import build, command, power, sources
from paravane.programs.table import Package, Program
from paravane.run import runs


def program(**more):
    """Return a program whose sources are the C files of the package "thing"."""

    def prepare(trees, folder):
        for path in trees[0].glob("*.c"):
            (folder / path.name).write_text(path.read_text())

    return Program("thing", (Package("thing"),), prepare, (), **more)


def passed(*lines):
    return runs.Result("qemu", "PASS", output=list(lines))


class Difference(unittest.TestCase):
    def test_every_line_of_a_program_without_cases(self):
        found = command.difference(program(), passed("a", "b"), ["a", "c"])
        self.assertEqual(found, "FAIL: line 2 is 'b', on the host 'c'")
        self.assertEqual(command.difference(program(), passed("a"), ["a", "c"]),
                         "FAIL: 1 lines, on the host 2")
        self.assertEqual(command.difference(program(), passed("a", "c"), ["a", "c"]), "")

    def test_a_run_that_fails_is_not_compared(self):
        result = runs.Result("qemu", "FAIL", "app:thing exited with code 1", output=["a"])
        self.assertEqual(command.difference(program(), result, ["a"]),
                         "FAIL: app:thing exited with code 1")

    def test_seconds_differ(self):
        timed = program(seconds=True)
        expected = timed.comparable(["insert  0.123s", "rows 4"])
        self.assertEqual(command.difference(timed, passed("insert 12.5s", "rows 4"), expected), "")
        self.assertIn("rows 5",
                      command.difference(timed, passed("insert 1.5s", "rows 5"), expected))

    def test_cases_are_compared_by_name(self):
        cases = program(cases=True)
        expected = ["case a: passed", "case b: failed: as ever"]
        noise = passed("noise", "case b: failed: for another reason", "case a: passed")
        self.assertEqual(command.difference(cases, noise, expected), "")
        worse = passed("case a: failed: no such file", "case b: passed")
        self.assertEqual(
            command.difference(cases, worse, expected),
            "FAIL: a failed (no such file), on the host passed; b passed, on the host failed",
        )

    def test_a_case_that_is_missing_here_or_there(self):
        cases = program(cases=True)
        self.assertIn("a missing", command.difference(cases, passed(), ["case a: passed"]))
        self.assertIn("on the host missing",
                      command.difference(cases, passed("case a: passed"), ["case b: passed"]))
        self.assertIn("no cases", command.difference(cases, passed(), []))

    def test_the_summary_names_what_fails_on_the_host_too(self):
        cases = program(cases=True)
        self.assertEqual(command.summary(cases, ["case a: passed", "case b: failed: x"]),
                         "1 of 2 cases pass, as on the host; on the host, too, these fail: b")


class Sources(unittest.TestCase):
    def setUp(self):
        self.scratch = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.ours = self.scratch / "ours"
        self.enterContext(mock.patch.dict(os.environ, {"XDG_CACHE_HOME": str(self.scratch)}))
        self.enterContext(mock.patch.object(sources, "OURS", self.ours))
        self.enterContext(mock.patch.object(sources, "build_dir", lambda: self.scratch / "build"))
        self.fetched = self.enterContext(mock.patch.object(archive, "fetch_upstream"))
        self.fetched.side_effect = self.fetch
        (self.ours / "thing" / "module").mkdir(parents=True)
        (self.ours / "thing" / "main.c").write_text("ours")
        (self.ours / "thing" / "module" / "script").write_text("script")

    def fetch(self, name, _release, folder):
        (folder / "thing-1.0").mkdir(parents=True)
        (folder / "thing-1.0" / "thing.c").write_text("upstream's")
        with tarfile.open(folder / "thing_1.0.orig.tar.gz", "w:gz") as packed:
            packed.add(folder / "thing-1.0", "thing-1.0")
        return folder / "thing_1.0.orig.tar.gz"

    def test_both_parts_are_put_together(self):
        with sources.folders(program(), "compared") as (folder, module):
            self.assertEqual((folder / "thing.c").read_text(), "upstream's")
            self.assertEqual((folder / "main.c").read_text(), "ours")
            self.assertEqual(folder.name, "thing")  # the image's name
            self.assertEqual([path.name for path in module.iterdir()], ["script"])

    def test_upstream_is_fetched_once_and_the_own_files_are_not_kept(self):
        with sources.folders(program(), "compared"):
            pass
        (self.ours / "thing" / "main.c").write_text("changed")
        with sources.folders(program(), "compared") as (folder, _):
            self.assertEqual((folder / "main.c").read_text(), "changed")
        self.assertEqual(self.fetched.call_count, 1)

    def test_without_the_archive_it_is_skipped_with_the_reason(self):
        self.fetched.side_effect = archive.Unavailable("no mirror")
        with self.assertRaisesRegex(Exception, "cannot fetch thing: no mirror") as raised:
            with sources.folders(program(), "compared"):
                pass
        self.assertEqual(raised.exception.status, 125)


class Compiler(unittest.TestCase):
    def test_ccache_is_used_where_it_can_write(self):
        with tempfile.TemporaryDirectory() as folder, \
                mock.patch.object(build.shutil, "which", return_value="/usr/bin/ccache"):
            with mock.patch.dict(os.environ, {"CCACHE_DIR": folder}):
                self.assertEqual(build._compiler(), ["ccache", "gcc"])
            with mock.patch.dict(os.environ, {"CCACHE_DIR": "/proc/nowhere"}):
                self.assertEqual(build._compiler(), ["gcc"])


class PowerCuts(unittest.TestCase):
    """What a boot finds on the disk of a guest that was destroyed."""

    def fault(self, line, committed):
        return power.fault(re.search(power._CHECKED, f"other\n{line}\n", re.M), committed)

    def test_a_transaction_that_was_printed_must_be_there(self):
        right = "disk: right, 12 transactions, journal delete"
        self.assertEqual(self.fault(right, 12), "")
        self.assertEqual(self.fault(right, 11), "")  # committed, and destroyed before the print
        self.assertIn("has 12 transactions, 13 were", self.fault(right, 13))

    def test_a_damaged_database_is_reported(self):
        self.assertEqual(self.fault("disk: wrong: intact: 0", 0), "wrong: intact: 0")

    def test_a_line_that_was_cut_off_does_not_count(self):
        text = "disk: committed 8\ndisk: committed 9\ndisk: committed 1"
        self.assertEqual(power.last_committed(text + "0\n"), 10)
        self.assertEqual(power.last_committed(text), 9)
        self.assertEqual(power.last_committed("disk: committed 8\ndisk: comm"), 8)


if __name__ == "__main__":
    unittest.main()
