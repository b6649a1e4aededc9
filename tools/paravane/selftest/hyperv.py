# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: guests of KVM that see Hyper-V's interface."""

from ..common import EXIT_FAIL
from .step import GCC, KVM, boot

_SHORT = ["--mem", "64", "--smp", "2", "--pcpus", "1"]
_MORE = "test=boot.c*,hyperv.*,time.timers_f*,smp.call_runs*"


def steps(_scratch):
    # No test fails before the panic, which is the last one.
    crash = r"\A(?:(?!not ok)(?:.|\n))*PANIC: (?:.|\n)*kvm: the guest reported a crash, status 1"
    yield boot(
        "all features, and a crash that is reported", "kvm-hyperv", *_SHORT, "--append",
        f"inject=panic {_MORE}", status=EXIT_FAIL, words=crash, needs=(GCC, KVM),
    )  # fmt: skip
    # KVM's signature is there, too, and the largest leaf cannot be.
    refused = (
        r"backend hyperv (.|\n)* instead of kvm\n"
        r"(.|\n)*Hyper-V offers and refuses a reference TSC page(.|\n)*paravane: verdict PASS"
    )
    yield boot(
        "timers that send messages, sparse sets, a page that is refused", "kvm-hyperv", *_SHORT,
        "--vmm", "hide=3d:80000", "--vmm", "vp=40", "--vmm", "deny=40000021", "--vmm", "both",
        "--vmm", "leaf=ffffffff", "--append", f"pv=hyperv {_MORE}",
        words=refused, needs=(GCC, KVM),
    )  # fmt: skip
