# SPDX-License-Identifier: MIT
"""./run.sh test: steps side by side, and what no step may do to the others."""

import io
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

from paravane import selftest
from paravane.common import Trouble
from paravane.report import write_steps_junit
from paravane.run import owntime, runs
from paravane.selftest import builds, lines, soak, step
from paravane.selftest.scheduler import Scheduler
from paravane.selftest.step import ALL, Step, check


def _passes():
    return "", ""


def _skips():
    raise step.Skipped("no network")


def _run(steps, cpus=2, passed=()):
    """The outcomes by name."""
    outcomes = []
    Scheduler(steps, cpus, outcomes.append, passed).run()
    return {outcome.step.name: outcome for outcome in outcomes}


class Side(unittest.TestCase):
    """Steps that run side by side."""

    def setUp(self):
        self._lock = threading.Lock()
        self._now = self.most = 0

    def _busy(self, width):
        def function():
            with self._lock:
                self._now += width
                self.most = max(self.most, self._now)
            time.sleep(0.05)
            with self._lock:
                self._now -= width
            return "", ""

        return function

    def test_wide_steps_do_not_remain_for_the_end(self):
        """The first wide step ends when a narrow one runs, which ends when the second one runs."""
        started, changed = [], threading.Condition()

        def starts(name, until):
            def function():
                with changed:
                    started.append(name)
                    changed.notify_all()
                    return ("" if changed.wait_for(lambda: until in started, 30) else "late"), ""

            return function

        narrow = [check(f"narrow {i}", starts("narrow", "wide 1"), needs=()) for i in range(3)]
        wide = [check(f"wide {i}", starts(f"wide {i}", "narrow"), needs=(), cpus=2)
                for i in range(2)]
        _run([*narrow, *wide], cpus=3)
        self.assertEqual((set(started[:2]), started[2]), ({"wide 0", "narrow"}, "wide 1"))

    def test_what_others_need_is_first(self):
        ended = []
        narrow = [check(f"narrow {i}", self._busy(1), needs=()) for i in range(3)]
        steps = [*narrow, check("assemble", _passes, needs=()),
                 check("wide", _passes, needs=("assemble",), cpus=2)]
        Scheduler(steps, 2, ended.append).run()
        names = [outcome.step.name for outcome in ended]
        self.assertEqual((names[0], names[2]), ("assemble", "wide"))

    def test_as_many_as_there_are_cpus(self):
        steps = [check(f"step {i}", self._busy(1), needs=()) for i in range(6)]
        found = _run(steps, cpus=2)
        self.assertEqual({outcome.status for outcome in found.values()}, {"passed"})
        self.assertEqual(self.most, 2)

    def test_a_wide_step_has_its_cpus(self):
        steps = [check(f"step {i}", self._busy(1), needs=()) for i in range(3)]
        steps.insert(1, check("wide", self._busy(2), needs=(), cpus=ALL))
        self.assertEqual(_run(steps, cpus=2)["wide"].status, "passed")
        self.assertEqual(self.most, 2)

    def test_needs_come_first(self):
        order = []
        steps = [
            check("later", lambda: (order.append("later"), ("", ""))[1], needs=("first",)),
            check("first", lambda: (order.append("first"), ("", ""))[1], needs=()),
        ]
        _run(steps)
        self.assertEqual(order, ["first", "later"])

    def test_a_failed_need(self):
        found = _run([
            check("first", lambda: ("broken", ""), needs=()),
            check("later", _passes, needs=("first",)),
            check("last", _passes, needs=("later",)),
            check("unknown", _passes, needs=("nothing",)),
        ])  # fmt: skip
        self.assertEqual(found["first"].problem, "broken")
        self.assertIn("needs 'first'", found["later"].problem)
        self.assertIn("needs 'later'", found["last"].problem)
        self.assertIn("needs 'nothing'", found["unknown"].problem)

    def test_a_skipped_need(self):
        """What needs a skipped step is skipped for the same reason, and is not a failure."""
        found = _run([
            check("first", _skips, needs=()),
            check("later", _passes, needs=("first",)),
            check("last", _passes, needs=("later",)),
        ])  # fmt: skip
        for name in ("first", "later", "last"):
            self.assertEqual((found[name].status, found[name].problem), ("skipped", "no network"))

    def test_a_need_of_an_earlier_run(self):
        self.assertEqual(
            _run([check("later", _passes, needs=("first",))], passed=["first"])["later"].status,
            "passed",
        )


