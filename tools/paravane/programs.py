# SPDX-License-Identifier: MIT
"""Build real programs for the guest and for this machine, run both on the same files, and compare
every line of output (docs/apps.md).

The programs are not part of this project: they come from the distribution's source packages.
apt-get fetches them with lists and folders of its own, so it checks the archive's signature and
leaves this machine's packages alone. The sources are kept in the user's cache.
"""

import fcntl
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable

from . import archive, linuxrun
from .common import (
    EXIT_FAIL, EXIT_PASS, EXIT_SKIP, ROOT, Trouble, build_dir, build_lock, short, usage
)
from .run import module, runs

_HERE = ROOT / "tools" / "programs"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PLATFORMS = "qemu,xen-pv,xen-pvh"
_TIMEOUT = 180


@dataclass(frozen=True)
class Program:
    """One program. prepare(tree, folder) copies what is to be compiled from the unpacked sources to
    folder."""

    name: str
    package: str
    prepare: Callable
    arguments: tuple
    flags: tuple = ()  # for both
    guest_flags: tuple = ()


def _prepare_lua(tree, folder):
    for path in sorted((tree / "src").glob("*.[ch]")):
        if path.name != "luac.c":
            shutil.copyfile(path, folder / path.name)


def _prepare_sqlite(tree, folder):
    """Make the amalgamation by the package's own rules, which need Tcl."""
    if not shutil.which("tclsh"):
        raise Trouble("SQLite's sources are put together by tclsh: install tcl", EXIT_SKIP)
    made = tree / "made"
    made.mkdir()
    _command(["make", "-f", "../main.mk", "TOP=..", "TCC=gcc", "BCC=gcc", "NAWK=awk", "OPTS=",
              "sqlite3.c"], made)
    for name in ("sqlite3.c", "sqlite3.h"):
        shutil.copyfile(made / name, folder / name)
    shutil.copyfile(_HERE / "sqlite" / "main.c", folder / "main.c")


PROGRAMS = {
    program.name: program
    for program in (
        Program("lua", "lua5.4", _prepare_lua, ("script.lua", "one", "two")),
        Program(
            "sqlite", "sqlite3", _prepare_sqlite, ("script.sql",),
            ("-O1", "-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION",
             "-DSQLITE_TEMP_STORE=3"),
            ("-DSQLITE_OS_OTHER=1",),
        ),
    )
}  # fmt: skip


def run(names, chosen, found_xen):
    """Build and run the programs, and compare their output; return the exit code."""
    unknown = [name for name in names if name not in PROGRAMS]
    if unknown:
        raise usage(f"programs: unknown program {unknown[0]!r}; known: {', '.join(PROGRAMS)}")
    return _worst(_run_one(PROGRAMS[name], chosen, found_xen) for name in names or PROGRAMS)


def beside_linux():
    """Count each program's instructions as the unikernel and as a Linux process; return the exit
    code."""
    return _worst(_count(program) for program in PROGRAMS.values())


def _worst(statuses):
    statuses = list(statuses)
    return EXIT_FAIL if EXIT_FAIL in statuses else max(statuses)


def _run_one(program, chosen, found_xen):
    try:
        folder = sources(program)
    except Trouble as trouble:
        print(f"{program.name}: skipped: {trouble}")
        return EXIT_SKIP
    expected = _on_host(program, folder)
    image = _for_guest(program, folder)
    files = module.read(_HERE / program.name / "module")
    directory = runs.RunDirectory(image, files)
    options = runs.Options(
        image, run=f"app:{program.name}", append=("--", *program.arguments), xen=found_xen,
        timeout=_TIMEOUT,
    )  # fmt: skip
    failed = False
    for platform in chosen:
        result = directory.run(platform, options)
        wrong = _difference(result, expected)
        failed = failed or bool(wrong)
        print(f"{program.name} on {platform.name}: {wrong or 'the same lines as on the host'}"
              f" ({len(expected)} lines, {result.seconds:.1f} s)", flush=True)  # fmt: skip
    return EXIT_FAIL if failed else EXIT_PASS


def _count(program):
    """Count the program as the unikernel and as a Linux process, from the same files with the same
    flags."""
    try:
        linuxrun.kernel()
        folder = _timed(program, sources(program))
    except Trouble as trouble:
        if trouble.status != EXIT_SKIP:
            raise
        print(f"{program.name}: skipped: {trouble}")
        return EXIT_SKIP
    program = replace(program, flags=(*program.flags, *program.guest_flags, "-Dmain=program_main"))
    binary = _host_build(program, folder, ("-static",))
    files = _HERE / program.name / "module"
    return linuxrun.compare(
        program.name, program.arguments, _for_guest(program, folder), binary, files
    )


def _timed(program, folder):
    """Return a copy of the folder, under the program's name, with tools/programs/timed.c."""
    copy = build_dir() / "programs" / "timed" / program.name
    copy.mkdir(parents=True, exist_ok=True)
    for path in (*folder.glob("*.[ch]"), _HERE / "timed.c"):
        shutil.copy2(path, copy / path.name)
    return copy


