# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: guests of KVM."""

from .step import boot

_SHORT = ["--mem", "64", "--append", "test=boot.*,setup.*,time.*,smp.*,locks.*"]


def steps(_scratch):
    yield boot(
        "two CPUs that take turns", "kvm", "--smp", "2", "--pcpus", "1", *_SHORT,
        words="paravane: verdict PASS",
    )  # fmt: skip
