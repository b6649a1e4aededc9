# SPDX-License-Identifier: MIT
"""Print a Dossier, and the list of all ops, for a terminal."""

import shutil
import textwrap

from .. import optable
from . import sites

_INDENT = "    "
_SOURCE_LINES_MAX = 40
_LISTED_MAX = 12


def print_list(table):
    """All ops by group and class: the name, and the first sentence of the contract."""
    wide = max(map(len, table.ops))
    for group, names in optable.groups(table.ops).items():
        print(f"{group}:")
        for name in names:
            room = _width() - wide - 4
            does = textwrap.shorten(table.ops[name].summary, room, placeholder=" …")
            print(f"  {name:{wide}}  {does}")
        print()
    print(f"{len(table.ops)} ops; ./run.sh op NAME shows one")


def print_dossier(dossier, found_sites):
    """One op. found_sites: {platform: its Sites of this op, or the reason for none}."""
    _contract(dossier.op)
    _linux(dossier)
    _backends(dossier)
    _call_sites(found_sites)
    _costs(dossier.costs)
    _tests(dossier)
    _mutants(dossier)
    _repros(dossier)


def _width():
    return min(shutil.get_terminal_size().columns, 110)


def _heading(text):
    print(f"\n{text}\n{'-' * len(text)}")


def _wrapped(text, indent=_INDENT, first=None):
    print(
        textwrap.fill(
            text,
            _width(),
            initial_indent=first or indent,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )
    )


def _contract(op):
    print(f"{op.signature}\n{'=' * len(op.signature)}")
    _wrapped(op.does, "")
    print()
    for label, text in op.labels.items():
        _wrapped(text, " " * 11, f"{label + ':':11}")
    if op.statuses:
        _wrapped(op.statuses, " " * 11, f"{'Status:':11}")
    print(f"{'Defined:':11}{op.where}, class {op.table} ({op.group})")


def _linux(dossier):
    _heading("In Linux")
    print(f"{_INDENT}today:  {dossier.linux or 'no counterpart that the contract names'}")
    for backend, functions in dossier.linux_of.items():
        print(f"{_INDENT}{backend + ':':8}{functions}")
    for call, remark in dossier.calls_2007:
        _wrapped(
            f"paravirt_ops.{call}{': ' + remark if remark else ''}",
            _INDENT * 3,
            f"{_INDENT}2007:   ",
        )
    if not dossier.calls_2007:
        print(f"{_INDENT}2007:   not among the 89 calls of struct paravirt_ops")


def _backends(dossier):
    _heading("Backends")
    shown = {}
    for backend, function in dossier.functions.items():
        if function is None:
            print(f"{backend}: its function has no text of its own")
        elif function.where in shown:
            print(f"{backend}: {function.name}, as {shown[function.where]}\n")
        else:
            shown[function.where] = backend
            print(f"{backend}: {function.where}")
            _source(function.text.expandtabs(4).splitlines())


def _source(lines):
    for line in lines[:_SOURCE_LINES_MAX]:
        print(f"{_INDENT}{line}".rstrip())
    if len(lines) > _SOURCE_LINES_MAX:
        print(f"{_INDENT}… {len(lines) - _SOURCE_LINES_MAX} more lines")
    print()


def _call_sites(found):
    _heading("A call site, before and after patching")
    example = next(
        (
            sites.example(listed).address
            for listed in found.values()
            if isinstance(listed, list) and listed
        ),
        None,
    )
    for platform, listed in found.items():
        if isinstance(listed, str):
            print(f"{platform}: no run: {listed}")
        elif not listed:
            print(f"{platform}: no call site in this image")
        else:
            _site(
                platform,
                next((one for one in listed if one.address == example), sites.example(listed)),
                listed,
            )
    if not found:
        print(f"{_INDENT}no platform was run (--on)")


def _site(platform, site, listed):
    states = sites.states(listed)
    print(f"{platform}: {site.function}+{site.offset}; all sites of the op: {states}")
    for label, code in (("linked", site.before), ("executed", site.after)):
        shown = label
        for instruction in sites.disassemble(code, site.address):
            print(f"{_INDENT}{shown:9} {code.hex(' '):44} {sites.named(instruction, site, label)}")
            shown, code = "", b""


def _costs(costs):
    _heading("Cost of one call (counted; ./run.sh bench --counted)")
    for cost in costs:
        if cost.ticks is None:
            _wrapped(f"{cost.platform}: {cost.reason or 'not measured'}")
        else:
            calls = (
                ""
                if cost.hypercalls is None
                else f", {cost.hypercalls:g} hypercall{'s' if cost.hypercalls != 1 else ''}"
            )
            print(f"{_INDENT}{cost.platform:8} {cost.ticks:8g} instructions{calls}")
    if not costs:
        print(f"{_INDENT}not in the benchmark")


def _tests(dossier):
    _heading("Tests that cite it")
    for test in dossier.tests:
        print(f"{_INDENT}{test.name}  ({test.file})")
    if dossier.tests:
        print(f"{_INDENT}run one: ./run.sh suite --filter {dossier.tests[0].name}")


def _mutants(dossier):
    _heading("Wrong versions of it that the tests must notice (./run.sh mutants)")
    for backend, (killed, explained) in dossier.op_mutants.items():
        _wrapped(f"{backend}: {' '.join(killed) or 'none'}")
        for kind, why in explained.items():
            _wrapped(f"{kind} cannot be noticed: {why}", _INDENT * 3, _INDENT * 2)
    for mutant in dossier.source_mutants[:_LISTED_MAX]:
        by = f"noticed by {mutant.test}" if mutant.test else f"equivalent: {mutant.equivalent}"
        _wrapped(f"{mutant.file}, {mutant.name}: {mutant.why}; {by}", _INDENT * 2, _INDENT)


def _repros(dossier):
    _heading("Repros that call it")
    print(_INDENT + (" ".join(dossier.repros) or "none"))
