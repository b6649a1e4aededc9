# SPDX-License-Identifier: MIT
"""Build the positive controls: hypervisors known to be bad, which show that a repro can report
"bad".

repro/controls.ini lists them. Each is the Xen of the distribution's source package, built after one
named edit. Beside them are "repaired", the same without an edit, and "debug", the same with Xen's
assertions.

All controls of one configuration share a source tree in the user's cache, so make recompiles the
edited file only. A build is kept under a name that contains the hash of all its inputs.
"""

import configparser
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from .. import archive
from ..common import EXIT_SKIP, EXIT_USAGE, ROOT, Trouble
from ..run import packaged, platforms

FILE = ROOT / "repro" / "controls.ini"
_RELEASE = "bookworm"  # the release of the distribution whose source is built
_TOOLS = ("apt-get", "dpkg-source", "make", "gcc", "flex", "bison")
REPAIRED = "repaired"  # the build without an edit
DEBUG = "debug"  # the same with assertions
SYMBOLS = ".syms"  # ends the file with the symbols of that, for gdb
_CONFIGS = {"": "", DEBUG: "CONFIG_DEBUG=y\n"}  # what a configuration adds to the package's own


@dataclass(frozen=True)
class Edit:
    """One change of one function. kind: never, drop or replace."""

    file: str
    function: str
    kind: str
    text: str
    by: str = ""

    def apply(self, source):
        """Return the source with the edit made; raise ValueError if there is nothing to edit."""
        start, end = _extent(source, self.function)
        body = source[start:end]
        edited = {"never": self._never, "drop": self._drop, "replace": self._replace}[self.kind](
            body
        )
        if edited == body:
            raise ValueError(
                f"{self.function} of {self.file} has nothing to edit: {self.kind} {self.text}"
            )
        return source[:start] + edited + source[end:]

    def _never(self, body):
        done, at = "", 0
        for found in re.finditer(r"\bif\s*(?=\()", body):
            if found.end() < at:
                continue
            close = _closing(body, found.end())
            condition = body[found.end() : close]
            if self.text in " ".join(condition.split()):
                done += body[at : found.end()] + "( 0 && " + condition + " )"
                at = close
        return done + body[at:]

    def _drop(self, body):
        found = re.search(r"(?<=[;{}\n])\s*" + re.escape(self.text), body)
        if not found:
            return body
        start = found.end() - len(self.text)
        return body[:start] + body[body.index(";", start) :]

    def _replace(self, body):
        return body.replace(self.text, self.by)


@dataclass(frozen=True)
class Control:
    """One section of the list. name: the section's; repro: the one that it proves; effect: in
    words, what is wrong on this build (or right, if the edit repairs); config: of the build."""

    name: str
    effect: str
    edits: tuple
    platforms: tuple = ()
    config: str = ""
    repairs: bool = False

    @property
    def repro(self):
        return self.name.partition(":")[0]

    @property
    def verdict(self):
        """Return the verdict that the repro has to report on the build."""
        return "good" if self.repairs else "bad"

    @property
    def unedited(self):
        """Return the Control without an edit, of the same configuration."""
        return PLAIN[self.config]


PLAIN = {"": Control(REPAIRED, "", ()), DEBUG: Control(DEBUG, "", (), config=DEBUG)}


def load(path=FILE):
    """Return {name: Control} of the list."""
    parser = configparser.ConfigParser(
        interpolation=None, delimiters=("=",), comment_prefixes=("#",)
    )
    try:
        parser.read_string(path.read_text())
        return {name: _control(name, parser[name]) for name in parser.sections()}
    except (OSError, configparser.Error, ValueError) as error:
        raise Trouble(f"{path.name}: {str(error).splitlines()[0]}", EXIT_SKIP) from error


