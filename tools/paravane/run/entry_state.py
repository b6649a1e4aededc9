# SPDX-License-Identifier: MIT
"""QEMU with registers changed at an address: how a machine looks that a loader or firmware left in
another state.

entry_state.py ADDRESS REGISTER=VALUE... -- QEMU ARGUMENT...

A word map=FILE adds regions to the memory map of a PVH loader, one for each line "BASE SIZE TYPE"
of FILE; modules=N repeats its first module N times, each with a string of strings=LENGTH
characters; at=PA puts these lists elsewhere in RAM. A word code=HEX makes the CPU execute these
bytes first, where 32-bit and early 64-bit code reach them alike.

Becomes QEMU, whose gdb stub a child process serves: it waits until the CPU is about to execute the
instruction at ADDRESS, in the state that "eax==VALUE" words ask for, sets the registers, and lets
the machine run. If that fails it says so and ends QEMU. The protocol is GDB's (Remote Serial
Protocol); the numbers of the registers are those of QEMU's description i386-64bit.xml.
"""

import os
import socket
import struct
import sys
import tempfile
import time

_NUMBERS = {"eax": 0, "ebx": 1, "ecx": 2, "edx": 3, "rip": 16, "eflags": 17, "cr0": 27, "cr4": 30,
            "efer": 32}
# Where the new lists are written: RAM that neither the kernel's image nor QEMU's loader uses, in
# 256 MiB.
_LISTS = 0x6000000
_MAP, _MODULES, _STRING = 0, 0x100000, 0x200000  # from there on
CODE = 0x6300000
_PATIENCE = 120  # seconds until QEMU listens, and for each answer


class Stub:
    """One connection to a gdb stub."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_PATIENCE)
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                self._socket.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        self._read = self._socket.makefile("rb")

    def send(self, text):
        data = text.encode()
        self._socket.sendall(b"$" + data + b"#%02x" % (sum(data) % 256))

    def ask(self, text):
        """Send a packet; return the answer's text."""
        self.send(text)
        while True:
            byte = self._read.read(1)
            if not byte:
                raise OSError("QEMU closed the connection")
            if byte == b"$":
                answer = b"".join(iter(lambda: self._read.read(1), b"#"))
                self._read.read(2)
                self._socket.sendall(b"+")
                return answer.decode("ascii", "replace")

    def must(self, text):
        answer = self.ask(text)
        if answer != "OK":
            raise OSError(f"{text}: {answer or 'not supported'}")

    def register(self, name):
        data = bytes.fromhex(self.ask(f"p{_NUMBERS[name]:x}"))
        return int.from_bytes(data, "little")

    def memory(self, address, size):
        return b"".join(
            bytes.fromhex(self.ask(f"m{at:x},{min(1024, address + size - at):x}"))
            for at in range(address, address + size, 1024)
        )

    def set_memory(self, address, data):
        for at in range(0, len(data), 1024):
            part = data[at : at + 1024]
            self.must(f"M{address + at:x},{len(part):x}:{part.hex()}")

    def set_register(self, name, value):
        """Write a register, as many bytes as a read of it returns."""
        size = len(self.ask(f"p{_NUMBERS[name]:x}")) // 2
        self.must(f"P{_NUMBERS[name]:x}={struct.pack('<Q', value)[:size].hex()}")
        if self.register(name) != value:
            raise OSError(f"{name} is {self.register(name):#x} after {value:#x} was written")


class StartInfo:
    """A PVH loader's information (xen/arch-x86/hvm/start_info.h), which %ebx points at."""

    def __init__(self, stub, lists):
        self._stub = stub
        self._lists = lists
        self._address = stub.register("ebx")

    def _field(self, offset, size):
        return int.from_bytes(self._stub.memory(self._address + offset, size), "little")

    def _set(self, offset, size, value):
        self._stub.set_memory(self._address + offset, value.to_bytes(size, "little"))

    def add_regions(self, path):
        count = self._field(48, 4)
        table = self._stub.memory(self._field(40, 8), count * 24)
        with open(path, encoding="ascii") as lines:
            regions = [[int(word, 0) for word in line.split()] for line in lines]
        table += b"".join(struct.pack("<QQII", *region, 0) for region in regions)
        self._stub.set_memory(self._lists + _MAP, table)
        self._set(40, 8, self._lists + _MAP)
        self._set(48, 4, count + len(regions))

    def repeat_module(self, count, length):
        base, size = struct.unpack("<QQ", self._stub.memory(self._field(16, 8), 16))
        string, modules = self._lists + _STRING, self._lists + _MODULES
        self._stub.set_memory(string, b"s" * length + b"\0")
        self._stub.set_memory(modules, struct.pack("<QQQQ", base, size, string, 0) * count)
        self._set(16, 8, modules)
        self._set(12, 4, count)


def _change(path, address, words):
    stub = Stub(path)
    # Until it is read QEMU takes no register by number
    stub.ask("qXfer:features:read:target.xml:0,ffb")
    wanted = [word.split("==") for word in words if "==" in word]
    changed = [word.split("=") for word in words if "==" not in word]
    stub.must(f"Z1,{address:x},1")
    while True:
        stop = stub.ask("c")
        if not stop.startswith(("T05", "S05")):
            raise OSError(f"the machine stopped with {stop!r}")
        if all(stub.register(name) == int(value, 0) for name, value in wanted):
            break
    lists = {name: value for name, value in changed if name not in _NUMBERS}
    for name, value in changed:
        if name in _NUMBERS:
            stub.set_register(name, int(value, 0))
    at = int(lists.get("at", hex(_LISTS)), 0)
    if "map" in lists:
        StartInfo(stub, at).add_regions(lists["map"])
    if "modules" in lists:
        StartInfo(stub, at).repeat_module(int(lists["modules"]), int(lists["strings"]))
    if "code" in lists:
        stub.set_memory(CODE, bytes.fromhex(lists["code"]))
        stub.set_register("rip", CODE)
    stub.must(f"z1,{address:x},1")
    stub.must("D")


def main(args):
    split = args.index("--")
    address, words, qemu = int(args[0], 0), args[1:split], args[split + 1 :]
    path = os.path.join(tempfile.mkdtemp(), "gdb")
    parent = os.getpid()
    if os.fork():
        os.execvp(qemu[0], [*qemu, "-S", "-gdb", f"unix:{path},server=on,wait=off"])
    try:
        _change(path, address, words)
    except (OSError, ValueError) as error:
        print(f"entry_state: {error}", file=sys.stderr, flush=True)
        os.kill(parent, 9)
    os.unlink(path)
    os.rmdir(os.path.dirname(path))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
