# SPDX-License-Identifier: MIT
"""Take a running machine's records out of its memory (pv/record/record.h).

The machine's RAM is a file without a name that this process shares with the emulator. The guest
begins each page of its rings with a number that it was given on its command line; a thread here
looks for these pages, says that it has found them, and then copies records as they are completed.
What is in the memory when the machine has ended is read then, however it has ended.
"""

import mmap
import os
import secrets
import struct
import tempfile
import threading
import time

from ..common import Trouble

PAGE = 4096
_MAGIC = 0x6563617274767241
_PAGE_HEAD = struct.Struct("<QQII")
_RINGS = 256  # offset in struct record_control
_RING_WORDS = 4
_RINGS_MAX = 64
_PAGES_MAX = 1 << 20
LOOK = 0.3  # seconds between two searches of the memory
_IDLE = 0.002  # seconds between two looks at rings that were empty
PAD = 1
# In the environment, for a test of lost records: take none before the machine has ended.
LATE = "PARAVANE_RECORD_LATE"
_RECORD_MIN, _RECORD_MAX = 8, 1 << 17


class Recorder:
    """The recorder of one run. Use: options for the emulator from `qemu_options`, a word for the
    image from `word`; start() once the emulator runs; stop() when it has ended."""

    def __init__(self, mib, cpus, policy="wait", what="ops"):
        self.size = mib << 20
        self.cpus = min(cpus, _RINGS_MAX)
        self.policy, self.what = policy, what
        self.token = secrets.randbits(64)
        self.prologue = b""  # what the machine had printed before this recorder began
        self.fd = os.memfd_create("paravane-ram", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, self.size)
        self.memory = mmap.mmap(self.fd, self.size)
        self.raw = tempfile.TemporaryFile()
        self.lost = {}  # CPU: records
        self._clock = []  # (seconds, ticks) when the first and the last record were taken
        self.found = False
        self.ring_pages = []  # the addresses of the guest's pages
        self.broken = ""  # why records cannot be trusted from a place on
        self._rings = []
        self._stop = threading.Event()
        self._thread = None

    def word(self):
        """Return the word for the image's command line."""
        lossy = ",lossy" if self.policy == "lose" else ""
        what = "" if self.what == "ops" else f",{self.what}"
        return f"record={self.token:016x},{self.cpus}{lossy}{what}"

    @property
    def fds(self):
        """Return the descriptors that the emulator inherits."""
        return [self.fd]

    def qemu_options(self):
        """Return the options by which QEMU's RAM is this recorder's file."""
        ram = f"memory-backend-file,id=ram,size={self.size >> 20}M,mem-path=/proc/self/fd/{self.fd}"
        return ["-object", ram + ",share=on", "-machine", "memory-backend=ram"]

    def start(self, pid=0):
        """Begin to look for records; pid: of the emulator."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self):
        """Read what is left, and close the memory."""
        self._stop.set()
        if self._thread:
            self._thread.join()
        if not self._rings:
            self._find()
        while self._drain():
            pass
        for number, ring in enumerate(self._rings):
            if ring.lost():
                self.lost[number] = ring.lost()
        self._rings = []
        self.close()

    def close(self):
        """Forget the memory."""
        self.memory = None
        os.close(self.fd)

    def rate(self):
        """Return the guest's ticks in a second, estimated; 0 if too little was recorded."""
        if len(self._clock) < 2 or self._clock[1][0] - self._clock[0][0] < 0.05:
            return 0
        (start, first), (end, last) = self._clock
        return max(0, int((last - first) / (end - start)))

    def _run(self):
        while not self._stop.is_set() and not self._find():
            self.pause(LOOK)
        while not self._stop.is_set():
            if os.environ.get(LATE) or not self._drain():
                self.idle()

    def idle(self):
        """Do what there is to do while no record is there."""
        self.pause(_IDLE)

    def pause(self, seconds):
        """Wait, unless the machine ends."""
        self._stop.wait(seconds)

    def _find(self):
        """Look for the guest's rings; return whether all their pages are there."""
        pages = self.find_pages(self.token)
        if pages:
            self.use(pages)
        return bool(pages)

    def find_pages(self, token):
        """Return the addresses of the pages that the guest has labelled with this number, in their
        order; [] if not all of them are there."""
        pages, count = {}, None
        head = struct.pack("<QQ", _MAGIC, token)
        for at in self.blocks(PAGE):
            if self.memory[at : at + 16] == head:
                _, _, number, count = _PAGE_HEAD.unpack_from(self.memory, at)
                pages[number] = at
        if not count or count > _PAGES_MAX or set(pages) != set(range(count)):
            return []
        return [pages[number] for number in range(count)]

    def blocks(self, size):
        """Yield the address of each block of so many bytes that has memory."""
        at = 0
        while at < self.size:
            try:
                at = os.lseek(self.fd, at, os.SEEK_DATA)
                end = os.lseek(self.fd, at, os.SEEK_HOLE)
            except OSError:
                return
            at -= at % size
            yield from range(at, min(end, self.size), size)
            at = -(-end // size) * size

    def use(self, pages):
        """Take records from the rings on these pages."""
        self.ring_pages = pages
        control = memoryview(self.memory)[pages[0] : pages[0] + PAGE]
        _, nr_rings, ring_size, ready, _ = struct.unpack_from("<IIQII", control, 24)
        if not 1 <= nr_rings <= _RINGS_MAX or (len(pages) - 1) * PAGE < nr_rings * ring_size:
            raise Trouble("the guest's records have no possible layout")
        words, each = control.cast("Q"), ring_size // PAGE
        self._rings = [
            _Ring(self.memory, words[_RINGS // 8 + i * _RING_WORDS :][:_RING_WORDS],
                  pages[1 + i * each : 1 + (i + 1) * each], ring_size)
            for i in range(nr_rings)
        ]
        if not ready:
            control.cast("I")[40 // 4] = 1
        self.found = True

    def _drain(self):
        """Take what is complete; return whether there was anything."""
        some = False
        for ring in self._rings:
            taken = ring.take()
            if taken:
                self.raw.write(taken)
                self._clock = [*self._clock[:1], (time.monotonic(), ring.ticks)]
                some = True
            self.broken = self.broken or ring.broken
        return some


class _Ring:
    """One ring. Its words: head, tail, lost."""

    def __init__(self, memory, words, pages, size):
        self._view = memoryview(memory)
        self._words = words
        self._pages = pages
        self._size = size
        self._cells = [self._view[at : at + PAGE].cast("Q") for at in pages]
        self.broken = ""
        self.ticks = 0  # of the last record that was taken

    def lost(self):
        return self._words[2]

    def take(self):
        """Return the bytes of all complete records, and give their room back to the guest."""
        head, tail = self._words[0], self._words[1]
        at = tail
        while at < head and not self.broken:
            place = at % self._size
            commit = self._cells[place // PAGE][place % PAGE // 8]
            if not commit:
                break
            size = commit & 0xFFFFFFFF
            if size % 8 or not _RECORD_MIN <= size <= self._size - place or size > head - at:
                self.broken = f"a record of {size} bytes at {at} of a ring"
                break
            if commit >> 32 & 0xFF != PAD:
                self.ticks = self._cells[(place + 16) // PAGE][(place + 16) % PAGE // 8]
            at += size
        if at == tail:
            return b""
        data = self._bytes(tail, at)
        self._clear(tail, at)
        self._words[1] = at
        return data

    def _pieces(self, start, end):
        """Yield (address, bytes) of the ring's part [start, end)."""
        while start < end:
            place = start % self._size
            room = min(PAGE - place % PAGE, end - start)
            yield self._pages[place // PAGE] + place % PAGE, room
            start += room

    def _bytes(self, start, end):
        return b"".join(bytes(self._view[at : at + n]) for at, n in self._pieces(start, end))

    def _clear(self, start, end):
        for at, n in self._pieces(start, end):
            self._view[at : at + n] = bytes(n)