def _control(name, section):
    unknown = set(section) - {"breaks", "repairs", "edit", "platforms", "config"}
    if (
        unknown
        or bool(section.get("breaks")) == bool(section.get("repairs"))
        or not section.get("edit")
    ):
        raise ValueError(
            f"[{name}] has breaks or repairs, edit and perhaps platforms and config; unknown: "
            f"{sorted(unknown)}"
        )
    where = tuple(section.get("platforms", "").split())
    if not set(where) <= set(platforms.PLATFORMS):
        raise ValueError(f"[{name}] names an unknown platform: {' '.join(where)}")
    if section.get("config", "") not in _CONFIGS:
        raise ValueError(f"[{name}] config is {DEBUG} or left out")
    edits = tuple(map(parse_edit, section["edit"].strip().splitlines()))
    effect = section.get("breaks") or section["repairs"]
    return Control(name, effect, edits, where, section.get("config", ""), "repairs" in section)


def parse_edit(line):
    """Return the Edit of one line of the list."""
    words = line.split(None, 3)
    if len(words) == 4 and words[2] in ("never", "drop"):
        return Edit(*words)
    if len(words) == 4 and words[2] == "replace" and " by " in words[3]:
        return Edit(*words[:3], *words[3].split(" by ", 1))
    raise ValueError(f"this is not an edit: {line.strip()}")


def choose(names, known=None):
    """Return the Controls of these names, or of these repros; all of them if no name is given."""
    known = load() if known is None else known
    for name in names:
        if name != DEBUG and not any(name in (one.name, one.repro) for one in known.values()):
            raise Trouble(
                f"no control is called {name!r}; known: {', '.join([*known, DEBUG])}", EXIT_USAGE
            )
    return [one for one in known.values() if not names or one.name in names or one.repro in names]


def _extent(source, function):
    """Return (start, end) of a C function, from its name to its last brace, or of an assembly
    label, up to the next one."""
    name = re.escape(function)
    label = re.search(rf"^(?:ENTRY\({name}\)|{name}:)", source, re.M)
    if label:
        following = re.compile(r"^(?:ENTRY\(|[A-Za-z_]\w*:)", re.M).search(source, label.end())
        return label.start(), following.start() if following else len(source)
    head = re.search(rf"^(?:\w[\w\s*]*[\s*])?{name}\s*\([^;{{}}]*\)\s*\n\{{", source, re.M)
    if not head:
        raise ValueError(f"there is no function {function}")
    end = source.find("\n}", head.end())
    return head.start(), end + 2 if end >= 0 else len(source)


def _closing(text, start):
    """Return the place after the parenthesis that closes the one at start."""
    depth = 0
    for at in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return at + 1
    raise ValueError("a parenthesis is not closed")


# ---- The cache: a source tree, and the builds of it ---------------------------------------------


def _folder():
    return archive.cache_dir() / "controls"


def _version_file():
    return _folder() / "version"


def version():
    """Return the version of the source package in the cache; "" if it was not fetched."""
    try:
        return _version_file().read_text().strip()
    except OSError:
        return ""


def path_of(control):
    """Return where the build of a Control is kept. A build with assertions can also be chosen by
    --xen."""
    if control == PLAIN[DEBUG]:
        return packaged.cache_dir() / f"xen-{version()}{packaged.DEBUG}.elf"
    parts = (
        (version(), control.edits, control.config) if control.config else (version(), control.edits)
    )
    digest = hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
    return _folder() / f"xen-{control.name.replace(':', '-')}-{digest}.elf"


def built(control):
    """Return the path of a build; raise Trouble if it does not exist."""
    path = path_of(control)
    if not version() or not path.exists():
        what = "./run.sh setup --controls" + (
            "" if control.name == REPAIRED else f" {control.name}"
        )
        raise Trouble(
            f"there is no build of the control {control.name}; {what} makes it", EXIT_SKIP
        )
    return path


