# SPDX-License-Identifier: MIT
"""Write the pages about ops, as Markdown: one for each op, one for each class, and the atlas."""

from collections import Counter
from html import escape
from pathlib import Path

from .. import optable
from ..op import sites
from . import chart

_BAR = "|"
_BYTES = 44  # columns of a call site's bytes
_COST = ("The instructions of one call, those of the hypervisor included. The scale is "
         "logarithmic.")
# 138 entries in the sidebar of each page would be most of the site.
_NOT_IN_THE_SIDEBAR = "---\norphan: true\n---\n"


class Pages:
    """Make the text of each page. library: op.dossier's; found: {platform: {op: its Sites}, or the
    reason for none}; link: makes a link to a source file, (path, line, text) to HTML."""

    def __init__(self, library, found, link):
        self._library, self._found, self._link = library, found, link
        self._table = library.table
        self._dossiers = {name: library.dossier(name) for name in self._table.ops}

    def all(self):
        """Yield (name of the page, its text)."""
        classes = optable.classes(self._table.ops)
        yield "index", self._atlas(classes)
        for kind, names in classes.items():
            yield f"class-{kind}", self._class(kind, names)
        for name, dossier in self._dossiers.items():
            yield name, self._op(dossier)

    def _atlas(self, classes):
        """Return the matrix of classes and backends."""
        backends = [backend.name for backend in self._table.backends]
        rows = [
            [f"[{kind}](class-{kind}.md)", str(len(names))]
            + [f"[{self._kinds(names, backend)}](class-{kind}.md#backends)" for backend in backends]
            for kind, names in classes.items()
        ]
        toc = [f"class-{kind}" for kind in classes]
        return "\n".join([
            "# The atlas of ops", "",
            "Every privileged action of the kernel is an op. A row is a class of ops, a column a "
            "backend. A cell counts the ops for which the backend has a function of its own, uses "
            "one of another folder of `pv/`, or has nothing to do. Follow a class to its ops, a "
            "cell to the function of each, and an op to all that is known of it.", "",
            *_markdown_table(["class", "ops", *backends], rows), "",
            "```{toctree}", ":hidden:", "", *toc, "```", ""])

    def _kinds(self, names, backend):
        """Count the ops by the folder of the function: the backend's own, or another's."""
        counts = Counter(self._kind(name, backend) for name in names)
        order = sorted(counts, key=lambda kind: (kind != "own", kind == "nothing", kind))
        return ", ".join(f"{counts[kind]} {kind}" for kind in order)

    def _kind(self, name, backend):
        """Return whose the function of an op is on a backend, in a word or two."""
        function = self._dossiers[name].functions[backend]
        if function is None or _is_empty(function.text):
            return "nothing"
        folder = "-".join(Path(function.file).parent.parts[1:]) or "pv"
        return "own" if folder == backend else f"of {folder}"

    def _class(self, kind, names):
        group = self._table.ops[names[0]].group
        platforms = list(dict.fromkeys(c.platform for n in names for c in self._dossiers[n].costs))
        rows = []
        for name in names:
            dossier = self._dossiers[name]
            costs = {cost.platform: cost for cost in dossier.costs}
            rows.append([f"[`{name}`]({name}.md)", dossier.op.summary]
                        + [_short_cost(costs.get(platform)) for platform in platforms])
        return "\n".join([
            f"# Class {kind}", "",
            f"Part of: {group}. The figures are instructions of one call, the hypervisor's "
            "included; the number of its hypercalls is in brackets.", "",
            *_markdown_table(["op", "what it does", *platforms], rows), "", "## Backends", "",
            "Whose function each backend has for an op: its own, that of another folder of `pv/`, "
            "or one that has nothing to do.", "", *self._owners(names), ""])

    def _owners(self, names):
        backends = [backend.name for backend in self._table.backends]
        return _markdown_table(["op", *backends], [
            [f"[`{name}`]({name}.md#backends)"]
            + [self._kind(name, one).removeprefix("of ") for one in backends]
            for name in names
        ])

    def _op(self, dossier):
        op = dossier.op
        parts = [_NOT_IN_THE_SIDEBAR, f"# {op.name}", "", f"```c\n{op.signature}\n```", "",
                 _text(op.does), ""]
        parts += [f"{label}\n: {_text(text)}\n" for label, text in op.labels.items()]
        if op.statuses:
            parts.append(f"Status\n: {op.statuses}\n")
        where, _, line = op.where.partition(":")
        parts.append(f"Defined\n: {self._link(where, int(line), op.where)}, "
                     f"[class {op.table}](class-{op.table}.md)\n")
        drawn = chart.render(dossier.costs)
        parts += ["## Cost", "", *([_COST, "", drawn] if drawn else [_why_no_cost(dossier)]), ""]
        parts += self._sites(op.name) + self._backends(dossier) + self._linux(dossier)
        return "\n".join(parts + self._proofs(dossier))

    def _sites(self, name):
        """One call site on each platform, as linked and as executed."""
        lines = ["## A call site, before and after patching", ""]
        for platform, found in self._found.items():
            listed = found if isinstance(found, str) else found.get(name, [])
            if isinstance(listed, str) or not listed:
                lines += [f"{platform}: {listed or 'no call site in this image'}", ""]
                continue
            site = sites.example(listed)
            text = [f"{platform}: {site.function}+{site.offset}; all sites of the op: "
                    + sites.states(listed)]
            for label, code in (("linked", site.before), ("executed", site.after)):
                shown, raw = label, code.hex(" ")
                for instruction in sites.disassemble(code, site.address):
                    named = sites.named(instruction, site, label)
                    text.append(f"    {shown:9} {raw:{_BYTES}} {named}")
                    shown = raw = ""
            lines += ["```text", *text, "```", ""]
        return lines

    def _backends(self, dossier):
        lines, shown = ["## Backends", ""], {}
        for backend, function in dossier.functions.items():
            if function is None:
                lines += [f"**{backend}**: its function has no text of its own", ""]
            elif function.where in shown:
                lines += [f"**{backend}**: `{function.name}`, as {shown[function.where]}", ""]
            else:
                shown[function.where] = backend
                kind = "c" if function.file.endswith(".c") else "text"
                where = self._link(function.file, function.line, function.where)
                lines += [f"**{backend}**: {where}", "", f"```{kind}", function.text, "```", ""]
        return lines

    def _linux(self, dossier):
        lines = ["## In Linux", "", f"Today: {_text(dossier.linux) or 'no counterpart'}", ""]
        lines += [f"- {backend}: {_text(of)}" for backend, of in dossier.linux_of.items()] + [""]
        for call, remark in dossier.calls_2007:
            lines += [f"- 2007: `paravirt_ops.{call}`{'. ' + _text(remark) if remark else ''}"]
        return lines + [""]

    def _proofs(self, dossier):
        lines = ["## Tests that cite it", ""]
        lines += [f"- `{test.name}`, {self._link(test.file, 0, test.file)}"
                  for test in dossier.tests] or ["none"]
        lines += ["", "## Wrong versions that the tests must notice", ""]
        for backend, (killed, explained) in dossier.op_mutants.items():
            lines += [f"- {backend}: {' '.join(f'`{kind}`' for kind in killed) or 'none'}"]
            lines += [f"  - `{kind}` cannot be noticed: {_text(why)}"
                      for kind, why in explained.items()]
        for mutant in dossier.source_mutants:
            by = f"noticed by `{mutant.test}`" if mutant.test else _text(mutant.equivalent)
            lines += [f"- `{mutant.name}` in {mutant.file}: {_text(mutant.why)}; {by}"]
        lines += ["", "## Repros that call it", ""]
        lines += [f"- {self._link(f'repro/{name}.c', 0, name)}" for name in dossier.repros]
        return lines + ([] if dossier.repros else ["none"]) + [""]


