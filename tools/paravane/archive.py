# SPDX-License-Identifier: MIT
"""The distribution's archive: fetch packages of its other releases, and unpack them in the user's
cache.

The machine's own packages and sources do not change: apt-get runs with a list of sources and with
folders of this module. The mirror is the one in the machine's sources, and apt-get checks every
index by the machine's archive keyring. Unpacking does not need root. `clean` does not remove the
cache.
"""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .common import Trouble

# Debian's releases, oldest first.
RELEASES = ("bullseye", "bookworm", "trixie")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_LISTS_MAX_AGE = 86400
_TOOLS = ("apt-get", "apt-cache", "dpkg-deb")


@dataclass(frozen=True)
class Package:
    """One version of a package in one of the archives."""

    name: str
    version: str
    archive: str  # "bullseye/main" and the like, in apt's words


class Unavailable(Exception):
    """The archive cannot be read from this computer, for the given reason."""


def cache_dir():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "paravane"


def open_archive():
    """Return the archive with its indices read."""
    for tool in _TOOLS:
        if not shutil.which(tool):
            raise Unavailable(f"there is no {tool} here")
    archive = Archive(cache_dir() / "apt")
    archive.update()
    return archive


def names(wanted, version):
    """Return whether `wanted` is this version, or a beginning of it that ends at the end of a
    number or word."""
    return version.startswith(wanted) and not (
        wanted[-1:].isalnum() and version[len(wanted) :][:1].isalnum()
    )


def open_release(release):
    """Return the archive of one release and its security updates, with its indices read."""
    for tool in _TOOLS:
        if not shutil.which(tool):
            raise Unavailable(f"{tool} is not installed")
    names = (f" {release} ", f" {release}-security ")
    lines = [line for line in _sources() if any(name in line for name in names)]
    archive = Archive(cache_dir() / f"apt-{release}", lambda: lines)
    archive.update()
    return archive


def fetch_source(name, release, folder):
    """Download a source package of a release's main archive; return the path of its .dsc file."""
    lines = [line.replace("deb ", "deb-src ",
                          1) for line in _sources() if line.endswith(f" {release} main")]
    archive = Archive(cache_dir() / "apt-source", lambda: lines)
    archive.update()
    return archive.download_source(name, folder)


def fetch_upstream(name, release, folder):
    """Download upstream's archive of a source package, without the distribution's changes; return
    its path."""
    lines = [line.replace("deb ", "deb-src ", 1) for line in _sources()
             if line.endswith(f" {release} main")]
    archive = Archive(cache_dir() / f"apt-source-{release}", lambda: lines)
    archive.update()
    return archive.download_upstream(name, folder)


def choose(what, wanted, packages):
    """Return the Package that `wanted` names. If several match, take a release's main archive
    before its security archive, which the caller has to name by more of its version. what: "Xen" or
    "QEMU", for messages."""
    matching = [p for p in packages if names(wanted, p.version)]
    exact = [p for p in matching if p.version == wanted]
    main = [p for p in matching if "-security/" not in p.archive]
    for found in (exact, matching, main):
        if len({p.version for p in found}) == 1:
            return found[0]
    listing = ", ".join(sorted({p.version for p in packages})) or "none"
    problem = f"names more than one {what}" if matching else f"is not a {what} of the archive"
    raise Trouble(f"--{what.lower()} {wanted} {problem}; there are: {listing}")


