# SPDX-License-Identifier: MIT
"""Does the suite notice a wrong line? `./run.sh mutants --source` makes each edit of test/mutants/source/ in a copy of
the tree, builds it, and runs the test that the entry names: that test must fail. A mutant that survives is a missing
test; an edit that no longer applies, or does not build, fails the run too.
"""

import dataclasses
import fnmatch
import os
import queue
import resource
import shutil
import signal
import subprocess

from .. import report
from ..common import EXIT_FAIL, EXIT_INTERRUPTED, EXIT_PASS, ROOT, Trouble, build_dir, make_dirs, usage
from ..run import platforms, runs
from ..suite import suite
from . import source_list

_KILLED = ("FAIL", "CRASH", "TIMEOUT", "BUILD", "HOST", "STEP")
_BUILD_LIMIT = 600  # seconds
_HOST_LIMIT = 60  # seconds of processor time
_STEP_LIMIT = 3600  # for a step that does not keep its own limit


@dataclasses.dataclass
class Outcome:
    """What became of one mutant. status: one of _KILLED, SURVIVED, ERROR or INTERRUPTED."""

    mutant: source_list.SourceMutant
    status: str
    reason: str
    seconds: float = 0.0


def run(options, jobs, pattern, json_path=None):
    """Run the mutants whose file or name matches the glob; print score and survivors; return the exit code."""
    chosen = [m for m in source_list.read() if _matches(m, pattern)]
    if not chosen:
        raise usage(f"no source mutant matches {pattern!r}")
    for mutant in chosen:
        mutant.apply((ROOT / mutant.file).read_text())
    live = [m for m in chosen if not m.equivalent]
    jobs = min(jobs, len(live)) or 1
    trees = queue.Queue()
    for number in range(jobs):
        trees.put(_Tree(number))
    directory = runs.RunDirectory(options.image)
    _check_baseline(directory, options, jobs, trees, live)
    tasks = [(m.name, _task(directory, options, trees, m)) for m in live]
    outcomes = suite.run_all(tasks, jobs, _line)
    if any(outcome.status == "INTERRUPTED" for outcome in outcomes):
        return EXIT_INTERRUPTED
    return _conclude(outcomes, len(chosen) - len(live), json_path)


def _matches(mutant, pattern):
    return fnmatch.fnmatch(mutant.file, pattern) or fnmatch.fnmatch(mutant.name, pattern)


