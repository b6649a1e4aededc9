# SPDX-License-Identifier: MIT
"""newlib in the cache: a folder that is not whole is never used, whatever was killed."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from build import newlib
from paravane.common import ROOT

_FILES = ("include/stdio.h", "lib/libc.a", "lib/libm.a", "lib/libgcc.a", "lib/libmath.a")

# A build that is killed when half of the files are there.
_KILLED = """
import sys, time
sys.path.insert(0, {tools!r})
from build import newlib
from test import test_newlib
newlib.folder = lambda cc: newlib.cache() / "newlib-key"
def make(cc, scratch, prefix):
    test_newlib.fill(prefix, {half!r})
    print("half", flush=True)
    time.sleep(60)
newlib.make = make
newlib.build("cc")
"""


def fill(folder, names=_FILES):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("whole\n", encoding="ascii")


class NewlibTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.cache = Path(folder.name, "paravane")
        self.path = self.cache / "newlib-key"
        for patch in (
            mock.patch.dict(os.environ, {"XDG_CACHE_HOME": folder.name}),
            mock.patch.object(newlib, "folder", lambda cc: self.path),
            mock.patch.object(newlib, "make", lambda cc, scratch, prefix: fill(prefix)),
        ):
            patch.start()
            self.addCleanup(patch.stop)

    def build(self):
        """Return whether it was built, and check that it is whole then."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            newlib.build("cc")
        for name in _FILES:
            self.assertEqual((self.path / name).read_text(encoding="ascii"), "whole\n")
        self.assertEqual(
            sorted(path.name for path in self.cache.iterdir()), ["newlib-key", "newlib.lock"]
        )
        return "NEWLIB" in said.getvalue()

    def test_it_is_built_once(self):
        self.assertTrue(self.build())
        self.assertFalse(self.build())

    def test_a_folder_that_lacks_any_file_is_built_again(self):
        for name in _FILES:
            with self.subTest(name):
                self.build()
                (self.path / name).unlink()
                self.assertTrue(self.build())
                (self.path / name).write_text("", encoding="ascii")
                self.assertTrue(self.build())

    def test_without_musl_its_functions_are_not_missed(self):
        fill(self.cache / "newlib-key-plain", _FILES[:-1])
        self.assertTrue(newlib.is_built(self.cache / "newlib-key-plain"))

    def test_after_a_build_that_was_killed(self):
        program = _KILLED.format(tools=str(ROOT / "tools"), half=_FILES[:3])
        with subprocess.Popen(
            [sys.executable, "-B", "-c", program], stdout=subprocess.PIPE, text=True
        ) as killed:
            while killed.stdout.readline() != "half\n":
                self.assertIsNone(killed.poll())
            killed.send_signal(signal.SIGKILL)
        self.assertFalse(self.path.exists())
        self.assertTrue(self.build())

    def test_after_a_removal_that_was_interrupted(self):
        self.build()

        def interrupted(path, ignore_errors=False):
            if not ignore_errors:
                (Path(path) / "lib/libc.a").unlink()
                raise KeyboardInterrupt

        with mock.patch.object(newlib.shutil, "rmtree", interrupted):
            with self.assertRaises(KeyboardInterrupt):
                newlib.clean()
        self.assertFalse(self.path.exists())
        self.assertTrue(self.build())

    def test_make_asks_for_each_file(self):
        """With -n, make prints what it would do, and creates only its build folder."""
        goals = ["lib/newlib/process.c.o", "entry/hello.o"]
        for lacking in (None, *_FILES):
            with self.subTest(lacking), tempfile.TemporaryDirectory() as build:
                fill(self.path, [name for name in _FILES if name != lacking])
                if lacking:
                    (self.path / lacking).unlink(missing_ok=True)
                argv = ["make", "-n", f"BUILD={build}", f"NEWLIB={self.path}",
                        *(f"{build}/obj/{goal}" for goal in goals)]  # fmt: skip
                shown = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
                self.assertEqual(shown.stdout.count("newlib.py build"), 1 if lacking else 0)


if __name__ == "__main__":
    unittest.main()
