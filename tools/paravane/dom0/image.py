# SPDX-License-Identifier: MIT
"""Assemble a dom0: Xen, a Linux kernel, and an initramfs that holds the toolstack and a static
busybox.

All of it is from the distribution's packages, downloaded and unpacked in the user's cache; nothing
is installed. The parts of one set of package versions are kept in a folder of their own. An
initramfs is made of them for each recipe (the files below files/), so a changed recipe needs no
network.
"""

import gzip
import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

from .. import archive, cpio
from ..common import Trouble, short

XEN = "4.17"  # the toolstack's release: it controls a Xen of that release only
_RELEASE = "bookworm"
_PACKAGES = (
    f"xen-hypervisor-{XEN}-amd64 xen-utils-{XEN} xen-utils-common xenstore-utils busybox-static "
    f"linux-image-amd64 libxenmisc{XEN} libxencall1 libxendevicemodel1 libxenevtchn1 "
    "libxenforeignmemory1 libxengnttab1 libxenhypfs1 libxenstore4 libxentoolcore1 libxentoollog1 "
    "libc6 libgcc-s1 liblzma5 libuuid1 libyajl2 libzstd1 zlib1g"
).split()
_KERNEL = re.compile(r"linux-image-\d[\d.]*-\d+-amd64$")  # what linux-image-amd64 depends on

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
_LIBRARIES = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")
_LOADER = "lib64/ld-linux-x86-64.so.2"
_OPENED = ("libgcc_s.so.1",)  # by pthread_exit(), so no program names it
_MODULES = (
    "xen-evtchn xen-privcmd xenfs xen-gntdev xen-gntalloc virtio_ring virtio_pci virtio_console "
    "virtio_blk loop xen-blkback xen-netback bridge"
).split()
_FOLDERS = (
    "dev proc root run sys tmp var/lib/xen/dump var/lib/xenstored var/log/xen/console".split()
)
_FILES = Path(__file__).parent / "files"
_SOURCE = Path(__file__).parent / "domain_end.c"
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


def find():
    """Return the newest Image of the cache, or None."""
    parts = sorted(_cache().glob(f"parts-*-{_selection()}"), key=os.path.getmtime)
    return _image(parts[-1]) if parts else None


def setup():
    """Return the Image of the archive's newest packages, fetched if the cache lacks them. Without
    an archive, a dom0 of the cache remains as it is."""
    try:
        debian = archive.open_release(_RELEASE)
    except archive.Unavailable as reason:
        there = find()
        if there:
            return there
        raise Trouble(
            f"cannot get a dom0 for domU guests: {reason}; it needs the packages of Debian 12"
        ) from reason
    wanted = [word for word in debian.resolve(*_PACKAGES) if _is_wanted(word.split("=")[0])]
    versions = _digest(" ".join(sorted(wanted)))
    folder = _cache() / f"parts-{versions}-{_selection()}"
    if not folder.exists():
        _keep(debian.unpack(*wanted), wanted, folder)
    return _image(folder)


def _is_wanted(name):
    return bool(_KERNEL.match(name)) or (name in _PACKAGES and name != "linux-image-amd64")


def _cache():
    return archive.cache_dir() / "dom0"


def _selection():
    """Return the digest of what is kept of the packages."""
    return _digest(repr((_PACKAGES, _PROGRAMS, _MODULES)))


def _digest(text):
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:12]


# ---- The parts that are kept of the packages ----


def _keep(root, wanted, folder):
    """Keep the parts of unpacked packages: xen, vmlinux, modules/, and root/ with programs and
    libraries."""
    try:
        parts = root.parent / "parts"
        parts.mkdir()
        (parts / "packages").write_text("\n".join(sorted(wanted)) + "\n")
        (parts / "xen").write_bytes(
            gzip.decompress(_only(root, f"boot/xen-{XEN}*.gz").read_bytes())
        )
        (parts / "vmlinux").write_bytes(_uncompressed(_only(root, "boot/vmlinuz-*").read_bytes()))
        _keep_modules(root, parts / "modules")
        _keep_programs(root, parts / "root")
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not folder.exists():
            parts.rename(folder)
    finally:
        shutil.rmtree(root.parent, ignore_errors=True)


def _only(root, pattern):
    found = sorted(root.glob(pattern))
    if not found:
        raise Trouble(
            f"the distribution's packages hold no {pattern}: this dom0 cannot be assembled of them"
        )
    return found[0]


def _uncompressed(data):
    """Return the ELF file in a bzImage, whose header says where its payload is (Linux,
    Documentation/arch/x86/boot.rst). Xen's loader and QEMU's take it as it is, and the kernel need
    not unpack itself at each boot."""
    if data[0x202:0x206] != b"HdrS":
        raise Trouble("the distribution's Linux is not a bzImage")
    start = ((data[0x1F1] or 4) + 1) * 512
    offset, size = struct.unpack_from("<II", data, 0x248)
    payload = data[start + offset : start + offset + size]
    try:
        if payload[:2] == b"\x1f\x8b":
            return zlib.decompressobj(31).decompress(payload)
        return lzma.LZMADecompressor().decompress(payload)
    except (lzma.LZMAError, zlib.error) as error:
        raise Trouble(
            f"the distribution's Linux is packed in a way that is not known here: {error}"
        ) from error


