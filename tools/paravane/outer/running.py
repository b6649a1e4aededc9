# SPDX-License-Identifier: MIT
"""A restored machine: shell scripts run in it, what it prints, and the consoles of its guests.

One thread reads all that the machine sends. Waiting callers are notified under one condition
variable. Trouble of the machine itself (a panic, the end of QEMU) ends every wait with a Failed.
"""

import base64
import functools
import io
import os
import re
import select
import shutil
import signal
import tarfile
import tempfile
import threading
from pathlib import Path

from ..common import Trouble
from ..run import emulators
from ..run.console import Lines
from ..run.owntime import OwnTime
from . import saved

LIMIT = 60  # seconds of QEMU's own time for a command
_LATE_LIMIT = 10  # for a look at a command that has not ended
_LATE_BYTES = 300  # of what it has printed
_ASSIGNMENT = re.compile(r"[A-Z]=")  # begins a line that gives a script its values
QEMU_CRASHED = "QEMU crashed: "
_FATAL = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)
_TEXT_MAX = 8 << 20  # bytes kept of a console
_READ_MAX = 1 << 16
_LOOK = 0.2
_PANIC = re.compile(r"Kernel panic - not syncing: (.*)")


def over(shape):
    """Return [(pattern of a line, what has happened)] of the lines with which a machine is over."""
    return [
        (_PANIC, f"{shape.name} panicked: {{}}"),
        *shape.over,
        (re.compile(re.escape(shape.failed) + "(.*)"), f"{shape.name} failed: {{}}"),
    ]


class Failed(Trouble):
    """The machine failed, not its guest: nothing is known of the guest."""


class Late(Failed):
    """A script has not ended within its limit."""


def first_line(script):
    """Return the first line of a script that does more than assign a variable."""
    lines = [line.strip() for line in script.splitlines() if line.strip()]
    return next((line for line in lines if not _ASSIGNMENT.match(line)), lines[-1])


