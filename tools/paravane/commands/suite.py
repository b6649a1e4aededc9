# SPDX-License-Identifier: MIT
"""Run the suite on platforms, or on the machines of the sweep."""

import sys

from .. import report, wanted
from ..commandline import RECORD, op_rom, parse, record_wanted, run_options
from ..common import EXIT_FAIL, EXIT_PASS, usage
from ..run import emulators, platforms, runs
from ..suite import machine_table, machines, op_report, suite


def run(args, caller):
    more = ("--filter", "--jobs", "--junit", "--json", "--ops", "--verbose", "--soak", "--machines",
            "--rom", *RECORD)
    asked = parse("suite", args, more, machine=True)
    if asked.machines:
        return _machines(asked, caller)
    if asked.ops and (asked.filter or asked.qemu or asked.cpu or asked.machine):
        raise usage(
            "--ops needs the whole suite on the platforms as they are: no --filter, --qemu, --cpu, "
            "--machine"
        )
    chosen = platforms.parse(asked.on)
    table = op_report.read_table() if asked.ops or asked.json else None
    options = run_options(asked, caller, chosen)
    options.pattern = asked.filter or ""
    options.rom = op_rom(asked, caller, chosen)
    if options.pattern and platforms.split_words(options.pattern) != [options.pattern]:
        raise usage("--filter: a pattern has no blanks")
    if asked.soak:
        options.append += (f"soak={asked.soak}",)
        options.timeout = options.timeout and options.timeout + 2 * asked.soak
    variants = wanted.variants(asked, caller, chosen, options)
    several = len(chosen) * len(variants) > 1
    options.record = record_wanted(asked, caller, several)
    for _, variant in variants:
        variant.record = options.record
    columns = [
        suite.Column(platform.name + label, platform, variant)
        for platform in chosen
        for label, variant in variants
    ]
    directory = runs.RunDirectory(options.image)
    results = suite.run_suite(directory, columns, asked.jobs)
    status = suite.exit_code(results)
    suite.print_suite(results, directory, asked.verbose)
    for result in results:
        if result.recording:
            print(f"run.sh: recording: {result.recording}")
    if asked.json:
        document = report.suite_document(results, status)
        document["ops"] = op_report.document(table, results)
        report.write_json(caller / asked.json, document)
    if asked.junit:
        report.write_junit(caller / asked.junit, results)
    return _report_ops(caller / asked.ops, table, results) or status if asked.ops else status


def _machines(asked, caller):
    """Run the suite on the machines of machine_table.py; return the exit code."""
    if (
        asked.ops
        or asked.soak
        or asked.cpu
        or asked.machine
        or asked.smp != 1
        or asked.mem != platforms.DEFAULT_MEM
    ):
        raise usage(
            "--machines: each machine has its own CPUs, memory and tests; no --smp, --mem, --cpu, "
            "--machine, --soak"
        )
    names = [platform.name for platform in platforms.parse(asked.on)]
    rows = machines.choose(machine_table.rows(), asked.machines, asked.filter, names)
    chosen = platforms.parse(",".join(row.platform for row in rows))
    options = run_options(asked, caller, chosen)
    variants = [
        (label, emulators.version_of(variant.emulator or emulators.default()), variant)
        for label, variant in wanted.variants(asked, caller, chosen, options)
    ]
    results = machines.sweep(rows, options.image, variants, asked.jobs, asked.verbose)
    status = suite.exit_code(results)
    if asked.json:
        report.write_json(caller / asked.json, report.suite_document(results, status))
    if asked.junit:
        report.write_junit(caller / asked.junit, results)
    return status


def _report_ops(path, table, results):
    """Write the report by op; return EXIT_FAIL, with a line for each hole, if it has any."""
    report.write_text(path, op_report.render(table, results))
    holes = op_report.holes(table, results)
    for hole in holes:
        print(f"run.sh: --ops: {hole}", file=sys.stderr)
    return EXIT_FAIL if holes else EXIT_PASS
