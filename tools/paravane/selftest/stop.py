# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: the runner is stopped during a run, and leaves no process."""

import shutil
import signal
import time
from pathlib import Path

from ..run import emulators
from .step import RUN, Skipped, check, end, start

_PATIENCE = 120  # seconds for what takes one where nothing else runs
_SUITE = ["suite", "--on", "qemu,microvm", "--jobs", "2", "--append", "inject=loop"]
_TEST = ["test", "--jobs", "1", "--only", "qemu: injected loop"]


def steps(_scratch):
    for what, argv, machines in (("suite", _SUITE, 2), ("test", _TEST, 1)):
        for name, number, status in (
            (f"{what}, Ctrl-C in the middle: status 130, one line, no machine left", signal.SIGINT,
             130),
            (f"{what}, SIGTERM in the middle: status 130, one line, no machine left",
             signal.SIGTERM, 130),
            (f"{what}, killed in the middle: no machine left", signal.SIGKILL, -signal.SIGKILL),
        ):
            yield check(name, _stop, argv, machines, number, status)


def _stop(argv, count, number, status):
    """Start a command whose guests never end, send it a signal, and look for machines that still
    run."""
    if not shutil.which(emulators.default()):
        raise Skipped("QEMU is not installed")
    runner = start(RUN + argv)
    try:
        return _stop_runner(runner, count, number, status)
    finally:
        end(runner)


def _stop_runner(runner, count, number, status):
    machines = _wait_for(
        lambda: _descendants(runner.pid, "qemu"), lambda found: len(found) == count
    )
    if len(machines) != count:
        runner.kill()
        return f"{len(machines)} machines instead of {count} after {_PATIENCE} s", _drain(runner)
    runner.send_signal(number)
    output = _drain(runner)
    left = _wait_for(lambda: [pid for pid in machines if _alive(pid)], lambda found: not found)
    if left:
        return f"machines left running: {left}", output
    if runner.returncode != status:
        return f"status {runner.returncode} instead of {status}", output
    if status == 130 and output.count("interrupted") != 1:
        return "not exactly one line reports the interruption", output
    return "", output


def _drain(process):
    return process.communicate(timeout=_PATIENCE)[0].decode("utf-8", "replace")


def _wait_for(look, enough, seconds=_PATIENCE):
    deadline = time.monotonic() + seconds
    found = look()
    while not enough(found) and time.monotonic() < deadline:
        time.sleep(0.1)
        found = look()
    return found


def _alive(pid):
    state = _stat(pid)
    return bool(state) and state[1] != "Z"


def _descendants(ancestor, name):
    """Return the pids below a process whose command's name starts with name."""
    parents = {int(path.name): _stat(int(path.name)) for path in Path("/proc").glob("[0-9]*")}
    found = []
    for pid, stat in parents.items():
        up = stat
        while up and up[2] != ancestor:
            up = parents.get(up[2])
        if up and stat[0].startswith(name):
            found.append(pid)
    return found


def _stat(pid):
    """Return (name, state, parent) of a process, or None."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    name, rest = text.split("(", 1)[1].rsplit(")", 1)
    return name, rest.split()[0], int(rest.split()[1])
