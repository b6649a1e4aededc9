# SPDX-License-Identifier: MIT
"""Tests of paravane.doctor: each finding has a state, and names what to do."""

import io
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

from paravane import doctor
from paravane.common import EXIT_FAIL, EXIT_PASS

PLENTY = mock.patch.object(doctor, "available_memory", return_value=1 << 40)
NO_PROBLEM: dict[str, list] = {
    "_packages": [],
    "_emulators": [],
    "_hypervisors": [],
    "_platforms": [],
}


def run_with(**findings):
    """Return (status, text) of a run whose parts find this."""
    out = io.StringIO()
    with mock.patch.multiple(
        doctor,
        **{
            name: mock.Mock(return_value=found)
            for name, found in {**NO_PROBLEM, **findings}.items()
        }
    ), redirect_stdout(out):
        return doctor.run(), out.getvalue()


class Doctor(unittest.TestCase):
    def test_missing_package_is_a_problem_with_the_command(self):
        with mock.patch.object(doctor.setup, "missing", side_effect=[["gcc"], []]):
            with mock.patch.object(doctor.setup, "is_debian_12", return_value=True):
                required, optional = doctor._packages()
        self.assertEqual(required.state, doctor.PROBLEM)
        self.assertIn("apt-get install gcc", required.what)
        self.assertEqual(optional.state, doctor.OK)

    def test_release(self):
        known = doctor._release("Xen", "4.17.5+72-debug", "/x", {"4.17": ""})
        self.assertEqual((known.state, known.what), (doctor.OK, "Xen 4.17.5+72-debug (/x)"))
        self.assertEqual(doctor._release("Xen", "4.17-amd64", "/x", {"4.17": ""}).state, doctor.OK)
        other = doctor._release("Xen", "4.9", "/x", {"4.17": ""})
        self.assertEqual(other.state, doctor.NOTE)
        self.assertIn("not tried; the suite has run on 4.17", other.what)

    def test_memory(self):
        self.assertEqual(
            doctor.available_memory("MemTotal: 9 kB\nMemAvailable:   2048 kB\n"), 2 << 20
        )
        self.assertEqual(doctor.available_memory("nonsense\n"), 0)

    def test_too_little_memory_is_a_problem(self):
        with mock.patch.object(doctor, "available_memory", return_value=1 << 20):
            status, text = run_with()
        self.assertEqual(status, EXIT_FAIL)
        self.assertRegex(text, r"(?m)^problem +memory: 1 MiB .*use --jobs 1$")

    def test_full_disk_is_a_problem(self):
        usage = mock.Mock(free=1 << 20)
        with PLENTY, mock.patch.object(doctor.shutil, "disk_usage", return_value=usage):
            status, text = run_with()
        self.assertEqual(status, EXIT_FAIL)
        self.assertRegex(text, r"(?m)^problem +disk: 1 MiB free")

    def test_nothing_wrong(self):
        with PLENTY:
            status, text = run_with()
        self.assertEqual(status, EXIT_PASS)
        self.assertTrue(text.endswith("\n0 problems\n"))

    def test_whole_run_on_a_poor_machine(self):
        """An old QEMU, a package that is missing, no Xen, little memory and a full disk: a line for
        each, with what to do."""
        with tempfile.TemporaryDirectory() as scratch:
            qemu = Path(scratch, "qemu-system-x86_64")
            qemu.write_text("#!/bin/sh\necho QEMU emulator version 2.11.1\n")
            qemu.chmod(0o755)
            out = io.StringIO()
            with (
                mock.patch.dict("os.environ", {"QEMU": str(qemu)}),
                mock.patch.object(doctor.emulators, "cached", return_value={}),
                mock.patch.object(doctor.xen, "installed", return_value={}),
                mock.patch.object(doctor.packaged, "cached", return_value={}),
                mock.patch.object(doctor.setup, "missing", side_effect=[["gcc"], []]),
                mock.patch.object(doctor, "available_memory", return_value=512 << 20),
                mock.patch.object(doctor.shutil, "disk_usage",
                                  return_value=mock.Mock(free=1 << 30)),
                redirect_stdout(out),
            ):  # fmt: skip
                status = doctor.run()
        self.assertEqual(status, EXIT_FAIL)
        for line in (
            r"problem +packages: 1 missing; ./run\.sh setup, or .*gcc",
            r"problem +QEMU 2\.11\.1 \(\S+\): older than .*./run\.sh setup --qemu 7\.2 ",
            r"note +Xen: none; ./run\.sh setup installs one",
            r"note +platform xen-pv: skipped: ",
            r"ok +acceleration: none is used",
            r"problem +memory: 512 MiB available .*use --jobs 1",
            r"problem +disk: 1024 MiB free for .*needs up to 4096",
        ):
            self.assertRegex(out.getvalue(), f"(?m)^{line}")
        self.assertRegex(out.getvalue(), r"\n4 problems\n$")

    def test_no_emulator(self):
        with mock.patch.object(doctor.emulators, "version_of", return_value=""):
            with mock.patch.object(doctor.emulators, "cached", return_value={}):
                (found,) = doctor._emulators()
        self.assertEqual(found.state, doctor.PROBLEM)


if __name__ == "__main__":
    unittest.main()
