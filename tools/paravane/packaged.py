"""Hypervisors of the distribution's other releases, each kept by the full version of its package.

Nothing of this machine's own packages or sources is touched: apt-get gets a list of sources, and
folders for everything it writes, of its own. The mirror is the one that the machine's sources name,
and apt-get checks every index by the archive keyring that the machine has. Unpacking needs no
root. What was unpacked stays in the user's cache, which `clean` leaves alone.
"""

import gzip
import os
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .common import Trouble

# Debian's releases, and the Xen that each one packages.
_RELEASES = (("bullseye", "4.14"), ("bookworm", "4.17"), ("trixie", "4.20"))
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_LISTS_MAX_AGE = 86400


@dataclass(frozen=True)
class Package:
    """One version of a hypervisor that some archive has."""

    name: str
    version: str
    archive: str  # "bullseye/main" and the like, as apt says it


def cache_dir():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "paravane" / "xen"


def cached():
    """{full package version: path of the uncompressed hypervisor} of what was fetched before."""
    return {path.stem[len("xen-") :]: path for path in sorted(cache_dir().glob("xen-*.elf"))}


def fetch(wanted):
    """Gets the hypervisor that a version or a beginning of one names; returns (version, path)."""
    for tool in ("apt-get", "apt-cache", "dpkg-deb"):
        if not shutil.which(tool):
            raise Trouble(_by_hand(wanted, f"there is no {tool} here"))
    apt = _PrivateApt(cache_dir().parent / "apt")
    if wanted in cached():
        return wanted, cached()[wanted]
    apt.update(wanted)
    package = choose(wanted, apt.packages())
    have = cached()
    if package.version not in have:
        _unpack(apt.download(package), package)
    return package.version, cached()[package.version]


def fetch_source(name, release, folder):
    """Downloads a source package of a release's main archive; returns the path of its .dsc file."""
    lines = [line.replace("deb ", "deb-src ", 1) for line in _sources() if line.endswith(f" {release} main")]
    apt = _PrivateApt(cache_dir().parent / "apt-source", lambda: lines)
    apt.update(f"source of {name}")
    return apt.download_source(name, folder)


def names(wanted, version):
    """Is wanted this version, or a beginning of it that ends where a number or a word of it ends?"""
    return version.startswith(wanted) and not (wanted[-1:].isalnum() and version[len(wanted) :][:1].isalnum())


def choose(wanted, packages):
    """The Package that wanted names. Where it names several, a release's main archive goes before
    its security archive, which has to be named by more of its version."""
    matching = [p for p in packages if names(wanted, p.version)]
    exact = [p for p in matching if p.version == wanted]
    main = [p for p in matching if "-security/" not in p.archive]
    for found in (exact, matching, main):
        if len({p.version for p in found}) == 1:
            return found[0]
    listing = ", ".join(sorted({p.version for p in packages})) or "none"
    what = "names more than one Xen" if matching else "is no Xen of the archive"
    raise Trouble(f"--xen {wanted} {what}; there are: {listing}")


class _PrivateApt:
    """apt-get and apt-cache with all their folders in one of ours."""

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

    def update(self, wanted):
        """Reads the archives' indices, unless a day has not passed since."""
        stamp = self.folder / "updated"
        sources = "".join(f"{line}\n" for line in self._sources())
        if not sources:
            raise Trouble(_by_hand(wanted, "this machine's package sources name no Debian mirror"))
        listed = self.folder / "sources.list"
        if listed.exists() and listed.read_text() == sources and _age(stamp) < _LISTS_MAX_AGE:
            return
        for name in ("lists/partial", "cache/archives/partial"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        listed.write_text(sources)
        done = self._run("apt-get", "update", "-q")
        if done.returncode != 0 or "Failed to fetch" in done.stderr:
            raise Trouble(_by_hand(wanted, f"apt-get update failed: {_last(done.stderr)}"))
        stamp.touch()

    def packages(self):
        """Every version of every hypervisor that the archives have."""
        names = [f"xen-hypervisor-{version}-amd64" for _, version in _RELEASES]
        found = []
        for line in self._run("apt-cache", "madison", *names).stdout.splitlines():
            name, version, where = (field.strip() for field in line.split("|"))
            if where.endswith(" Packages"):
                found.append(Package(name, version, where.split()[1]))
        return found

    def download(self, package):
        """The path of the package's file, in a folder of its own."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        done = self._run("apt-get", "download", f"{package.name}={package.version}", cwd=folder)
        files = list(folder.glob("*.deb"))
        if done.returncode != 0 or len(files) != 1:
            shutil.rmtree(folder)
            raise Trouble(f"cannot download {package.name} {package.version}: {_last(done.stderr)}")
        return files[0]

    def download_source(self, name, folder):
        """The .dsc file of a source package's newest version, with the files that it lists beside it."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        done = self._run("apt-get", "source", "--download-only", "-q", name, cwd=folder)
        found = list(folder.glob("*.dsc"))
        if done.returncode != 0 or len(found) != 1:
            raise Trouble(f"cannot download the source of {name}: {_last(done.stderr)}")
        return found[0]

    def _run(self, program, *words, cwd=None):
        return subprocess.run(
            [program, *self._options, *words], cwd=cwd, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip


def _sources():
    """Lines of a sources.list: the releases at the places where this machine's own release, and its
    security updates, come from."""
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
        for release, _ in _RELEASES
    ]


def _os_release(key):
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    return found.get(key, "").strip('"') if found.get("ID") == "debian" else ""


def _unpack(deb, package):
    """Keeps the hypervisor of a package, uncompressed, and the configuration it was built with."""
    target = cache_dir() / f"xen-{package.version}.elf"
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(["dpkg-deb", "-x", deb, deb.parent / "root"], check=True)
        boot = deb.parent / "root" / "boot"
        images = sorted(boot.glob("xen-*.gz"))
        if not images:
            raise Trouble(f"{deb.name} holds no boot/xen-*.gz")
        for config in boot.glob("*.config"):
            shutil.copyfile(config, target.with_suffix(".config"))
        partial = target.with_suffix(f".{os.getpid()}")
        partial.write_bytes(gzip.decompress(images[0].read_bytes()))
        partial.rename(target)
    except subprocess.CalledProcessError as error:
        raise Trouble(f"cannot unpack {deb.name}: {error}") from error
    finally:
        shutil.rmtree(deb.parent, ignore_errors=True)


def _by_hand(wanted, why):
    known = ", ".join(f"xen-hypervisor-{xen}-amd64 of {name}" for name, xen in _RELEASES)
    return (
        f"cannot get Xen {wanted}: {why}. By hand: download the package of that version ({known}), "
        "unpack it with dpkg-deb -x PACKAGE.deb DIR, and say --xen DIR/boot/xen-VERSION.gz"
    )


def _age(path):
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except OSError:
        return float("inf")


def _last(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip().rstrip(".") if lines else "no reason given"
