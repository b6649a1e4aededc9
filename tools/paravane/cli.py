# SPDX-License-Identifier: MIT
"""The commands of run.sh: find the module of the command, and report how it ended."""

import importlib
import os
import signal
import sys
import traceback
from pathlib import Path

from .common import EXIT_FAIL, EXIT_INTERRUPTED, EXIT_SKIP, ROOT, Interrupted, Trouble, usage

# The module of each command, below this package. Its run(args, caller) takes the words after the
# command and the directory from which files are named, and returns the exit code. A module is
# loaded when its command is called: all of them take longer than to prepare a boot.
_COMMANDS = {
    "test": "commands.test",
    "boot": "commands.boot",
    "shell": "shell.command",
    "lab": "lab.command",
    "suite": "commands.suite",
    "repro": "commands.repro",
    "bench": "commands.bench",
    "hostile": "commands.hostile",
    "operations": "dom0.operations",
    "mutants": "commands.mutants",
    "programs": "commands.programs",
    "iso": "commands.iso",
    "list": "commands.list",
    "op": "op.command",
    "trace": "trace.command",
    "replay": "trace.replay",
    "minimise": "trace.minimise",
    "docs": "site.command",
    "doctor": "commands.doctor",
    "setup": "commands.setup",
    "clean": "commands.clean",
    "help": "commands.help",
}


def main(args):
    """Run one command; return the exit code."""
    for which in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(which, _interrupt)
    caller = Path.cwd()
    os.chdir(ROOT)
    try:
        return _dispatch(args, caller)
    except Trouble as trouble:
        print(f"run.sh: {trouble}", file=sys.stderr)
        return _status_of_trouble(args, trouble.status)
    except (KeyboardInterrupt, Interrupted):
        print("\nrun.sh: interrupted; no machine of this run is left running", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
        return EXIT_SKIP
    except OSError as error:
        print(f"run.sh: {error}", file=sys.stderr)
        return _status_of_trouble(args, EXIT_FAIL)
    except Exception as error:
        if os.environ.get("PARAVANE_DEBUG"):
            raise
        where = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        print(
            f"run.sh: internal error: {what} ({Path(where.filename).name}:{where.lineno}); "
            "PARAVANE_DEBUG=1 shows where",
            file=sys.stderr,
        )
        return EXIT_SKIP


def _status_of_trouble(args, status):
    """Return 125 for an error of repro: status 1 would mean "bad" to a bisection, and the error is
    the runner's."""
    return EXIT_SKIP if args[:1] == ["repro"] and status == EXIT_FAIL else status


def _interrupt(_number, _frame):
    raise KeyboardInterrupt


def _dispatch(args, caller):
    if not args:
        return _run("commands.everything", args, caller)
    name = "help" if args[0] in ("-h", "--help") else args[0]
    if name not in _COMMANDS:
        raise usage(f"unknown command {name!r}; known: {', '.join(_COMMANDS)}")
    if any(word in ("-h", "--help") for word in args[1:]):
        name, args = "help", ["help"]
    return _run(_COMMANDS[name], args[1:], caller)


def _run(module, args, caller):
    return importlib.import_module(f".{module}", __package__).run(args, caller)
