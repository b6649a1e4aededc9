# SPDX-License-Identifier: MIT
"""Fetching the sources of programs' libraries, with folders in the archive's place."""

import contextlib
import io
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from paravane import archive, libc_sources
from paravane.archive import Package


class FakeArchive:
    """Has newlib-source, musl and lwip, but not what `lacks` names."""

    def __init__(self, scratch, lacks=""):
        self.scratch, self.lacks = scratch, lacks

    def packages(self, name):
        return [Package(name, "4.5", "trixie/main")] if name != self.lacks else []

    def unpack(self, *_):
        root = self.scratch / "unpacked" / "root"
        (root / "usr/src/newlib").mkdir(parents=True)
        (root / "usr/src/newlib/newlib-4.5.tar.xz").write_text("newlib")
        return root

    def fetch_source(self, name, _release, folder):
        folder.mkdir()
        if name != self.lacks:
            end = "xz" if name == "lwip" else "gz"
            (folder / f"{name}_1.2.orig.tar.{end}").write_text(name)


class LibcSourcesTest(unittest.TestCase):
    def setUp(self):
        self.scratch = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(mock.patch.dict(os.environ, {"XDG_CACHE_HOME": str(self.scratch)}))
        self.opened = self.enterContext(mock.patch.object(archive, "open_release"))
        self.fetched = self.enterContext(mock.patch.object(archive, "fetch_source"))

    def have(self, fake):
        self.opened.return_value = fake
        self.fetched.side_effect = fake.fetch_source

    def ensure(self, **more):
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            libc_sources.ensure(**more)
        return shown.getvalue()

    def test_all_are_kept_and_fetched_once(self):
        self.have(FakeArchive(self.scratch))
        self.assertIn("fetching the sources of newlib, musl and lwIP", self.ensure())
        kept = sorted(path.name for path in libc_sources.folder().iterdir())
        self.assertEqual(kept, ["lock", "lwip_1.2.orig.tar.xz", "musl_1.2.orig.tar.gz",
                                "newlib-4.5.tar.xz"])  # fmt: skip
        self.assertFalse((self.scratch / "unpacked").exists())
        self.assertEqual(self.ensure(), "")
        self.assertEqual(self.opened.call_count, 1)

    def test_a_failure_is_printed_once_a_day(self):
        self.opened.side_effect = archive.Unavailable("no network")
        self.assertIn("with musl's mathematical functions: no network", self.ensure())
        self.assertEqual(self.ensure(), "")
        self.assertIn("no network", self.ensure(retry=True))
        os.utime(libc_sources.folder() / "failed", (0, 0))
        self.assertIn("no network", self.ensure())

    def test_a_part_of_it_is_not_complete_and_the_rest_is_fetched_later(self):
        for lacks, lost in (("newlib-source", "Debian 12's newlib, .*has no newlib-source"),
                            ("musl", "Debian 12's newlib, .*holds no musl"),
                            ("lwip", "programs have no sockets: .*holds no lwip")):  # fmt: skip
            self.have(FakeArchive(self.scratch, lacks))
            self.assertRegex(self.ensure(retry=True), lost)
            self.assertFalse(libc_sources.complete())
        self.have(FakeArchive(self.scratch, "newlib-source"))
        self.ensure(retry=True)
        self.assertTrue(libc_sources.complete())


if __name__ == "__main__":
    unittest.main()
