# SPDX-License-Identifier: MIT
"""Working copies of the tree, in which labs are solved, built and tried.

A copy begins with this tree's objects, so that only what changes is compiled. Times are kept, by
which make decides that.
"""

import os
import resource
import shutil
import subprocess

from ..common import ROOT, Trouble, build_dir, short
from ..mutants import journal
from ..run import platforms, runs
from . import explain

_BUILD_LIMIT = 1200  # seconds
_HOST_LIMIT = 60  # seconds of processor time
_GUEST_LIMIT = 45  # seconds of the machine's own time; a wrong solution often hangs


class Copy:
    """The copy at path."""

    def __init__(self, path):
        self.path = path

    def make_new(self):
        """Copy the tree: its files, and what was built of them."""
        if self.path.exists() and any(self.path.iterdir()):
            raise Trouble(f"{short(self.path)} exists; remove it, or choose another folder")
        for name in journal.source_files():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
        for part in ("obj", "host", "include"):
            if (build_dir() / part).exists():
                shutil.copytree(build_dir() / part, self.path / "build" / part, symlinks=True)

    def write(self, file, text):
        """Write a file of the copy."""
        (self.path / file).write_text(text)

    def read(self, file):
        """Return the text of a file of the copy."""
        return (self.path / file).read_text()

    def try_one(self, check):
        """Build what the check needs, and run it; return (make's output if that failed, Shown)."""
        if check.host:
            return self._try_host(check)
        output = self._make("IMAGE_ONLY=1")
        return (output, None) if output else ("", self._try_guest(check))

    @property
    def image(self):
        """The image that the copy's make builds."""
        return self.path / "build" / "paravane.elf"

    def build_image(self):
        """Build the image; return "" or make's output."""
        return self._make("IMAGE_ONLY=1")

    def _make(self, *words):
        done = subprocess.run(
            ["make", f"-j{os.cpu_count() or 1}", "BUILD=build", *words], cwd=self.path,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=_BUILD_LIMIT, check=False,
        )  # fmt: skip
        output = done.stdout.decode("utf-8", "replace")
        return (output or f"make: status {done.returncode}") if done.returncode else ""

    def _try_host(self, check):
        program = self.path / "build/host" / f"test_{check.host}"
        output = self._make("-C", "test/host", f"BUILD={self.path / 'build'}", str(program))
        if output:
            return output, None
        done = subprocess.run(
            [program], cwd=self.path / "test/host", preexec_fn=_limit_time,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            check=False,
        )  # fmt: skip
        output = done.stdout.decode("utf-8", "replace")
        return "", explain.of_host_test(str(check), done.returncode, output)

    def _try_guest(self, check):
        platform = platforms.parse(check.on)[0]
        options = runs.Options(
            self.image, pattern=check.tests, append=tuple(check.append.split()), smp=check.smp,
            xen=runs.find_xen(None) if platform.on_xen else None, timeout=_GUEST_LIMIT,
        )  # fmt: skip
        result = runs.RunDirectory(self.image).run(platform, options)
        if not result.ran or result.status == "ERROR" and not result.culprit:
            raise Trouble(f"{check} cannot be tried: {result.reason}")
        return explain.of_result(str(check), result)


def _limit_time():
    resource.setrlimit(resource.RLIMIT_CPU, (_HOST_LIMIT, _HOST_LIMIT))
