# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: guests of KVM."""

from ..kvm import image, shape
from .outer import assemble
from .step import GCC, KVM, boot, check

_SHORT = ["--mem", "64", "--append", "test=boot.*,setup.*,smp.*,locks.*,kvm.*"]
_SHORTER = ["--mem", "64", "--append", "test=boot.*,setup.*,kvm.*"]


def steps(_scratch):
    yield check(KVM, assemble, image, shape, needs=())
    refused = r"KVM offers its clock and refuses it(.|\n)*paravane: verdict PASS"
    yield boot(
        "features that are refused", "kvm", "--vmm", "refuse=1ff", "--vmm", "hyperv", "--vmm",
        "claim=20000", *_SHORTER, words=refused, needs=(GCC, KVM),
    )  # fmt: skip
    yield boot(
        "two CPUs that take turns", "kvm", "--smp", "2", "--pcpus", "1", *_SHORT,
        words="paravane: verdict PASS", needs=(GCC, KVM),
    )  # fmt: skip
