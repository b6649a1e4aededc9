# SPDX-License-Identifier: MIT
"""The distribution's archive, and the QEMUs and other versions that come from it."""

import tempfile
import threading
import time
import unittest
from pathlib import Path
from unittest import mock

from paravane import archive
from paravane.common import Trouble
from paravane.run import emulators


class ArchiveTest(unittest.TestCase):
    def test_sources(self):
        """The releases at the places where this machine's own packages come from."""
        said = "http://a/debian/ bookworm\nhttp://b/sec/ bookworm-security\nhttp://c/ nodistro\n"
        done = mock.Mock(stdout=said)
        with mock.patch.object(archive.subprocess, "run", lambda *_, **__: done), mock.patch.object(
            archive, "_os_release", lambda _: "bookworm"
        ):
            lines = [line.split("] ")[1] for line in archive._sources()]
            self.assertIn("http://a/debian/ bullseye main", lines)
            self.assertIn("http://b/sec/ trixie-security main", lines)
            self.assertEqual(len(lines), 6)
            with mock.patch.object(archive, "_os_release", lambda _: ""):
                self.assertEqual(archive._sources(), [])

    def test_what_a_package_needs(self):
        said = ("Inst libc6 (2.41-12 Debian:13.8/stable [amd64]) []\nInst one (1:2 "
                "Debian:13.8/stable [all])\nConf one\n")
        debian = archive.Archive(Path("/nowhere"))
        package = archive.Package("one", "1:2", "trixie/main")
        for status, words in ((0, ""), (100, "E: held broken packages.")):
            done = mock.Mock(stdout=said, stderr=words, returncode=status)
            with mock.patch.object(archive.subprocess, "run", mock.Mock(return_value=done)) as run:
                if status == 0:
                    self.assertEqual(debian.needs(package), ["libc6=2.41-12", "one=1:2"])
                    argv = run.call_args[0][0]
                    self.assertEqual(argv[argv.index("--target-release") + 1], "trixie")
                else:
                    with self.assertRaisesRegex(
                        Trouble, "what one=1:2 needs: E: held broken packages$"
                    ):
                        debian.needs(package)


    def test_an_update_waits_for_that_of_another_command(self):
        running, most = [], []

        def run(self, *_words):
            running.append(self)
            time.sleep(0.05)
            most.append(len(running))
            running.pop()
            return mock.Mock(returncode=0, stderr="")

        with tempfile.TemporaryDirectory() as folder, mock.patch.object(
            archive.Archive, "_run", run
        ):
            both = [archive.Archive(Path(folder), lambda: ["deb x"]) for _ in range(2)]
            threads = [threading.Thread(target=one.update) for one in both]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(most, [1])  # and the second finds that the first has done it


class EmulatorTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)
        own = self.program("own", "QEMU emulator version 7.2.22 (Debian)")
        cache = {"QEMU": str(own), "XDG_CACHE_HOME": str(self.scratch)}
        patch = mock.patch.dict("os.environ", cache)
        patch.start()
        self.addCleanup(patch.stop)

    def program(self, name, says, status=0):
        path = self.scratch / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\necho '{says}'\nexit {status}\n")
        path.chmod(0o755)
        return path

    def keep(self, version, says):
        self.program(
            f"paravane/qemu/qemu-{version}/qemu-system-x86_64", f"QEMU emulator version {says}"
        )

    def test_versions_and_files(self):
        self.keep("10.0.13+ds-0", "10.0.13")
        self.assertEqual(emulators.find("10").version, "10.0.13")
        self.assertEqual(emulators.find("7.2").version, "7.2.22")
        self.assertEqual(emulators.find("own", self.scratch).version, "7.2.22")
        self.program("other", "an emulator")
        for wanted, words in (
            ("1", "neither a file nor a QEMU"),
            ("9.0", "there are: 7.2.22, 10.0.13.*setup --qemu 9.0"),
            ("/nowhere/qemu", "no file"),
            (str(self.scratch / "other"), "is not a QEMU"),
        ):
            with self.assertRaisesRegex(Trouble, words) as caught:
                emulators.find(wanted)
            self.assertEqual(caught.exception.status, 2)
        self.keep("10.0.2+ds-2", "10.0.2")
        with self.assertRaisesRegex(Trouble, "more than one"):
            emulators.find("10.0")

    def test_labels(self):
        old, new, newer = (emulators.Emulator(v, v) for v in ("7.2.22", "10.0.2", "10.0.13"))
        self.assertEqual(emulators.labels([new]), {new: ""})
        self.assertEqual(list(emulators.labels([old, new]).values()), ["@7.2", "@10.0"])
        self.assertEqual(list(emulators.labels([new, newer]).values()), ["@10.0.2", "@10.0.13"])
        with self.assertRaisesRegex(Trouble, "twice"):
            emulators.labels([new, new])

    def test_by_hand(self):
        with mock.patch.object(archive.shutil, "which", lambda _: None):
            with self.assertRaisesRegex(
                Trouble, "no apt-get here. By hand: get qemu-system-x86 .*--qemu FILE"
            ):
                emulators.fetch("10")


if __name__ == "__main__":
    unittest.main()
