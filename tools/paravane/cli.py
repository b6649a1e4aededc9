# SPDX-License-Identifier: MIT
"""The commands of run.sh: parse the command line, and call the module of the command."""

import os
import shutil
import signal
import subprocess
import sys
import traceback
from pathlib import Path

from . import doctor, hostile, libc_sources, payloads, report, selftest, setup, wanted
from .bench import bench, chart as bench_chart, file as bench_file, sizes
from .commandline import (
    Parser, add, build, build_app, hours, joined, not_empty, number, parse, parse_repro
)
from .commandline import RECORD, record_wanted, run_options
from .common import (
    EXIT_FAIL, EXIT_INTERRUPTED, EXIT_PASS, EXIT_SKIP, EXIT_USAGE, ROOT, Trouble, build_dir,
    make_dirs
)
from .common import short, usage
from .dom0 import image as dom0_image
from .dom0 import beside_linux, operations
from .dom0 import shape as dom0_shape
from .helptext import HELP
from .kvm import image as kvm_image
from .kvm import shape as kvm_shape
from .lab import command as lab_command
from .mutants import mutants, source_mutants
from .op import command as op_command
from .outer import saved
from .programs import command as programs_command
from .repro import command as repro_command, controls, proofs, repros
from .run import emulators, iso, module, names, packaged, platforms, runs, xen
from .run.machine import Terminal
from .selftest.soak import SOAKS
from .shell import command as shell_command
from .site import command as site_command
from .suite import machine_table, machines, op_report, suite
from .trace import command as trace_command, minimise, replay


