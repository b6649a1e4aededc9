# SPDX-License-Identifier: MIT
"""Assemble a dom0: Xen, a Linux kernel, and an initramfs that holds the toolstack and a static
busybox. All of it is from the distribution's packages (outer/parts.py)."""

import gzip
import re
from dataclasses import dataclass
from pathlib import Path

from .. import cpio
from ..outer import parts

XEN = "4.17"  # the toolstack's release: it controls a Xen of that release only
_PACKAGES = (
    f"xen-hypervisor-{XEN}-amd64 xen-utils-{XEN} xen-utils-common xenstore-utils busybox-static "
    f"linux-image-amd64 libxenmisc{XEN} libxencall1 libxendevicemodel1 libxenevtchn1 "
    "libxenforeignmemory1 libxengnttab1 libxenhypfs1 libxenstore4 libxentoolcore1 libxentoollog1 "
    "libc6 libgcc-s1 liblzma5 libuuid1 libyajl2 libzstd1 zlib1g"
).split()

_TOOLS = f"usr/lib/xen-{XEN}/bin"  # where xl expects its helpers
_HELPERS = (
    "xl xenstored xenconsoled xenconsole xen-init-dom0 libxl-save-helper xenctx xentrace lsevtchn "
    "xenstore-control xen-diag"
).split()
_PROGRAMS = [f"{_TOOLS}/{name}" for name in _HELPERS] + [
    "usr/bin/xenstore", "usr/sbin/xenhypfs", "bin/busybox",
]  # fmt: skip
_XENSTORE = (
    "chmod exists list ls read rm watch write".split()
)  # names by which usr/bin/xenstore is called
_MODULES = (
    "xen-evtchn xen-privcmd xenfs xen-gntdev xen-gntalloc virtio_ring virtio_pci virtio_console "
    "virtio_blk loop xen-blkback xen-netback bridge"
).split()
_FOLDERS = (
    "dev proc root run sys tmp var/lib/xen/dump var/lib/xenstored var/log/xen/console".split()
)
_FILES = Path(__file__).parent / "files"
_LINKED = ("libxenctrl.so", "libxenguest.so")
# Where xl looks for the hotplug scripts that it is not told of.
_SCRIPTS = ("etc/xen/scripts/block", "etc/xen/scripts/vif-bridge")


@dataclass(frozen=True)
class Image:
    """An assembled dom0; key changes with each byte of it."""

    xen: Path
    kernel: Path
    initramfs: Path
    key: str


def _keep_xen(root, folder):
    packed = parts.only(root, f"boot/xen-{XEN}*.gz").read_bytes()
    (folder / "xen").write_bytes(gzip.decompress(packed))


_SELECTION = parts.Selection(
    "a dom0 for domU guests",
    "dom0",
    _PACKAGES,
    "linux-image-amd64",
    re.compile(r"linux-image-\d[\d.]*-\d+-amd64$"),
    _PROGRAMS,
    _MODULES,
    ("libgcc_s.so.1",),  # opened by pthread_exit()
    _keep_xen,
)


def find():
    """Return the newest Image of the cache, or None."""
    found = _SELECTION.find()
    return _image(found) if found else None


def setup():
    """Return the Image of the archive's newest packages, fetched if the cache lacks them. Without
    an archive, a dom0 of the cache remains as it is."""
    return _image(_SELECTION.setup())


def _image(folder):
    """Return the Image of kept parts with this tree's recipe."""
    initramfs, key = parts.initramfs(folder, _files(folder), _FOLDERS)
    return Image(folder / "xen", folder / "vmlinux", initramfs, key)


def compile_tool(name, folder=None):
    """Return the path of a program of this folder that uses Xen's libraries; folder: the parts."""
    folder = folder or _SELECTION.find()
    libraries = [folder / "root" / parts.LIBRARIES[0] / f"{name}.{XEN}" for name in _LINKED]
    options = ("-Wl,--allow-shlib-undefined", *libraries)
    return parts.compile_program(
        folder, name, [Path(__file__).parent / f"{name}.c"], *options
    )


def _files(folder):
    """Return what is in the initramfs besides the parts and the agent."""
    files = {
        "etc/passwd": (cpio.FILE, b"root::0:0:root:/root:/bin/sh\n"),
        "etc/xen/xl.conf": (cpio.FILE, b""),
        "dev/console": (cpio.DEVICE, b"", 5, 1),
        "var/run": (cpio.LINK, b"/run"),
        "var/lock": (cpio.LINK, b"/run/lock"),
    }
    files.update(
        {path.name: (cpio.PROGRAM, path.read_bytes()) for path in sorted(_FILES.iterdir())}
    )
    for name in ("domain_end", "console_taken"):
        files[name] = (cpio.PROGRAM, compile_tool(name, folder).read_bytes())
    files.update({name: (cpio.LINK, b"/hotplug") for name in _SCRIPTS})
    files.update({f"usr/bin/xenstore-{name}": (cpio.LINK, b"xenstore") for name in _XENSTORE})
    return files
