# SPDX-License-Identifier: MIT
"""Decide when a machine's time is over, independent of the load of this computer: count the seconds in which the
machine computed and those in which it was idle, and leave out those in which it waited for a CPU."""

import time

from ..run import owntime
from ..run.machine import Ending

_EVERY = 0.1  # seconds between two looks at a process
_RATIO = 5  # how many times as long as the longest pause of a good run is too long
_LEAST = 1.0  # seconds: what comes on top, for a good run may have no pause to speak of


class Patience:
    """A watch of one Machine, which ends it at its first failure, or when its pause between two results is
    much longer than the longest of a good run (limit, None: there is no limit yet). cpus: of the machine, which may
    compute without effect while one of them waits for this computer. tree: the machine is a process below that of the
    command line.

    pause: the longest so far, (seconds computed, seconds idle).
    """

    def __init__(self, limit=None, cpus=1, tree=False):
        self.pause = (0.0, 0.0)
        self._limit = limit and [_RATIO * cpus * seconds + _LEAST for seconds in limit]
        self._tree = tree
        self._looked = self._started = self._last = self._seen = self._threads = None

    def __call__(self, said, pid):
        now = time.monotonic()
        if any(test.status == "fail" for test in said.tests) or said.panic is not None:
            return Ending("enough")
        if self._looked and now - self._looked < _EVERY:
            return None
        self._threads = self._threads or owntime.Threads(pid, self._tree)
        self._look(now, _wanted(self._threads))
        seen = (len(said.tests), said.banner, said.verdict)
        if seen != self._seen:
            self._seen, self._started = seen, self._spent
        return self._judge()

    def _look(self, now, sums):
        """Adds up what has passed since the last look: of that time, what no thread wanted was idle."""
        computed, wanted = sums
        if self._looked is None:
            self._spent = self._started = (0.0, 0.0)
        else:
            idle = max(0.0, now - self._looked - (wanted - self._last[1]))
            self._spent = (self._spent[0] + max(0.0, computed - self._last[0]), self._spent[1] + idle)
        self._looked, self._last = now, sums

    def _judge(self):
        pause = [spent - started for spent, started in zip(self._spent, self._started)]
        self.pause = tuple(max(pair) for pair in zip(pause, self.pause))
        for spent, limit, word in zip(pause, self._limit or (), ("computing", "waiting")):
            if spent > limit:
                return Ending("timeout", limit=f"{limit:.1f} s of {word} without a result")
        return None


def _wanted(threads):
    """(seconds computed, those and the seconds that it waited for a CPU) of all threads of a process."""
    spent = threads.spent().values()
    ran = sum(ran for ran, _ in spent)
    return ran, ran + sum(waited for _, waited in spent)
