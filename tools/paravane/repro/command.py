# SPDX-License-Identifier: MIT
"""The command `./run.sh repro`: from its options to the tables, the files and the status."""

import dataclasses
import sys

from .. import report, wanted
from ..commandline import check_nested, record_wanted
from ..common import EXIT_FAIL, EXIT_PASS, EXIT_SKIP, ROOT, Trouble, short, usage
from ..dom0 import disks, image as dom0_image, nets
from ..run import platforms, qemu, runs, xen
from . import bundle, controls, proofs, repro, repros


def run(asked, caller):
    """Run the repros; return the status: of one repro its verdict; of several, whether each verdict
    is the one that the repro's head expects."""
    if bool(asked.names) == asked.all:
        raise usage("repro: name repros, files or folders, or use --all")
    chosen = list(repros.all_repros().values()) if asked.all else _named(asked.names, caller)
    on = platforms.parse(asked.on) if asked.on else None
    xens = repro.hypervisors(asked.xen, caller)
    for one in chosen:
        one.image = caller / asked.image if asked.image else repro.build(one)
    append = tuple(platforms.append_words(asked.append))
    options = runs.Options(
        chosen[0].image, append=append, mem=asked.mem, smp=asked.smp, timeout=asked.timeout,
        pcpus=asked.pcpus, xen_asked=bool(asked.xen), maxmem=asked.maxmem, xl=tuple(asked.xl),
        vmm=tuple(asked.vmm),
        disk=disks.parse_all(asked.disk, caller),
        net=nets.checked(asked.net),
        xen_append=tuple(platforms.split_words(asked.xen_append or "")),
    )  # fmt: skip
    own = platforms.parse(",".join(name for one in chosen for name in one.platforms))
    check_nested(asked, on or own)
    options = wanted.one(asked, caller, on or own, options, missing=EXIT_SKIP)
    _report_skips(chosen, on, named=not asked.all)
    if asked.skipped:
        return _run_skipped(asked, chosen, on, xens, options)
    listed = repro.cases(chosen, on, xens, options, named=not asked.all)
    record = record_wanted(asked, caller, len(listed) > 1)
    for case in listed:
        case.options.record = record
    if asked.gdb:
        _wait_for_gdb(listed, asked, caller)
    directory = repro.run(listed, asked.jobs)
    repro.print_results(listed, directory)
    for case in listed:
        if case.result.recording:
            print(f"run.sh: recording: {case.result.recording}")
    status = repro.exit_code(listed, against_heads=len(chosen) > 1)
    if asked.json:
        report.write_json(caller / asked.json, repro.document(listed, status))
    if asked.junit:
        report.write_repro_junit(caller / asked.junit, listed)
    if asked.bundle:
        bundle.write(caller / asked.bundle, listed, directory)
        print(f"all of it, to attach to a report: {asked.bundle}")
    return status


def _run_skipped(asked, chosen, on, xens, options):
    """Run the repros without their steps; return the status, 0 if each reports "cannot tell"."""
    listed = repro.skipped_cases(chosen, on, xens, options, named=not asked.all)
    directory = repro.run(listed, asked.jobs)
    repro.print_results(listed, directory)
    return EXIT_FAIL if any(case.surprise for case in listed) else EXIT_PASS


def _report_skips(chosen, on, named):
    """Print where these repros are skipped. Raise Trouble if that leaves nothing to run. on, named:
    as for repro.places()."""
    for line in repro.skips(chosen, on, named):
        print(f"run.sh: {line}", flush=True)
    if not any(repro.places(one, on, named)[0] for one in chosen):
        raise Trouble("repro: no repro is left to run (above)", EXIT_SKIP)


