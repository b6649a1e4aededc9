# SPDX-License-Identifier: MIT
"""The sources of programs: upstream's archives from the distribution's source packages.

apt-get fetches them with lists and folders of its own, so it checks the archive's signature and
leaves this machine's packages alone. What a program needs of them is kept in the user's cache. The
project's own files (tools/programs/NAME/) are added in the build directory, at each use.
"""

import contextlib
import fcntl
import shutil
import tarfile
import tempfile
from pathlib import Path

from .. import archive
from ..common import EXIT_SKIP, ROOT, Trouble, build_dir

OURS = ROOT / "tools" / "programs"
_MODULE = "module"  # in a program's folder: the files that it finds when it runs


@contextlib.contextmanager
def folders(program, purpose):
    """Give (sources, module): the folder with what is to be compiled, which has the program's name,
    and that with its files. They are this command's own until the end of the "with"."""
    upstream = _upstream(program)
    target = build_dir() / "programs" / purpose / program.name
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target.with_suffix(".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(target, ignore_errors=True)
        yield _assemble(program, upstream, target)


def _assemble(program, upstream, target):
    """Copy upstream's part and the project's own files, with their times."""
    source, module = target / program.name, target / _MODULE
    for folder in (upstream, OURS / program.folder):
        for path in sorted(found for found in folder.rglob("*") if found.is_file()):
            relative = path.relative_to(folder)
            in_module = relative.parts[0] == _MODULE
            copied = target / relative if in_module else source / relative
            copied.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copied)
    module.mkdir(parents=True, exist_ok=True)
    return source, module


def _upstream(program):
    """Return the folder with upstream's part, which is fetched on first use."""
    cache = archive.cache_dir() / "programs"
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for found in sorted(cache.glob(f"*/{program.folder}/complete")):
            return found.parent
        with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-") as scratch:
            return _fetch(program, Path(scratch), cache)


def _fetch(program, scratch, cache):
    """Unpack the program's packages, and keep what its prepare() takes of them. The complete copy
    appears by a rename."""
    trees, versions = [], []
    for package in program.packages:
        try:
            tar = archive.fetch_upstream(package.name, package.release, scratch / package.name)
        except (archive.Unavailable, Trouble) as reason:
            raise Trouble(f"cannot fetch {package.name}: {reason}", EXIT_SKIP) from reason
        versions.append(tar.name.split(".orig.tar.")[0])
        with tarfile.open(tar) as packed:
            packed.extractall(scratch / "trees" / package.name)
        trees.append(next((scratch / "trees" / package.name).iterdir()))
    made = scratch / "made" / program.folder
    (made / _MODULE).mkdir(parents=True)
    program.prepare(trees, made)
    (made / "complete").write_text("".join(f"{version}\n" for version in versions))
    target = cache / versions[0] / program.folder
    target.parent.mkdir(exist_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    made.rename(target)
    return target
