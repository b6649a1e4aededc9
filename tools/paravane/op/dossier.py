# SPDX-License-Identifier: MIT
"""Gather what the tree holds about one op: contract, functions, tests, mutants, repros, costs,
Linux's names."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from .. import optable
from ..common import ROOT
from ..mutants import mutations, source_list
from ..repro import repros
from . import functions

COSTS = ROOT / "test/bench-baseline.json"
CALLS_2007 = ROOT / "docs/ops-2007.tsv"
IN_LINUX = ROOT / "docs/ops-linux.tsv"
_SURVIVORS = ROOT / "test/mutants/survivors.txt"
_LINUX = re.compile(r"Linux: ([^;.]+(?:\.\w[^;.]*)*)")


@dataclass(frozen=True)
class Cost:
    """One op on one platform, counted. ticks: instructions of the guest and of what is below it;
    hypercalls: made by the guest; sites: {what a call site became: how many}; reason: why something
    is missing."""

    platform: str
    ticks: float | None = None
    hypercalls: float | None = None
    sites: dict = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class Dossier:
    """All that is known of one op. functions: {backend: Function, or None}; op_mutants: {backend:
    (kinds that the tests kill, {kind that no test can notice: why})}; source_mutants: SourceMutants
    of its functions; repros: their names; linux, linux_of: what Linux has today, in general and by
    backend."""

    op: optable.Op
    functions: dict
    tests: list
    costs: list
    op_mutants: dict
    source_mutants: list
    repros: list
    linux: str
    linux_of: dict
    calls_2007: list


class Library:
    """The sources of all Dossiers, each read once."""

    def __init__(self, root=ROOT):
        self.root = root
        self.table = optable.read(root)
        self._costs = json.loads(COSTS.read_text())["measurements"]
        self._calls = _calls_2007(CALLS_2007.read_text())
        self._in_linux = in_linux(IN_LINUX.read_text())
        self._survivors = _survivors(_SURVIVORS.read_text())
        self._source_mutants = source_list.read()
        self._op_mutants = {
            b.name: mutations.of_backend(self.table, b) for b in self.table.backends
        }
        self._repros = {
            name: Path(one.path).read_text() for name, one in repros.all_repros().items()
        }

    def dossier(self, name):
        """Return the Dossier of the op of this name, which exists."""
        op = self.table.ops[name]
        found = {
            backend.name: self._function(backend.functions[name]) for backend in self.table.backends
        }
        return Dossier(
            op=op,
            functions=found,
            tests=self.table.citing(name),
            costs=costs_of(self._costs.get(f"op.{name}", {})),
            op_mutants={
                backend.name: self._mutants_of_op(backend, name) for backend in self.table.backends
            },
            source_mutants=self._source_mutants_of({one for one in found.values() if one}),
            repros=[
                repro for repro, text in self._repros.items() if re.search(rf"\bpv_{name}\(", text)
            ],
            linux="; ".join(match.strip() for match in _LINUX.findall(op.labels.get("See", ""))),
            linux_of=self._in_linux.get(name, {}),
            calls_2007=self._calls.get(name, []),
        )

    def _function(self, name):
        file = self.table.files.get(name)
        return functions.find(self.root, file, name) if file else None

    def _mutants_of_op(self, backend, name):
        """(kinds that a test kills, {kind that survives or changes nothing: why})."""
        killed, explained = [], {}
        for mutant in self._op_mutants[backend.name]:
            if mutant.op != name:
                continue
            why = (
                mutant.equal
                or self._survivors.get((backend.name, mutant.name))
                or self._survivors.get(("all", mutant.name))
            )
            if why:
                explained[mutant.kind] = why
            else:
                killed.append(mutant.kind)
        return killed, explained

    def _source_mutants_of(self, of):
        """The source mutants that edit one of these functions."""
        spans = [(one.file, one.name, one.text) for one in of]
        return [
            mutant
            for mutant in self._source_mutants
            if any(
                mutant.file == file
                and (
                    mutant.function == name or not mutant.function and mutant.before.strip() in text
                )
                for file, name, text in spans
            )
        ]


def costs_of(measured):
    """The Costs of one measurement of the benchmark's file, by platform."""
    names = list(
        dict.fromkeys(
            name for part in ("count", "reason", "sites") for name in measured.get(part, {})
        )
    )
    return [
        Cost(
            name,
            measured.get("count", {}).get(name),
            measured.get("hypercalls", {}).get(name),
            measured.get("sites", {}).get(name, {}),
            measured.get("reason", {}).get(name, ""),
        )
        for name in names
    ]


def _calls_2007(text):
    """{op: [(call of 2007, remark)]}."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            call, ops, remark = (line.split("\t") + ["", ""])[:3]
            for op in ops.split(","):
                found.setdefault(op.strip(), []).append((call, remark))
    return found


def in_linux(text):
    """{op: {backend: Linux's functions}}."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            op, backend, functions_of = line.split("\t")
            found.setdefault(op, {})[backend] = functions_of
    return found


def _survivors(text):
    """{(backend, op:kind): why}."""
    found = {}
    for line in text.splitlines():
        words = line.split(None, 2)
        if len(words) == 3 and not line.startswith("#"):
            found.update({(backend, words[1]): words[2] for backend in words[0].split(",")})
    return found