class Robust(unittest.TestCase):
    """No step ends the run."""

    def test_a_function_that_raises(self):
        def raises():
            raise FileNotFoundError(2, "No such file or directory", "x.elf")

        found = _run([check("raises", raises, needs=()), check("other", _passes, needs=())], cpus=1)
        self.assertEqual(found["raises"].status, "failed")
        self.assertIn("FileNotFoundError", found["raises"].problem)
        self.assertEqual(found["other"].status, "passed")

    def test_no_bare_kernel(self):
        for bare in [item for item in builds.steps(Path("/nowhere"), 1) if "96 KiB" in item.name]:
            self.check_no_bare_kernel(bare)

    def check_no_bare_kernel(self, bare):
        with tempfile.TemporaryDirectory() as empty, mock.patch.object(
            builds, "build_dir", return_value=Path(empty)
        ):
            status, problem, _ = step.run(bare)
        self.assertEqual(status, "failed")
        self.assertIn("No such file", problem)

    def test_no_such_command(self):
        self.assertEqual(step.run(Step("x", ["/nowhere/command"]))[0], "failed")

    def test_a_list_that_cannot_be_made(self):
        def steps(_scratch):
            yield check("one", _passes)
            raise OSError("no image")

        with mock.patch.object(
            selftest, "SUBJECTS", (mock.Mock(steps=steps), mock.Mock(steps=lambda _: [_named]))
        ):
            found, broken = selftest.listed(Path("/nowhere"), quick=False)
        self.assertEqual([item.name for item in found], ["one", "named"])
        self.assertIn("no image", step.run(broken[0])[1])

    def test_no_build_no_steps(self):
        """If the first step fails, the others are not run, and the run fails."""
        broken = [check(step.GCC, lambda: ("broken", ""), needs=()), check("other", _passes)]
        with mock.patch.object(builds, "steps", return_value=broken), redirect_stdout(
            io.StringIO()
        ) as said:
            self.assertEqual(selftest.run(selftest.Asked(2)), 1)
        self.assertRegex(said.getvalue(), r"failed +2/2 +other .*needs 'build with gcc'")
        self.assertRegex(said.getvalue(), r"(?m)^0 passed, 2 failed$")


def _named():
    """named"""


