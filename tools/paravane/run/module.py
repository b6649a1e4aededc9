# SPDX-License-Identifier: MIT
"""Make the boot module: a tar archive, which is the file system of programs (lib/newlib/tar.h)."""

import io
import tarfile
from pathlib import Path

from ..common import EXIT_USAGE, Trouble, short

# What the suite finds, the first file by its place and all of them by name (test/kernel/boot.c,
# test/libc/files.c).
_TEST_FILES = {
    "testmodule": b"paravane test module\n" * 300,
    "empty": b"",
    "folder/answer": b"42\n",
    "folder/bytes": bytes(range(256)) * 4,
    "reader/questions": b"What is a paravane?\nWho tows it?\n",
}
_MTIME = 1700000000


def test_module():
    """Return the archive for a run that names no other."""
    return _archive(_TEST_FILES.items())


def of_files(files):
    """Return the archive of {name: bytes}."""
    return _archive(files.items())


def read(path):
    """Return the archive for --module: of a folder's files, or a file as it is."""
    path = Path(path)
    if path.is_dir():
        files = sorted(found for found in path.rglob("*") if found.is_file())
        return _archive((str(file.relative_to(path)), file.read_bytes()) for file in files)
    try:
        return path.read_bytes()
    except OSError as error:
        raise Trouble(
            f"cannot read the module {short(path)}: {error.strerror}", EXIT_USAGE
        ) from error


def _archive(files):
    """Return a tar archive: the same bytes for the same files, independent of user and time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), _MTIME
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
