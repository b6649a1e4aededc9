# SPDX-License-Identifier: MIT
"""Archives that Linux unpacks as its initramfs: cpio, format "newc" (the kernel's
Documentation/driver-api/early-userspace/buffer-format.rst)."""

DIRECTORY, FILE, LINK, DEVICE = 0o40755, 0o100644, 0o120777, 0o20600  # the usual mode of each kind
PROGRAM = 0o100755


def archive(entries):
    """Return the bytes of an archive of (name, mode, data) or (name, mode, data, major, minor)
    each, in that order: a folder before what is in it."""
    ended = [*entries, ("TRAILER!!!", 0, b"")]
    return b"".join(_entry(number + 1, *entry) for number, entry in enumerate(ended))


def _entry(number, name, mode, data, major=0, minor=0):
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
    return _padded(head) + _padded(data)


def _padded(data):
    return data + b"\0" * (-len(data) % 4)
