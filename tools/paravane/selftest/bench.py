# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: the benchmark."""

import re

from ..common import EXIT_FAIL, EXIT_USAGE
from .step import RUN, RUN_LIMIT, Step


def steps(scratch):
    yield from _bench(scratch)


def _bench(scratch):
    """Yield the steps on the counts: not much above the baseline, the same twice (on qemu; on Xen
    the second time takes half a minute), and the limit is enforced."""
    baseline = ["--counted", "--against", "test/bench-baseline.json"]
    yield Step(
        "bench: every figure on Xen, against the baseline",
        RUN + ["bench", *RUN_LIMIT, *baseline, "--once", "--on", "xen-pv,xen-pvh"],
        words=r"counted once on xen-pv, xen-pvh(.|\n)* 0 over the limit, 0 gone",
    )
    yield Step(
        "bench: every figure twice on qemu, against the baseline",
        RUN + ["bench", *RUN_LIMIT, *baseline, "--on", "qemu"],
        words=r"two runs counted the same on qemu(.|\n)* 0 over the limit, 0 gone",
    )
    yield Step(
        "bench: all of it",
        RUN + ["bench", *RUN_LIMIT, "--on", "qemu", "--append", "test=op.cpu_*"],
        words=r"through the table(.|\n)*cycles(.|\n)*seconds(.|\n)*two runs counted the same on "
              r"qemu",
    )
    cheap, old, unknown = (scratch / f"{name}.json" for name in ("cheap", "old", "unknown"))
    head = '{"format": "paravane-bench", "version": '
    cheap.write_text(head + '1, "measurements": {"op.cpu_features": {"count": {"qemu": 10}}}}')
    more = ["--counted", "--on", "qemu", *RUN_LIMIT, "--append", "test=op.cpu_*", "--against",
            str(cheap)]
    yield Step("bench: an op that got dearer", RUN + ["bench", *more], EXIT_FAIL,
               r"OVER .*op.cpu_features on qemu")
    old.write_text(head + '0, "measurements": {}}')
    unknown.write_text(head + '1, "measurements": {"op.frob": {"count": {"qemu": 1}}}}')
    for name, args, words in (
        ("no file", ["--against", "/nowhere.json"], "cannot be read"),
        ("no JSON", ["--against", "README.md"], "is not JSON"),
        ("old file", ["--against", str(old)], "has version 0 of the format"),
        ("unknown op", ["--against", str(unknown)], "an op that does not exist: frob"),
        ("limit", ["--against", str(cheap), "--limit", "0.5"], "not a ratio"),
        ("limit of nothing", ["--limit", "2"], "--against"),
        ("once of what is noisy", ["--once"], "--once is for --counted"),
        ("unwritable file", ["--svg", "/proc/nowhere/bench.svg"],
         "cannot write /proc/nowhere/bench.svg"),
    ):
        yield Step(
            f"bad input: bench, {name}", RUN + ["bench", *args], EXIT_USAGE, re.escape(words)
        )
