# SPDX-License-Identifier: MIT
"""Assemble a Linux with KVM: the distribution's kernel, and an initramfs that holds a static
busybox and the virtual machine monitor of this tree (vmm/)."""

import re
from dataclasses import dataclass
from pathlib import Path

from .. import cpio
from ..outer import parts

_MODULES = "virtio_ring virtio_pci virtio_console virtio_blk kvm-amd".split()
_FOLDERS = "dev proc root run sys tmp".split()
_FILES = Path(__file__).parent / "files"
_VMM = Path(__file__).parent / "vmm"

_SELECTION = parts.Selection(
    "a Linux with KVM for its guests",
    "kvm",
    ["linux-image-cloud-amd64", "busybox-static"],
    "linux-image-cloud-amd64",
    re.compile(r"linux-image-\d[\d.]*-\d+-cloud-amd64$"),
    ["bin/busybox"],
    _MODULES,
    packed=True,
)


@dataclass(frozen=True)
class Image:
    """An assembled Linux; key changes with each byte of it."""

    kernel: Path
    initramfs: Path
    key: str


def find():
    """Return the newest Image of the cache, or None."""
    found = _SELECTION.find()
    return _image(found) if found else None


def setup():
    """Return the Image of the archive's newest packages, fetched if the cache lacks them."""
    return _image(_SELECTION.setup())


def _image(folder):
    sources = sorted(_VMM.iterdir())
    vmm = parts.compile_program(folder, "vmm", sources, "-static", "-pthread")
    files = {
        "dev/console": (cpio.DEVICE, b"", 5, 1),
        "vmm": (cpio.PROGRAM, vmm.read_bytes()),
        **{path.name: (cpio.PROGRAM, path.read_bytes()) for path in sorted(_FILES.iterdir())},
    }
    initramfs, key = parts.initramfs(folder, files, _FOLDERS)
    return Image(folder / "vmlinux", initramfs, key)