class Outer:
    """A restored machine of a Shape, as a context manager. files: {name: bytes}, which it has in
    /run/in. ram: the descriptor of a file, as large as the machine's memory, that is to be its
    RAM."""

    def __init__(self, shape, files, say=print, ram=None):
        self.problem = ""  # why the machine is over
        self.name = shape.name
        self._over = over(shape)
        self.log = []  # lines of the serial console
        self.changed = threading.Condition()
        self.on_line = lambda line: None  # called with each line of the serial console
        self._errors = tempfile.TemporaryFile()
        self._folder = Path(tempfile.mkdtemp(prefix="paravane-outer-"))
        self._answers = {}
        self._sent = 0
        self._lines, self._agent = Lines(), b""
        self._consoles = {}
        try:
            path = saved.folder(shape, say)
            self.about = saved.about(shape, path)  # its line about itself
            data = _tar(files)
            disk = (self._folder / "disk", data)
            self._machine = saved.restore(shape, path, disk, self._errors, ram)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)  # QEMU has its files open
        self.clock = OwnTime(self._machine.process.pid)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._unpack(len(data))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """End the machine, and remove its files."""
        self._machine.process.kill()
        self._reader.join()
        self._machine.end()
        self._errors.close()

    def _unpack(self, size):
        blocks = -(-size >> 20)
        status, output = self.sh(
            f"dd if=/dev/vda bs=1M count={blocks} 2>/dev/null | tar x -C /run/in"
        )
        if status:
            raise Failed(f"{self.name} cannot read its files: {output.strip()}")

    # ---- Scripts ----

    def start(self, script):
        """Start a shell script in the machine; return its number."""
        with self.changed:
            self._sent += 1
            number = self._sent
        line = f"{number} {base64.b64encode(script.encode()).decode()}\n"
        self._machine.ports[saved.AGENT].sendall(line.encode())
        return number

    def result(self, number):
        """Return (status, output) of a script that has ended, or None."""
        with self.changed:
            return self._answers.pop(number, None)

    def sh(self, script, limit=LIMIT):
        """Run a shell script in the machine; return (status, output)."""
        number = self.start(script)
        found = self.wait_for(lambda: self.result(number), limit)
        if found is None:
            raise self.late(script, limit, f"/run/output.{number}")
        return found

    def late(self, script, limit, path):
        """Return a Late that names a script and what it has printed to a file of the machine."""
        number = self.start(f"tail -c {_LATE_BYTES} {path}")
        found = self.wait_for(lambda: self.result(number), _LATE_LIMIT)
        printed = f"has printed {found[1]!r}" if found else "cannot be looked at: tail hangs, too"
        return Late(
            f"{self.name} did not end {first_line(script)!r} within {limit:g} s; it {printed}"
        )

    def wait_for(self, condition, limit=LIMIT):
        """Return condition() as soon as it is not None, or None after limit seconds of QEMU's own
        time. With a problem of the machine raise Failed, but for what is there already."""
        start = self.clock.seconds()
        with self.changed:
            while True:
                problem = self.problem
                found = condition()
                if found is not None:
                    return found
                if problem:
                    raise Failed(problem)
                if self.clock.seconds() - start > limit:
                    return None
                self.changed.wait(_LOOK)

    # ---- Consoles ----

    def console(self, number):
        """Return the Console of the guest with this number, from 1 on."""
        with self.changed:
            return self._consoles.setdefault(number, Console())

    def lead(self, number, to):
        """Have what comes from the port of one guest on the console of another."""
        with self.changed:
            self._consoles[number] = self.console(to)

    def write(self, number, data):
        """Write to the port of the guest with this number, whose console it is."""
        self._machine.ports[number + 1].sendall(data)

    def type(self, data):
        """Type at the machine's own console."""
        self._machine.process.stdin.write(data)

    # ---- The reading thread ----

    def _read(self):
        serial, ports = self._machine.serial, self._machine.ports
        sources = {serial: self._serial_data}
        for number in range(1, saved.GUESTS_MAX + 1):
            sources[ports[number + 1]] = functools.partial(self._console_data, number)
        # Last, because what a guest has printed must be there when a script reports its end.
        sources[ports[saved.AGENT]] = self._agent_data
        while serial in sources:
            ready = select.select(list(sources), [], [])[0]
            with self.changed:
                for source in ready:
                    data = os.read(source.fileno(), _READ_MAX)
                    sources[source](data)
                    if not data:
                        del sources[source]
                    if len(data) == _READ_MAX:
                        break  # there is more of it, to be read first
                self.changed.notify_all()

    def _serial_data(self, data):
        for line in self._lines.feed(data.replace(b"\r", b"")) if data else self._lines.flush():
            self.log.append(line)
            self.on_line(line)
            for pattern, words in self._over:
                found = pattern.search(line)
                if found and not self.problem:
                    self.problem = words.format(found[1].strip())
        if not data and not self.problem:
            status = self._machine.process.wait()
            self._errors.seek(0)
            error = emulators.error_of(self._errors.read().decode("utf-8", "replace"))
            self.problem = end_of_qemu(status, error)

    def _console_data(self, number, data):
        self.console(number).feed(data)

    def _agent_data(self, data):
        *lines, self._agent = (self._agent + data).split(b"\n")
        for line in lines:
            number, status, output = (line.decode("ascii", "replace").split(" ") + ["", ""])[:3]
            if number.isdecimal() and status.isdecimal():
                self._answers[int(number)] = (
                    int(status),
                    base64.b64decode(output).decode("utf-8", "replace"),
                )


def end_of_qemu(status, error):
    """Return in words how QEMU ended, given its status and its last error, which may be ""."""
    if -status in _FATAL:
        return f"{QEMU_CRASHED}{signal.Signals(-status).name}" + (f": {error}" if error else "")
    without = "a signal ended it" if status < 0 else "the machine was reset"
    return f"QEMU ended with status {status}: {error or without}"


class Console:
    """The bytes that a guest's console has printed, without carriage returns."""

    def __init__(self):
        self.data = bytearray()
        self.on_data = lambda data: None  # called with each piece

    def feed(self, data):
        if len(self.data) < _TEXT_MAX:
            self.data += data.replace(b"\r", b"")
        self.on_data(data)

    def text(self, start=0):
        """Return the text from this byte on. A byte is one character, so the length of a text is
        where the next one begins."""
        return self.data[start:].decode("ascii", "replace")


def _tar(files):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()