class Commands(unittest.TestCase):
    """What a step makes of its command."""

    def _python(self, code, **expected):
        return step.run(Step("x", [sys.executable, "-c", code], **expected))

    def test_status_and_words(self):
        self.assertEqual(self._python("print('a word')", words="word")[0], "passed")
        self.assertIn("nothing in the output", self._python("print('a word')", words="other")[1])
        self.assertEqual(self._python("raise SystemExit(2)", status=2)[0], "passed")
        self.assertIn("status 2 instead of 0", self._python("raise SystemExit(2)")[1])
        self.assertIn("traceback", self._python("print('Traceback (most recent call last)')")[1])
        self.assertEqual(
            self._python("print('why'); raise SystemExit(125)", may_skip=True)[:2],
            ("skipped", "why"),
        )

    def test_what_is_built_is_passed_on(self):
        """A command that needs the first step does not ask make again; others do, and so does one
        with another build directory."""
        code = "from paravane import common; print('built', common.is_built())"
        env = (("PYTHONPATH", "tools"),)
        for more, words in (
            ({"needs": (step.GCC,), "env": env}, "built True"),
            ({"needs": (), "env": env}, "built False"),
            ({"needs": (step.GCC,), "env": (*env, ("BUILD", "elsewhere"))}, "built False"),
        ):
            self.assertEqual(self._python(code, words=words, **more)[0], "passed")

    def test_output_that_goes_elsewhere(self):
        with open(os.devnull, "wb") as elsewhere:
            process = step.start([sys.executable, "-c", "print(1)"], stdout=elsewhere)
            self.assertEqual(step.communicate(process, 600), b"")
            step.end(process)

    def test_the_limit(self):
        problem = self._python("while True: pass", limit=0.5)[1]
        self.assertIn("still running after 0.5 s of its own time", problem)

    def test_cpu_time(self):
        """The CPU time of a step is that of its commands and of what these have started."""
        busy = "import time\nwhile time.process_time() < 0.3: pass"
        nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])"
        step.used()
        self.assertEqual(self._python(nested)[0], "passed")
        self.assertGreater(step.used(), 0.3)
        self.assertEqual(step.used(), 0)

    def test_interrupted(self):
        """Interrupted, the scheduler ends the commands, and no other step starts."""
        with tempfile.TemporaryDirectory() as scratch, mock.patch.object(
            step, "RUNNING", step._Running()
        ):
            pid, never = Path(scratch, "pid"), mock.Mock(return_value=("", ""))
            code = (
                f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
            )
            long = Step("long", [sys.executable, "-c", code], needs=())
            scheduler = Scheduler([long, check("never", never, needs=())], 1, lambda outcome: None)
            previous = signal.signal(signal.SIGALRM, self._interrupt)
            signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
            self._wanted = lambda: pid.exists() and pid.read_text()
            try:
                with self.assertRaises(KeyboardInterrupt):
                    scheduler.run()
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, previous)
            with self.assertRaises(ProcessLookupError):
                os.kill(int(pid.read_text()), 0)
            never.assert_not_called()

    def _interrupt(self, _number, _frame):
        if self._wanted():
            self._wanted = lambda: False
            raise KeyboardInterrupt


class Soak(unittest.TestCase):
    """The list of what takes a night."""

    def test_all_and_some(self):
        self.assertEqual(len(soak.steps([], 1, 2)), len(soak.SOAKS))
        for made in soak.steps([], 0.01, 2):
            self.assertFalse([word for word in made.argv if "{" in word], made.name)
        (one,) = soak.steps(["smp-qemu"], 0.5, 2)
        self.assertIn("1800", one.argv)
        with self.assertRaisesRegex(Trouble, "unknown name 'x'; known: smp-qemu, "):
            soak.steps(["x"], 1, 2)


class Written(unittest.TestCase):
    """What is kept of a run."""

    def test_times_and_junit(self):
        steps = [
            check("good", _passes, needs=()),
            check("bad & <ugly>", lambda: ("broken", "not ok 1 x"), needs=()),
        ]
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(
            lines, "build_dir", return_value=Path(folder)
        ):
            report = lines.Report(2)
            with redirect_stdout(io.StringIO()) as said:
                Scheduler(steps, 1, report).run()
                report.close(1, 1, "test")
            times = Path(folder, "test-times.txt").read_text()
            write_steps_junit(Path(folder, "x.xml"), report.outcomes)
            suite = ElementTree.parse(Path(folder, "x.xml")).getroot().find("testsuite")
        self.assertRegex(
            said.getvalue(),
            r"(?m)^failed +2/2  bad & <ugly>  \(\d\.\d s, \d\.\d s CPU\): broken\n"
            r"    \| not ok 1 x$",
        )
        self.assertRegex(said.getvalue(), r"(?m)^failed: bad & <ugly>: broken$")
        self.assertRegex(said.getvalue(), r"\n1 passed, 1 failed\n$")
        self.assertRegex(times, r"(?m)^ +\d+\.\d s +\d+\.\d s CPU  passed   good$")
        self.assertEqual((suite.get("tests"), suite.get("failures")), ("2", "1"))

    def test_skipped_steps_by_reason(self):
        report = lines.Report(6)
        todo = [check(f"step {i}", _skips, needs=()) for i in range(5)]
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(
            lines, "build_dir", return_value=Path(folder)
        ), redirect_stdout(io.StringIO()) as said:
            Scheduler([*todo, check("good", _passes, needs=())], 1, report).run()
            report.close(1, 1, "test")
        self.assertIn(
            "skipped: 5 steps, because no network: step 0, step 1, step 2, …\n", said.getvalue()
        )
        self.assertRegex(said.getvalue(), r"\n1 passed, 0 failed, 5 skipped\n$")

    def test_the_failed_tests_of_a_long_output(self):
        output = [f"line {i}" for i in range(300)]
        output[100] = "not ok 7 x"
        shown = list(lines.telling(output))
        self.assertEqual(shown[:2], ["...", "line 88"])
        self.assertIn("not ok 7 x", shown)
        self.assertEqual(shown[-1], "line 299")
        self.assertEqual(len(shown), 1 + 13 + 1 + 60)