def _difference(result, expected):
    if result.status != "PASS":
        return f"{result.status}: {result.reason}"
    for i, (mine, theirs) in enumerate(zip(result.output, expected)):
        if mine != theirs:
            return f"FAIL: line {i + 1} is {mine!r}, on the host {theirs!r}"
    if len(result.output) != len(expected):
        return f"FAIL: {len(result.output)} lines, on the host {len(expected)}"
    return ""


def sources(program):
    """Return the folder with what is to be compiled, fetched and unpacked on first use."""
    cache = archive.cache_dir() / "programs"
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for found in sorted(cache.glob(f"*/{program.name}/complete")):
            return found.parent
        with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-") as scratch:
            return _fetch(program, Path(scratch), cache)


def _fetch(program, scratch, cache):
    _apt_source(program.package, scratch, cache.parent / "apt-source")
    version = next(scratch.glob("*.dsc")).name.removesuffix(".dsc")
    source = next(iter(sorted(scratch.glob("*.orig.tar.*"))))
    with tarfile.open(source) as packed:
        packed.extractall(scratch / "tree")
    made = scratch / "made" / program.name
    made.mkdir(parents=True)
    program.prepare(next((scratch / "tree").iterdir()), made)
    (made / "complete").write_text(f"{version}\n")
    target = cache / version
    shutil.rmtree(target, ignore_errors=True)
    (scratch / "made").rename(target)
    return target / program.name


def _apt_source(package, folder, state):
    """Download a source package to folder; apt-get checks its signature."""
    lines = _source_lines()
    if not shutil.which("apt-get") or not lines:
        raise Trouble(
            f"cannot fetch {package}: no apt-get here that knows a Debian mirror", EXIT_SKIP
        )
    for name in ("lists/partial", "cache/archives/partial"):
        (state / name).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    (state / "sources.list").write_text("".join(f"{line}\n" for line in lines))
    options = []
    for key, value in (
        ("Dir::Etc::sourcelist", state / "sources.list"),
        ("Dir::Etc::sourceparts", "/dev/null"),
        ("Dir::State::lists", state / "lists"),
        ("Dir::State::status", state / "status"),
        ("Dir::Cache", state / "cache"),
        ("Acquire::Languages", "none"),
        ("APT::Get::AllowUnauthenticated", "false"),
    ):
        options += ["-o", f"{key}={value}"]
    for words in (["update", "-q"], ["source", "-q", "--download-only", package]):
        done = subprocess.run(
            ["apt-get", *options, *words], cwd=folder, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0 or "Failed to fetch" in done.stderr:
            last = (done.stderr.strip() or "no reason given").splitlines()[-1]
            raise Trouble(f"cannot fetch {package}: apt-get {words[0]} failed: {last}", EXIT_SKIP)


def _source_lines():
    """Return where this machine's packages come from, as lines of a sources.list for sources."""
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)",
         "Created-By: Packages"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    signed = f"[signed-by={_KEYRING}] " if _KEYRING.exists() else ""
    lines = []
    for words in map(str.split, done.stdout.splitlines()):
        if words[2:] == ["main", "Debian"]:
            lines.append(f"deb-src {signed}{words[0]} {words[1]} main")
    return sorted(set(lines))


def _on_host(program, folder):
    """Return the lines that this machine's own build of the same files prints."""
    done = subprocess.run(
        [_host_build(program, folder), *program.arguments], cwd=_HERE / program.name / "module",
        check=True,
        stdin=subprocess.DEVNULL, capture_output=True, env={},
    )  # fmt: skip
    return [line.rstrip() for line in done.stdout.decode().splitlines()]


def _host_build(program, folder, more=()):
    """Return this machine's build, which is kept beside the folder."""
    binary = folder.parent / f"{program.name}-host"
    inputs = [path.stat().st_mtime for path in folder.iterdir()]
    if not binary.exists() or binary.stat().st_mtime < max(inputs):
        sources_ = sorted(str(path) for path in folder.glob("*.c"))
        partial = binary.with_suffix(f".{os.getpid()}")
        _command(
            ["gcc", "-O2", "-w", *more, *program.flags, "-o", str(partial), *sources_, "-lm"],
            folder,
        )
        partial.rename(binary)
    return binary


def _for_guest(program, folder):
    """Return the image that holds the program."""
    flags = " ".join(program.flags + program.guest_flags)
    jobs, build = f"-j{os.cpu_count() or 1}", f"BUILD={short(build_dir())}"
    with build_lock():
        _command(["make", jobs, build, f"APP={folder}", f"APP_CFLAGS={flags}"], ROOT)
    return build_dir() / f"{program.name}.elf"


def _command(argv, cwd):
    done = subprocess.run(
        argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=False
    )
    if done.returncode != 0:
        print(done.stdout.decode("utf-8", "replace")[-4000:])
        raise Trouble(f"failed: {' '.join(argv)}")
