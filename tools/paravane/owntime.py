"""The time that a process had for its work: the time that passes, without that in which its threads waited for a CPU of
this computer. A limit of own time does not depend on what else this computer runs."""

import time
from pathlib import Path

_EVERY = 0.1  # seconds between two looks at a process


def of_threads(pid):
    """Return {thread: (seconds computed, seconds that it waited for a CPU)} of a process."""
    found = {}
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            ran, waited = path.read_text().split()[:2]
        except (OSError, ValueError):
            continue  # the thread has ended, or this kernel does not count
        found[path.parts[-2]] = (int(ran) / 1e9, int(waited) / 1e9)
    return found


def of_tree(pid):
    """The same, of a process and of all below it."""
    children = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = path.read_text(errors="replace").rsplit(")", 1)[1].split()[1]
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(path.parts[-2])
    found, left = {}, [str(pid)]
    while left:
        process = left.pop()
        found.update(of_threads(process))
        left += children.get(process, [])
    return found


class OwnTime:
    """Counts a process's own time from now on; tree: that of all processes below it too."""

    def __init__(self, pid, tree=False):
        self._read = lambda: (of_tree if tree else of_threads)(pid)
        self._seen = self._read()
        self._looked = time.monotonic()
        self._seconds = 0.0

    def seconds(self):
        """Return the own time so far."""
        now = time.monotonic()
        if now - self._looked < _EVERY:
            return self._seconds
        seen = self._read()
        ran, waited = map(sum, zip((0, 0), *(self._passed(thread, spent) for thread, spent in seen.items())))
        self._seconds += own(now - self._looked, ran, waited)
        self._seen, self._looked = seen, now
        return self._seconds

    def _passed(self, thread, spent):
        before = self._seen.get(thread, (0, 0))
        return [max(0.0, now - then) for now, then in zip(spent, before)]


def own(passed, ran, waited):
    """Return how much of the time that passed was own time, if the threads computed for ran seconds and waited
    for a CPU for waited. While a thread wants a CPU, the share that it got counts; an idle process loses nothing."""
    wanted = ran + waited
    if wanted <= 0:
        return passed
    busy = min(passed, wanted)
    return passed - busy * waited / wanted
