# SPDX-License-Identifier: MIT
"""Install what this computer lacks, from the distribution's packages only, and fetch the sources of
programs' C library.

tools/packages.txt is the list. On Debian 12 missing packages are installed, if that is allowed; on
a computer that has them all, setup only reads dpkg's data. Optional packages are installed along
with others or by ./run.sh setup, and nothing fails without them.
"""

import glob
import os
import shutil
import subprocess

from . import libc_sources
from .common import ROOT, Trouble

_LIST = ROOT / "tools" / "packages.txt"


def packages(optional=False):
    """Return [(package, proof, why)]: without the optional ones, or only those. proof is a command
    or a path pattern that the package brings."""
    required, _, more = _LIST.read_text().partition("\n[optional]\n")
    lines = [line.strip() for line in (more if optional else required).splitlines()]
    return [tuple(line.split(None, 2)) for line in lines if line and line[0] != "#"]


def is_debian_12():
    try:
        with open("/etc/os-release", encoding="utf-8") as file:
            release = dict(line.strip().split("=", 1) for line in file if "=" in line)
    except OSError:
        return False
    return release.get("ID") == "debian" and release.get("VERSION_ID", "").strip('"') == "12"


def missing(optional=False):
    """Return the packages that are not installed."""
    listed = packages(optional)
    if not is_debian_12():
        return [name for name, proof, _ in listed if not _proved(proof)]
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *(p[0] for p in listed)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    there = {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" installed")}
    return [name for name, _, _ in listed if name not in there]


def _proved(proof):
    return bool(glob.glob(proof) if proof.startswith("/") else shutil.which(proof))


def ensure():
    """Install what is missing, or raise an error that states what to do. On return nothing is
    missing."""
    _ensure_packages()
    libc_sources.ensure()


def _ensure_packages():
    absent = missing()
    if not absent:
        return
    if not is_debian_12():
        raise Trouble(
            "missing (by the names of Debian 12's packages): " + " ".join(absent)
            + "; install them with this system's package manager"
        )
    _install(absent, packages())
    absent = missing()
    if absent:
        raise Trouble("still missing after the installation: " + " ".join(absent))
    ensure_optional()


def ensure_optional():
    """Install the optional packages that are missing, or print why not."""
    absent = missing(optional=True)
    if not absent:
        return
    try:
        if not is_debian_12():
            raise Trouble("these are the names of Debian 12's packages")
        _install(absent, packages(optional=True))
    except Trouble as trouble:
        print(f"optional and not installed: {' '.join(absent)}: {trouble}", flush=True)


def _install(absent, listed):
    install = ["apt-get", "install", "-y", "--no-install-recommends", *absent]
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if not _allowed(as_root):
        raise Trouble(
            "packages are missing and need root to install; run: "
            f"sudo apt-get update && sudo {' '.join(install)}"
        )
    why = {name: reason for name, _, reason in listed}
    print("installing from the distribution:")
    for name in absent:
        print(f"  {name:28} {why[name]}", flush=True)
    env = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive"]
    for command in ([*env, "apt-get", "update", "-q"], [*env, *install, "-q"]):
        if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode != 0:
            raise Trouble(f"failed: {' '.join(command)}")


def _allowed(as_root):
    """Return whether commands can be run as root without a question."""
    if not shutil.which("apt-get"):
        return False
    if not as_root:
        return True
    if not shutil.which("sudo"):
        return False
    done = subprocess.run(
        [*as_root, "true"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    return done.returncode == 0
