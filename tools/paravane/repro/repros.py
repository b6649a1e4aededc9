# SPDX-License-Identifier: MIT
"""List the repros, and read the heads of their files.

A head is the first comment of the file, after the line of the licence. Its lines that begin with @
are for the runner:

    @title     one line
    @advisory  the address of the published advisory
    @affected  which versions have it, and what repaired it, in words
    @platforms where it can tell: names of platforms (default: xen-pv xen-pvh). On others with the
               same type of guest it runs if it is named; without this line, on each one
    @needs     mem=MIB smp=N pcpus=N timeout=S cpu=MODEL (default: none)
    @xen       words for the command line of Xen
    @expect    WHERE=VERDICT …; WHERE is VERSION, PLATFORM, or VERSION/PLATFORM. VERSION is one of
               Xen's, as far as it is given (4.14 is also 4.14.6, but not 4.1), or 4.8.2+: that one
               and all later ones
    @control   none: why no Xen can be bad (proofs.py)

The most specific WHERE wins: 4.14/xen-pv before 4.14, and that before xen-pv. VERSION+ is the least
specific of the versions.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from .. import archive
from ..common import EXIT_SKIP, ROOT, Trouble, usage
from ..run import platforms

VERDICTS = ("good", "bad", "cannot-tell")
_DIRECTORY = ROOT / "repro"
_COMMENT = re.compile(r"(?:\s*/\* SPDX-\S+ \S+ \*/)?\s*/\*(.*?)\*/", re.S)
_KEY = re.compile(r"^[ \t]*\*[ \t]*@(\w+)[ \t]+(\S.*?)[ \t]*$", re.M)
_REGISTERED = re.compile(r'^REPRO\("([^"]*)"\)', re.M)
_NEEDS = ("mem", "smp", "pcpus", "timeout", "cpu")
_TAGS = ("title", "advisory", "affected", "platforms", "needs", "xen", "expect", "control")
_AT = re.compile(r"^\s*\*\s*@", re.M)
_MAKES_PATH = re.compile(r"[A-Za-z0-9/.+,@_=~-]+")
_WHERE = re.compile(r"[0-9]+(\.[0-9]+)*\+?|[0-9]+\.[0-9][0-9a-z.+~-]*")


@dataclass
class Repro:
    """One file. outside: the file is not part of the tree, so it gets an image of its own."""

    name: str
    path: Path
    title: str = ""
    affected: str = ""
    advisory: str = ""
    platforms: list = field(default_factory=lambda: ["xen-pv", "xen-pvh"])
    needs: dict = field(default_factory=dict)
    xen: str = ""
    control: str = ""  # why there is no control
    expect: dict = field(default_factory=dict)
    outside: bool = False
    elsewhere: bool = False  # the head names no platform, so that it may be tried on each one
    image: Optional[Path] = None  # which holds it, once that is built

    def fits(self, platform):
        """Return whether the head names a platform with the same type of guest."""
        types = {platforms.PLATFORMS[name].guest for name in self.platforms}
        return self.elsewhere or platform.guest in types

    def expected(self, platform, version):
        """Return the verdict that the head promises for a platform and a version of Xen, or ""."""
        best, found = (), ""
        for where, verdict in self.expect.items():
            wanted_version, _, wanted_platform = where.partition("/")
            if wanted_version in platforms.PLATFORMS:
                wanted_version, wanted_platform = "", wanted_version
            if wanted_platform not in ("", platform) or not is_version(wanted_version, version):
                continue
            exact = 0 if wanted_version.endswith("+") else len(wanted_version)
            strength = (exact, len(wanted_version), len(wanted_platform))
            if strength >= best:
                best, found = strength, verdict
        return found


def is_version(wanted, version):
    """Return whether `wanted` matches this version of Xen: "" matches any, 4.17 also 4.17.5, 4.17+
    also later ones."""
    if wanted.endswith("+"):
        return bool(version) and _numbers(version) >= _numbers(wanted)
    return not wanted or archive.names(wanted, version)


def _numbers(version):
    """Return a version's leading numbers: (4, 17, 5) for 4.17.5+72, (4, 9) for 4.9-unstable and for
    4.9."""
    found = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    return tuple(int(number) for number in found[0].split(".")) if found else ()


def all_repros():
    """Return {name: Repro} of the tree, in the order of the names."""
    return {path.stem: load(path) for path in sorted(_DIRECTORY.glob("*.c"))}


def find(wanted, caller):
    """Return the Repro of a name, or of a file as seen from the folder `caller`."""
    if wanted.endswith(".c") or "/" in wanted:
        try:
            path = (caller / wanted).resolve()
        except RuntimeError as error:
            raise usage(f"repro: {wanted} is a symbolic link to itself") from error
        if path.exists() and not path.is_file():
            raise usage(f"repro: {wanted} is neither a C file nor a folder")
        if not path.exists():
            raise Trouble(f"there is no file {wanted}", EXIT_SKIP)
        return load(path)
    known = all_repros()
    if wanted not in known:
        raise usage(f"no repro is called {wanted!r}; known: {', '.join(known) or 'none'}")
    return known[wanted]


def load(path):
    """Return the Repro of a file, from its head. A file that is not C is a usage error (status 2).
    A C file that is not a repro is what a bisection may find at an old commit: status 125."""
    text = _text_of(path)
    registered = _REGISTERED.search(text)
    if not registered:
        raise Trouble(
            f'{path.name} registers nothing: it wants REPRO("{path.stem}") {{ … }}', EXIT_SKIP
        )
    repro = Repro(registered.group(1), path, outside=path.parent != _DIRECTORY)
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,50}", repro.name):
        raise _wrong(
            path, f"the name {repro.name!r} is not one of small letters, digits and dashes"
        )
    if not repro.outside and repro.name != path.stem:
        raise _wrong(path, f"it registers {repro.name!r}, which is not its own name")
    head = _COMMENT.match(text)
    words = head.group(1) if head else ""
    tags = _KEY.findall(words)
    for key, value in tags:
        _take(repro, key, value)
    repro.elsewhere = "platforms" not in dict(tags)
    if len(tags) != len(_AT.findall(words)):
        raise _wrong(path, f"a line that begins with @ is a tag and its value; the tags: {_tags()}")
    return repro


def _text_of(path):
    try:
        data = path.read_bytes()
    except OSError as error:
        raise usage(f"repro: cannot read {path}: {error.strerror}") from error
    if not data.strip():
        raise usage(f'repro: {path} is empty: it wants REPRO("{path.stem}") {{ … }}')
    if b"\0" in data:
        raise usage(f"repro: {path} is not C: it has bytes that are not text")
    if not _MAKES_PATH.fullmatch(str(path)):
        raise usage(
            f"repro: make cannot take a path like {str(path)!r}; letters, digits and /.+,@_=~- are "
            "fine"
        )
    return data.decode("utf-8", "replace")


def _take(repro, key, value):
    if key in ("title", "advisory", "affected", "xen"):
        if getattr(repro, key):
            raise _wrong(repro.path, f"two lines of @{key}")
        setattr(repro, key, value)
    elif key == "control":
        none, _, repro.control = value.partition(": ")
        if none != "none" or not repro.control:
            raise _wrong(repro.path, f"@control: {value!r} is not 'none: ' and the reason")
    elif key == "platforms":
        repro.platforms = value.split()
        for name in repro.platforms:
            if name not in platforms.PLATFORMS:
                known = ", ".join(platforms.PLATFORMS)
                raise _wrong(repro.path, f"@platforms: unknown platform {name!r}; known: {known}")
    elif key == "needs":
        for word in value.split():
            name, _, number = word.partition("=")
            if name not in _NEEDS or (name != "cpu" and not number.isdecimal()):
                raise _wrong(
                    repro.path, f"@needs: {word!r} is not one of {'=, '.join(_NEEDS)}= and a number"
                )
            repro.needs[name] = number if name == "cpu" else int(number)
    elif key == "expect":
        for word in value.split():
            where, _, verdict = word.rpartition("=")
            if not where or verdict not in VERDICTS:
                raise _wrong(repro.path, f"@expect: {word!r} is not WHERE={'|'.join(VERDICTS)}")
            version, _, platform = where.partition("/")
            if version in platforms.PLATFORMS and not platform:
                version, platform = "", version
            if not _WHERE.fullmatch(version or "0") or platform not in ("", *platforms.PLATFORMS):
                raise _wrong(
                    repro.path, f"@expect: {where!r} is neither a version of Xen nor a platform"
                )
            repro.expect[where] = verdict
    else:
        raise _wrong(repro.path, f"unknown @{key}; the tags: {_tags()}")


def _tags():
    return ", ".join(f"@{tag}" for tag in _TAGS)


def _wrong(path, what):
    return Trouble(f"{path.name}: its head is wrong: {what}", EXIT_SKIP)


def listing(repros, proofs):
    """Yield the lines for list --repros. proofs: a function like proofs.of."""
    for repro in repros.values():
        yield f"{repro.name}"
        needs = " ".join(f"{name}={number}" for name, number in repro.needs.items())
        expect = " ".join(f"{where}={verdict}" for where, verdict in repro.expect.items())
        for key, value in (
            ("title", repro.title),
            ("advisory", repro.advisory),
            ("affected", repro.affected),
            ("platforms", " ".join(repro.platforms)),
            ("needs", needs),
            ("xen", repro.xen),
            ("expect", expect),
            ("bad", "; ".join(proofs(repro)["bad"]) or repro.control),
            ("good", "; ".join(proofs(repro)["good"])),
        ):
            if value:
                yield f"    {key:9} {value}"
