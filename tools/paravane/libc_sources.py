# SPDX-License-Identifier: MIT
"""The sources of programs' libraries, from the next release of the distribution: newlib, musl for
its mathematical functions, and lwIP for sockets. They are fetched once and kept in the user's
cache; tools/build/newlib.py and tools/build/lwip.py build from them.

Without newlib's and musl's tools/build/newlib.py builds from this machine's own newlib-source,
which is older and lacks most long double functions. Without lwIP's programs have no sockets.
"""

import fcntl
import shutil
import time
from pathlib import Path

from . import archive
from .common import Trouble

RELEASE = "trixie"
NEWLIB, MUSL, LWIP = "newlib-*.tar.xz", "musl_*.orig.tar.gz", "lwip_*.orig.tar.xz"
_RETRY_AFTER = 86400  # seconds after which a fetch that failed is tried again


def folder():
    return archive.cache_dir() / "sources"


def _has(*patterns):
    return all(any(folder().glob(pattern)) for pattern in patterns)


def complete():
    return _has(NEWLIB, MUSL, LWIP)


def ensure(retry=False):
    """Fetch what is missing. Print a failure; try again after a day, or now if retry is true."""
    if complete():
        return
    try:
        folder().mkdir(parents=True, exist_ok=True)
        with open(folder() / "lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not complete() and (retry or not _failed_lately()):
                _fetch()
    except (OSError, Trouble, archive.Unavailable) as reason:
        print(f"{_consequence()}: {reason}; ./run.sh setup tries again", flush=True)
        _failure().touch()


def _consequence():
    if _has(NEWLIB, MUSL):
        return f"programs have no sockets: cannot fetch lwIP's sources from {RELEASE}"
    return (
        "the C library of programs is Debian 12's newlib, without sockets: cannot fetch"
        f" {RELEASE}'s, with musl's mathematical functions"
    )


def _failure():
    return folder() / "failed"


def _failed_lately():
    return _failure().exists() and time.time() - _failure().stat().st_mtime < _RETRY_AFTER


def _fetch():
    print(
        f"fetching the sources of newlib, musl and lwIP from {RELEASE} (7 MB and its lists, once)",
        flush=True,
    )
    if not _has(NEWLIB):
        _fetch_newlib()
    for name, pattern in (("musl", MUSL), ("lwip", LWIP)):
        if not _has(pattern):
            _fetch_source(name, pattern)


def _fetch_newlib():
    debian = archive.open_release(RELEASE)
    versions = [package.version for package in debian.packages("newlib-source")]
    if not versions:
        raise Trouble(f"{RELEASE} has no newlib-source")
    root = debian.unpack(f"newlib-source={versions[0]}")
    try:
        _keep(root / "usr" / "src" / "newlib", NEWLIB)
    finally:
        shutil.rmtree(root.parent, ignore_errors=True)


def _fetch_source(name, pattern):
    scratch = folder() / "fetching"
    try:
        archive.fetch_source(name, RELEASE, scratch)
        _keep(scratch, pattern)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _keep(source, pattern):
    """Move the file of the pattern from a folder to the cache, where it appears by a rename."""
    found = sorted(Path(source).glob(pattern))
    if not found:
        raise Trouble(f"{source} holds no {pattern}")
    partial = folder() / f"{found[-1].name}.partial"
    shutil.move(found[-1], partial)
    partial.rename(folder() / found[-1].name)
