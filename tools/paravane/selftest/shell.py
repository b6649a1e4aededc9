# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: the monitor survives random lines (docs/shell.md)."""

from .step import RUN, RUN_LIMIT, Step

PLATFORMS = ("qemu", "xen-pv", "xen-pvh")
LINES = 400


def steps(_scratch):
    for seed, platform in enumerate(PLATFORMS, 1):
        argv = [*RUN, "shell", *RUN_LIMIT, "--on", platform, "--fuzz", LINES, "--seed", seed]
        yield Step(f"{platform}: random lines for the monitor", argv, platform=platform,
                   words=f"{LINES} of {LINES} random lines: PASS")
