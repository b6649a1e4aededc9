# SPDX-License-Identifier: MIT
"""What every module shares: the paths of the tree, exit codes, and the class of expected errors."""

import contextlib
import fcntl
import os
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# Exit codes of run.sh: what `git bisect run` understands.
EXIT_PASS = 0
EXIT_FAIL = 1
EXIT_USAGE = 2
EXIT_SKIP = 125
EXIT_INTERRUPTED = 130


class Trouble(Exception):
    """An expected error: one line, which states what is wrong and what to do, and an exit code."""

    def __init__(self, message, status=EXIT_FAIL):
        super().__init__(message)
        self.status = status


class Interrupted(Exception):
    """Ctrl-C or SIGTERM. Every machine of this process has been ended."""


def usage(message):
    """Return the error for a wrong command line."""
    return Trouble(message + " (see ./run.sh help)", EXIT_USAGE)


def build_dir():
    """Return the build directory: BUILD as for make, relative to the tree; `build` by default."""
    return ROOT / (os.environ.get("BUILD") or "build")


# Of a command's environment: the build directory whose image its caller has just built.
BUILT = "PARAVANE_BUILT"


def is_built():
    """Return whether the caller of this command has built the image, so make is not asked again."""
    return os.environ.get(BUILT) == str(build_dir())


def make_dirs(path):
    """Create a directory below the build directory; raise Trouble if that fails."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        return path
    except OSError as error:
        raise Trouble(
            f"cannot write to the build directory {build_dir()}: {error.strerror}; "
            "make it writable or choose another with BUILD=DIR"
        ) from error


@contextlib.contextmanager
def build_lock():
    """Hold the build directory's lock: one make at a time builds in it, however many commands
    run."""
    with open(make_dirs(build_dir()) / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def short(path):
    """Return a path as messages show it and as QEMU gets it, which runs in ROOT: relative if it is
    inside."""
    try:
        return str(Path(path).relative_to(ROOT))
    except ValueError:
        return str(path)


def shell_line(argv):
    """Return a command as one line to paste into a shell, in whichever folder that is."""
    return f"cd {shlex.quote(str(ROOT))} && " + " ".join(shlex.quote(str(a)) for a in argv)
