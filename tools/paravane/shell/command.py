# SPDX-License-Identifier: MIT
"""Run the monitor: at a terminal, with a script as standard input, or with random lines."""

import fcntl
import os
import sys
import termios
import threading
import time

from .. import wanted
from ..commandline import parse, run_options
from ..common import EXIT_FAIL, EXIT_PASS, usage
from ..run import platforms, runs
from ..run.machine import Terminal
from ..suite import suite
from . import fuzz

_LINES_A_SECOND = 5  # of the slowest platform on a busy computer: for the time limit
_AHEAD_MOST = 2500  # random lines on their way when no more are written (run/feeder.py)
_PIPE_HOLDS = 4096  # bytes that the pipe of random lines takes before anything has been read
_CONSOLE_A_SECOND = 1 << 17  # bytes that the fastest platform writes on a fast computer


class RawTerminal(Terminal):
    """The user's terminal, each key of which goes to the guest; Ctrl-] ends the run."""

    is_raw = True

    def __enter__(self):
        self._before = termios.tcgetattr(self.keyboard)
        mode = termios.tcgetattr(self.keyboard)
        mode[0] &= ~(termios.ICRNL | termios.IXON)
        mode[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN)
        termios.tcsetattr(self.keyboard, termios.TCSADRAIN, mode)
        return self

    def __exit__(self, *_why):
        termios.tcsetattr(self.keyboard, termios.TCSADRAIN, self._before)


def run(args, caller):
    """Run the command; return the exit code."""
    asked = parse("shell", args, ("--commands", "--counted", "--fuzz", "--soak", "--seed"),
                  machine=True)  # fmt: skip
    chosen = platforms.parse(asked.on or "qemu")
    if len(chosen) != 1:
        raise usage("shell: --on takes one platform")
    if sum(map(bool, (asked.fuzz, asked.soak, asked.commands))) > 1:
        raise usage("shell: --commands, --fuzz and --soak exclude each other")
    options = wanted.one(asked, caller, chosen, run_options(asked, caller, chosen))
    options.run, options.icount = "shell", asked.counted
    if not any(word.startswith("log=") for word in options.append):
        options.append += ("log=warn",)
    directory = runs.RunDirectory(options.image)
    if asked.fuzz or asked.soak:
        return _fuzz(directory, chosen[0], options, asked)
    if asked.commands:
        result = _run_lines(directory, chosen[0], options, [asked.commands.encode()], Shown)
        return _end(result)
    if not sys.stdin or not sys.stdin.isatty():
        return _end(directory.run(chosen[0], options, terminal=Terminal()))
    options.timeout = 0
    print(f"booting {chosen[0].name}; Ctrl-] ends the machine at any time", flush=True)
    with RawTerminal() as terminal:
        result = directory.run(chosen[0], options, terminal=terminal)
    return _end(result)


class Script:
    """A terminal whose keyboard is a file, and that shows nothing."""

    is_tty = is_raw = False

    def __init__(self, file):
        self.keyboard = file.fileno()

    def show(self, _text):
        """Show nothing."""


class Shown(Script):
    """The same, but it shows what the guest writes."""

    def show(self, text):
        sys.stdout.buffer.write(text)
        sys.stdout.buffer.flush()


def _run_lines(directory, platform, options, lines, terminal):
    """Run the monitor with these lines as its input; return the Result."""
    script = directory.path / "lines"
    script.write_bytes(b"".join(line + b"\n" for line in lines))
    with open(script, "rb") as keyboard:
        return directory.run(platform, options, terminal=terminal(keyboard))


def _end(result):
    print(f"run.sh: {result.platform}: {suite.one_line(result)}")
    return suite.exit_code([result])


class Soak:
    """Random lines for as long as is asked for, in a pipe.

    wrote: how many lines were written, once nothing more can be read."""

    def __init__(self, seed, seconds):
        self._read_end, self._write_end = os.pipe()
        fcntl.fcntl(self._write_end, fcntl.F_SETPIPE_SZ, _PIPE_HOLDS)
        self._seed, self._seconds, self.wrote = seed, seconds, 0
        self._thread = threading.Thread(target=self._write)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        os.close(self._read_end)
        self._thread.join()

    def fileno(self):
        """Return the descriptor to read from."""
        return self._read_end

    def is_writing(self):
        """Return whether more lines may come."""
        return self._thread.is_alive()

    def _write(self):
        """Write lines. The time starts when the pipe is full: its reader has started then."""
        end, filled = None, 0
        try:
            for line in fuzz.lines(self._seed, None):
                os.write(self._write_end, line + b"\n")
                self.wrote, filled = self.wrote + 1, filled + len(line) + 1
                if end is None and filled > _PIPE_HOLDS:
                    end = time.monotonic() + self._seconds
                if end is not None and time.monotonic() >= end:
                    break
        except BrokenPipeError:
            pass  # the machine has ended
        finally:
            os.close(self._write_end)


def _fuzz(directory, platform, options, asked):
    """Feed random lines; pass if the monitor has read and survived all of them."""
    if asked.soak:
        if options.timeout:
            options.timeout += 3 * asked.soak + _AHEAD_MOST / _LINES_A_SECOND
        options.log_max += asked.soak * _CONSOLE_A_SECOND
        with Soak(asked.seed, asked.soak) as soak:
            result = directory.run(platform, options, terminal=Script(soak))
        written, duration = soak.wrote, f"for {asked.soak} s, "
    else:
        lines = list(fuzz.lines(asked.seed, asked.fuzz))
        if options.timeout:
            options.timeout += len(lines) / _LINES_A_SECOND
        result = _run_lines(directory, platform, options, lines, Script)
        written, duration = len(lines), ""
    read = fuzz.lines_read(directory.path / platform.name / "console.log")
    print(f"run.sh: {platform.name}: seed {asked.seed}: {duration}{read} of {written} random "
          f"lines: {suite.one_line(result)}")
    if result.status == "SKIP":
        return suite.exit_code([result])
    if result.status == "PASS" and read == written:
        return EXIT_PASS
    print("\n".join(result.tail(40)))
    return EXIT_FAIL