def run_controls(asked):
    """Run the repros on their controls; return the status, 0 if each reports bad on its broken Xen
    and good on the repaired one."""
    if asked.xen:
        raise usage(
            "repro --controls: no --xen beside it. The controls are edits of one source, that of"
            f" Debian 12's Xen {dom0_image.XEN}, so below a domU the toolstack of"
            f" {dom0_image.XEN} controls them, and no other release's can"
        )
    if asked.all or asked.image or asked.gdb or asked.skipped or asked.record:
        raise usage(
            "repro --controls has Xens and a list of its own: no --all, --image, --gdb, --skipped"
            " or --record beside it"
        )
    chosen = controls.choose(asked.names)
    on = platforms.parse(asked.on) if asked.on else None
    options = runs.Options(
        repro.build(None), mem=asked.mem, smp=asked.smp, timeout=asked.timeout, pcpus=asked.pcpus
    )
    known, named = repros.all_repros(), bool(asked.names)
    _report_skips(repro.controlled(chosen, known), on, named)
    listed = repro.control_cases(chosen, known, on, options, named)
    directory = repro.run(listed, asked.jobs)
    repro.print_results(listed, directory)
    lacking = [] if asked.names else proofs.check()
    for line in lacking:
        print(f"run.sh: {line}", file=sys.stderr)
    if not asked.names and not asked.on:
        guide = ROOT / "docs" / "repro.md"
        report.write_between(guide, "controls", repro.control_rows(chosen, listed))
        report.write_between(
            guide, "proofs", proofs.rows(repros.all_repros().values(), controls.load().values())
        )
    return EXIT_FAIL if lacking or any(case.surprise for case in listed) else EXIT_PASS


def _named(names, caller):
    """Return the Repros of these names, files, and files of folders."""
    chosen = []
    for name in names:
        if (caller / name).is_dir():
            files = sorted(path for path in (caller / name).glob("*.c") if path.is_file())
            if not files:
                raise usage(f"repro: the folder {name} has no C file")
            chosen += [repros.load(path.resolve()) for path in files]
        else:
            chosen.append(repros.find(name, caller))
    return chosen


# ---- A debugger, and a repro as the payload of boot ---------------------------------------------


def _wait_for_gdb(listed, asked, caller):
    if len(listed) != 1:
        raise usage("repro: --gdb takes one repro, one platform (--on) and one hypervisor (--xen)")
    case = listed[0]
    case.options = dataclasses.replace(case.options, gdb=True, timeout=0)
    found = xen.find(asked.xen[0], caller) if asked.xen and case.platform.on_xen else None
    print_gdb(case.options.image, f"{case.repro.path.name}:repro_run", found)


def print_gdb(image, function, xen_path):
    """Print the command that connects gdb, with the symbols of the image and of a Xen built beside
    them."""
    twin = image.with_suffix(".debug.elf")
    words = [f"gdb {short(twin if twin.exists() else image)}"]
    if xen_path:
        beside = (xen_path.parent / "xen-syms", xen_path.with_suffix(controls.SYMBOLS))
        words += [f"-ex 'add-symbol-file {path}'" for path in beside if path.exists()][:1]
    words += [f"-ex 'target remote 127.0.0.1:{qemu.GDB_PORT}'", f"-ex 'hbreak {function}'",
              "-ex continue"]
    print(f"waiting for a debugger, in another terminal (in {ROOT}):", " ".join(words), sep="\n  ",
          flush=True)


def is_file(payload):
    """Return whether run=PAYLOAD names a file with a repro."""
    name = (payload or "").removeprefix("repro:")
    return name != payload and (name.endswith(".c") or "/" in name)


def build_payload(payload, caller):
    """Build the image for a file with a repro; return (image, payload)."""
    one = repros.find(payload.removeprefix("repro:"), caller)
    return repro.build(one), f"repro:{one.name}"


def check_payload(payload, outside):
    """Raise Trouble, with the remedy, if the payload is a repro that the tree's image does not
    have."""
    name = payload.removeprefix("repro:")
    if name != payload and not outside and name not in repros.all_repros():
        raise usage(
            f"--run: no repro is called {name!r}; one in a file: --run "
            f"repro:path/to/{name or 'my'}.c"
        )
