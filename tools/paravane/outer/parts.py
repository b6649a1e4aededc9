# SPDX-License-Identifier: MIT
"""Assemble a Linux of the distribution's packages: a kernel, its modules, and programs with their
libraries.

The packages are downloaded and unpacked in the user's cache; nothing is installed. The parts of one
set of package versions are kept in a folder of their own. An initramfs is made of them for each
recipe of files, so a changed recipe needs no network.
"""

import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from .. import archive, cpio
from ..common import Trouble, short

_RELEASE = "bookworm"
LIBRARIES = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")
_LOADER = "lib64/ld-linux-x86-64.so.2"
_UNDECLARED = "-Werror=implicit-function-declaration"
AGENT = Path(__file__).parent / "agent"


@dataclass(frozen=True)
class Selection:
    """What is kept of which packages.

    what: in words, with what it is for; folder: its name in the cache; kernel: the pattern of the
    kernel's package, on which the package `newest` depends; programs: paths; opened: libraries that
    no program names; keep: called with the unpacked root and the folder of the parts, for more;
    packed: keep the kernel as a bzImage, which unpacks itself; release: of the distribution, that
    has the packages; beside: packages of Debian 12, beside those of another release.
    """

    what: str
    folder: str
    packages: list
    newest: str
    kernel: re.Pattern
    programs: list
    modules: list
    opened: tuple = ()
    keep: Callable = lambda root, parts: None
    packed: bool = False
    release: str = _RELEASE
    beside: tuple = ()

    def cache(self):
        return archive.cache_dir() / self.folder

    def digest(self):
        more = (self.release, self.beside) if self.beside else ()
        return digest(repr((self.packages, self.programs, self.modules, *more)))

    def find(self):
        """Return the newest folder of parts in the cache, or None."""
        parts = sorted(self.cache().glob(f"parts-*-{self.digest()}"), key=os.path.getmtime)
        return parts[-1] if parts else None

    def setup(self):
        """Return the folder of parts of the archive's newest packages, fetched if the cache lacks
        them. Without an archive, those in the cache remain as they are."""
        try:
            sources = self._sources()
        except archive.Unavailable as reason:
            there = self.find()
            if there:
                return there
            raise Trouble(
                f"cannot get {self.what}: {reason}; it needs the packages of {self.release}"
            ) from reason
        wanted = [word for _, words in sources for word in words]
        versions = digest(" ".join(sorted(wanted)))
        folder = self.cache() / f"parts-{versions}-{self.digest()}"
        if not folder.exists():
            self._keep(_unpacked(sources), wanted, folder)
        return folder

    def _sources(self):
        """Return [(an archive, [NAME=VERSION] of what is wanted of it)]."""
        found = []
        for release, packages in ((self.release, self.packages), (_RELEASE, self.beside)):
            if packages:
                debian = archive.open_release(release)
                words = debian.resolve(*packages)
                found.append((debian, [word for word in words if self._is_wanted(word, packages)]))
        return found

    def _is_wanted(self, word, packages):
        name = word.split("=")[0]
        return bool(self.kernel.match(name)) or (name in packages and name != self.newest)

    def _keep(self, root, wanted, folder):
        """Keep the parts of unpacked packages: the kernel, modules/, and root/ with programs and
        libraries."""
        try:
            parts = root.parent / "parts"
            parts.mkdir()
            (parts / "packages").write_text("\n".join(sorted(wanted)) + "\n")
            self.keep(root, parts)
            kernel = only(root, "boot/vmlinuz-*").read_bytes()
            (parts / "vmlinux").write_bytes(kernel if self.packed else _uncompressed(kernel))
            _keep_modules(self.modules, root, parts / "modules")
            self._keep_programs(root, parts / "root")
            folder.parent.mkdir(parents=True, exist_ok=True)
            if not folder.exists():
                parts.rename(folder)
        finally:
            shutil.rmtree(root.parent, ignore_errors=True)

    def _keep_programs(self, root, target):
        """Keep the programs and the libraries that they name."""
        known = set()
        for name in self.programs:
            source = root / name
            if not source.exists():
                raise Trouble(f"the distribution's packages hold no {name}: {_NOT_ASSEMBLED}")
            _copy(source, target / name)
            _keep_libraries(root, source, target, known)
        for name in self.opened:
            _copy(_library(root, name), target / LIBRARIES[0] / name)
        if known:
            _copy(_library(root, Path(_LOADER).name), target / _LOADER)


