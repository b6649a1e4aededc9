# SPDX-License-Identifier: MIT
"""Working copies of the tree, in which labs are solved, built and tried.

A copy begins with this tree's objects, so that only what changes is compiled. Times are kept, by
which make decides that.
"""

import os
import resource
import shutil
import subprocess

from ..common import ROOT, Trouble, build_dir, make_dirs, short
from ..mutants import journal
from ..repro import repro, repros
from ..run import platforms, runs
from . import explain

_BUILD_LIMIT = 1200  # seconds
_HOST_LIMIT = 60  # seconds of processor time
_GUEST_LIMIT = 45  # seconds of the machine's own time; a wrong solution often hangs
_REPRO_LIMIT = 60  # the same, unless the repro's head has a limit


class Copy:
    """The copy at path."""

    def __init__(self, path):
        self.path = path

    def make_folder(self, file=""):
        """Make the folder, without copying anything; with a folder for this file in it."""
        if self.path.exists() and any(self.path.iterdir()):
            raise Trouble(f"{short(self.path)} exists; remove it, or choose another folder")
        make_dirs((self.path / file).parent if file else self.path)

    def make_new(self):
        """Copy the tree: its files, and what was built of them."""
        self.make_folder()
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
            output = self.build_host(check.host)
            shown = None if output else self.run_host(check, self.host_program(check.host))
        else:
            output = self.build_image()
            shown = None if output else try_image(check, self.image)
        return output, shown

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

    def host_program(self, name):
        """The program that build_host makes."""
        return self.path / "build/host" / f"test_{name}"

    def build_host(self, name):
        """Build a test of test/host/; return "" or make's output."""
        return self._make("-C", "test/host", f"BUILD={self.path / 'build'}",
                          str(self.host_program(name)))

    def run_host(self, check, program):
        """Run a host test, or a program that was made of it; return what it has Shown."""
        done = subprocess.run(
            [program], cwd=self.path / "test/host", preexec_fn=_limit_time,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            check=False,
        )  # fmt: skip
        output = done.stdout.decode("utf-8", "replace")
        return explain.of_host_test(str(check), done.returncode, output)

    def try_repro(self, lab, check):
        """Build the copy's repro, and run it on the Xen that has the bug, on the repaired one, and
        there without its step. Return as try_one."""
        try:
            one = repros.load(self.path / lab.file)
            image = repro.build(one)
        except Trouble as trouble:
            return str(trouble), None
        try:
            return "", explain.of_verdicts(str(check), _verdicts(one, image, check))
        finally:
            for left in image.parent.glob(image.stem + ".*"):
                left.unlink()


def try_image(check, image, stop=None, watch=None):
    """Run what a check names on an image; return what it has Shown. stop, watch: as for Machine."""
    platform = platforms.parse(check.on)[0]
    options = runs.Options(
        image, pattern=check.tests, append=tuple(check.append.split()), smp=check.smp,
        xen=runs.find_xen(None) if platform.on_xen else None, timeout=_GUEST_LIMIT,
    )  # fmt: skip
    result = runs.RunDirectory(image).run(platform, options, stop=stop, watch=watch)
    if not result.ran or result.status == "ERROR" and not result.culprit:
        raise Trouble(f"{check} cannot be tried: {result.reason}")
    return explain.of_result(str(check), result)


def _verdicts(one, image, check):
    """Yield (the Xen in words, the verdict that is right, the verdict, the reason) of each run,
    until one is wrong."""
    for xen, version, right, words in (
        ("that has the bug", check.bad, "bad", ()),
        ("that is repaired", check.good, "good", ()),
        ("that is repaired, with the STEP left out", check.good, "cannot-tell",
         ("inject=skip_step",)),
    ):  # fmt: skip
        options = runs.Options(
            image, run=f"repro:{one.name}", append=words, xen=runs.find_xen(version),
            xen_asked=True, timeout=one.needs.get("timeout", _REPRO_LIMIT),
        )  # fmt: skip
        result = runs.RunDirectory(image).run(platforms.parse(check.on)[0], options)
        verdict, reason = repro.judge(result)
        yield f"Xen {version}, {xen}", right, verdict, reason
        if verdict != right:
            return


def _limit_time():
    resource.setrlimit(resource.RLIMIT_CPU, (_HOST_LIMIT, _HOST_LIMIT))
