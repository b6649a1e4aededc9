# SPDX-License-Identifier: MIT
"""The machine of a dom0: Xen, a Linux as its dom0, and the toolstack."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ..common import EXIT_USAGE, Trouble
from ..outer import saved
from ..run import xen as hypervisors
from . import image

_DOM0_MEM = 384  # MiB
_XEN_MEM = 128  # MiB that Xen itself needs, generously
_MEM_MIN = 2048  # MiB of the usual machine: four guests of the usual size fit
_XEN_WORDS = (
    "console=com1 com1=115200,8n1 loglvl=warning guest_loglvl=all conring_size=256k noreboot "
    f"dom0_mem={_DOM0_MEM}M,max:{_DOM0_MEM}M dom0_max_vcpus=1 dom0_vcpus_pin "
    "spec-ctrl=no smep=0 smap=0 bootscrub=0 console_timestamps=boot"
)
_LINUX_WORDS = "console=hvc0 quiet rodata=off mitigations=off swiotlb=1024 init_on_alloc=0"


@dataclass(frozen=True)
class Shape(saved.Shape):
    """xen: a hypervisor in place of the assembled one, or None; xen_append: more words for it."""

    mem: int = _MEM_MIN
    xen: Optional[Path] = None
    xen_append: tuple = ()

    kind = "dom0"
    name = "the dom0"
    folder = "dom0"
    # With XSAVE, xl crashes now and then under QEMU 7.2; with SMAP, a Linux PV dom0 does not boot
    # there.
    model = "max,+svm,-smap,-xsave"
    over = (
        (
            re.compile(r"Hardware Dom0 (crashed|halted|shutdown.*)"),
            "the dom0 is over: Xen says {}",
        ),
    )

    @classmethod
    def of(cls, guests_mem, **more):
        """Return the machine in which guests with so many MiB altogether fit."""
        wanted, mem = guests_mem + _DOM0_MEM + _XEN_MEM + guests_mem // 32, _MEM_MIN
        while mem < wanted:
            mem *= 2
        return cls(mem, **more)

    @property
    def release(self):
        """Return the release of the Xen, by which its toolstack is chosen; the usual one if the Xen
        does not contain it."""
        return self.xen and hypervisors.release_of(self.xen) or image.XEN

    @property
    def missing(self):
        """Return in words that no toolstack controls the Xen, with the remedy."""
        if self.release == image.XEN:
            return "no dom0 is assembled for domU guests; ./run.sh setup assembles it"
        if self.release in image.RELEASES:
            return (
                f"--xen: no dom0 with the toolstack of Xen {self.release} is assembled, and a"
                f" toolstack controls a Xen of its release only; ./run.sh setup --dom0"
                f" {self.release} assembles it"
            )
        return (
            f"--xen: the distribution has no toolstack for a Xen {self.release}, and a toolstack"
            f" controls a Xen of its release only: {', '.join(image.RELEASES)}. xen-pv and xen-pvh"
            " need none"
        )

    def find(self):
        return image.find(self.release)

    def has_shadow_paging(self):
        """Return whether the Xen has shadow page tables, without which it migrates no PV guest."""
        assembled = self.find()
        path = self.xen or (assembled and assembled.xen)
        return path is not None and "CONFIG_SHADOW_PAGING=y" in hypervisors.config_of(path)

    def options(self, assembled):
        kernel = f"{assembled.kernel} {_LINUX_WORDS}".replace(",", ",,")
        return [
            "-kernel",
            str(self.xen or assembled.xen),
            "-append",
            " ".join([_XEN_WORDS, *self.xen_append]),
            "-initrd",
            f"{kernel},{assembled.initramfs}",
        ]

    def more_key(self):
        return [self.xen and hashlib.sha256(self.xen.read_bytes()).hexdigest()]

    def refuse(self, reason):
        if self.xen and "toolstack" in reason:
            raise Trouble(f"--xen: {reason}; docs/domu.md has those for a domU", EXIT_USAGE)
        super().refuse(reason)

    def about(self, log):
        """Return the line in which Xen reports its version, or else that in which dom0 does."""
        line = next(
            (line for line in log if " Xen version " in line), "(XEN) its version is unknown"
        )
        return re.sub("^dom0: ", "(XEN) ", line)
