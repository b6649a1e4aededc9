# SPDX-License-Identifier: MIT
"""Disks of a guest: what --disk asks for, and how dom0 has them.

The content of a file is copied into dom0's memory, and what the guest writes ends with the run. A
scratch disk begins with a mark, by which the suite's tests find a disk that they may overwrite.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from ..common import usage

SECTOR = 512
MAX_MIB = 128  # of one disk: dom0 has all of them in memory
MAX = 8  # disks of a guest
_MARK = "paravane: scratch disk"  # test/harness/ram_disk.h has it, too


@dataclass(frozen=True)
class Disk:
    """One disk. file: a path of this computer; or mib: the size of a scratch disk."""

    file: str = ""
    mib: int = 0
    readonly: bool = False


def parse(text, folder):
    """Return the Disk that --disk asks for by FILE, SIZEM, FILE:ro or SIZEM:ro; folder: where the
    path begins. Raise Trouble with what is wrong."""
    name, readonly = (text[:-3], True) if text.endswith(":ro") else (text, False)
    size = re.fullmatch(r"(\d{1,6})M", name)
    if size:
        mib = int(size[1])
        if not 1 <= mib <= MAX_MIB:
            raise usage(f"--disk: {text!r}: a scratch disk has 1M to {MAX_MIB}M")
        return Disk(mib=mib, readonly=readonly)
    path = folder / name
    if not path.is_file():
        raise usage(f"--disk: {text!r} is neither a file nor a size such as 8M")
    length = path.stat().st_size
    if not length or length % SECTOR or length > MAX_MIB << 20:
        raise usage(
            f"--disk: {text!r} has {length} bytes; a disk has whole sectors of {SECTOR}, and"
            f" {MAX_MIB} MiB at most"
        )
    return Disk(file=str(path.resolve()), readonly=readonly)


def parse_all(texts, folder):
    """Return the Disks of all --disk of a command."""
    if len(texts) > MAX:
        raise usage(f"--disk: a guest has at most {MAX} disks")
    return tuple(parse(text, folder) for text in texts)


def contents(disks):
    """Return {name: bytes} of the files that dom0 is to have in /run/in."""
    return {
        f"disk{number}": Path(disk.file).read_bytes()
        for number, disk in enumerate(disks)
        if disk.file
    }


def _target(guest, number, disk):
    return f"/run/in/disk{number}" if disk.file else f"/run/{guest}.disk{number}"


def config(guest, disks):
    """Return the lines of the guest's xl configuration: the disks are xvda, xvdb and so on."""
    if not disks:
        return []
    specs = (
        f'"format=raw,vdev=xvd{chr(ord("a") + number)},access={"ro" if disk.readonly else "rw"},'
        f'target={_target(guest, number, disk)}"'
        for number, disk in enumerate(disks)
    )
    return [f"disk = [{', '.join(specs)}]"]


def script(guest, disks):
    """Return shell commands that make the scratch disks, for dom0."""
    return "".join(
        f"echo '{_MARK}' >{target}; truncate -s {disk.mib}M {target}\n"
        for target, disk in (
            (_target(guest, number, disk), disk) for number, disk in enumerate(disks)
        )
        if not disk.file
    )
