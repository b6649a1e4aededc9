# SPDX-License-Identifier: MIT
"""Fetch hypervisors of the distribution's other releases. Each is kept by the full version of its
package."""

import gzip
import os
import shutil

from .. import archive
from ..archive import RELEASES
from ..common import Trouble

# {a release of the distribution: the Xen that it packages}
VERSIONS = dict(zip(RELEASES, ("4.14", "4.17", "4.20")))
# Ends the version of a build with Xen's assertions (controls.py), kept beside the packages
DEBUG = "-debug"


def cache_dir():
    return archive.cache_dir() / "xen"


def cached():
    """Return {full package version: path of the uncompressed hypervisor} of those fetched so
    far."""
    return {path.stem[len("xen-") :]: path for path in sorted(cache_dir().glob("xen-*.elf"))}


def fetch(wanted):
    """Get the hypervisor that a version or a beginning of one names; return (version, path)."""
    if wanted in cached():
        return wanted, cached()[wanted]
    try:
        debian = archive.open_archive()
    except archive.Unavailable as reason:
        raise Trouble(_by_hand(wanted, reason)) from reason
    names = [f"xen-hypervisor-{version}-amd64" for version in VERSIONS.values()]
    package = archive.choose("Xen", wanted, debian.packages(*names))
    if package.version not in cached():
        _keep(debian.unpack(f"{package.name}={package.version}"), package)
    return package.version, cached()[package.version]


def _keep(root, package):
    """Keep the hypervisor of an unpacked package, uncompressed, and the configuration it was built
    with."""
    target = cache_dir() / f"xen-{package.version}.elf"
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        images = sorted((root / "boot").glob("xen-*.gz"))
        if not images:
            raise Trouble(f"{package.name} {package.version} holds no boot/xen-*.gz")
        for config in (root / "boot").glob("*.config"):
            shutil.copyfile(config, target.with_suffix(".config"))
        partial = target.with_suffix(f".{os.getpid()}")
        partial.write_bytes(gzip.decompress(images[0].read_bytes()))
        partial.rename(target)
    finally:
        shutil.rmtree(root.parent, ignore_errors=True)


def _by_hand(wanted, why):
    known = ", ".join(f"xen-hypervisor-{xen}-amd64 of {name}" for name, xen in VERSIONS.items())
    return (
        f"cannot get Xen {wanted}: {why}. By hand: download the package of that version ({known}), "
        "unpack it with dpkg-deb -x PACKAGE.deb DIR, and use --xen DIR/boot/xen-VERSION.gz"
    )
