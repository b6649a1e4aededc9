# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: random user code."""

from .step import RUN, RUN_LIMIT, Step


def steps(_scratch):
    yield from _hostile()


def _hostile():
    """Yield the steps of random user code: the same outcome on three backends; and one case,
    decoded."""
    argv = RUN + ["hostile", *RUN_LIMIT, "--jobs", "1", "--cases", "20000"]
    yield Step("random user code, compared", argv,
               words=r"qemu: PASS(.|\n)*xen-pv: PASS(.|\n)*xen-pvh: PASS")
    intel = ["--on", "qemu", "--cpu", "max,vendor=GenuineIntel", "--cases", "20000", "--seed", "2"]
    yield Step("random user code on a CPU of Intel's", RUN + ["hostile", *RUN_LIMIT, *intel],
               words="0 failures")
    smp = ["hostile", *RUN_LIMIT, "--jobs", "1", "--smp", "2", "--cases", "8192", "--seed", "3"]
    # A PVH guest with several CPUs may lose an interrupt (docs/facts.md): with xen-pvh it is the
    # soak hostile-smp.
    parallel = [*smp, "--on", "qemu,xen-pv"]
    yield Step("random user code on two CPUs, compared", RUN + parallel,
               words=r"qemu: PASS(.|\n)*xen-pv: PASS")
    shared = [*smp, "--shared", "--on", "qemu,xen-pv"]
    yield Step("random user code of two CPUs in one space", RUN + shared,
               words=r"qemu: PASS(.|\n)*xen-pv: PASS")
    frames = ["hostile", *RUN_LIMIT, "--jobs", "1", "--frames", "--cases", "20000"]
    yield Step(
        "random frames of the kernel's own", RUN + frames, words=r"xen-pv: PASS(.|\n)*xen-pvh: PASS"
    )
    argv = RUN + ["hostile", *RUN_LIMIT, "--on", "qemu", "--case", "41"]
    yield Step("random user code, one case", argv, words=r"# code 64-bit(.|\n)*left by vector")