def _keep_modules(root, target):
    """Keep the modules that are wanted and those that they depend on, with the order in which they
    are loaded."""
    there = {path.stem.replace("-", "_"): path for path in root.glob("lib/modules/**/*.ko")}
    order = []

    def add(name):
        path = there.get(name.replace("-", "_"))
        if path is None:
            raise Trouble(f"the distribution's Linux has no module {name}")
        for needed in filter(None, module_depends(path.read_bytes())):
            add(needed)
        if path not in order:
            order.append(path)

    for name in _MODULES:
        add(name)
    target.mkdir()
    for path in order:
        shutil.copyfile(path, target / path.name)
    (target / "order").write_text("".join(f"{path.name}\n" for path in order))


def module_depends(data):
    """Return the names of the modules that a module depends on, by its .modinfo."""
    found = re.search(rb"\0depends=([^\0]*)\0", data)
    return found[1].decode().split(",") if found and found[1] else []


def _keep_programs(root, target):
    """Keep the programs and the libraries that they name."""
    known = set()
    for name in _PROGRAMS:
        source = root / name
        if not source.exists():
            raise Trouble(
                f"the distribution's packages hold no {name}: this dom0 cannot be assembled of them"
            )
        _copy(source, target / name)
        _keep_libraries(root, source, target, known)
    for name in _OPENED:
        _copy(_library(root, name), target / _LIBRARIES[0] / name)
    _copy(_library(root, Path(_LOADER).name), target / _LOADER)


def _keep_libraries(root, program, target, known):
    for name in needed_libraries(program):
        if name not in known:
            known.add(name)
            path = _library(root, name)
            _copy(path, target / _LIBRARIES[0] / name)
            _keep_libraries(root, path, target, known)


def needed_libraries(path):
    """Return the names of the libraries that an ELF file says it needs."""
    done = subprocess.run(["readelf", "-d", str(path)], capture_output=True, text=True, check=False)
    return re.findall(r"\(NEEDED\).*\[(.*)\]", done.stdout)


def _library(root, name):
    for folder in _LIBRARIES:
        if (root / folder / name).exists():
            return (root / folder / name).resolve()
    raise Trouble(
        f"no package of the list holds the library {name}: this dom0 cannot be assembled of them"
    )


def _copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


# ---- The initramfs ----


def _image(parts):
    """Return the Image of kept parts with this tree's recipe."""
    os.utime(parts)
    _compile(parts)
    packed = cpio.archive(_entries(parts))
    initramfs = parts / f"initramfs-{_digest(packed)}"
    if not initramfs.exists():
        partial = initramfs.with_suffix(f".{os.getpid()}")
        partial.write_bytes(packed)
        partial.rename(initramfs)
    return Image(
        parts / "xen",
        parts / "vmlinux",
        initramfs,
        f"{parts.name[len('parts-'):]}-{_digest(packed)}",
    )


def _compile(parts):
    """Compile this tree's own program, unless the parts have it."""
    program = _program(parts)
    if program.exists():
        return
    libraries = [parts / "root" / _LIBRARIES[0] / f"{name}.{XEN}" for name in _LINKED]
    partial = program.with_suffix(f".{os.getpid()}")
    command = ["gcc", "-O2", "-Wl,--allow-shlib-undefined", "-o", partial, _SOURCE, *libraries]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Trouble(f"cannot compile {short(_SOURCE)}: {(done.stderr.splitlines() or [''])[0]}")
    partial.rename(program)


def _program(parts):
    return parts / f"domain_end-{_digest(_SOURCE.read_bytes())}"


def _entries(parts):
    """Return what is in the initramfs, folders first."""
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
    files["domain_end"] = (cpio.PROGRAM, _program(parts).read_bytes())
    files.update({name: (cpio.LINK, b"/hotplug") for name in _SCRIPTS})
    files.update({f"usr/bin/xenstore-{name}": (cpio.LINK, b"xenstore") for name in _XENSTORE})
    for folder, target in ((parts / "root", ""), (parts / "modules", "modules/")):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            files[f"{target}{path.relative_to(folder)}"] = (cpio.PROGRAM, path.read_bytes())
    folders = {
        str(parent)
        for name in [*files, *(f"{name}/file" for name in _FOLDERS)]
        for parent in Path(name).parents
    }
    folders -= {"."}
    return [(name, cpio.DIRECTORY, b"") for name in sorted(folders)] + [
        (name, *how) for name, how in sorted(files.items())
    ]
