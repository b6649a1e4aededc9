# SPDX-License-Identifier: MIT
"""Measure a process's own time: the time that passes, less that in which its threads wait for a CPU
of this computer.

A limit of own time does not depend on what else this computer runs.
"""

import os
import time
from typing import NamedTuple

_EVERY = 0.1  # seconds between two looks at a process


class Spent(NamedTuple):
    """What Linux has counted of a thread, in seconds. It counts a wait for a CPU when the wait
    ends. runnable: the thread computes, or waits for a CPU."""

    computed: float
    waited: float
    runnable: bool


def of_threads(pid):
    """Return {thread: Spent} of a process."""
    found = {}
    for thread in _listed(f"/proc/{pid}/task"):
        words = _read(f"/proc/{pid}/task/{thread}/schedstat").split()
        if len(words) >= 2:  # else the thread has ended, or this kernel does not count
            state = _read(f"/proc/{pid}/task/{thread}/stat").rpartition(")")[2].split()[:1]
            found[thread] = Spent(int(words[0]) / 1e9, int(words[1]) / 1e9, state == ["R"])
    return found


def of_tree(pid):
    """Return the same for a process and all its descendants."""
    children = {}
    for process in filter(str.isdecimal, _listed("/proc")):
        words = _read(f"/proc/{process}/stat").rpartition(")")[2].split()
        if len(words) >= 2:
            children.setdefault(words[1], []).append(process)
    found, left = {}, [str(pid)]
    while left:
        process = left.pop()
        found.update(of_threads(process))
        left += children.get(process, [])
    return found


def _listed(folder):
    """Return the names in a folder of /proc; none if its process has ended."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _read(path):
    """Return the text of a file of /proc; "" if its process has ended."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


class Threads:
    """Follow the threads of a process. tree: its descendants', too."""

    def __init__(self, pid, tree=False):
        self._read = lambda: (of_tree if tree else of_threads)(pid)
        self._looked = time.monotonic()
        self._last = {}  # by thread: (its Spent, seconds of a wait that has not ended, all waits)

    def spent(self):
        """Return {thread: (seconds computed, seconds that it has waited for a CPU)}. A wait that
        has not ended counts as far as this and earlier looks show."""
        now = time.monotonic()
        passed, self._looked = now - self._looked, now
        last, self._last = self._last, {}
        for thread, seen in self._read().items():
            before, pending, waits = last.get(thread, (seen, 0.0, 0.0))
            if not seen.runnable or thread not in last:
                pending = 0.0
            elif seen[:2] == before[:2]:
                pending += passed
            else:
                pending = max(0.0, passed - sum(seen[:2]) + sum(before[:2]))
            waits = max(waits, seen.waited + pending)
            self._last[thread] = (seen, pending, waits)
        return {thread: (seen.computed, waits) for thread, (seen, _, waits) in self._last.items()}


class OwnTime:
    """Count a process's own time from now on. tree: count its descendants', too."""

    def __init__(self, pid, tree=False):
        self._read = Threads(pid, tree).spent
        self._seen = self._read()
        self._looked = time.monotonic()
        self._seconds = 0.0

    def seconds(self):
        """Return the own time so far."""
        now = time.monotonic()
        if now - self._looked < _EVERY:
            return self._seconds
        seen = self._read()
        passed = now - self._looked
        self._seconds += own(
            passed, [self._waited(thread, spent) for thread, spent in seen.items()]
        )
        self._seen, self._looked = seen, now
        return self._seconds

    def _waited(self, thread, spent):
        """Return how long a thread has waited for a CPU since the last look."""
        return max(0.0, spent[1] - self._seen.get(thread, (0, 0))[1])


def own(passed, waited):
    """Return how much of the passed time was own time, given how long each thread waited for a CPU:
    the longest wait counts. An idle thread does not wait."""
    return max(0.0, passed - max(waited, default=0.0))
