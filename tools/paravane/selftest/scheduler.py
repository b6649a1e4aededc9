# SPDX-License-Identifier: MIT
"""Run steps side by side, as many as keep this computer's CPUs busy, each after those that it
needs."""

import queue
import threading
import time
from dataclasses import dataclass

from . import step as steps

_TICK = 0.2  # seconds between two looks for a signal


@dataclass
class Outcome:
    """The outcome of a step: passed, failed or skipped, and why."""

    step: steps.Step
    status: str
    problem: str = ""
    output: str = ""
    seconds: float = 0.0
    cpu: float = 0.0  # seconds of CPU time of its commands


class Scheduler:
    """Runs a list of steps on a number of CPUs. done(outcome) is called after each, in the caller's
    thread."""

    def __init__(self, todo, cpus, done, passed=()):
        # First what other steps need, then wide steps: one begins where another ends, and narrow
        # ones fill the rest. The other way round each CPU that becomes idle is taken by a narrow
        # step, until only wide ones are left, which leave CPUs idle.
        needed = {name for step in todo for name in step.needs}
        self._todo = sorted(todo, key=lambda step: (step.name not in needed,
                                                    -min(step.cpus, cpus)))
        self._cpus = cpus
        self._done = done
        self._status = dict.fromkeys(passed, "passed")  # by name, of steps that have ended
        self._reasons = {}  # by name, of steps that were skipped
        self._names = {step.name for step in self._todo}
        self._busy = 0  # CPUs
        self._threads = {}
        self._ended = queue.Queue()

    def run(self):
        """Run every step. If the caller is interrupted, end the running ones first."""
        try:
            while self._todo or self._threads:
                self._give_up()
                self._start_what_fits()
                self._wait()
        except BaseException:
            steps.RUNNING.end()
            raise
        finally:
            for thread in list(self._threads.values()):
                thread.join()

    def _give_up(self):
        """Let each step whose needs failed fail without a run, and skip one whose needs were
        skipped."""
        for step in list(self._todo):
            broken = next((name for name in step.needs if not self._may_pass(name)), None)
            if broken in self._reasons:
                self._todo.remove(step)
                self._report(Outcome(step, "skipped", self._reasons[broken]))
            elif broken:
                self._todo.remove(step)
                self._report(Outcome(step, "failed",
                                     f"not run, because it needs {broken!r}, which did not pass"))

    def _may_pass(self, name):
        return self._status.get(name) == "passed" or (
            name not in self._status and name in self._names
        )

    def _start_what_fits(self):
        """Start steps that fit, until none fits. While no wide step runs, one that could keeps what
        becomes idle free, or narrow steps would take it for as long as there are any."""
        for step in list(self._todo):
            if not all(self._status.get(name) == "passed" for name in step.needs):
                continue
            width = min(step.cpus, self._cpus)
            if self._busy + width <= self._cpus:
                self._start(step, width)
            elif width > 1 and all(running.cpus == 1 for running in self._threads):
                break

    def _start(self, step, width):
        self._todo.remove(step)
        self._busy += width
        thread = threading.Thread(target=self._one, args=(step,))
        self._threads[step] = thread
        thread.start()

    def _one(self, step):
        started = time.monotonic()
        status, problem, output = steps.run(step)
        passed = time.monotonic() - started
        self._ended.put(Outcome(step, status, problem, output, passed, steps.used()))

    def _wait(self):
        """Wait a moment for a step to end."""
        if not self._threads:
            return
        try:
            outcome = self._ended.get(timeout=_TICK)
        except queue.Empty:
            return
        self._threads.pop(outcome.step).join()
        self._busy -= min(outcome.step.cpus, self._cpus)
        self._report(outcome)

    def _report(self, outcome):
        self._status[outcome.step.name] = outcome.status
        if outcome.status == "skipped":
            self._reasons[outcome.step.name] = outcome.problem
        self._done(outcome)
