# SPDX-License-Identifier: MIT
"""Find QEMUs to boot on: the installed one, files, and those of the distribution's other releases.

A packaged QEMU is kept with everything that it needs, its C library included, because this
machine's own libraries may be older. A script beside it starts it with those and with its own
firmware.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .. import archive
from ..archive import RELEASES
from ..common import EXIT_USAGE, Trouble

# The QEMU that each release packages.
_VERSIONS = dict(zip(RELEASES, ("5.2", "7.2", "10.0")))
_PACKAGE = "qemu-system-x86"
_BINARY = "qemu-system-x86_64"
_SAID = re.compile(r"^QEMU emulator version (\d[\w.]*)", re.M)
_LOOK_LIMIT = 60  # seconds for --version, on a computer however busy

# {here}: the folder with the package's files, as if it were /.
_SCRIPT = """\
#!/bin/sh
# QEMU of another release, with the libraries and the firmware of that release.
here=$(dirname -- "$(readlink -f -- "$0")")/root
export QEMU_MODULE_DIR="$here/usr/lib/x86_64-linux-gnu/qemu"
exec "$here/{loader}" --library-path "{libraries}" "$here/usr/bin/{binary}" {firmware} "$@"
"""
_FIRMWARE = ("usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu")
_LIBRARIES = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")


@dataclass(frozen=True)
class Emulator:
    """A QEMU: its program, and the version that it reports."""

    path: str
    version: str

    @property
    def brief(self):
        """Return the version's first two numbers."""
        return ".".join(self.version.split(".")[:2])


def default():
    """Return the program that runs where no --qemu names another."""
    return os.environ.get("QEMU") or _BINARY


def cached():
    """Return {full package version: path of the script that starts it} of the QEMUs fetched so
    far."""
    found = sorted((archive.cache_dir() / "qemu").glob(f"qemu-*/{_BINARY}"))
    return {path.parent.name[len("qemu-") :]: path for path in found}


def find(wanted, base=Path(".")):
    """Return the Emulator that --qemu asks for: a file, seen from base, or a version."""
    path = base / os.path.expanduser(wanted)
    if path.is_file():
        return _checked(str(path), wanted)
    if "/" in wanted:
        raise Trouble(f"--qemu: there is no file {wanted}", EXIT_USAGE)
    have = {version: str(path) for version, path in cached().items()}
    own = version_of(default())
    if own:
        have = {own: default(), **have}
    matches = [path for version, path in have.items() if archive.names(wanted, version)]
    if len(matches) == 1:
        return _checked(matches[0], wanted)
    what = "names more than one QEMU" if matches else "is neither a file nor a QEMU of this machine"
    listing = ", ".join(have) or "none"
    remedy = f"./run.sh setup --qemu {wanted} looks for it in the archive"
    raise Trouble(f"--qemu: {wanted} {what}; there are: {listing}; {remedy}", EXIT_USAGE)


def version_of(program):
    """Return the version that a QEMU reports; "" if the program does not run or is not one."""
    try:
        done = subprocess.run(
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=_LOOK_LIMIT, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    said = _SAID.search(done.stdout)
    return said[1] if said else ""


def error_of(text):
    """Return the last error of those that a QEMU printed, without its name: not a warning, nor a
    hint below."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("qemu") and ": " in line
              and ": warning: " not in line]
    return (errors or lines or [""])[-1].split(": ", 1)[-1]


def _checked(program, wanted):
    version = version_of(program)
    if not version:
        raise Trouble(
            f"--qemu: {wanted} is not a QEMU: {program} --version does not report one", EXIT_USAGE
        )
    return Emulator(program, version)


def labels(chosen):
    """Return {Emulator: a label after the platform's name}: the shortest version that distinguishes
    it from the others; "" for a single one."""
    if len(chosen) < 2:
        return {one: "" for one in chosen}
    for name in (lambda one: one.brief, lambda one: one.version,
                 lambda one: one.path.replace("/", "_")):
        if len({name(one) for one in chosen}) == len(chosen):
            return {one: f"@{name(one)}" for one in chosen}
    raise Trouble("--qemu: the same QEMU twice", EXIT_USAGE)


def fetch(wanted):
    """Get the QEMU that a version or a beginning of one names; return (version, path)."""
    if wanted in cached():
        return wanted, cached()[wanted]
    try:
        debian = archive.open_archive()
    except archive.Unavailable as reason:
        raise Trouble(_by_hand(wanted, reason)) from reason
    found = debian.packages(_PACKAGE)
    by_version = {_without_epoch(p.version): p for p in found if "-security/" not in p.archive}
    listed = [archive.Package(p.name, version, p.archive) for version, p in by_version.items()]
    package = archive.choose("QEMU", wanted, listed)
    if package.version not in cached():
        needed = debian.needs(by_version[package.version])
        _keep(debian.unpack(*needed), package)
    return package.version, cached()[package.version]


def _without_epoch(version):
    return version.split(":", 1)[-1]


def _keep(root, package):
    """Keep an unpacked QEMU with its libraries and firmware, and the script that starts it."""
    target = archive.cache_dir() / "qemu" / f"qemu-{package.version}"
    target.parent.mkdir(parents=True, exist_ok=True)
    whole = root.parent
    try:
        shutil.rmtree(root / "usr/share/doc", ignore_errors=True)
        script = whole / _BINARY
        script.write_text(_script(root))
        script.chmod(0o755)
        if not version_of(str(script)):
            raise Trouble(f"{package.name} {package.version} does not run on this machine")
        shutil.rmtree(target, ignore_errors=True)
        whole.rename(target)
    finally:
        shutil.rmtree(whole, ignore_errors=True)


def _script(root):
    loaders = [
        path for name in _LIBRARIES for path in root.glob(f"{name}/ld-*.so*") if path.is_file()
    ]
    if not loaders:
        raise Trouble("the package's C library has no ld.so")
    return _SCRIPT.format(
        loader=loaders[0].relative_to(root),
        libraries=":".join(f"$here/{name}" for name in _LIBRARIES),
        binary=_BINARY,
        firmware=" ".join(f'-L "$here/{name}"' for name in _FIRMWARE),
    )


def _by_hand(wanted, why):
    known = ", ".join(f"{version} of {name}" for name, version in _VERSIONS.items())
    return (
        f"cannot get QEMU {wanted}: {why}. By hand: get {_PACKAGE} ({known}) or build it from "
        "source, "
        "and use --qemu FILE"
    )
