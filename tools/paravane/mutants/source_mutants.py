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

from .. import optable
from ..common import EXIT_FAIL, EXIT_INTERRUPTED, EXIT_PASS, ROOT, Trouble, build_dir, make_dirs, usage
from ..run import platforms, runs
from ..suite import suite
from . import baseline, journal, source_list

_KILLED = journal.KILLED
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


def run(options, jobs, pattern, json_path=None, resume=False):
    """Run the mutants whose file or name matches the glob; print score and survivors; return the exit code. The results
    are in the JSON file after each mutant; resume: what it has of the same tree counts, unless it survived."""
    chosen = [m for m in source_list.read() if _matches(m, pattern)]
    if not chosen:
        raise usage(f"no source mutant matches {pattern!r}")
    for mutant in chosen:
        mutant.apply((ROOT / mutant.file).read_text())
    live = [m for m in chosen if not m.equivalent]
    record = journal.Journal(json_path, len(chosen) - len(live), resume)
    known = [Outcome(m, **record.known(m)) for m in live if record.known(m)]
    left = [m for m in live if not record.known(m)]
    if known:
        print(f"  {len(known)} of {len(live)} are in {json_path}")
    outcomes = known + _run_all(options, jobs, left, record)
    if any(outcome.status == "INTERRUPTED" for outcome in outcomes):
        return EXIT_INTERRUPTED
    return _conclude(outcomes, len(chosen) - len(live))


def _run_all(options, jobs, mutants, record):
    """Run these mutants, after their tests on the unchanged tree; return the Outcomes."""
    jobs = min(jobs, len(mutants)) or 1
    trees = queue.Queue()
    for number in range(jobs):
        trees.put(_Tree(number))
    directory = runs.RunDirectory(options.image)
    _check_baseline(directory, options, jobs, trees, mutants)
    width = len(str(len(mutants)))
    names = [f"{number:{width}}/{len(mutants)} {m.name}" for number, m in enumerate(mutants, 1)]
    tasks = [(name, _task(directory, options, trees, m, record)) for name, m in zip(names, mutants)]
    return suite.run_all(tasks, jobs, _line)


def _matches(mutant, pattern):
    return fnmatch.fnmatch(mutant.file, pattern) or fnmatch.fnmatch(mutant.name, pattern)


class _Tree:
    """A copy of the tree under build/mutants/, with a build of its own that is kept from one run to the next."""

    def __init__(self, number):
        self.path = make_dirs(build_dir() / "mutants" / str(number))
        self._sync()

    def _sync(self):
        """Copy what differs, and seed the build with this tree's objects. Times are kept so that make trusts them."""
        wanted = journal.source_files()
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
    """Run each wanted test on the unchanged tree (baseline.py), and a test that did not pass with others alone."""
    known = [test.name for test in optable.read(ROOT).tests]
    missed = _run_probes(directory, options, jobs, trees, baseline.probes(mutants, known))
    alone = [one for probe, tests, _ in missed for one in probe.alone() if one.tests[0] in tests]
    for probe, _, why in _run_probes(directory, options, jobs, trees, alone):
        raise Trouble(f"{probe.name[len('unchanged: '):]} does not pass without a mutant: {why}")


def _run_probes(directory, options, jobs, trees, probes):
    """Return [(probe, the tests that did not pass, why)]."""

    def task(probe):
        def one(stop):
            tree = trees.get()
            try:
                return _missed(directory, options, tree, probe, stop)
            finally:
                trees.put(tree)

        return probe.name, one

    outcomes = suite.run_all([task(probe) for probe in probes], min(jobs, len(probes)), _baseline_line)
    if any(why == "INTERRUPTED" for _, why in outcomes):
        raise suite.Interrupted
    return [(probe, tests, why) for probe, (tests, why) in zip(probes, outcomes) if tests]


def _missed(directory, options, tree, probe, stop):
    """Run a probe; return (its tests that did not pass, why)."""
    if not probe.mutant.is_guest:
        outcome = _tried(directory, options, tree, probe.mutant, stop)
        return ((), "") if outcome.status == "SURVIVED" else (probe.tests, outcome.reason or outcome.status)
    failed = "" if not stop.is_set() else "INTERRUPTED"
    failed = failed or tree.make("IMAGE_ONLY=1")
    if failed:
        return probe.tests, failed
    result = _boot(directory, options, tree, probe.mutant, stop)
    if result.status == "INTERRUPTED":
        return probe.tests, result.status
    passed = {test.name for test in result.tests if test.status == "pass"}
    return tuple(test for test in probe.tests if test not in passed), result.reason or "it was skipped"


def _task(directory, options, trees, mutant, record):
    """A function of a stop event that returns the mutant's Outcome, and records it."""

    def task(stop):
        tree = trees.get()
        path = tree.path / mutant.file
        original = path.read_text()
        try:
            path.write_text(mutant.apply(original))
            outcome = _tried(directory, options, tree, mutant, stop)
            record.add(mutant, outcome.status, outcome.reason, outcome.seconds)
            return outcome
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
    failed = tree.make(*([] if mutant.test == "build" else ["IMAGE_ONLY=1"]))
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
        changed, image=image, smp=mutant.smp, pcpus=mutant.pcpus, mem=mutant.mem, machine=mutant.machine,
        cpu=mutant.cpu, vmm=tuple(mutant.vmm.split()),
    )  # fmt: skip


def _boot(directory, options, tree, mutant, stop):
    """Boot the tree's image as the entry says, and return the Result of its test."""
    platform = platforms.parse(mutant.on)[0]
    image = directory.with_image(tree.image, tree.path.name)
    return image.run(platform, guest_options(options, mutant, tree.image), stop=stop, label="-" + mutant.name)


def _run_guest(directory, options, tree, mutant, stop):
    result = _boot(directory, options, tree, mutant, stop)
    if result.status == "INTERRUPTED":
        return Outcome(mutant, "INTERRUPTED", "")
    if result.status in ("SKIP", "ERROR") and not result.ran:
        return Outcome(mutant, "ERROR", f"was not tried: {result.reason}")
    if result.status == "PASS":
        return Outcome(mutant, "SURVIVED", "", result.seconds)
    word = next((w for w in ("CRASH", "TIMEOUT") if result.reason.startswith(w)), "FAIL")
    return Outcome(mutant, word, result.reason, result.seconds)


def _baseline_line(missed):
    tests, why = missed
    return f"{', '.join(tests)}: {why}"[:100] if tests else "pass"


def _line(outcome):
    return f"{outcome.status:8} {outcome.reason}"[:100]


def _conclude(outcomes, equivalent):
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
    return EXIT_FAIL if wrong else EXIT_PASS
