# SPDX-License-Identifier: MIT
"""Setting up a computer, with another program in apt-get's place."""

import contextlib
import fnmatch
import io
import os
import re
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from paravane import cli, libc_sources, setup
from paravane.commands import setup as setup_command
from paravane.common import ROOT, Trouble


class PackagesTest(unittest.TestCase):
    def test_each_file_that_a_machine_needs_is_the_proof_of_a_package(self):
        listed = [*setup.packages(), *setup.packages(optional=True)]
        folders = [os.path.dirname(proof) for _, proof, _ in listed if proof.startswith("/")]
        needed = {
            path
            for source in (ROOT / "tools/paravane/run").glob("*.py")
            for path in re.findall(r'"(/(?:usr|boot)/[^"]+)"', source.read_text())
        }
        self.assertGreater(len(needed), 5)
        for path in needed:
            folder = os.path.dirname(path)
            self.assertTrue(any(fnmatch.fnmatch(folder, one) for one in folders), path)


class SetupTest(unittest.TestCase):
    def ensure(self, absent, **patches):
        """setup.ensure() on a Debian 12 where these packages are missing, each time it looks: first
        for those that are required, and for the optional ones after an installation."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(mock.patch.object(setup, "missing", mock.Mock(side_effect=absent)))
            stack.enter_context(mock.patch.object(libc_sources, "ensure"))
            for name, value in {"is_debian_12": True, **patches}.items():
                stack.enter_context(mock.patch.object(setup, name, lambda *_, v=value: v))
            shown = stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            setup.ensure()
            return shown.getvalue()

    def test_nothing_missing(self):
        self.assertEqual(self.ensure([[]]), "")

    def test_no_right_to_install(self):
        with self.assertRaises(Trouble) as caught:
            self.ensure([["ovmf", "xorriso"]], _allowed=False)
        words = "sudo apt-get install -y --no-install-recommends ovmf xorriso"
        self.assertIn(words, str(caught.exception))

    def test_not_debian(self):
        with self.assertRaises(Trouble) as caught:
            self.ensure([["ovmf"]], is_debian_12=False)
        self.assertIn("ovmf; install them with", str(caught.exception))

    def with_apt(self, script, absent):
        """ensure() as root, with a script for apt-get; returns (shown, the calls of apt-get)."""
        with tempfile.TemporaryDirectory() as scratch:
            fake, calls = Path(scratch, "apt-get"), Path(scratch, "calls")
            fake.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{script}\n')
            fake.chmod(0o755)
            path = {"PATH": f"{scratch}:{os.environ['PATH']}"}
            with mock.patch.dict("os.environ", path), mock.patch("os.geteuid", lambda: 0):
                shown = self.ensure(absent)
            return shown, calls.read_text().splitlines()

    def test_installs_and_says_so(self):
        shown, calls = self.with_apt("exit 0", [["ovmf"], [], []])
        self.assertIn("ovmf                         UEFI firmware", shown)
        self.assertEqual(
            calls, ["update -q", "install -y --no-install-recommends ovmf -q"]
        )

    def test_optional_packages_come_along_and_may_be_absent(self):
        shown, calls = self.with_apt("exit 0", [["ovmf"], [], ["bochs"]])
        self.assertIn("bochs                        a second emulator", shown)
        self.assertIn("install -y --no-install-recommends bochs -q", calls)
        shown, _ = self.with_apt('case "$*" in *bochs*) exit 100; esac', [["ovmf"], [], ["bochs"]])
        self.assertRegex(shown, "optional and not installed: bochs: failed: .*apt-get install")

    def test_failures_are_told(self):
        with self.assertRaisesRegex(Trouble, "failed: .*apt-get update"):
            self.with_apt("exit 100", [["ovmf"], []])
        with self.assertRaisesRegex(Trouble, "still missing after the installation: ovmf"):
            self.with_apt("exit 0", [["ovmf"], ["ovmf"]])

    def test_packages_alone_assemble_no_machine(self):
        with (mock.patch.object(setup, "ensure") as ensure,
              mock.patch.object(setup_command, "_setup_outer") as assemble):  # fmt: skip
            self.assertEqual(cli._dispatch(["setup", "--packages"], Path(".")), 0)
        ensure.assert_called_once_with()
        assemble.assert_not_called()

    def test_list(self):
        listed = setup.packages() + setup.packages(optional=True)
        self.assertEqual(len({name for name, _, _ in listed}), len(listed))
        self.assertEqual(
            [name for name, _, _ in setup.packages(optional=True)],
            ("ccache bochs bochs-sdl bochsbios vgabios python3-sphinx python3-myst-parser furo "
             "chromium").split(),
        )
        self.assertTrue(all(why for _, _, why in listed))

    @unittest.skipUnless(setup.is_debian_12() and not setup.missing(), "not a set-up Debian 12")
    def test_proofs(self):
        """Where dpkg knows the package, the proof that other systems are asked for holds."""
        without = [name for name, proof, _ in setup.packages() if not setup._proved(proof)]
        self.assertEqual(without, [])


if __name__ == "__main__":
    unittest.main()
