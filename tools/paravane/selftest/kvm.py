# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: guests of KVM."""

from ..kvm import image, shape
from .outer import assemble
from .step import GCC, KVM, boot, check
from .trace import recorded

_SHORT = ["--mem", "64", "--append", "test=boot.*,setup.*,smp.*,locks.*,kvm.*"]
_SHORTER = ["--mem", "64", "--append", "test=boot.*,setup.*,kvm.*"]


def steps(_scratch):
    yield check(KVM, assemble, image, shape, needs=())
    refused = r"KVM offers its clock and refuses it(.|\n)*paravane: verdict PASS"
    yield recorded(
        "features that are refused", "kvm", "--vmm", "refuse=1ff", "--vmm", "hyperv", "--vmm",
        "claim=20000", *_SHORTER, words=refused, needs=(GCC, KVM),
    )  # fmt: skip
    # KVM's largest leaf cannot be, and a page of memory takes 4 ms to appear.
    yield boot(
        "two CPUs that take turns, and slow memory", "kvm", "--smp", "2", "--pcpus", "1", "--vmm",
        "leaf=ffffffff", "--vmm", "slow=4", *_SHORT,
        words=r"# [1-9]\d* pages were fetched(.|\n)*paravane: verdict PASS", needs=(GCC, KVM),
    )  # fmt: skip
    # A kick yields, too, so a few yields have an effect in any case.
    yield boot(
        "a preempted CPU that is called gets the turn", "kvm", "--smp", "2", "--pcpus", "1",
        "--mem", "64", "--append", "test=kvm.preempted_cpu_a*,kvm.turns*",
        words=r"# [1-9]\d* of \d+ us were stolen(.|\n)*verdict PASS(.|\n)*"
              r"kvm: [1-9]\d of \d+ yields had an effect", needs=(GCC, KVM),
    )  # fmt: skip
