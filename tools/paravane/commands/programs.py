# SPDX-License-Identifier: MIT
"""Run tests of other projects' programs."""

from ..commandline import parse
from ..common import usage
from ..programs import command as programs_command, power
from ..run import platforms, runs


def run(args, caller):
    names = [word for word in args if not word.startswith("-")][:1]
    if args and names == args[:1]:
        names, args = args[0].split(","), args[1:]
    else:
        names = []
    asked = parse("programs", args)
    chosen = platforms.parse(asked.on or programs_command.PLATFORMS)
    if asked.on and power.NAME in names and not power.wanted_of(chosen):
        raise usage(f"programs: {power.NAME} runs on {' and '.join(power.PLATFORMS)}")
    return programs_command.run(names, chosen, runs.find_xen(asked.xen, caller))
