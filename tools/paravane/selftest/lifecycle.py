# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: what the host asks of a machine: memory, CPUs and suspends."""

from ..run import packaged
from .step import DOM0, GCC, RUN, RUN_LIMIT, Step, boot, physical

CYCLES = ("python3", "-B", "tools/paravane/dom0/cycles.py")
_MIGRATING = "4.17.5"  # a Xen with shadow page tables: it also migrates a PV guest


def steps(_scratch):
    for platform in ("domu-pv", "domu-pvh"):
        less = ["--mem", "64", "--maxmem", "256", "--append", "test=mm.all*"]
        words = r"memory: 64 MiB of RAM.*\n(.|\n)*memory: 192 MiB more if the host gives them"
        yield boot("maxmem above memory", platform, *less, words=words, needs=(GCC, DOM0))
    yield Step(
        "domu-pv: a cancelled suspend, then a restore on a younger host, 2 CPUs",
        (*CYCLES, "pv", "2", "1", "0", "0", "1"),
        words="cycles: pv, 2 CPUs: PASS",
        platform="domu-pv",
        needs=(GCC, DOM0),
    )
    # As fast as the requests are made, and with CPUs that leave: the tests make a few.
    many = ["--smp", "2", "--run", "requests:20"]
    for platform in ("qemu", "xen-pv"):
        yield boot("the host requests CPUs and memory", platform, *many, words="requests: 20 for")


def soaks(make):
    """Yield the soaks of this subject; make(name, argv, words) makes one."""
    for kind, smp in (("pv", "1"), ("pv", "4"), ("pvh", "1"), ("pvh", "4")):
        there = any(version.startswith(_MIGRATING) for version in packaged.cached())
        xen = ("--xen", _MIGRATING) if kind == "pv" and there else ()
        migrated = "10" if kind == "pvh" or xen else "0"
        argv = (*CYCLES, kind, smp, "50", "50", migrated, "1", *xen)
        yield make(f"cycles-{kind}-{smp}", argv, rf"cycles: {kind}, {smp} CPUs: PASS")
    for platform in ("qemu", "xen-pv", "xen-pvh", "domu-pv", "domu-pvh"):
        more = ("--smp", "4", "--run", "requests:400")
        argv = (*RUN, "boot", "--on", platform, *RUN_LIMIT, *physical(platform), *more)
        yield make(f"requests-{platform}", argv, "requests: 400 for CPUs")
