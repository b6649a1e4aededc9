# SPDX-License-Identifier: MIT
"""./run.sh programs: run each program in the guest and on this machine, and compare the output.
./run.sh bench --linux: count the instructions of some (docs/apps.md)."""

import shutil
import subprocess
from dataclasses import replace

from .. import linuxrun
from ..common import EXIT_FAIL, EXIT_PASS, EXIT_SKIP, Trouble, usage
from ..run import module, runs
from . import build, posix, power, sources
from .table import PROGRAMS

PLATFORMS = "qemu,xen-pv,xen-pvh"
_TIMEOUT = 900


def run(names, chosen, found_xen):
    """Build and run the programs, and compare their output; return the exit code."""
    known = [*PROGRAMS, *posix.PARTS, power.NAME]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise usage(f"programs: unknown program {unknown[0]!r}; known: {', '.join(known)}")
    return _worst(_run_one(name, chosen, found_xen) for name in names or PROGRAMS)


def beside_linux():
    """Count programs' instructions as the unikernel and as a Linux process; return the exit
    code."""
    return _worst(_count(program) for program in PROGRAMS.values() if program.counted)


def _worst(statuses):
    statuses = list(statuses)
    return EXIT_FAIL if EXIT_FAIL in statuses else max(statuses)


def _run_one(name, chosen, found_xen):
    if name in posix.PARTS:
        return _unless_skipped(name, lambda: posix.run(name, chosen, found_xen))
    if name == power.NAME:
        return _unless_skipped(name, lambda: power.run(chosen))
    program = PROGRAMS[name]
    return _unless_skipped(name, lambda: _compare_with_host(program, chosen, found_xen))


def _unless_skipped(name, work):
    """Return work()'s exit code; print why it cannot be done here, if that is so."""
    try:
        return work()
    except Trouble as trouble:
        if trouble.status != EXIT_SKIP:
            raise
        print(f"{name}: skipped: {trouble}")
        return EXIT_SKIP


def _compare_with_host(program, chosen, found_xen):
    with sources.folders(program, "compared") as (folder, files):
        image = build.for_guest(program, folder)
        directory = runs.RunDirectory(image, module.read(files))
        expected = _on_host(program, build.for_host(program, folder), files)
    stack = (f"stack={program.stack}",) if program.stack else ()
    options = runs.Options(
        image, run=f"app:{program.name}", append=(*stack, "--", *program.arguments),
        xen=found_xen, timeout=_TIMEOUT,
    )  # fmt: skip
    failed = False
    for platform in chosen:
        result = directory.run(platform, options)
        wrong = difference(program, result, expected)
        failed = failed or bool(wrong)
        print(f"{program.name} on {platform.name}: {wrong or summary(program, expected)}"
              f" ({result.seconds:.1f} s)", flush=True)  # fmt: skip
    return EXIT_FAIL if failed else EXIT_PASS


def summary(program, expected):
    """Return in words that the output is the expected one."""
    verdicts = program.verdicts(expected)
    if not program.cases:
        return f"the same lines as on the host ({len(expected)})"
    failed = [name for name, (verdict, _) in verdicts.items() if verdict == "failed"]
    end = f"; on the host, too, these fail: {', '.join(failed)}" if failed else ""
    return f"{len(verdicts) - len(failed)} of {len(verdicts)} cases pass, as on the host{end}"


def difference(program, result, expected):
    """Return what differs between a run in the guest and the host's lines, or nothing."""
    if result.status != "PASS":
        return f"{result.status}: {result.reason}"
    lines = program.comparable(result.output)
    if program.cases:
        return _different_cases(program.verdicts(lines), program.verdicts(expected))
    for i, (mine, theirs) in enumerate(zip(lines, expected)):
        if mine != theirs:
            return f"FAIL: line {i + 1} is {mine!r}, on the host {theirs!r}"
    if len(lines) != len(expected):
        return f"FAIL: {len(lines)} lines, on the host {len(expected)}"
    return ""


def _different_cases(mine, theirs):
    wrong = []
    for name in {**theirs, **mine}:
        here, there = (found.get(name, ("missing", "")) for found in (mine, theirs))
        if here[0] != there[0]:
            reason = f" ({here[1]})" if here[1] else ""
            wrong.append(f"{name} {here[0]}{reason}, on the host {there[0]}")
    if not theirs:
        wrong.append("the host's run has no cases")
    return f"FAIL: {'; '.join(wrong)}" if wrong else ""


def _on_host(program, binary, files):
    """Return the comparable lines that this machine's own build prints, run in a copy of the
    program's files."""
    place = binary.parent / "host-files"
    shutil.copytree(files, place)
    try:
        done = subprocess.run(
            [binary, *program.arguments], cwd=place, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, env={},
            timeout=_TIMEOUT,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise Trouble(f"{program.name}: this machine's build runs longer than {_TIMEOUT} s") \
            from error
    if done.returncode != 0:
        raise Trouble(f"{program.name}: this machine's build ends with status {done.returncode}")
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return program.comparable([line.rstrip() for line in lines])


def _count(program):
    return _unless_skipped(program.name, lambda: _compare_with_linux(program))


def _compare_with_linux(program):
    """Count the program as the unikernel and as a Linux process, from the same files with the same
    flags."""
    linuxrun.kernel()
    program = replace(program, flags=(*program.flags, *program.guest_flags, "-Dmain=program_main"))
    with sources.folders(program, "counted") as (folder, files):
        shutil.copy2(sources.OURS / "timed.c", folder)
        binary = build.for_host(program, folder, ("-static",))
        image = build.for_guest(program, folder)
        return linuxrun.compare(program.name, program.arguments, image, binary, files)