_NOT_ASSEMBLED = "this machine cannot be assembled of them"


def _unpacked(sources):
    """Return the folder that holds the packages of all these sources as if it were /."""
    (debian, words), *others = sources
    root = debian.unpack(*words)
    for other, more in others:
        unpacked = other.unpack(*more)
        shutil.copytree(unpacked, root, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(unpacked.parent)
    return root


def digest(text):
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()[:12]


# ---- The parts ----


def only(root, pattern):
    found = sorted(root.glob(pattern))
    if not found:
        raise Trouble(f"the distribution's packages hold no {pattern}: {_NOT_ASSEMBLED}")
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


def _keep_modules(names, root, target):
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

    for name in names:
        add(name)
    target.mkdir()
    for path in order:
        shutil.copyfile(path, target / path.name)
    (target / "order").write_text("".join(f"{path.name}\n" for path in order))


def module_depends(data):
    """Return the names of the modules that a module depends on, by its .modinfo."""
    found = re.search(rb"\0depends=([^\0]*)\0", data)
    return found[1].decode().split(",") if found and found[1] else []


def _keep_libraries(root, program, target, known):
    for name in needed_libraries(program):
        if name not in known:
            known.add(name)
            path = _library(root, name)
            _copy(path, target / LIBRARIES[0] / name)
            _keep_libraries(root, path, target, known)


def needed_libraries(path):
    """Return the names of the libraries that an ELF file says it needs."""
    done = subprocess.run(["readelf", "-d", str(path)], capture_output=True, text=True, check=False)
    return re.findall(r"\(NEEDED\).*\[(.*)\]", done.stdout)


def _library(root, name):
    for folder in LIBRARIES:
        if (root / folder / name).exists():
            return (root / folder / name).resolve()
    raise Trouble(f"no package of the list holds the library {name}: {_NOT_ASSEMBLED}")


def _copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


# ---- The initramfs ----


def compile_program(parts, name, sources, *options):
    """Return the path of a program of this tree that is compiled for this machine, unless the parts
    have it."""
    text = b"".join(path.read_bytes() for path in sources) + repr(options).encode()
    program = parts / f"{name}-{digest(text)}"
    if program.exists():
        return program
    partial = _partial(program)
    listed = [path for path in sources if path.suffix == ".c"]
    command = ["gcc", "-O2", "-Wall", _UNDECLARED, "-o", partial, *listed, *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as missing:
        raise Trouble(f"cannot compile {short(listed[0])}: gcc: {missing.strerror}") from missing
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if "error" in line]
        error = (errors or done.stderr.splitlines() or [""])[0]
        raise Trouble(f"cannot compile {short(listed[0])}: {error}")
    partial.rename(program)
    return program


def _partial(path):
    """Return where this thread writes a file that is renamed to path when it is whole."""
    return path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")


def initramfs(parts, files, folders):
    """Return (the path of an archive, the key of these parts with these files). files: {name: what
    cpio.archive() takes after a name}, besides what the parts have; folders: empty ones."""
    os.utime(parts)
    files = {"agent": (cpio.PROGRAM, AGENT.read_bytes()), **files}
    for folder, target in ((parts / "root", ""), (parts / "modules", "modules/")):
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            files[f"{target}{path.relative_to(folder)}"] = (cpio.PROGRAM, path.read_bytes())
    packed = cpio.archive(_entries(files, folders))
    path = parts / f"initramfs-{digest(packed)}"
    if not path.exists():
        partial = _partial(path)
        partial.write_bytes(packed)
        partial.rename(path)
    return path, f"{parts.name[len('parts-'):]}-{digest(packed)}"


def _entries(files, empty):
    """Return what is in the initramfs, folders first."""
    folders = {
        str(parent)
        for name in [*files, *(f"{name}/file" for name in empty)]
        for parent in Path(name).parents
    }
    folders -= {"."}
    return [(name, cpio.DIRECTORY, b"") for name in sorted(folders)] + [
        (name, *how) for name, how in sorted(files.items())
    ]
