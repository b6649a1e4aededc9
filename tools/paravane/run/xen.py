# SPDX-License-Identifier: MIT
"""Find a Xen to boot, and uncompress it: QEMU and GRUB need the plain ELF, and distributions
compress it."""

import functools
import glob
import gzip
import hashlib
import os
import re
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

from .. import archive
from ..common import EXIT_USAGE, Trouble, build_dir, make_dirs
from . import packaged

_PATTERN = "/boot/xen-*.gz"
_MULTIBOOT_MAGIC = struct.pack("<I", 0x1BADB002)
_GZIP_MAGIC = b"\x1f\x8b"
_CONFIG_HEAD = re.compile(r"# Xen/x86 (\d+\.\d+)")
_GZIP_MEMBER = _GZIP_MAGIC + b"\x08"


def installed():
    """Return {name: path} of the installed hypervisors, newest version first. A name is like
    4.17-amd64."""
    found = {path[len("/boot/xen-") : -len(".gz")]: Path(path) for path in glob.glob(_PATTERN)}
    return {name: found[name] for name in sorted(found, key=_version_key, reverse=True)}


def _version_key(name):
    return [int(part) if part.isdigit() else -1 for part in name.replace("-", ".").split(".")]


def find(wanted, base=Path(".")):
    """Return the path of the Xen of --xen (a file, seen from base, or a version), or of the newest
    one. Return None if no version was requested and none is installed."""
    have = installed()
    if not wanted:
        return next(iter(have.values()), None)
    path = base / os.path.expanduser(wanted)
    if path.is_file():
        return path
    if path.is_dir() or "/" in wanted or wanted.endswith((".gz", ".elf")):
        raise Trouble(f"--xen: there is no file {wanted}", EXIT_USAGE)
    return _by_version(wanted.replace("xen-", "", 1), have)


def _by_version(wanted, have):
    """Return the installed Xen whose file or package has this version, or else the one in the
    cache."""
    kept = packaged.cached()
    by_name = [path for name, path in have.items() if _names(wanted, name)]
    by_package = [path for path in have.values() if _names(wanted, version_of(path))]
    exact = [path for version, path in kept.items() if version == wanted]
    begins = [path for version, path in kept.items() if _names(wanted, version)]
    for matches in (by_name, by_package, exact, begins):
        if len(matches) == 1:
            return matches[0]
    listing = ", ".join([*have, *kept]) or "none (./run.sh setup installs one)"
    what = "is neither a file nor an installed Xen"
    if by_name or by_package or begins:
        what = "names more than one Xen"
    remedy = f"./run.sh setup --xen {wanted} looks for it in the archive"
    if wanted.endswith(packaged.DEBUG):
        remedy = (f"./run.sh setup --controls {packaged.DEBUG[1:]} builds the one of the "
                  "distribution's source")
    raise Trouble(f"--xen: {wanted} {what}; there are: {listing}; {remedy}", EXIT_USAGE)


def _names(wanted, version):
    """Return whether `wanted` matches this version. 4.17 matches 4.17.5, and not 4.17-debug."""
    if wanted.endswith(packaged.DEBUG) != version.endswith(packaged.DEBUG):
        return False
    return archive.names(wanted.removesuffix(packaged.DEBUG), version.removesuffix(packaged.DEBUG))


def version_of(path):
    """Return the full version of a Xen's package; if it is not known, the file's name."""
    for version, kept in packaged.cached().items():
        if kept == path:
            return version
    if path.parent == Path("/boot") and shutil.which("dpkg-query"):
        name = "xen-hypervisor-" + path.name[len("xen-") : -len(".gz")]
        done = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Version}", name],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode == 0 and done.stdout:
            return done.stdout
    return path.name


@functools.lru_cache
def release_of(path):
    """Return the release of an uncompressed Xen, such as 4.17, by the head of its configuration; ""
    if it does not contain that."""
    for line in config_of(path):
        found = _CONFIG_HEAD.match(line)
        if found:
            return found[1]
    return ""


def config_of(path):
    """Return the set of lines of the configuration that an uncompressed Xen was built with, which
    it holds compressed for xenhypfs; empty if it does not."""
    data = path.read_bytes()
    at = data.find(_GZIP_MEMBER)
    while at >= 0:
        try:
            text = zlib.decompressobj(wbits=31).decompress(data[at:])
        except zlib.error:
            text = b""
        if b"\nCONFIG_" in text:
            return set(text.decode("ascii", "replace").splitlines())
        at = data.find(_GZIP_MEMBER, at + 1)
    return set()


def prepare(path):
    """Return an uncompressed copy of a Xen below the build directory. Raise Trouble if it is not a
    Xen."""
    try:
        data = path.read_bytes()
        if data[:2] == _GZIP_MAGIC:
            data = gzip.decompress(data)
    except OSError as error:
        raise Trouble(
            f"--xen: cannot read {path}: {error.strerror or error}", EXIT_USAGE
        ) from error
    except (EOFError, zlib.error) as error:
        raise Trouble(f"--xen: {path} is a damaged gzip file: {error}", EXIT_USAGE) from error
    if data[:4] == b"\x7fELF" and _is_cut_short(data):
        raise Trouble(
            f"--xen: {path} is cut short: it has less than its program headers name", EXIT_USAGE
        )
    if data[:4] != b"\x7fELF" or _MULTIBOOT_MAGIC not in data[:8192] or b"(XEN) " not in data:
        raise Trouble(
            f"--xen: {path} is not a Xen hypervisor (an ELF file that speaks multiboot, plain or "
            "by gzip)",
            EXIT_USAGE,
        )
    digest = hashlib.sha256(data).hexdigest()[:12]
    target = make_dirs(build_dir() / "cache") / f"xen-{digest}.elf"
    if not target.exists():
        partial = target.with_suffix(f".{os.getpid()}")
        partial.write_bytes(data)
        partial.rename(target)
    return target


def _is_cut_short(data):
    """Return whether an ELF file, of 32 or 64 bits, has a segment that reaches beyond the file's
    end."""
    try:
        if data[4] == 1:
            start, (size, count) = struct.unpack_from("<I", data, 28)[0], struct.unpack_from(
                "<HH", data, 42
            )
            layout, fields = "<8I", (1, 4)
        else:
            start, (size, count) = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from(
                "<HH", data, 54
            )
            layout, fields = "<2I6Q", (2, 5)
        headers = [struct.unpack_from(layout, data, start + i * size) for i in range(count)]
    except struct.error:
        return False  # not even its headers: no Xen at all
    return any(header[fields[0]] + header[fields[1]] > len(data) for header in headers)
