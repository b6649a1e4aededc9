# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: op ROMs that cannot be used, and old ones that can but should not
(docs/api-or-abi.md)."""

import re
import struct
from pathlib import Path

from ..common import EXIT_FAIL, EXIT_USAGE, build_dir
from .step import boot

_BLOCK, _SUM_AT, _BLOCKS_AT = 512, 7, 2
_MINOR, _CALLS = 18, 24  # offsets in struct rom_header (pv/rom/abi.h)


def steps(scratch):
    native = r"backend rom refuses: the op ROM at 0x\w+: {}\n(.|\n)* on native (.|\n)*verdict PASS"
    crash = re.escape("CRASH (the machine reset or the emulator ended without a verdict)")
    old = r"it is of version 1\.0, and this kernel takes 2\.x"

    def rom(name, path, *words, **expected):
        append = ["--append", " ".join(words or ["test=boot.*"])]
        return boot(name, "rom", "--rom", str(path), *append, **expected)

    yield rom("another version", build_dir() / "old.rom", words=native.format(old))
    yield rom("pv=rom, another version", build_dir() / "old.rom", "pv=rom", status=EXIT_USAGE,
              words=rf"verdict ERROR: pv=rom: the op ROM at 0x\w+: {old}")
    yield boot("pv=rom without an op ROM", "qemu", "--append", "pv=rom", status=EXIT_USAGE,
               words="verdict ERROR: pv=rom: firmware has loaded no op ROM")
    for name, make, words in (
        ("a call that leads out of it", _stray_call, "call 1 leads to 0x1000000, which is outside"),
        ("truncated", _truncated, r"truncated: 512 bytes of \d+ are there"),
    ):
        yield rom(name, make(Path(scratch)), words=native.format(words + ".*"))
    yield rom("a newer minor version, with a call that this kernel lacks", _newer(Path(scratch)),
              words=r"on rom \(op ROM version 2\.1(.|\n)*verdict PASS")
    yield rom("an old argument, the new version", build_dir() / "old-argument.rom",
              status=EXIT_FAIL, words=rf"on rom \(op ROM version 2\.0(.|\n)*no tests: {crash}")
    yield rom("an old meaning, the new version", build_dir() / "old-meaning.rom",
              "test=boot.*,user.*", status=EXIT_FAIL,
              words=rf"ok 6 boot\.rsdp_is_acpi(.|\n)*6 pass: {crash}")


def _written(path, data):
    """Write a ROM, whose sum is corrected."""
    rom = bytearray(data)
    rom[_SUM_AT] = 0
    rom[_SUM_AT] = -sum(rom) & 0xFF
    path.write_bytes(rom)
    return path


def _with_first_call(scratch, name, minor, number, target=None):
    """Write a ROM of this minor version whose first call, number 1, is another."""
    rom = bytearray((build_dir() / "op.rom").read_bytes())
    table = struct.unpack_from("<I", rom, _CALLS)[0]
    struct.pack_into("<H", rom, _MINOR, minor)
    struct.pack_into("<H", rom, table, number)
    if target is not None:
        struct.pack_into("<I", rom, table + 4, target)
    return _written(scratch / name, rom)


def _stray_call(scratch):
    return _with_first_call(scratch, "stray.rom", 0, 1, 1 << 24)


def _newer(scratch):
    return _with_first_call(scratch, "newer.rom", 1, 200)


def _truncated(scratch):
    rom = bytearray((build_dir() / "op.rom").read_bytes()[:_BLOCK])
    rom[_BLOCKS_AT] = 1
    return _written(scratch / "truncated.rom", rom)