class OwnTime(unittest.TestCase):
    """The time that a process had for its work."""

    def test_the_share_that_it_got(self):
        self.assertEqual(owntime.own(10, []), 10)  # it has ended, or this kernel does not count
        self.assertEqual(owntime.own(10, [0, 0]), 10)
        self.assertEqual(owntime.own(10, [8]), 2)
        # A virtual CPU, and the thread that serves its devices
        self.assertEqual(owntime.own(10, [8, 5, 0]), 2)
        self.assertEqual(owntime.own(10, [11]), 0)  # the clocks differ a bit

    def clock(self, computes, waits, sleeps):
        """Return (own time, time that has passed) of a thread that again and again computes, waits
        for a CPU and sleeps for so many seconds each, if Linux counts a wait when it ends."""
        now = 0.0

        def read(_):
            rounds, at = divmod(now, computes + waits + sleeps)
            ended = at > computes + waits
            return {1: owntime.Spent(
                computed=rounds * computes + min(at, computes),
                waited=(rounds + ended) * waits, runnable=not ended)}

        with (
            mock.patch.object(owntime, "of_threads", read),
            mock.patch.object(owntime.time, "monotonic", lambda: now),
        ):
            clock = owntime.OwnTime(1)
            while now < 60:
                now += 0.13
                clock.seconds()
            return clock.seconds(), now

    def test_a_wait_counts_while_it_lasts(self):
        own, passed = self.clock(computes=0.04, waits=3, sleeps=0)
        self.assertLess(own, passed / 20)
        own, passed = self.clock(computes=1, waits=1, sleeps=1)
        self.assertAlmostEqual(own, passed * 2 / 3, delta=passed / 12)
        own, passed = self.clock(computes=0.01, waits=0, sleeps=1)
        self.assertGreater(own, passed * 0.95)

    def test_of_a_process(self):
        with subprocess.Popen(["sleep", "60"]) as process:
            clock = owntime.OwnTime(process.pid, tree=True)
            time.sleep(0.3)
            self.assertGreater(clock.seconds(), 0.1)
            process.kill()


class RunDirectories(unittest.TestCase):
    """Runs side by side keep their logs."""

    def test_one_each(self):
        with tempfile.TemporaryDirectory() as folder:
            made = {runs._new_directory(Path(folder)) for _ in range(3)}
            self.assertEqual(len(made), 3)
            self.assertEqual(set(Path(folder).iterdir()), made)

    def test_those_in_use_are_kept(self):
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
            mine = runs._new_directory(Path(folder))
            os.utime(mine, (0, 0))
            gone = 1 << 22  # no such process: beyond PID_MAX_LIMIT
            for number in range(runs.RUNS_MAX + 1):
                path = Path(folder, f"20000101-{number:06}-{gone}")
                path.mkdir()
                os.utime(path, (number, number))
            runs._prune(Path(folder))
            left = sorted(path.name for path in Path(folder).iterdir())
        self.assertIn(mine.name, left)
        self.assertEqual(len(left), runs.RUNS_MAX + 1)
        self.assertNotIn(f"20000101-000000-{gone}", left)