def setup(names, say=print):
    """Make the builds that are missing."""
    chosen = choose(names)
    missing = [tool for tool in _TOOLS if not shutil.which(tool)]
    if missing:
        raise Trouble(
            f"--controls builds Xen, which needs {' '.join(missing)}; "
            "as root: apt-get install --no-install-recommends flex bison make gcc dpkg-dev"
        )
    wanted = [one.unedited for one in chosen] + ([PLAIN[DEBUG]] if not names or DEBUG in names
                                                 else []) + chosen
    with _locked():
        _source_tree(say)
        for control in dict.fromkeys(wanted):
            if path_of(control).exists():
                continue
            started = time.monotonic()
            _build(_tree_of(control.config), control)
            of = "" if control.edits else f" of Xen {version()}"
            say(
                f"built {control.name}{of} in {time.monotonic() - started:.0f} s: "
                f"{path_of(control)}"
            )


@contextlib.contextmanager
def _locked():
    """Hold the lock of the shared tree, in which one build runs at a time."""
    _folder().mkdir(parents=True, exist_ok=True)
    with open(_folder() / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _source_tree(say):
    """Return the folder of the unpacked source package, fetched on first use."""
    tree = _folder() / "tree"
    if version() and (tree / "xen" / "Makefile").exists():
        return tree
    dsc = archive.fetch_source("xen", _RELEASE, _folder() / "source")
    shutil.rmtree(tree, ignore_errors=True)
    _run(["dpkg-source", "--no-check", "-x", dsc, tree], _folder(), "unpack the source of Xen")
    config = next(iter(sorted(Path("/boot").glob("xen-4.17*.config"))), None)
    if config:
        shutil.copyfile(config, tree / "xen" / ".config")
    _version_file().write_text(dsc.stem.partition("_")[2] + "\n")
    say(f"unpacked the source of Xen {version()}")
    return tree


def _tree_of(config):
    """Return the source tree of a configuration: a copy of the first one, with its own .config."""
    first = _folder() / "tree"
    tree = _folder() / f"tree-{config}" if config else first
    if not (tree / "complete").exists() and config:
        shutil.rmtree(tree, ignore_errors=True)
        shutil.copytree(first, tree, symlinks=True)
        with open(tree / "xen" / ".config", "a", encoding="ascii") as file:
            file.write(_CONFIGS[config])
        (tree / "complete").touch()
    return tree


def _build(tree, control):
    """Build a Control, and undo its edit."""
    originals = {}
    try:
        for edit in control.edits:
            path = tree / "xen" / edit.file
            text = path.read_text()
            originals.setdefault(path, text)
            path.write_text(edit.apply(text))
        _make(tree)
        path_of(control).parent.mkdir(parents=True, exist_ok=True)
        partial = path_of(control).with_suffix(f".{os.getpid()}")
        shutil.copyfile(tree / "xen" / "xen", partial)
        if control == PLAIN[DEBUG]:
            shutil.copyfile(tree / "xen" / "xen-syms", path_of(control).with_suffix(SYMBOLS))
        partial.rename(path_of(control))
    except (OSError, ValueError) as error:
        raise Trouble(f"control {control.name}: {error}") from error
    finally:
        for path, text in originals.items():
            path.write_text(text)


def _make(tree):
    """Make xen/xen. Leave out the image for UEFI, because its link takes as long again and nothing
    uses it."""
    jobs = f"-j{os.cpu_count() or 1}"
    # The variables of a build of our own would be taken for Xen's.
    env = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "BUILD",
                                                                          "LLVM", "V")}
    _run(["make", "-s", "-C", "xen", "olddefconfig"], tree, "configure Xen", env)
    _run(["make", "-s", jobs, "-C", "xen", "build", "XEN_BUILD_PE="], tree, "build Xen", env)


def _run(command, cwd, what, env=None):
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=env, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode != 0:
        lines = [
            line for line in (done.stderr + done.stdout).splitlines() if "error" in line.lower()
        ]
        raise Trouble(f"cannot {what}: {(lines or ['no reason given'])[0].strip()}")
