# SPDX-License-Identifier: MIT
"""The list of source mutants, test/mutants/source/*.toml: small wrong edits, each with the test that notices it.

An entry is a table [[mutant]] with these keys:

    name        unique; words joined by dashes
    file        path in the tree
    function    the C function in which the edit is made; left out for assembly, tables and headers
    before      text that occurs exactly once there
    after       what replaces it
    why         why a developer could write this
    test        what notices it: "group.test" in the guest, "host NAME" (test/host/test_NAME.c), "step NAME" (of
                ./run.sh test), or "build"
    on, smp, mem, append   how the guest runs: platform (qemu), CPUs (1), MiB (256), more words for the command line
    pcpus                  under Xen or KVM: physical CPUs (as smp); with fewer than smp the virtual CPUs share them
    vmm                    under KVM: options of the monitor
    machine, cpu           for QEMU: -machine options on top of the platform's, the CPU's model
    equivalent  instead of test: why no test can notice the edit
"""

import re
import tomllib
from dataclasses import dataclass

from ..common import ROOT, Trouble
from ..run import platforms

FOLDER = ROOT / "test/mutants/source"
COVERED = ("boot", "pv", "mm", "kernel", "lib", "drivers")  # folders of which each file has a mutant
WITHOUT = FOLDER / "without.txt"
_REQUIRED = {"name", "file", "before", "after", "why"}
_OPTIONAL = {"function", "test", "on", "smp", "mem", "append", "pcpus", "vmm", "machine", "cpu", "equivalent"}


@dataclass(frozen=True)
class SourceMutant:
    """One edit. Fields as above; smp is a number of CPUs, pcpus too (0: as smp), mem of MiB."""

    name: str
    file: str
    before: str
    after: str
    why: str
    function: str = ""
    test: str = ""
    on: str = "qemu"
    smp: int = 1
    mem: int = platforms.DEFAULT_MEM
    append: str = ""
    pcpus: int = 0
    vmm: str = ""
    machine: str = ""
    cpu: str = ""
    equivalent: str = ""

    @property
    def how(self):
        """The key of a run of a test: an unchanged tree is tried once for each."""
        how = self.smp, self.mem, self.append, self.pcpus, self.vmm, self.machine, self.cpu
        return self.test, self.on, *how

    @property
    def is_guest(self):
        """The test is one of the suite."""
        return self.test != "build" and not self.test.startswith(("host ", "step "))

    def apply(self, text):
        """Return the file's text with the edit made; Trouble if it does not apply."""
        start, end = _region(text, self)
        found = text.count(self.before, start, end)
        if found != 1:
            where = f"{self.file}, {self.function}" if self.function else self.file
            raise Trouble(
                f"source mutant {self.name}: its text occurs {found} times in {where}, not once; "
                "adapt the entry to the source"
            )
        at = text.index(self.before, start, end)
        return text[:at] + self.after + text[at + len(self.before) :]


def _region(text, mutant):
    """Where the edit may be made: from the function's head to its closing brace, or the whole file."""
    if not mutant.function:
        return 0, len(text)
    name = re.escape(mutant.function)
    head = re.search(rf"^[A-Za-z_][^;{{}}\n]*\b{name}\([^;{{}}]*\{{", text, re.M)
    if not head:
        raise Trouble(f"source mutant {mutant.name}: no function {mutant.function} in {mutant.file}")
    return head.start(), text.index("\n}", head.end() - 1) + 2


def read(folder=FOLDER):
    """Return all entries in the order of files and lines; Trouble names the first that is wrong."""
    mutants, seen = [], set()
    for path in sorted(folder.glob("*.toml")):
        try:
            entries = tomllib.loads(path.read_text())
        except tomllib.TOMLDecodeError as error:
            raise Trouble(f"{path.name}: {error}") from error
        if set(entries) - {"mutant"}:
            raise Trouble(f"{path.name}: only [[mutant]] tables are known")
        for entry in entries.get("mutant", []):
            mutant = _checked(path.name, entry)
            if mutant.name in seen:
                raise Trouble(f"{path.name}: the name {mutant.name} is used twice")
            seen.add(mutant.name)
            mutants.append(mutant)
    return mutants


def _checked(where, entry):
    name = entry.get("name", "?")
    missing, unknown = _REQUIRED - set(entry), set(entry) - _REQUIRED - _OPTIONAL
    if missing or unknown:
        words = [f"lacks {', '.join(sorted(missing))}"] if missing else []
        words += [f"has unknown keys {', '.join(sorted(unknown))}"] if unknown else []
        raise Trouble(f"{where}: source mutant {name} {' and '.join(words)}")
    if bool(entry.get("test")) == bool(entry.get("equivalent")):
        raise Trouble(f"{where}: source mutant {name} needs either test or equivalent")
    test = entry.get("test", "")
    if "*" in test and not test.startswith("step "):
        raise Trouble(f"{where}: source mutant {name} names one test, without a wildcard")
    if entry.get("pcpus") and not entry.get("on", "").startswith(("xen", "kvm")):
        raise Trouble(f"{where}: source mutant {name} has physical CPUs (pcpus), but does not run on Xen or KVM")
    if entry.get("vmm") and not entry.get("on", "").startswith("kvm"):
        raise Trouble(f"{where}: source mutant {name} has options of a monitor (vmm), but does not run on KVM")
    if entry["before"] == entry["after"]:
        raise Trouble(f"{where}: source mutant {name} changes nothing")
    return SourceMutant(**entry)


def files_without(mutants):
    """Return the files of COVERED that have no mutant and are not in WITHOUT."""
    with_one = {mutant.file for mutant in mutants} | set(read_without(WITHOUT.read_text()))
    found = (path for folder in COVERED for path in (ROOT / folder).glob("**/*.[cS]"))
    return sorted({str(path.relative_to(ROOT)) for path in found} - with_one)


def read_without(text):
    """Return {file: why it has no mutant} of test/mutants/source/without.txt."""
    reasons = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            file, _, reason = line.partition(" ")
            if not reason.strip():
                raise Trouble(f"{WITHOUT.name}: {file} has no reason")
            reasons[file] = reason.strip()
    return reasons
