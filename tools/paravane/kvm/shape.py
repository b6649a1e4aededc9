# SPDX-License-Identifier: MIT
"""The machine of a Linux with KVM."""

import functools
from dataclasses import dataclass

from ..outer import saved
from . import image, tsc

_LINUX_MEM = 192  # MiB
_MEM_MIN = 512  # MiB of the usual machine
_COUNTED_KHZ = 1_000_000  # an instruction a nanosecond
_WORDS = (
    "console=ttyS0 quiet rodata=off mitigations=off init_on_alloc=0 panic=-1 tsc=reliable "
    "no_timer_check"  # whose time limit counts the host's other work
)


@dataclass(frozen=True)
class Shape(saved.Shape):
    kind = "kvm"
    name = "the Linux with KVM"
    folder = "kvm"
    model = "max,+svm"
    missing = "no Linux with KVM is assembled; ./run.sh setup assembles it"

    @classmethod
    def of(cls, guests_mem, **more):
        """Return the machine in which guests with so many MiB altogether fit."""
        wanted, mem = guests_mem + _LINUX_MEM, _MEM_MIN
        while mem < wanted:
            mem *= 2
        return cls(mem, **more)

    def find(self):
        return image.find()

    def options(self, assembled):
        """Return QEMU's options for what is booted. Linux cannot measure the TSC's rate in an
        emulator that shares its CPUs, so it takes the rate from its command line."""
        words = f"{_WORDS} tsc_early_khz={_COUNTED_KHZ if self.counted else _khz()}"
        return [
            "-kernel", str(assembled.kernel), "-append", words, "-initrd", str(assembled.initramfs)
        ]  # fmt: skip

    def about(self, log):
        """Return the line in which Linux reports its version."""
        return next((line for line in log if line.startswith("Linux version ")), "an unknown Linux")


@functools.lru_cache
def _khz():
    """Return the TSC's rate to the MHz, because a saved machine holds for one rate."""
    return round(tsc.khz() / 1000) * 1000
