# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: guests of KVM."""

from ..kvm import image, shape
from .outer import assemble
from .step import GCC, KVM, boot, check

_SHORT = ["--mem", "64", "--append", "test=boot.*,setup.*,time.*,smp.*,locks.*"]


def steps(_scratch):
    yield check(KVM, assemble, image, shape, needs=())
    yield boot(
        "two CPUs that take turns", "kvm", "--smp", "2", "--pcpus", "1", *_SHORT,
        words="paravane: verdict PASS", needs=(GCC, KVM),
    )  # fmt: skip
