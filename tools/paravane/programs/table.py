# SPDX-License-Identifier: MIT
"""The programs: where each comes from, how it is built and run, and what of its output is compared
with the host's."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import Callable

from ..common import EXIT_SKIP, Trouble

_CASE = re.compile(r"^case (\S+): (passed|failed)(?:: (.*))?$")
_SECONDS = re.compile(r"\s*[0-9.]+s$")


@dataclass(frozen=True)
class Package:
    """A source package of a release of the distribution."""

    name: str
    release: str = "bookworm"


@dataclass(frozen=True)
class Program:
    """One program. prepare(trees, folder) copies what is to be compiled, and the folder module/ of
    its files, from the unpacked packages to folder. seconds: those times that the output has, so
    that only the rest is compared; cases: only lines "case NAME: passed" and "failed" are."""

    name: str
    packages: tuple
    prepare: Callable
    arguments: tuple
    flags: tuple = ()  # for both
    guest_flags: tuple = ()
    stack: str = ""  # main's, in the guest
    cases: bool = False
    seconds: bool = False
    shares: str = ""  # the program whose sources it has, and whose folder
    counted: bool = False  # ./run.sh bench --linux counts its instructions

    @property
    def folder(self):
        return self.shares or self.name

    def comparable(self, lines):
        """Return those lines of an output that are the same in each right run."""
        if self.cases:
            return [line for line in lines if _CASE.match(line)]
        return [_SECONDS.sub("", line) for line in lines] if self.seconds else lines

    def verdicts(self, lines):
        """Return {case: (verdict, reason)} of the lines."""
        found = filter(None, map(_CASE.match, lines))
        return {match[1]: (match[2], match[3] or "") for match in found}


def _copy(files, folder):
    for path in files:
        shutil.copyfile(path, folder / path.name)


def _prepare_lua(trees, folder):
    left_out = ("luac.c", "print.c")  # of the compiler
    _copy((path for path in (trees[0] / "src").glob("*.[ch]") if path.name not in left_out), folder)


def _prepare_lua_tests(trees, folder):
    """Lua 5.1, and its suite, which is in the package of another implementation."""
    _prepare_lua(trees, folder)
    shutil.copytree(trees[1] / "_lua5.1-tests", folder / "module", dirs_exist_ok=True)
    # The suite's own empty folder, in which it writes: tar archives of modules have files only.
    (folder / "module" / "libs" / "P1").mkdir(parents=True, exist_ok=True)
    (folder / "module" / "libs" / "P1" / "empty").touch()


def _prepare_sqlite(trees, folder):
    """Make the amalgamation by the package's own rules, which need Tcl."""
    if not shutil.which("tclsh"):
        raise Trouble("SQLite's sources are put together by tclsh: install tcl", EXIT_SKIP)
    made = trees[0] / "made"
    made.mkdir()
    rules = ("-f", "../main.mk", "TOP=..", "TCC=gcc", "BCC=gcc", "NAWK=awk", "OPTS=")
    done = subprocess.run(["make", *rules, "sqlite3.c"], cwd=made, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)  # fmt: skip
    if done.returncode != 0:
        raise Trouble(f"SQLite's own rules do not make sqlite3.c: {done.stderr[-500:]}")
    _copy((made / "sqlite3.c", made / "sqlite3.h"), folder)


def _prepare_speedtest(trees, folder):
    _prepare_sqlite(trees, folder)
    _copy([trees[0] / "test" / "speedtest1.c"], folder)


def _prepare_quickjs(trees, folder):
    parts = "cutils dtoa libregexp libunicode quickjs list".split()
    _copy((path for path in trees[0].glob("*.[ch]") if path.name.split("-")[0].split(".")[0] in
           parts and path.name != "quickjs-libc.c"), folder)
    version = (trees[0] / "VERSION").read_text(encoding="ascii").strip()
    (folder / "VERSION").write_text(version, encoding="ascii")
    shutil.copytree(trees[0] / "tests", folder / "module" / "tests")


def _prepare_zlib(trees, folder):
    """zlib and three programs that test it, each after a line that renames its main()."""
    _copy(trees[0].glob("*.[ch]"), folder)
    for name in ("example", "infcover", "minigzip"):
        text = (trees[0] / "test" / f"{name}.c").read_text(encoding="latin-1")
        (folder / f"{name}.c").write_text(f"#define main {name}_main\n{text}", encoding="latin-1")


_SQLITE = (Package("sqlite3"),)
_SQLITE_FLAGS = ("-O1", "-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION",
                 "-DSQLITE_TEMP_STORE=3")  # fmt: skip
# SQLite's own layer for Unix, without what needs mmap.
_SQLITE_FILES = ("-DSQLITE_OMIT_WAL", "-DSQLITE_MAX_MMAP_SIZE=0")
_JS_TESTS = "language builtin loop closure bigint cyclic_import".split()
PROGRAMS = {
    program.name: program
    for program in (
        Program("lua", (Package("lua5.4"),), _prepare_lua, ("script.lua", "one", "two"),
                counted=True),
        Program("sqlite", _SQLITE, _prepare_sqlite, ("script.sql",), _SQLITE_FLAGS,
                ("-DSQLITE_OS_OTHER=1",), counted=True),
        Program("zlib", (Package("zlib"),), _prepare_zlib, (),
                ("-DHAVE_UNISTD_H", "-DHAVE_STDARG_H"), cases=True),
        Program("lua-tests", (Package("lua5.1"), Package("golang-github-yuin-gopher-lua")),
                _prepare_lua_tests, ("driver.lua",), ("-DLUA_USE_MKSTEMP",), stack="16M",
                cases=True),
        Program("quickjs", (Package("quickjs", "trixie"),), _prepare_quickjs,
                tuple(f"tests/test_{name}.js" for name in _JS_TESTS),
                ("-D_GNU_SOURCE", r"-DCONFIG_VERSION=\"unknown\""), stack="2M", cases=True),
        Program("speedtest", _SQLITE, _prepare_speedtest,
                ("--size", "5", "--verify", "speed.db"), (*_SQLITE_FLAGS, *_SQLITE_FILES),
                seconds=True),
        Program("kills", _SQLITE, _prepare_sqlite, ("1", "120"),
                (*_SQLITE_FLAGS, *_SQLITE_FILES), cases=True),
    )
}  # fmt: skip
