# SPDX-License-Identifier: MIT
"""Boot a machine once in QEMU, save it when its agent is ready, and restore it for each run.

The RAM is a file, which a restored machine maps privately; the rest of the state is QEMU's
migration stream. Both hold for one machine only: the key of a saved state is a digest of what is
booted, the QEMU and its options.
"""

import fcntl
import hashlib
import json
import os
import select
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from .. import archive
from ..common import EXIT_SKIP, Trouble
from ..run import emulators
from ..run.owntime import OwnTime

GUESTS_MAX = 8  # of one machine
PORTS = 1 + GUESTS_MAX  # of the virtio console: the agent's, and a guest's console at GUEST + 1
_DISK = 1 << 30  # bytes, of a sparse file that hands files to the machine
_BOOT_LIMIT = 300  # seconds of QEMU's own time for a boot
_MOVE_LIMIT = 120  # seconds of QEMU's own time for the migration stream
_ANSWER_LIMIT = 1200  # seconds for one answer of QEMU's, however busy this computer is
_UNUSED_DAYS = 14  # after which a saved state is removed
AGENT = 1  # its port
_FAILED = "{}: failed: "


@dataclass(frozen=True)
class Shape:
    """A machine. mem: MiB; emulator: which QEMU, "" for the default; cpu: features added to or
    removed from the model; counted: instructions are counted, one a nanosecond of its clock.

    A kind of machine (dom0/shape.py, kvm/shape.py) defines:

    kind: in the lines that its /init prints; name: in messages; folder: in the cache; model: QEMU's
    -cpu; over: [(pattern, words)] of the lines with which it is over; missing: in words, with the
    remedy, that nothing is assembled; find(): return what is assembled, or None, with its key;
    options(assembled): QEMU's options for what is booted; about(log): return a line about itself.
    """

    mem: int
    cpus: int = 1
    emulator: str = ""
    cpu: str = ""
    counted: bool = field(default=False, kw_only=True)

    over: ClassVar[tuple] = ()

    @property
    def failed(self):
        """Return how a line of /init begins that reports a failure."""
        return _FAILED.format(self.kind)

    def more_key(self):
        """Return what else a saved state depends on."""
        return []

    def refuse(self, reason):
        """Raise Trouble for a failure that /init has printed."""
        raise Trouble(f"{self.name} did not start: {reason}")


@dataclass
class Machine:
    """A QEMU process and the sockets that lead into it. serial: what the hypervisor and the kernel
    print."""

    process: subprocess.Popen
    monitor: "Monitor"
    ports: dict = field(default_factory=dict)

    @property
    def serial(self):
        return self.process.stdout

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.monitor, *self.ports.values()):
            stream.close()


