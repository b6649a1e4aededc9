# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: the monitor survives random lines, reports lost ones, and counts
instructions (docs/shell.md)."""

from ..common import build_dir
from ..run import platforms, runs
from .step import RUN, RUN_LIMIT, Step, check

PLATFORMS = ("qemu", "xen-pv", "xen-pvh")
LINES = 400
# As test/bench-baseline.json has it
_COUNTED = r"pv_read_cr4\(\) = .*; 1 instruction, (.|\n)*pv_save_fl\(\) = .*; 2 instructions, "


def steps(_scratch):
    for seed, platform in enumerate(PLATFORMS, 1):
        argv = [*RUN, "shell", *RUN_LIMIT, "--on", platform, "--fuzz", LINES, "--seed", seed]
        yield Step(f"{platform}: random lines for the monitor", argv, platform=platform,
                   words=f"{LINES} of {LINES} random lines: PASS")
    yield check("qemu: lines that do not reach the monitor are an error", _lost_lines)
    yield Step("qemu: the monitor counts instructions",
               [*RUN, "shell", *RUN_LIMIT, "--counted", "--commands", "read_cr4; save_fl"],
               platform="qemu", words=_COUNTED)


def _lost_lines():
    """Boot the monitor without anything that answers its requests for lines. With a counted clock
    that nothing waits for, its patience is over at once."""
    image = build_dir() / "paravane.elf"
    options = runs.Options(
        image, run="shell", append=("input=pipe", "log=warn"), icount=True,
        feed=platforms.Feed(deaf=True), timeout=300,
    )  # fmt: skip
    result = runs.RunDirectory(image).run(platforms.PLATFORMS["qemu"], options)
    good = result.status == "ERROR" and "the next one does not arrive" in result.reason
    return "" if good else f"{result.status}: {result.reason}", "\n".join(result.tail())