class _Tree:
    """A copy of the tree under build/mutants/, with a build of its own that is kept from one run to the next."""

    def __init__(self, number):
        self.path = make_dirs(build_dir() / "mutants" / str(number))
        self._sync()

    def _sync(self):
        """Copy what differs, and seed the build with this tree's objects. Times are kept so that make trusts them."""
        listed = subprocess.run(["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        wanted = [name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]
        for name in wanted:
            source, target = ROOT / name, self.path / name
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
            elif source.read_bytes() != target.read_bytes():
                shutil.copyfile(source, target)
        for path in self.path.rglob("*.[chS]"):
            relative = path.relative_to(self.path)
            if relative.parts[0] != "build" and str(relative) not in wanted:
                path.unlink()
        objects = self.path / "build"
        if not objects.exists():
            objects.mkdir()
            for part in ("obj", "host", "include"):
                if (build_dir() / part).exists():
                    shutil.copytree(build_dir() / part, objects / part, symlinks=True)

    @property
    def image(self):
        """The image that make() builds."""
        return self.path / "build" / "paravane.elf"

    def make(self, *words):
        """Run make here; return "" or the last lines of its output."""
        try:
            done = subprocess.run(
                ["make", f"-j{os.cpu_count() or 1}", "BUILD=build", *words], cwd=self.path,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                timeout=_BUILD_LIMIT, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"make did not end within {_BUILD_LIMIT} s"
        return _tail(done.stdout) if done.returncode else ""

    def host_test(self, name):
        """Build and run one test of test/host/; return (whether it was built, "" or why it failed)."""
        folder = ["-C", "test/host", f"BUILD={self.path / 'build'}"]
        failed = self.make(*folder, f"{self.path}/build/host/test_{name}")
        if failed:
            return False, failed
        done = subprocess.run(
            [self.path / "build/host" / f"test_{name}"], cwd=self.path / "test/host", preexec_fn=_limit_time,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
            return True, f"did not end within {_HOST_LIMIT} s of processor time"
        return True, (_tail(done.stdout) or f"status {done.returncode}") if done.returncode else ""


    def step(self, name):
        """Run one step of ./run.sh test; return (whether it ran, "" or why it failed)."""
        env = {key: value for key, value in os.environ.items() if key != "BUILD"}
        try:
            done = subprocess.run(
                ["./run.sh", "test", "--only", name], cwd=self.path, timeout=_STEP_LIMIT, env=env,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return True, f"did not end within {_STEP_LIMIT} s"
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        failed = next((line for line in lines if line.startswith("failed ")), "")
        if done.returncode not in (EXIT_PASS, EXIT_FAIL):
            return False, _tail(done.stdout)
        return True, failed if done.returncode else ""


def _limit_time():
    resource.setrlimit(resource.RLIMIT_CPU, (_HOST_LIMIT, _HOST_LIMIT))


def _tail(output):
    lines = [line for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    return " / ".join(lines[-3:])[:300]


def _check_baseline(directory, options, jobs, trees, mutants):
    """Run each wanted test on the unchanged tree: a test that fails or skips there proves nothing about a mutant."""
    wanted = {m.how: dataclasses.replace(m, name="unchanged") for m in mutants if m.test != "build"}

    def task(probe):
        more = " ".join(word for word in (probe.append, probe.machine, probe.cpu) if word)
        more = f"{more} on {probe.pcpus} of Xen's" if probe.pcpus else more
        where = f" on {probe.on} with {probe.smp} CPU and {probe.mem} MiB {more}".rstrip()
        where = "" if probe.test.startswith(("host ", "step ")) else where

        def one(stop):
            tree = trees.get()
            try:
                return _tried(directory, options, tree, probe, stop)
            finally:
                trees.put(tree)

        return f"unchanged: {probe.test}{where}", one

    keys = sorted(wanted)
    for key, outcome in zip(keys, suite.run_all([task(wanted[key]) for key in keys], jobs, _baseline_line)):
        if outcome.status == "INTERRUPTED":
            raise suite.Interrupted
        if outcome.status != "SURVIVED":
            raise Trouble(f"{key[0]} on {key[1]} does not pass without a mutant: {outcome.reason}")


def _task(directory, options, trees, mutant):
    """A function of a stop event that returns the mutant's Outcome."""

    def task(stop):
        tree = trees.get()
        path = tree.path / mutant.file
        original = path.read_text()
        try:
            path.write_text(mutant.apply(original))
            return _tried(directory, options, tree, mutant, stop)
        finally:
            path.write_text(original)
            trees.put(tree)

    return task


def _tried(directory, options, tree, mutant, stop):
    """Build the tree as it is and run the mutant's test."""
    if stop.is_set():
        return Outcome(mutant, "INTERRUPTED", "")
    if mutant.test.startswith("host "):
        built, failed = tree.host_test(mutant.test.removeprefix("host "))
        if not built:
            return Outcome(mutant, "ERROR", f"does not build: {failed}")
        return Outcome(mutant, "HOST" if failed else "SURVIVED", failed)
    failed = tree.make()
    if mutant.test == "build":
        return Outcome(mutant, "BUILD" if failed else "SURVIVED", failed)
    if failed:
        return Outcome(mutant, "ERROR", f"does not build: {failed}")
    if mutant.test.startswith("step "):
        ran, failed = tree.step(mutant.test.removeprefix("step "))
        if not ran:
            return Outcome(mutant, "ERROR", f"was not tried: {failed}")
        return Outcome(mutant, "STEP" if failed else "SURVIVED", failed)
    return _run_guest(directory, options, tree, mutant, stop)


def guest_options(options, mutant, image):
    """The options with which the guest runs, except those of the entry."""
    changed = options.with_words(mutant.test, *mutant.append.split())
    return dataclasses.replace(
        changed, image=image, smp=mutant.smp, pcpus=mutant.pcpus, mem=mutant.mem, machine=mutant.machine, cpu=mutant.cpu
    )


def _run_guest(directory, options, tree, mutant, stop):
    platform = platforms.parse(mutant.on)[0]
    image = directory.with_image(tree.image, tree.path.name)
    words = guest_options(options, mutant, tree.image)
    result = image.run(platform, words, stop=stop, label="-" + mutant.name)
    if result.status == "INTERRUPTED":
        return Outcome(mutant, "INTERRUPTED", "")
    if result.status in ("SKIP", "ERROR"):
        return Outcome(mutant, "ERROR", f"was not tried: {result.reason}")
    if result.status == "PASS":
        return Outcome(mutant, "SURVIVED", "", result.seconds)
    word = next((w for w in ("CRASH", "TIMEOUT") if result.reason.startswith(w)), "FAIL")
    return Outcome(mutant, word, result.reason, result.seconds)


def _baseline_line(outcome):
    return "pass" if outcome.status == "SURVIVED" else _line(outcome)


def _line(outcome):
    return f"{outcome.status:8} {outcome.reason}"[:100]


def _conclude(outcomes, equivalent, json_path):
    """Print the score, and each mutant that was not killed; return the exit code."""
    count = {s: sum(o.status == s for o in outcomes) for s in (*_KILLED, "SURVIVED", "ERROR")}
    killed = sum(count[s] for s in _KILLED)
    print(
        f"\nsource mutants: {killed} of {len(outcomes)} killed ({count['FAIL']} fail, {count['CRASH']} crash, "
        f"{count['TIMEOUT']} time out, {count['HOST']} by host tests, {count['STEP']} by steps of ./run.sh test, "
        f"{count['BUILD']} by the build), "
        f"{equivalent} equivalent"
    )
    wrong = [o for o in outcomes if o.status not in _KILLED]
    for outcome in wrong:
        where = f"{outcome.mutant.file} {outcome.mutant.function}".strip()
        print(f"  {outcome.status.lower()}: {outcome.mutant.name} ({where}), {outcome.mutant.test}: {outcome.reason}")
    if json_path:
        report.write_json(json_path, {"equivalent": equivalent, "mutants": [_plain(o) for o in outcomes]})
    return EXIT_FAIL if wrong else EXIT_PASS


def _plain(outcome):
    mutant = outcome.mutant
    where = {"name": mutant.name, "file": mutant.file, "function": mutant.function, "test": mutant.test}
    return {**where, "status": outcome.status, "reason": outcome.reason, "seconds": outcome.seconds}
