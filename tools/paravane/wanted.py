# SPDX-License-Identifier: MIT
"""The machine of a command: --qemu, --cpu and --machine. Only the emulator can list its models and
options, so it is asked before anything runs: what it refuses is a mistake of the caller, not a
failure of the image.
"""

import dataclasses

from .common import EXIT_USAGE, Trouble, usage
from .run import emulators, platforms

OPTIONS = ("--qemu", "--cpu", "--machine")


def add_options(parser):
    """Add the options to an argparse parser."""
    parser.add_argument("--qemu", action="append", default=[])
    parser.add_argument("--cpu", default="")
    parser.add_argument("--machine", default="")


def check_words(asked):
    """Refuse what QEMU would not take for a model or for options."""
    for option in OPTIONS[1:]:
        value = getattr(asked, option[2:])
        if value != value.strip() or any(not "!" <= char <= "~" for char in value):
            raise usage(f"{option}: {value!r} has a blank or a character that is not ASCII")
        if value in ("help", "?"):
            raise usage(
                f"{option} {value}: QEMU prints its list: {emulators.default()} {option[1:]} help"
            )


def variants(asked, caller, chosen, options):
    """Return [(label, Options)], one for each --qemu. chosen: the platforms. If several QEMUs run,
    a label follows the platform's name."""
    check_words(asked)
    options = dataclasses.replace(options, cpu=asked.cpu, machine=asked.machine)
    found = [emulators.find(wanted, caller) for wanted in asked.qemu]
    listed = [
        (label, dataclasses.replace(options, emulator=emulator.path))
        for emulator, label in emulators.labels(found).items()
    ] or [("", options)]
    if any(getattr(asked, option[2:]) for option in OPTIONS):
        for _, variant in listed:
            for platform in chosen:
                _ask(platform, variant, asked)
    return listed


def one(asked, caller, chosen, options, missing=EXIT_USAGE):
    """Return the Options of a command that runs on one QEMU. missing: the status if --qemu names a
    file that is missing or is not a QEMU."""
    if len(asked.qemu) > 1:
        raise usage("several --qemu are for the suite; this command takes one")
    try:
        return variants(asked, caller, chosen, options)[0][1]
    except Trouble as trouble:
        as_file = asked.qemu and ("/" in asked.qemu[0] or (caller / asked.qemu[0]).exists())
        raise Trouble(str(trouble), missing if as_file else trouble.status) from trouble


def _ask(platform, options, asked):
    """Have the emulator make the machine of one platform."""
    if platforms.lacking(platform, options.mem, options.xen is not None, bool(options.emulator)):
        return
    refusal = platform.refusal(options.boot(None, None, None, []))
    if refusal:
        said = "".join(f" {option} {getattr(asked, option[2:])}" for option in OPTIONS[1:]
                       if getattr(asked, option[2:]))
        raise usage(
            f"{platform.name}: {platform.emulator.NAME} does not make a "
            f"machine{said and ' with' + said}: {refusal}"
        )
