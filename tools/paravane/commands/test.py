# SPDX-License-Identifier: MIT
"""Run the steps of the project's own test."""

import os

from .. import selftest, setup
from ..commandline import Parser, add, hours, joined, not_empty, number
from ..common import usage


def run(args, caller):
    parser = Parser("test")
    add(parser, {
        "--only": {"type": not_empty, "action": "append"}, "--quick": {"action": "store_true"},
        "--soak": {"nargs": "*"}, "--hours": {"type": hours, "default": 1},
        "--junit": {"type": not_empty},
        "--jobs": {"type": number("jobs", 1, 64)},
    })  # fmt: skip
    asked = parser.parse_args(joined(parser, args))
    setup.ensure()
    if asked.quick and asked.soak is not None:
        raise usage("test: --quick and --soak exclude each other")
    junit = caller / asked.junit if asked.junit else None
    only = tuple(asked.only or ())
    # Steps wait now and then, for a guest that sleeps, a build or the dom0 of others: two more than
    # there are CPUs keep them busy. A soak keeps its CPUs busy by itself.
    jobs = asked.jobs or len(os.sched_getaffinity(0)) + (2 if asked.soak is None else 0)
    return selftest.run(
        selftest.Asked(jobs, asked.quick, only, asked.soak, asked.hours, junit)
    )
