# SPDX-License-Identifier: MIT
"""Assemble a dom0: Xen, a Linux kernel, and an initramfs that holds the toolstack and a static
busybox. All of it is from the distribution's packages (outer/parts.py)."""

import gzip
import re
from dataclasses import dataclass
from pathlib import Path

from .. import cpio
from ..outer import parts
from ..run import packaged

XEN = "4.17"  # the release of the usual toolstack, which controls a Xen of that release only
# {a release of Xen: the distribution's release whose toolstack controls it}
RELEASES = {xen: release for release, xen in packaged.VERSIONS.items()}
_PACKAGES = (
    "xen-hypervisor-{xen}-amd64 xen-utils-{xen} xen-utils-common xenstore-utils libxenmisc{xen} "
    "libxencall1 libxendevicemodel1 libxenevtchn1 libxenforeignmemory1 libxengnttab1 libxenhypfs1 "
    "{store} libxentoolcore1 libxentoollog1 liblzma5 libuuid1 libyajl2 libzstd1 zlib1g"
)
_STORE = {"4.14": "libxenstore3.0"}  # others have libxenstore4
_LINUX, _LIBC = ("linux-image-amd64", "busybox-static"), ("libc6", "libgcc-s1")

_HELPERS = (
    "xl xenstored xenconsoled xenconsole xen-init-dom0 libxl-save-helper xenctx xentrace lsevtchn "
    "xen-diag"
).split()
_PROGRAMS = ["usr/bin/xenstore", "usr/sbin/xenhypfs", "bin/busybox"]
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


def _selection(xen):
    """Return what is kept of which packages for the toolstack of a release of Xen. The dom0's Linux
    is always that of Debian 12. Its C library is there for a toolstack of an older release, too,
    because the programs of this folder need it."""

    def keep_xen(root, folder):
        packed = parts.only(root, f"boot/xen-{xen}*.gz").read_bytes()
        (folder / "xen").write_bytes(gzip.decompress(packed))

    tools = _PACKAGES.format(xen=xen, store=_STORE.get(xen, "libxenstore4")).split()
    known = list(RELEASES)
    is_old = known.index(xen) < known.index(XEN)
    return parts.Selection(
        f"a dom0 with the toolstack of Xen {xen} for domU guests",
        "dom0",
        tools if is_old else [*tools, *_LIBC],
        _LINUX[0],
        re.compile(r"linux-image-\d[\d.]*-\d+-amd64$"),
        # where xl expects its helpers
        [f"usr/lib/xen-{xen}/bin/{name}" for name in _HELPERS] + _PROGRAMS,
        _MODULES,
        ("libgcc_s.so.1",),  # opened by pthread_exit()
        keep_xen,
        release=RELEASES[xen],
        beside=(*_LINUX, *_LIBC) if is_old else _LINUX,
    )


def find(xen=XEN):
    """Return the newest Image of the cache with the toolstack of a release of Xen, or None."""
    found = _selection(xen).find() if xen in RELEASES else None
    return _image(found, xen) if found else None


def setup(xen=XEN):
    """Return the Image of the archive's newest packages, fetched if the cache lacks them. Without
    an archive, a dom0 of the cache remains as it is."""
    return _image(_selection(xen).setup(), xen)


def _image(folder, xen):
    """Return the Image of kept parts with this tree's recipe."""
    initramfs, key = parts.initramfs(folder, _files(folder, xen), _FOLDERS)
    return Image(folder / "xen", folder / "vmlinux", initramfs, key)


def compile_tool(name, folder=None, xen=XEN):
    """Return the path of a program of this folder that uses Xen's libraries; folder: the parts."""
    folder = folder or _selection(xen).find()
    libraries = [folder / "root" / parts.LIBRARIES[0] / f"{name}.{xen}" for name in _LINKED]
    options = ("-Wl,--allow-shlib-undefined", *libraries)
    return parts.compile_program(
        folder, name, [Path(__file__).parent / f"{name}.c"], *options
    )


def _files(folder, xen):
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
        files[name] = (cpio.PROGRAM, compile_tool(name, folder, xen).read_bytes())
    files.update({name: (cpio.LINK, b"/hotplug") for name in _SCRIPTS})
    files.update({f"usr/bin/xenstore-{name}": (cpio.LINK, b"xenstore") for name in _XENSTORE})
    return files
