# SPDX-License-Identifier: MIT
"""./run.sh programs posix-PART: the Open POSIX Test Suite's cases on threads, semaphores, signals
or time. How many compile, link and pass, and why the others do not (docs/apps.md).

Each case is a program with a main(). They are compiled one by one to assembly text, in which all
names but that of main() are made local, so that one image holds them all.
"""

import concurrent.futures
import collections
import os
import re
import shlex
import shutil
import subprocess

from ..common import EXIT_PASS, ROOT, Trouble, build_dir, build_lock, short
from ..run import module, runs
from . import sources
from .table import Package, Program

# The parts, and how the names of their interfaces begin.
PARTS = {
    "posix-threads": ("pthread_", "sched_yield"),
    "posix-semaphores": ("sem_",),
    "posix-signals": ("sig", "kill", "raise"),
    "posix-time": ("clock", "timer_", "nanosleep", "time", "mktime", "strftime", "gmtime",
                   "localtime", "asctime", "ctime", "difftime"),
}  # fmt: skip
_CASE_FILE = re.compile(r"\d+(-\d+)+\.c")
_RESULT = re.compile(r"^case (\S+): (passed|failed): (.*)$", re.MULTILINE)
_BEGIN = re.compile(r"^begin (\S+)$", re.MULTILINE)
_MISSING = re.compile(r"(\S+) is missing, which (.*?) needs?: ")
_FLAGS = ("-D_XOPEN_SOURCE=600", "-D_POSIX_C_SOURCE=200809L", "-w", "-O1", "-g0",
          "-Dexit=case_exit", "-Dfork=case_fork")
_TIMEOUT = 240


def _prepare(trees, folder):
    for name in ("include", "conformance"):
        shutil.copytree(trees[0] / name, folder / "module" / name, symlinks=True)


def run(part, chosen, found_xen):
    """Build the cases of a part, run them on each platform and report; return the exit code."""
    program = Program(part, (Package("posixtestsuite"),), _prepare, (), shares="posix")
    with sources.folders(program, "compared") as (folder, tree):
        cases = sorted(
            path for path in (tree / "conformance" / "interfaces").rglob("*.c")
            if _CASE_FILE.fullmatch(path.name) and path.parent.name.startswith(PARTS[part])
        )  # fmt: skip
        names = [f"{path.parent.name}/{path.stem}" for path in cases]
        print(f"{part}: {len(cases)} cases", flush=True)
        reasons = _compile(cases, names, folder, tree)
        image = _link(part, names, reasons, folder)
    linked = [name for name in names if name not in reasons]
    print(f"{part}: {len(linked)} of them link", flush=True)
    for platform in chosen:
        results = run_cases(part, platform, image, linked, found_xen)
        for line in report(f"{part} on {platform.name}", names, reasons, results):
            print(line, flush=True)
    return EXIT_PASS


# ---- Building --------------------------------------------------------------------------------


def _compile(cases, names, folder, tree):
    """Compile each case to assembly text in folder; return {name: why it does not compile}."""
    command = _compiler()
    more = ["-I", str(tree / "include"), *_FLAGS, "-S"]
    reasons = {}

    def compile_one(number):
        target = folder / f"case_{number}.s"
        done = subprocess.run(
            [*command, *more, f"-Dmain=case_{number}", "-o", str(target), str(cases[number])],
            cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            reasons[names[number]] = f"does not compile: {first_error(done.stderr)}"
            return
        target.write_text(with_entry(target.read_text(), f"case_{number}"))

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, range(len(cases))))
    return reasons


def _compiler():
    """Return the command that compiles programs, which the build has left in a file."""
    with build_lock():
        _make([])
    return shlex.split((build_dir() / "obj" / "world-flags").read_text())


