# SPDX-License-Identifier: MIT
"""A Linux as a domU of a dom0, of the same package as the dom0's kernel: what it boots."""

import re
import subprocess
import tempfile
from pathlib import Path

from .. import cpio
from ..common import EXIT_SKIP, Trouble
from ..outer import parts

_SELECTION = parts.Selection(
    "a Linux as a domU",
    "linux-guest",
    ["linux-image-amd64", "busybox-static"],
    "linux-image-amd64",
    re.compile(r"linux-image-\d[\d.]*-\d+-amd64$"),
    ["bin/busybox"],
    ["xen-blkfront", "xen-netfront"],
)
# How the only process of each program's Linux starts.
_INIT = {
    "diskbench": b"""#!/bin/busybox sh
/bin/busybox insmod /modules/xen-blkfront.ko
/bin/busybox mount -t devtmpfs dev /dev
until [ -b /dev/xvda ]; do /bin/busybox usleep 10000; done
exec /diskbench /dev/xvda </dev/console >/dev/console 2>&1
""",
    "netbench": b"""#!/bin/busybox sh
/bin/busybox insmod /modules/xen-netfront.ko
/bin/busybox mount -t devtmpfs dev /dev
until /bin/busybox ifconfig eth0 10.0.0.2 netmask 255.255.255.0 up; do
    /bin/busybox usleep 10000
done
exec /netbench </dev/console >/dev/console 2>&1
""",
}


def files(program):
    """Return (the kernel, an initramfs with the program as its only process)."""
    kept = _SELECTION.find() or _SELECTION.setup()
    entries = [
        *((name, cpio.DIRECTORY, b"") for name in ("bin", "dev", "modules")),
        ("dev/console", cpio.DEVICE, b"", 5, 1),
        ("init", cpio.PROGRAM, _INIT[program]),
        (program, cpio.PROGRAM, _compiled(program)),
        ("bin/busybox", cpio.PROGRAM, (kept / "root/bin/busybox").read_bytes()),
        *(
            (f"modules/{path.name}", cpio.FILE, path.read_bytes())
            for path in sorted((kept / "modules").glob("*.ko"))
        ),
    ]
    return (kept / "vmlinux").read_bytes(), cpio.archive(entries)


def _compiled(program):
    """Return the program, linked statically."""
    source = Path(__file__).parent / f"{program}.c"
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / program
        done = subprocess.run(
            ["gcc", "-O2", "-static", "-D_GNU_SOURCE", "-o", target, source],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Trouble(f"cannot compile {source.name}: {done.stderr.strip()}", EXIT_SKIP)
        return target.read_bytes()