class Archive:
    """apt-get and apt-cache, with all their folders below one of this program's."""

    def __init__(self, folder, sources=None):
        self.folder = folder
        self._sources = sources or _sources
        self._options = []
        for key, value in (
            ("Dir::Etc::sourcelist", folder / "sources.list"),
            ("Dir::Etc::sourceparts", "/dev/null"),
            ("Dir::State::lists", folder / "lists"),
            ("Dir::State::status", folder / "status"),
            ("Dir::Cache", folder / "cache"),
            ("Acquire::Languages", "none"),
            ("Acquire::Check-Valid-Until", "true"),
            ("APT::Architecture", "amd64"),
        ):
            self._options += ["-o", f"{key}={value}"]

    def update(self):
        """Read the archives' indices, unless that was done within the last day. Another command
        that does so at the same time is waited for: apt-get refuses to run beside itself."""
        sources = "".join(f"{line}\n" for line in self._sources())
        if not sources:
            raise Unavailable("this machine's package sources name no Debian mirror")
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._update_alone(sources)

    def _update_alone(self, sources):
        stamp, listed = self.folder / "updated", self.folder / "sources.list"
        if listed.exists() and listed.read_text() == sources and _age(stamp) < _LISTS_MAX_AGE:
            return
        for name in ("lists/partial", "cache/archives/partial"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        listed.write_text(sources)
        done = self._run("apt-get", "update", "-q")
        if done.returncode != 0 or "Failed to fetch" in done.stderr:
            raise Unavailable(f"apt-get update failed: {_last(done.stderr)}")
        stamp.touch()

    def packages(self, *names):
        """Return every version of these packages that the archives have."""
        found = []
        for line in self._run("apt-cache", "madison", *names).stdout.splitlines():
            name, version, where = (field.strip() for field in line.split("|"))
            if where.endswith(" Packages"):
                found.append(Package(name, version, where.split()[1]))
        return found

    def needs(self, package):
        """Return [NAME=VERSION] of a package and of all that it depends on, down to the C library,
        in the release that has it."""
        release = package.archive.split("/")[0]
        target = ("--target-release", release)
        return self.resolve(f"{package.name}={package.version}", options=target)

    def resolve(self, *names, options=()):
        """Return [NAME=VERSION] of packages and of all that they depend on."""
        command = ("apt-get", "--simulate", "--no-install-recommends", *options, "install", *names)
        done = self._run(*command)
        found = re.findall(r"^Inst (\S+) \((\S+) ", done.stdout, re.M)
        if done.returncode != 0 or not found:
            said = _last(done.stderr)
            raise Trouble(f"cannot resolve what {' '.join(names[:3])} needs: {said}")
        return [f"{name}={version}" for name, version in found]

    def unpack(self, *names):
        """Download packages given as NAME=VERSION and unpack them; return the folder, which holds
        them as if it were / and which the caller removes."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            done = self._run("apt-get", "download", *names, cwd=folder)
            files = sorted(folder.glob("*.deb"))
            if done.returncode != 0 or len(files) != len(names):
                raise Trouble(f"cannot download {' '.join(names[:3])}: {_last(done.stderr)}")
            for deb in files:
                subprocess.run(["dpkg-deb", "-x", deb, folder / "root"], check=True)
                deb.unlink()
        except subprocess.CalledProcessError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise Trouble(f"cannot unpack {deb.name}: {error}") from error
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder / "root"

    def download_source(self, name, folder):
        """Return the .dsc file of a source package's newest version, with the files that it lists
        beside it."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        done = self._run("apt-get", "source", "--download-only", "-q", name, cwd=folder)
        found = list(folder.glob("*.dsc"))
        if done.returncode != 0 or len(found) != 1:
            raise Trouble(f"cannot download the source of {name}: {_last(done.stderr)}")
        return found[0]

    def download_upstream(self, name, folder):
        """Return upstream's archive of a source package's newest version."""
        folder.mkdir(parents=True)
        done = self._run("apt-get", "source", "--download-only", "--tar-only", "-q", name,
                         cwd=folder)
        found = sorted(folder.glob("*.orig.tar.*"))
        if done.returncode != 0 or not found:
            raise Trouble(f"cannot download the source of {name}: {_last(done.stderr)}")
        return found[0]

    def _run(self, program, *words, cwd=None):
        return subprocess.run(
            [program, *self._options, *words], cwd=cwd, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"},
        )  # fmt: skip


def _sources():
    """Return the lines of a sources.list: the releases at the mirrors from which this machine takes
    its own release and its security updates."""
    codename = _os_release("VERSION_CODENAME")
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    places = dict(
        reversed(line.split()) for line in done.stdout.splitlines() if len(line.split()) == 2
    )
    signed = f"[arch=amd64 signed-by={_KEYRING}]" if _KEYRING.exists() else "[arch=amd64]"
    return [
        f"deb {signed} {places[codename + archive]} {release}{archive} main"
        for archive in ("", "-security")
        if codename and codename + archive in places
        for release in RELEASES
    ]


def _os_release(key):
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    return found.get(key, "").strip('"') if found.get("ID") == "debian" else ""


def _age(path):
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except OSError:
        return float("inf")


def _last(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip().rstrip(".") if lines else "no reason given"
