# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: backends that the command line selects, and the stub."""

from ..common import EXIT_FAIL, EXIT_USAGE
from .step import boot


def steps(_scratch):
    more = ["--append", "pv=native test=boot.*"]
    yield boot(
        "pv=native", "qemu", *more, words=r"pv=native: backend native \(.*\) instead of native"
    )
    for platform in ("qemu", "xen-pvh"):
        words = (r"op memory_map of backend stub is not written: its contract is at "
                 r"pv/ops/setup\.def:\d+(.|\n)*verdict FAIL: op memory_map")
        yield boot("pv=stub names the first missing op", platform, "--append", "pv=stub",
                   status=EXIT_FAIL, words=words)
    refused = r"verdict ERROR: pv=stub: a Xen PV guest's CPU is Xen's"
    yield boot("pv=stub", "xen-pv", "--append", "pv=stub", status=EXIT_USAGE, words=refused)
    unknown = (r"verdict ERROR: pv=frob: no such backend; known are: xen-pv, xen-pvh, vmware, "
               r"rom, kvm, hyperv, native, stub")
    yield boot("pv=frob", "qemu", "--append", "pv=frob", status=EXIT_USAGE, words=unknown)
