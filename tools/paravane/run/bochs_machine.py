#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run Bochs with the guest's serial port COM1 as standard input and output: bochs_machine.py
CONFIGURATION [LIBRARY FD BYTES]

LIBRARY (bochs_memory.c) puts the guest's memory, so many bytes, into the file FD.

COM1 is a TCP connection from Bochs to this program, because the other kinds of ports that Bochs has
lose bytes while the reader is late, or take no input. What Bochs itself says goes to bochs.log
beside the configuration file.

Exit status: 0 if the guest turned the machine off or reset it; 1 if Bochs did not start the
machine; 2 if Bochs gave it up. For 1 and 2 the reason is the last line of standard error.
"""

import os
import select
import shutil
import socket
import subprocess
import sys
from pathlib import Path

DONE, NOT_STARTED, GAVE_UP = 0, 1, 2
_LOG_MAX = 8 << 20
_LINE_MAX = 4096
_DRAIN_LIMIT = 5.0  # seconds for what is on its way when Bochs has ended
_SOFT_OFF = "ACPI control: soft power off"
# UTC with a daylight saving time that differs by nothing: Bochs leaves tm_isdst at random when the
# guest sets the
# clock, and mktime() would be an hour off then.
_ZONE = "UTC0DST0,M3.2.0,M11.1.0"
# No window and no sound.
_ENVIRONMENT = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy", "TZ": _ZONE}


class Said:
    """The output of Bochs: kept in a log, and searched for the reason of its end and for resets of
    the machine."""

    def __init__(self, log):
        self.reason = ""
        self.resets = 0  # the first one is the power-on
        self._log = log
        self._room = _LOG_MAX
        self._partial = b""
        self._exiting = False

    def feed(self, data):
        self._log.write(data[: self._room])
        self._room -= min(len(data), self._room)
        lines = (self._partial + data).split(b"\n")
        self._partial = lines.pop()[-_LINE_MAX:]
        for line in lines:
            self._line(line.decode("utf-8", "replace"))

    def _line(self, line):
        if self._exiting and not self.reason:
            self.reason = line.partition("] ")[2] or line
        self._exiting = self._exiting or "Bochs is exiting with the following message" in line
        self.resets += "bx_pc_system_c::Reset(" in line

    def ending(self, connected):
        """Return the exit status."""
        if self.reason == _SOFT_OFF or self.resets > 1:
            return DONE
        return GAVE_UP if connected else NOT_STARTED


class Relay:
    """Copy bytes between Bochs, the guest's serial port, and this program's standard input and
    output."""

    def __init__(self, bochs, listener, said):
        self._bochs = bochs
        self._listener = listener
        self._said = said
        self._guest = None
        self._input = [0]
        self.connected = False

    def run(self):
        """Return when Bochs ends or the guest resets the machine."""
        while self._said.resets < 2:
            for ready in select.select(self._sources(), [], [])[0]:
                if ready is self._bochs:
                    data = os.read(self._bochs.fileno(), 65536)
                    if not data:
                        return
                    self._said.feed(data)
                elif ready is self._listener:
                    self._connect()
                elif ready is self._guest:
                    self._print()
                else:
                    self._type()

    def drain(self):
        """Print what the guest has sent and this program has not read yet."""
        while self._guest and select.select([self._guest], [], [], _DRAIN_LIMIT)[0]:
            self._print()

    def _sources(self):
        port = [self._guest,
                *self._input] if self._guest else [] if self.connected else [self._listener]
        return [self._bochs, *port]

    def _connect(self):
        self._guest = self._listener.accept()[0]
        self._listener.close()
        self.connected = True

    def _print(self):
        try:
            data = self._guest.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            self._guest.close()
            self._guest = None
        while data:
            data = data[os.write(1, data) :]

    def _type(self):
        data = os.read(0, 1024)
        if data:
            self._guest.sendall(data)
        else:
            self._input = []


def _sharing(library="", fd="", size=""):
    """Return (environment, descriptors) with which Bochs has the guest's memory in a file."""
    if not library:
        return {}, []
    return {"LD_PRELOAD": library, "BOCHS_MEMORY": f"{fd} {size}"}, [int(fd)]


def main(path, *shared):
    """Run one machine; return the exit status."""
    more, fds = _sharing(*shared)
    path = Path(path)
    commands = path.with_name("debugger")
    commands.write_text("c\n")  # Debian's Bochs has a debugger, which waits for a command
    listener = socket.create_server(("127.0.0.1", 0))
    port = f"com1: enabled=1, mode=socket-client, dev=127.0.0.1:{listener.getsockname()[1]}"
    guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    with open(path.with_name("bochs.log"), "wb", 0) as log:
        said = Said(log)
        bochs = subprocess.Popen(
            [*guard, "bochs", "-q", "-f", str(path), "-rc", str(commands), port],
            env={**os.environ, **_ENVIRONMENT, **more},
            pass_fds=fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        relay = Relay(bochs.stdout, listener, said)
        try:
            relay.run()
        finally:
            bochs.kill()
            bochs.wait()
        relay.drain()
    status = said.ending(relay.connected)
    if status != DONE:
        print(f"bochs: {said.reason or 'it ended without a reason'}", file=sys.stderr)
    return status


if __name__ == "__main__":
    if len(sys.argv) not in (2, 5):
        sys.exit(__doc__.splitlines()[0])
    sys.exit(main(*sys.argv[1:]))
