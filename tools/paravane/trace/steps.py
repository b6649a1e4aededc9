# SPDX-License-Identifier: MIT
"""The program that the image replays, as bytes (trace/program.h has its layout)."""

import struct
from dataclasses import dataclass, field, replace
from typing import Optional

from . import frames, tables
from .events import Event

_HEAD = struct.Struct("<8sIIII")  # and a word for each symbol
_STEP = struct.Struct("<IHHIIII15Q")  # struct step
_RELOCATION = struct.Struct("<BBBBIIIQ")
_BIND = struct.Struct("<IIII")
VERSION = 2
REGISTERS = "rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r11 r12 r13 r14 r15".split()
FILL, CODE, CALL = 1, 32, 64  # enum step_mode
OWN_ROOT = 0xFFFFFFFF
WORD = (1 << 64) - 1


@dataclass(frozen=True)
class Relocation:
    """Where a step needs the address of its memory (at an offset), or the value of a symbol."""

    is_memory: bool  # it is put into the memory, else into a register
    at: int  # the register's number, or the offset
    size: int
    symbol: int = -1  # -1: the address
    offset: int = 0
    addend: int = 0
    shift: int = 0

    def pack(self):
        is_symbol = self.symbol >= 0
        return _RELOCATION.pack(self.is_memory, is_symbol, self.shift, self.size, self.at,
                                self.symbol if is_symbol else self.offset, 0, self.addend & WORD)


@dataclass(frozen=True)
class Bind:
    """The symbol is what the memory has there after the call, plus addend."""

    symbol: int
    at: int
    size: int
    addend: int = 0

    def pack(self):
        return _BIND.pack(self.symbol, self.at, self.size, self.addend)


@dataclass(frozen=True)
class Batch:
    """The entries of a call that has several: where they are in the memory, in which register their
    number is, and the call's names of both."""

    at: int
    size: int
    count: int
    register: str
    name: str
    counter: str

    def moved(self, items, kept):
        """Return relocations or binds with those of the kept entries at their new places, and
        without the others'."""
        found = []
        for one in items:
            entry, offset = divmod(one.at - self.at, self.size)
            is_entry = getattr(one, "is_memory", True) and 0 <= entry < self.count
            if not is_entry:
                found.append(one)
            elif entry in kept:
                found.append(replace(one, at=self.at + kept.index(entry) * self.size + offset))
        return found


@dataclass
class Step:
    """One step: the event of the recording, and what is made of it."""

    event: Event
    mode: int = CALL
    root: int = 0  # 1 + the symbol of the root on which it is made; OWN_ROOT
    registers: dict = field(default_factory=lambda: dict.fromkeys(REGISTERS, 0))
    memory: bytearray = field(default_factory=bytearray)
    relocations: list = field(default_factory=list)
    binds: list = field(default_factory=list)
    instructions: bytes = b""
    batch: Optional[Batch] = None
    kept: Optional[tuple] = None  # the numbers of the batch's entries that are left; None: all

    def shortened(self, kept):
        """Return the step with these entries of its batch, none of which has been removed before.
        """
        of = self.batch
        memory, end = bytearray(self.memory), of.at + of.count * of.size
        entries = [self.memory[of.at + i * of.size :][: of.size] for i in kept]
        memory[of.at : end] = b"".join(entries).ljust(end - of.at, b"\0")
        return replace(self, memory=memory, kept=tuple(kept),
                       registers={**self.registers, of.register: len(kept)},
                       relocations=of.moved(self.relocations, kept),
                       binds=of.moved(self.binds, kept))

    def emptied(self):
        """Return the step of a page table without its entries, pinned by itself."""
        return replace(self, memory=bytearray(tables.PAGE),
                       registers={**self.registers, "rdx": 1})

    def code(self):
        """Return the step as the image reads it."""
        parts = [one.pack() for one in self.relocations + self.binds]
        body = b"".join(parts) + bytes(self.memory) + self.instructions
        size = -(-(_STEP.size + len(body)) // 8) * 8
        head = _STEP.pack(size, self.mode, len(self.relocations), len(self.binds),
                          len(self.memory), len(self.instructions), self.root,
                          *(value & WORD for value in self.registers.values()))
        return (head + body).ljust(size, b"\0")


@dataclass
class Program:
    """The steps of a recording, and how many of its calls are left out, by reason."""

    steps: list = field(default_factory=list)
    left: dict = field(default_factory=dict)
    words: list = field(default_factory=list)  # of the symbols
    mfns: dict = field(default_factory=dict)  # of the symbols that are frames of a PV guest

    @property
    def calls(self):
        """Return the steps that make calls."""
        return [step for step in self.steps if step.mode != FILL]

    @property
    def nr_frames(self):
        return sum(word in (frames.FRAME, frames.UNMAPPED) for word in self.words)

    def code(self):
        head = _HEAD.pack(b"PVReplay", VERSION, len(self.steps), len(self.words), 0)
        head += struct.pack(f"<{len(self.words)}Q", *self.words)
        return head + b"".join(step.code() for step in self.steps)
