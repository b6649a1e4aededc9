# SPDX-License-Identifier: MIT
"""Save a machine where a replay asks for its program, and replay programs in copies of it.

The image is booted with a slot in place of a program (struct program_slot in trace/program.h). It
begins each page of the memory for a program with a number from the slot, as it does with its rings
of records, and waits. QEMU's state without the RAM is saved then; the RAM is a file here. A replay
gets a copy of that file with the program in its place, and continues at once.
"""

import contextlib
import os
import re
import secrets
import shutil
import socket
import struct
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Optional

from ..common import Trouble
from ..outer.saved import Monitor
from ..run import runs
from ..run.machine import Ending
from ..run.owntime import OwnTime
from . import save
from .recorder import LOOK, PAGE, Recorder

_SLOT = struct.Struct("<8sQQ")
_MAGIC = b"PVRpSlot"
_BLOCK = 1 << 16  # the RAM is copied by blocks, but for those that are 0


class _Monitored(Recorder):
    """A recorder that also has QEMU's monitor."""

    def __init__(self, *how):
        super().__init__(*how)
        self._ours, self._theirs = socket.socketpair()
        self._clock_of_qemu = None

    @property
    def fds(self):
        return [*super().fds, self._theirs.fileno()]

    def qemu_options(self):
        monitor = f"socket,id=snapshot,fd={self._theirs.fileno()}"
        return [*super().qemu_options(), "-chardev", monitor, "-mon",
                "chardev=snapshot,mode=control"]

    def start(self, pid=0):
        self._theirs.close()
        self._clock_of_qemu = OwnTime(pid)
        super().start(pid)

    @contextlib.contextmanager
    def monitor(self, command):
        """Open QEMU's monitor for a command; raise Trouble if QEMU ends."""
        try:
            with contextlib.closing(Monitor(self._ours, self._clock_of_qemu)) as monitor:
                yield monitor
        except (OSError, ValueError) as error:
            raise Trouble(f"QEMU ended at {command}") from error

    def stop(self):
        super().stop()
        self.close_monitor()

    def close_monitor(self):
        for end in (self._ours, self._theirs):
            end.close()


class _Saver(_Monitored):
    """The recorder of the machine that is saved: when the guest asks for its program, QEMU writes
    its state to a file."""

    def __init__(self, path, token, *how):
        super().__init__(*how)
        self._path, self._token_of_program = path, token
        self.ended = threading.Event()  # the attempt to save
        self.problem = "the image does not ask for its program"
        self.program_pages = []

    def idle(self):
        """Look for the memory of the program, and save the machine."""
        if not self.ended.is_set():
            self.program_pages = self.find_pages(self._token_of_program)
        if self.ended.is_set() or not self.program_pages:
            self.pause(LOOK)
            return
        try:
            with self.monitor("migrate") as monitor:
                self._save(monitor)
            self.problem = ""
        except Trouble as trouble:
            self.problem = str(trouble)
        self.ended.set()

    def _save(self, monitor):
        """Save the machine while its CPU executes Xen: QEMU does not load one that was saved in
        SVM's guest mode."""
        monitor.move("migrate", f"exec:cat >{self._path}")
        while not _executes_xen(monitor):
            monitor.ask("cont")
            self.pause(LOOK)
            monitor.move("migrate", f"exec:cat >{self._path}")

    def close(self):
        """Keep the memory, until forget()."""

    def forget(self):
        super().close()


class _Restored(_Monitored):
    """The recorder of a copy of a saved machine."""

    def __init__(self, snapshot, code, *how):
        super().__init__(*how)
        self._snapshot, self.token, self.prologue = snapshot, snapshot.token, snapshot.console
        snapshot.copy_to(self.fd)
        for at, start in zip(snapshot.program_pages, range(0, len(code), PAGE)):
            part = code[start : start + PAGE]
            self.memory[at : at + len(part)] = part
        self.use(snapshot.ring_pages)

    def qemu_options(self):
        return [*super().qemu_options(), "-incoming", "defer"]

    def start(self, pid=0):
        super().start(pid)
        with self.monitor("migrate-incoming") as monitor:
            monitor.move("migrate-incoming", f"exec:cat {self._snapshot.state}")


