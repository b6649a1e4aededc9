# SPDX-License-Identifier: MIT
"""Run repros, or their controls."""

from ..commandline import RECORD, parse_repro
from ..repro import command as repro_command


def run(args, caller):
    more = "--jobs --all --json --junit --bundle --xen-append --gdb --controls --skipped".split()
    asked = parse_repro(args, more + list(RECORD))
    return repro_command.run_controls(asked) if asked.controls else repro_command.run(asked, caller)