def main(args):
    """Run one command; return the exit code."""
    for which in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(which, _interrupt)
    caller = Path.cwd()
    os.chdir(ROOT)
    try:
        return _dispatch(args, caller)
    except Trouble as trouble:
        print(f"run.sh: {trouble}", file=sys.stderr)
        return _status_of_trouble(args, trouble.status)
    except (KeyboardInterrupt, suite.Interrupted):
        print("\nrun.sh: interrupted; no machine of this run is left running", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
        return EXIT_SKIP
    except OSError as error:
        print(f"run.sh: {error}", file=sys.stderr)
        return _status_of_trouble(args, EXIT_FAIL)
    except Exception as error:
        if os.environ.get("PARAVANE_DEBUG"):
            raise
        where = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        print(
            f"run.sh: internal error: {what} ({Path(where.filename).name}:{where.lineno}); "
            "PARAVANE_DEBUG=1 shows where",
            file=sys.stderr,
        )
        return EXIT_SKIP


def _status_of_trouble(args, status):
    """Return 125 for an error of repro: status 1 would mean "bad" to a bisection, and the error is
    the runner's."""
    return EXIT_SKIP if args[:1] == ["repro"] and status == EXIT_FAIL else status


def _interrupt(_number, _frame):
    raise KeyboardInterrupt


def _dispatch(args, caller):
    commands = {
        "test": _test,
        "boot": _boot,
        "shell": shell_command.run,
        "lab": lab_command.run,
        "suite": _suite,
        "repro": _repro,
        "bench": _bench,
        "hostile": _hostile,
        "operations": operations.command,
        "mutants": _mutants,
        "programs": _programs,
        "iso": _iso,
        "list": _list,
        "op": op_command.run,
        "trace": trace_command.run,
        "replay": replay.run,
        "minimise": minimise.run,
        "docs": site_command.run,
        "doctor": _doctor,
        "setup": _setup,
        "clean": _clean,
        "help": _help,
    }
    if not args:
        return _everything(caller)
    name = "help" if args[0] in ("-h", "--help") else args[0]
    if name not in commands:
        raise usage(f"unknown command {name!r}; known: {', '.join(commands)}")
    if any(word in ("-h", "--help") for word in args[1:]):
        name, args = "help", ["help"]
    return commands[name](args[1:], caller)


def _everything(caller):
    setup.ensure()
    return _suite([], caller)


def _suite(args, caller):
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
    options.rom = _op_rom(asked, caller, chosen)
    if options.pattern and platforms.split_words(options.pattern) != [options.pattern]:
        raise usage("--filter: a pattern has no blanks")
    if asked.soak:
        options.append += (f"soak={asked.soak}",)
        options.timeout = options.timeout and options.timeout + 2 * asked.soak
    variants = wanted.variants(asked, caller, chosen, options)
    several = len(chosen) * len(variants) > 1
    options.record = record_wanted(asked, caller, chosen, several)
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


def _boot(args, caller):
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
    options.rom = _op_rom(asked, caller, chosen)
    options.record = record_wanted(asked, caller, chosen, several=False)
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


def _op_rom(asked, caller, chosen):
    """Return the file of --rom, or None."""
    if asked.rom and "rom" not in [platform.name for platform in chosen]:
        raise usage("--rom is for the platform rom: add --on rom")
    return caller / asked.rom if asked.rom else None


def _repro(args, caller):
    more = "--jobs --all --json --junit --bundle --xen-append --gdb --controls --skipped".split()
    asked = parse_repro(args, more + list(RECORD))
    return repro_command.run_controls(asked) if asked.controls else repro_command.run(asked, caller)


def _bench(args, caller):
    asked = parse("bench", args,
                  ("--json", "--sizes", "--linux", "--linux-domu", "--counted", "--once",
                   "--against", "--limit", "--svg"))
    if asked.linux:
        return programs_command.beside_linux()
    if asked.linux_domu:
        return beside_linux.command(asked.on)
    if asked.sizes:
        make_dirs(build_dir())
        return EXIT_PASS if sizes.run() else EXIT_FAIL
    if asked.once and not asked.counted:
        raise usage("--once is for --counted: what is noisy is measured several times")
    if asked.limit and not asked.against:
        raise usage("--limit is the ratio that --against allows")
    for path in filter(None, (asked.json, asked.svg)):
        if not os.access((caller / path).parent, os.W_OK):
            raise usage(f"cannot write {path}")  # reported now, not after minutes
    chosen = platforms.parse(asked.on)
    old = bench.earlier(caller / asked.against) if asked.against else None
    options = run_options(asked, caller, chosen)
    document = bench.run(runs.RunDirectory(options.image), chosen, options, asked.counted,
                         named=asked.on is not None, times=1 if asked.once else 2)
    if asked.json:
        bench_file.write(caller / asked.json, document)
    if asked.svg:
        report.write_text(caller / asked.svg, bench_chart.render(document))
    fine = bench.compare(old, document, asked.limit) if old else True
    return EXIT_PASS if fine and not document.problems else EXIT_FAIL


def _hostile(args, caller):
    asked = parse("hostile", args,
                  ("--jobs", "--cases", "--seed", "--case", "--shared", "--frames"), machine=True)
    if asked.case is not None and (asked.shared or asked.frames):
        raise usage("--case decodes one case of user mode; not with --shared or --frames")
    chosen = platforms.parse(asked.on or "qemu,xen-pv,xen-pvh")
    options = wanted.one(asked, caller, chosen, run_options(asked, caller, chosen))
    first, cases = (0, asked.cases) if asked.case is None else (asked.case, 1)
    directory = runs.RunDirectory(options.image)
    kind = "shared" if asked.shared else "frames" if asked.frames else ""
    return hostile.run(
        directory, chosen, options, hostile.Wanted(asked.seed, first, cases, kind), asked.jobs
    )


def _mutants(args, caller):
    asked = parse("mutants", args,
                  ("--jobs", "--ops", "--filter", "--json", "--source", "--files", "--resume"))
    if asked.files and not asked.source:
        raise usage("--files names the source mutants of --source")
    if asked.resume and not (asked.source and asked.json):
        raise usage("--resume continues a run of --source from its --json FILE")
    if asked.source:
        return _source_mutants(asked, caller)
    chosen = platforms.parse(asked.on or "qemu,xen-pv,xen-pvh")
    options = run_options(asked, caller, chosen)
    options.pattern = asked.filter or ""
    path = caller / asked.json if asked.json else None
    return mutants.run(
        runs.RunDirectory(options.image), chosen, options, asked.jobs, asked.ops or ".*", path
    )


def _source_mutants(asked, caller):
    for option in ("on", "ops", "filter", "image"):
        if getattr(asked, option):
            raise usage(f"mutants --source: each mutant has its own, so --{option} has no meaning")
    options = run_options(asked, caller, platforms.parse("qemu,xen-pv,xen-pvh"))
    path = caller / asked.json if asked.json else None
    return source_mutants.run(options, asked.jobs, asked.files or "*", path, asked.resume)


def _programs(args, caller):
    names = [word for word in args if not word.startswith("-")][:1]
    if args and names == args[:1]:
        names, args = args[0].split(","), args[1:]
    else:
        names = []
    asked = parse("programs", args)
    chosen = platforms.parse(asked.on or programs_command.PLATFORMS)
    return programs_command.run(names, chosen, runs.find_xen(asked.xen, caller))


def _iso(args, _caller):
    _nothing_more("iso", args)
    reason = platforms.lacking(platforms.PLATFORMS["grub"])
    if reason:
        raise Trouble(reason)
    target = build_dir() / "paravane.iso"
    kernel = build()
    module_file = build_dir() / "testmodule"
    module_file.write_bytes(module.test_module())
    files = {"paravane.elf": kernel, "testmodule": module_file}
    found = runs.find_xen(None)
    if found:
        files["xen.elf"] = found
    iso.make(target, platforms.iso_menu(bool(found)), files)
    print(f"{short(target)}: GRUB for BIOS and UEFI, Paravane" + (", Xen" if found else ""))
    return EXIT_PASS


def _list(args, _caller):
    if args == ["--repros"]:
        known = list(controls.load().values())
        print("\n".join(repros.listing(repros.all_repros(), lambda one: proofs.of(one, known))))
        return EXIT_PASS
    _nothing_more("list", args)
    print("platforms:")
    for platform in platforms.PLATFORMS.values():
        state = platforms.lacking(platform)
        print(f"  {platform.name:9} {platform.backend:8} {platform.how}")
        if state:
            print(f"  {'':9} not here: {state}")
    print("hypervisors:")
    hypervisors = xen.installed()
    for name, path in hypervisors.items():
        print(f"  Xen {name:13} {path}")
    for version, path in packaged.cached().items():
        print(f"  Xen {version:13} {path}")
    if not hypervisors and not packaged.cached():
        print("  none; ./run.sh setup installs one")
    print("emulators:")
    own = emulators.version_of(emulators.default())
    print(f"  QEMU {own:12} {shutil.which(emulators.default())}" if own
          else "  none; ./run.sh setup installs one")
    for version, path in emulators.cached().items():
        print(f"  QEMU {version:12} {path}")
    print("payloads:")
    for name in payloads.names():
        print(f"  {name}")
    print("  repro:NAME    (./run.sh list --repros)")
    return EXIT_PASS


def _setup(args, _caller):
    parser = Parser("setup")
    parser.add_argument("--xen", nargs="+", action="extend", default=[])
    parser.add_argument("--qemu", nargs="+", action="extend", default=[])
    parser.add_argument("--controls", nargs="*")
    parser.add_argument("--packages", action="store_true")
    asked = parser.parse_args(args)
    if asked.packages:
        setup.ensure()
    for what, fetch, versions in (
        ("Xen", packaged.fetch, asked.xen),
        ("QEMU", emulators.fetch, asked.qemu),
    ):
        for wish in versions:
            version, path = fetch(wish)
            print(f"{what} {version}: {path}", flush=True)
    if asked.controls is not None:
        controls.setup(asked.controls, say=lambda line: print(line, flush=True))
    if args:
        return EXIT_PASS
    setup.ensure()
    setup.ensure_optional()
    libc_sources.ensure(retry=True)
    _setup_outer("a dom0 for domU guests", dom0_image, dom0_shape)
    _setup_outer("a Linux with KVM", kvm_image, kvm_shape)
    print("everything that Paravane needs is installed")
    return EXIT_PASS


def _doctor(args, _caller):
    _nothing_more("doctor", args)
    return doctor.run()


def _setup_outer(what, image, shape):
    """Assemble a machine in which guests run, boot it and save it, or print why not."""
    try:
        assembled = image.setup()
        saved.folder(shape.Shape.of(platforms.DEFAULT_MEM))
        print(f"{what}: {assembled.kernel.parent}", flush=True)
    except Trouble as trouble:
        print(f"optional and not there: {what}: {trouble}", flush=True)


def _test(args, caller):
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
    # Steps wait now and then, for a build or the dom0 of others: one more than there are CPUs keeps
    # them busy. A soak keeps its CPUs busy by itself.
    jobs = asked.jobs or len(os.sched_getaffinity(0)) + (asked.soak is None)
    return selftest.run(
        selftest.Asked(jobs, asked.quick, only, asked.soak, asked.hours, junit)
    )


def _clean(args, _caller):
    _nothing_more("clean", args)
    for name in ("runs", "cache"):
        shutil.rmtree(build_dir() / name, ignore_errors=True)
    return subprocess.run(
        ["make", "-s", "clean", f"BUILD={short(build_dir())}"], check=False
    ).returncode


def _help(_args, _caller):
    print(HELP.format(platforms=", ".join(platforms.PLATFORMS),
                      soaks=" ".join(soak.name for soak in SOAKS)), end="")
    return EXIT_PASS


def _nothing_more(name, args):
    if args:
        raise Trouble(f"{name} takes no more words, got {args[0]!r}", EXIT_USAGE)