@dataclass(frozen=True)
class _WantedCopy(save.Wanted):
    """How a copy of a Snapshot is recorded, which replays a program of these bytes."""

    snapshot: Optional["Snapshot"] = None
    code: bytes = b""
    restores = True

    def recorder(self, mib, cpus):
        return _Restored(self.snapshot, self.code, mib, cpus, self.policy, self.what)


@dataclass(frozen=True)
class _WantedSnapshot(save.Wanted):
    """How the machine is recorded that is to be saved."""

    make: Callable = Recorder  # of a _Saver

    def recorder(self, mib, cpus):
        return self.make(mib, cpus, self.policy, self.what)


class Snapshot:
    """A saved machine of a platform with some Options, for programs of at most `size` bytes.
    problem: why it does not exist, or ""; seconds: of its boot."""

    def __init__(self, platform, options, size):
        self._platform, self._number = platform, 0
        self._lock = threading.Lock()
        self._folder = Path(tempfile.mkdtemp(prefix="paravane-snapshot-"))
        self.state = self._folder / "state"
        self._saver = None
        self.problem = ""
        try:
            self._boot(options, size)
        except BaseException:
            self.problem = self.problem or "it was interrupted"
            self.close()
            raise

    def _boot(self, options, size):
        """Boot the machine until it waits for its program, and save it."""
        token = secrets.randbits(64)
        self._directory = runs.RunDirectory(
            options.image, _SLOT.pack(_MAGIC, token, -(-size // PAGE) * PAGE))

        def make(*how):
            self._saver = _Saver(self.state, token, *how)
            return self._saver

        wanted = _WantedSnapshot(self._folder / "boot.trace", what="calls", make=make)
        self._options = replace(options, run="replay", record=wanted)
        result = self._directory.run(
            self._platform, self._options, label="-saved",
            watch=lambda *_: Ending("enough") if self._saver.ended.is_set() else None)
        self.problem = self._saver.problem if self._saver else result.reason
        if self.problem:
            return
        self.token, self.seconds = self._saver.token, result.seconds
        self.ring_pages = self._saver.ring_pages
        self.program_pages = self._saver.program_pages
        console = self._directory.path / f"{self._platform.name}-saved/console.log"
        self.console = console.read_bytes()
        self._blocks = list(_used_blocks(self._saver))

    def run(self, made, path, stop=None):
        """Replay a Program in a copy of the machine; write the recording to path, and return the
        Result."""
        with self._lock:
            self._number += 1
            label = f"-{self._number}"
        wanted = _WantedCopy(path, what="calls", snapshot=self, code=made.code())
        return self._directory.run(self._platform, replace(self._options, record=wanted),
                                   stop=stop, label=label)

    def close(self):
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._saver:
            self._saver.forget()
            self._saver = None

    def copy_to(self, fd):
        """Write the RAM to an empty file of its size."""
        for start, size in self._blocks:
            os.pwrite(fd, self._saver.memory[start : start + size], start)


def _executes_xen(monitor):
    """Return whether the next instruction of a machine's only CPU is one of Xen's."""
    shown = monitor.ask("human-monitor-command", **{"command-line": "info registers"})
    return re.search(r"RIP=ffff82[0-9a-f]{10}\b", shown) is not None


def _used_blocks(recorder):
    """Yield (start, size) of the contiguous parts of a recorder's memory that are not 0."""
    zero, start, end = bytes(_BLOCK), 0, 0
    for at in recorder.blocks(_BLOCK):
        data = recorder.memory[at : at + _BLOCK]
        if data == zero[: len(data)]:
            continue
        if at != end:
            if end:
                yield start, end - start
            start = at
        end = at + len(data)
    if end:
        yield start, end - start