class Monitor:
    """QEMU's monitor protocol (QMP) on a socket. clock: QEMU's OwnTime."""

    def __init__(self, connection, clock):
        connection.settimeout(_ANSWER_LIMIT)
        self._clock = clock
        self._connection = connection
        self._file = connection.makefile("rw", encoding="utf-8")
        self._file.readline()  # the greeting
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        """Return the answer to a command; events in between are of no interest."""
        self._file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._file.flush()
        for line in self._file:
            answer = json.loads(line)
            if "error" in answer:
                raise Trouble(f"QEMU refuses {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
        raise Trouble(f"QEMU ended at {command}")

    def move(self, command, uri):
        """Save or load the state without the RAM, which is in its own file."""
        self.ask(
            "migrate-set-capabilities",
            capabilities=[{"capability": "x-ignore-shared", "state": True}],
        )
        self.ask(command, uri=uri)
        end = self._clock.seconds() + _MOVE_LIMIT
        while self._clock.seconds() < end:
            status = self.ask("query-migrate").get("status")
            if status == "completed":
                return
            if status == "failed":
                raise Trouble(f"QEMU's {command} failed")
            time.sleep(0.005)
        raise Trouble(f"QEMU's {command} took more than {_MOVE_LIMIT} s")

    def close(self):
        self._file.close()
        self._connection.close()


def command_line(shape, assembled, ram, private, disk, fds, restores=None):
    """Return QEMU's command line. private: do not change the file of the RAM; fds: the descriptors
    of the monitor and of the ports, in this order; restores: wait for a saved state, by default if
    private."""
    argv = [
        shape.emulator or emulators.default(),
        "-accel",
        "tcg" if shape.counted else "tcg,thread=multi",
        *(["-icount", "shift=0"] if shape.counted else []),
        "-machine",
        "pc,memory-backend=ram",
    ]
    argv += [
        "-cpu",
        f"{shape.model},{shape.cpu}" if shape.cpu else shape.model,
        "-m",
        str(shape.mem),
        "-smp",
        str(shape.cpus),
    ]
    shared = "off" if private else "on"
    argv += [
        "-object",
        f"memory-backend-file,id=ram,size={shape.mem}M,mem-path={ram},share={shared}",
    ]
    argv += ["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio"]
    argv += shape.options(assembled)
    argv += [
        "-drive",
        f"if=none,id=disk,file={disk},format=raw,readonly=on",
        "-device",
        "virtio-blk-pci,drive=disk",
    ]
    argv += ["-chardev", f"socket,id=monitor,fd={fds[0]}", "-mon", "chardev=monitor,mode=control"]
    argv += ["-device", f"virtio-serial-pci,max_ports={PORTS + 1}"]
    for number, fd in enumerate(fds[1:], 1):
        argv += [
            "-chardev",
            f"socket,id=port{number},fd={fd}",
            "-device",
            f"virtserialport,chardev=port{number},nr={number}",
        ]
    waits = private if restores is None else restores
    return argv + (["-incoming", "defer"] if waits else [])


def _start(shape, assembled, ram, private, disk, errors, ram_fd=None):
    """Start QEMU; return the Machine. ram_fd: in place of ram, the descriptor of a file that has
    the saved RAM."""
    pairs = [socket.socketpair() for _ in range(1 + PORTS)]
    fds = [theirs.fileno() for _, theirs in pairs]
    inherited, restores = fds, private
    if ram_fd is not None:
        ram, private, inherited = f"/proc/self/fd/{ram_fd}", False, [*fds, ram_fd]
    guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    try:
        process = subprocess.Popen(
            [*guard, *command_line(shape, assembled, ram, private, disk, fds, restores)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            pass_fds=inherited,
            bufsize=0,
            start_new_session=True,
        )
    except OSError as error:
        raise Trouble(
            f"cannot run {shape.emulator or emulators.default()}: {error.strerror}"
        ) from error
    finally:
        for _, theirs in pairs:
            theirs.close()
    ours = [mine for mine, _ in pairs]
    monitor = Monitor(ours[0], OwnTime(process.pid))
    return Machine(process, monitor, dict(enumerate(ours[1:], 1)))


def _disk(path, data=b""):
    """Make the disk: data, then a hole."""
    with open(path, "wb") as file:
        file.write(data)
        file.truncate(_DISK)


# ---- Saving ----


def folder(shape, say=print):
    """Return the folder of the saved machine; boot and save it if the cache lacks it."""
    assembled = shape.find()
    if assembled is None:
        raise Trouble(shape.missing, EXIT_SKIP)
    path = archive.cache_dir() / shape.folder / f"saved-{_key(shape, assembled)}"
    with _lock(path):
        if not path.exists():
            size = f"{shape.cpus} CPUs and {shape.mem} MiB"
            say(f"booting {shape.name} with {size}, to restore it later")
            _save(shape, assembled, path)
            _prune(path.parent)
        os.utime(path)
    return path


def _key(shape, assembled):
    emulator = shutil.which(shape.emulator or emulators.default()) or ""
    stat = os.stat(emulator) if emulator else None
    parts = [
        assembled.key,
        command_line(shape, assembled, "", False, "", [0] * (1 + PORTS)),
        emulators.version_of(emulator),
        stat and (stat.st_size, stat.st_mtime_ns),
        *shape.more_key(),
    ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


@contextmanager
def _lock(path):
    with open(path.with_suffix(".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _save(shape, assembled, path):
    scratch = Path(tempfile.mkdtemp(prefix="saving-", dir=path.parent))
    try:
        _disk(scratch / "disk")
        with open(scratch / "errors", "wb") as errors:
            machine = _start(
                shape, assembled, scratch / "ram-whole", False, scratch / "disk", errors
            )
            try:
                (scratch / "log").write_bytes(_wait_until_ready(machine, shape))
                machine.monitor.move("migrate", f"exec:cat >{scratch}/state")
            finally:
                machine.end()
        sparse = ["cp", "--sparse=always", scratch / "ram-whole", scratch / "ram"]
        subprocess.run(sparse, check=True, stdin=subprocess.DEVNULL)
        for name in ("ram-whole", "disk"):
            (scratch / name).unlink()
        scratch.rename(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _wait_until_ready(machine, shape):
    """Return what the serial console has printed when the agent greets."""
    clock, said = OwnTime(machine.process.pid), b""
    while clock.seconds() < _BOOT_LIMIT:
        ready = select.select([machine.serial, machine.ports[AGENT]], [], [], 1)[0]
        if machine.ports[AGENT] in ready and machine.ports[AGENT].recv(4096):
            return said
        if machine.serial in ready:
            data = os.read(machine.serial.fileno(), 65536)
            said += data
            text = said.decode("utf-8", "replace")
            if shape.failed in text:
                shape.refuse(text.split(shape.failed, 1)[1].splitlines()[0].strip())
            if not data:
                raise Trouble(f"{shape.name} ended while it booted: {_last_line(text)}")
    raise Trouble(
        f"{shape.name} was not ready after {_BOOT_LIMIT} s; its last line:"
        f" {_last_line(said.decode('utf-8', 'replace'))}"
    )


def _last_line(text):
    return (text.strip().splitlines() or ["it printed nothing"])[-1]


def _prune(cache):
    """Remove what was not used for some time: saved states, and parts of other package versions."""
    for path in [*cache.glob("saved-*[0-9a-f]"), *cache.glob("parts-*"), *cache.glob("saving-*")]:
        if time.time() - path.stat().st_mtime > _UNUSED_DAYS * 86400:
            shutil.rmtree(path, ignore_errors=True)


# ---- Restoring ----


def copy_sparse(source, target):
    """Copy what a sparse file has into another one of its size, whose holes remain holes."""
    with open(source, "rb", 0) as old, open(target, "r+b", 0) as new:
        size, at = os.fstat(old.fileno()).st_size, 0
        while at < size:
            try:
                at = os.lseek(old.fileno(), at, os.SEEK_DATA)
            except OSError:
                return  # nothing but a hole follows
            end = os.lseek(old.fileno(), at, os.SEEK_HOLE)
            os.lseek(new.fileno(), at, os.SEEK_SET)
            while at < end:
                at += os.sendfile(new.fileno(), old.fileno(), at, end - at)


def about(shape, path):
    """Return the line in which the machine of a saved state reports what it is."""
    return shape.about((path / "log").read_text(errors="replace").splitlines())


def restore(shape, path, disk, errors, ram_fd=None):
    """Start a machine from the saved state in the folder path, with data on its disk; disk: (path,
    data). ram_fd: the descriptor of a file that is to be its RAM, and may be read during that."""
    _disk(*disk)
    if ram_fd is not None:
        copy_sparse(path / "ram", f"/proc/self/fd/{ram_fd}")
    machine = _start(shape, shape.find(), path / "ram", True, disk[0], errors, ram_fd)
    try:
        machine.monitor.move("migrate-incoming", f"exec:cat {path}/state")
    except BaseException:
        machine.end()
        raise
    return machine