def _make(more):
    jobs, build = f"-j{os.cpu_count() or 1}", f"BUILD={short(build_dir())}"
    done = subprocess.run(
        ["make", jobs, build, "IMAGE_ONLY=1", *more], cwd=ROOT, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0 and "is missing, which" not in done.stdout:
        raise Trouble(f"cannot build the cases: {done.stdout[-2000:]}")
    return done.stdout if done.returncode else ""


def first_error(text):
    """Return the compiler's first error without its place."""
    found = re.search(r"error: (.*)", text)
    return found[1] if found else text.strip().splitlines()[-1]


def with_entry(text, name):
    """Return assembly text in which only the function of this name is global. A case without a
    main() passes if it compiles, so the function then only returns 0."""
    if not re.search(rf"^{re.escape(name)}:", text, re.MULTILINE):
        text += f"\t.text\n\t.globl\t{name}\n{name}:\n\txorl\t%eax, %eax\n\tret\n"
    return made_local(text, name)


def made_local(text, name):
    """Return assembly text in which only this name is global."""
    kept = rf"\s*\.globl\s+{re.escape(name)}\s*$"
    return "".join(
        line for line in text.splitlines(keepends=True)
        if not re.match(r"\s*\.globl\s", line) or re.match(kept, line)
    )  # fmt: skip


def missing(text):
    """Return {number of a case: names that it needs and nothing defines} of the build's output."""
    found = collections.defaultdict(list)
    for name, needers in _MISSING.findall(text):
        for number in re.findall(r"case_(\d+)\.s", needers):
            found[int(number)].append(name)
    return found


def _link(part, names, reasons, folder):
    """Build the image of the cases that link; add the others to the reasons. Return the image."""
    for _ in range(3):
        numbers = [number for number, name in enumerate(names) if name not in reasons]
        (folder / "cases.c").write_text(case_list(names, numbers))
        for path in folder.glob("case_*.s"):
            if names[int(path.stem.removeprefix("case_"))] in reasons:
                path.unlink()
        with build_lock():
            refused = _make([f"APP={folder}"])
        lacking = missing(refused)
        if not refused:
            return build_dir() / f"{part}.elf"
        if not lacking:
            raise Trouble(f"cannot build the cases: {refused[-2000:]}")
        for number, needed in lacking.items():
            reasons[names[number]] = f"does not link: {', '.join(sorted(needed))}"
    raise Trouble("the cases do not link, though those that lack a function were left out")


def case_list(names, numbers):
    """Return the text of cases.c."""
    declared = "".join(f"int case_{number}(int argc, char **argv);\n" for number in numbers)
    listed = "".join(f'    {{"{names[number]}", case_{number}}},\n' for number in numbers)
    return (
        f'#include "cases.h"\n{declared}const struct posix_case cases[] = {{\n{listed}}};\n'
        f"const int nr_cases = {len(numbers)};\n"
    )


# ---- Running ---------------------------------------------------------------------------------


def run_cases(part, platform, image, linked, found_xen):
    """Return {name: (verdict, reason)}: all in few boots, then alone what did not pass."""
    directory = runs.RunDirectory(image, module.test_module())
    options = runs.Options(image, run=f"app:{part}", xen=found_xen, timeout=_TIMEOUT)

    def boot(*arguments):
        return directory.run(platform, options.with_words("", "--", *arguments))

    results = {}
    while len(results) < len(linked):
        first = len(results)
        done = boot(str(first))
        output = "\n".join(done.output)
        for name, verdict, reason in _RESULT.findall(output):
            results[name] = (verdict, reason)
        started = _BEGIN.findall(output)
        for name in started or [linked[first]]:
            results.setdefault(name, ("failed", done.reason or done.status))
    for number, name in enumerate(linked):
        if results[name][0] == "failed":
            done = boot(str(number), "alone")
            results[name] = ("passed", "") if done.status == "PASS" else ("failed", done.reason)
    return results


_STATUS = {"1": "failed", "2": "could not be decided", "4": "unsupported", "5": "untested",
           "77": "needs a second process (fork)"}


def report(title, names, reasons, results):
    """Yield the lines of the report on one platform."""
    compiled = [name for name in names if not reasons.get(name, "").startswith("does not comp")]
    linked = [name for name in compiled if name not in reasons]
    passed = [name for name in linked if results[name][0] == "passed"]
    yield (f"{title}: {len(names)} cases, {len(compiled)} compile, {len(linked)} link, "
           f"{len(passed)} pass")
    why = collections.defaultdict(list)
    for name in names:
        if name in reasons:
            why[reasons[name]].append(name)
        elif results[name][0] == "failed":
            code = re.search(r"exited with code (\d+)", results[name][1])
            why[_STATUS.get(code[1] if code else "", results[name][1])].append(name)
    for reason, those in sorted(why.items(), key=lambda item: (-len(item[1]), item[0])):
        yield f"  {len(those):4} {reason}: {' '.join(those[:12])}{' …' if len(those) > 12 else ''}"
