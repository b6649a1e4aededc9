# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: a lab passes the tree's own function, and explains wrong ones."""

from .step import RUN, Step

SAMPLE = "steal"  # needs no machine


def steps(_scratch):
    yield Step(f"lab {SAMPLE}: cut, solved, and three times wrong", [*RUN, "lab", "prove", SAMPLE],
               words="labs: 1 proven, 0 problems")
