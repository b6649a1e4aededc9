# SPDX-License-Identifier: MIT
"""Read the records that the guest wrote (struct record_head in pv/record/record.h)."""

import array
import mmap
import os
import struct
from dataclasses import dataclass

(PAD, HYPERCALL, HYPERRETURN, OP, OPRETURN, CALLBACK, CODE, CODERETURN, TABLE,
 FRAMES) = range(1, 11)
_HEAD = struct.Struct("<IBBHQQ")
_CHUNK = struct.Struct("<QIBBBx")
# A record's sequence and its place, in words of 8 bytes, as one number: 8 GiB and 4e9 records.
_PLACE_BITS = 30
_SEQUENCE_MAX = (1 << 34) - 1
CUT, UNREADABLE = 1, 2
# How many words follow the head, and whether chunks follow them.
_WORDS = {HYPERCALL: (6, True), HYPERRETURN: (2, True), OP: (3, False), OPRETURN: (2, False),
          CALLBACK: (4, False), CODE: (15, True), CODERETURN: (16, True), TABLE: (3, True),
          FRAMES: (3, False)}


@dataclass
class Chunk:
    """A piece of the guest's memory."""

    address: int
    argument: int
    list: int
    flags: int
    data: bytes


@dataclass
class Record:
    """One record."""

    sequence: int
    tsc: int
    cpu: int
    kind: int
    id: int
    words: tuple
    chunks: list


def records(raw):
    """Return the Records of a file of raw records, by sequence. A record that makes no sense ends
    the reading, because the next one cannot be found."""
    raw.seek(0, os.SEEK_END)
    if not raw.tell():
        return
    raw.flush()
    data = mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ)
    places, at = array.array("Q"), 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from("<IB", data, at)
        if size < 8 or at + size > len(data):
            break
        if kind != PAD and size >= _HEAD.size:
            sequence = struct.unpack_from("<Q", data, at + 8)[0]
            places.append((sequence & _SEQUENCE_MAX) << _PLACE_BITS | at >> 3)
        at += size
    for place in sorted(places):
        yield _record(data, (place & (1 << _PLACE_BITS) - 1) << 3)


def _record(data, at):
    size, kind, cpu, number, sequence, tsc = _HEAD.unpack_from(data, at)
    end, at = at + size, at + _HEAD.size
    count, has_chunks = _WORDS.get(kind, (0, False))
    there = max(0, min(count, (end - at) // 8))
    words = struct.unpack_from(f"<{there}Q", data, at) + (0,) * (count - there)
    chunks = _chunks(data, at + 8 * count, end) if has_chunks else []
    return Record(sequence, tsc, cpu, kind, number, words, chunks)


def _chunks(data, at, end):
    found = []
    while at + _CHUNK.size <= end:
        address, length, argument, list_, flags = _CHUNK.unpack_from(data, at)
        at += _CHUNK.size
        found.append(Chunk(address, argument, list_, flags, data[at : min(at + length, end)]))
        at += -(-length // 8) * 8
    return found