def _text(text):
    """Plain text as Markdown: what Markdown would take for markup is escaped."""
    for char in "\\`*_<>[]":
        text = text.replace(char, "\\" + char)
    return text


def _is_empty(text):
    """Return whether a function's body does nothing."""
    body = "".join(text.partition("{")[2].rpartition("}")[0].split())
    return "{" in text and body in ("", "return0;", "returnfalse;", "returnNULL;")


def _short_cost(cost):
    if cost is None or cost.ticks is None:
        return ""
    return f"{cost.ticks:g}" + (f" ({cost.hypercalls:g})" if cost.hypercalls else "")


def _why_no_cost(dossier):
    lines = [f"- {cost.platform}: {_text(cost.reason)}" for cost in dossier.costs if cost.reason]
    return "\n".join(lines) or "Not in the benchmark."


def _markdown_table(head, rows):
    def line(cells):
        return "| " + " | ".join(cell.replace(_BAR, "\\" + _BAR) for cell in cells) + " |"

    return [line(head), line(["---"] * len(head)), *map(line, rows)]


def source_link(prefix):
    """Return a function that links to the copy of a source file; prefix: from the page to the
    site's root."""
    def link(path, line, text):
        title = f' title="line {line}"' if line else ""
        return f'<a href="{prefix}source/{escape(path)}.txt"{title}><code>{escape(text)}</code></a>'

    return link
