# SPDX-License-Identifier: MIT
"""Boot one machine."""

from .. import wanted
from ..commandline import RECORD, build_app, op_rom, parse, record_wanted, run_options
from ..common import usage
from ..repro import command as repro_command
from ..run import module, names, platforms, runs, xen
from ..run.machine import Terminal
from ..suite import suite


def run(args, caller):
    more = ("--run", "--gdb", "--module", "--app", "--rom", *RECORD)
    asked = parse("boot", args, more, machine=True)
    chosen = platforms.parse("qemu" if asked.on is None else asked.on)
    if len(chosen) != 1:
        raise usage("boot: --on takes one platform")
    if asked.app:
        asked.image, asked.run = build_app(asked, caller)
    elif repro_command.is_file(asked.run) and not asked.image:
        asked.image, asked.run = repro_command.build_payload(asked.run, caller)
    options = wanted.one(asked, caller, chosen, run_options(asked, caller, chosen))
    options.run = asked.run or "suite"
    options.rom = op_rom(asked, caller, chosen)
    options.record = record_wanted(asked, caller, several=False)
    repro_command.check_payload(options.run, outside=bool(asked.image))
    if platforms.split_words(options.run) != [options.run]:
        raise usage("--run: the name of a payload has no blanks")
    if asked.gdb:
        if not chosen[0].emulator.HAS_GDB_STUB:
            raise usage(f"--gdb: {chosen[0].emulator.NAME} has no stub for gdb")
        options.gdb, options.timeout = True, 0
        repro_command.print_gdb(
            options.image, "kernel_main", xen.find(asked.xen, caller) if asked.xen else None
        )
    files = module.read(caller / asked.module) if asked.module else None
    directory = runs.RunDirectory(options.image, files)
    result = directory.run(chosen[0], options, terminal=Terminal())
    print(f"run.sh: {result.platform}: {suite.one_line(result)}")
    if result.names:
        frames = [line for line in result.panic if names.is_frame(line)]
        print("\n".join([f"run.sh: functions by {result.names}:", *frames]))
    if result.recording:
        print(f"run.sh: recording: {result.recording}")
    if result.ran:
        print(f"run.sh: log and command line in {result.directory}/")
    return suite.exit_code([result])
