# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: labs pass the tree's own functions, and explain wrong ones. The soak
`labs` proves all of them with all wrong solutions."""

from .step import RUN, Step

SAMPLE = "steal"  # needs no machine


def steps(_scratch):
    yield Step(f"lab {SAMPLE}: cut, solved, and three times wrong", [*RUN, "lab", "prove", SAMPLE],
               words="labs: 1 proven, 0 problems")
    yield Step("labs: each function that is cut out fails, and is explained",
               [*RUN, "lab", "prove", "--cut"], platform="xen-pv", cpus=2,
               words=r"labs: \d\d have a cut version that fails and explains itself, 0 problems")
