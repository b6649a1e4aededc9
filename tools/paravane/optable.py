# SPDX-License-Identifier: MIT
"""Read the op table from the sources: the contract, each backend's functions, the tests of each op.

pv/ops.def and the files that it includes define the ops. `const struct pv_CLASS_ops` in pv/, or a
PV_OP that makes all of a backend's, names the function of each backend. TEST(group, name, op...) in
test/ cites the ops that a test covers.

Everything on the host that lists ops (docs/ops.md, the report by op, the benchmark) reads them here
only. Text that these expressions cannot read raises an OpTableError; it is never ignored.
"""

import re
from dataclasses import dataclass, field, replace

from . import contract

# The symbol of a backend's table of a class; a compiler may append to the name of a static one.
CLASS_TABLE = re.compile(r"(?:native|xen(?:_pvh?)?)_([a-z]+)_ops(?:\.[\w.]+)?")

STUB = "pv/stub/"
_COMMENT = re.compile(r"/\*(.*?)\*/", re.S)
_INCLUDE = re.compile(r'^#include "(pv/ops/[\w.]+)"\n', re.M)
_HEADING = re.compile(r"/\* -+ ([^-:]+?) -+ \*/")
_TOKEN = re.compile(r"/\*.*?\*/|\bPV_(?:CLASS_BEGIN|CLASS_END|CONTEXT|OP|HOT|STATUS)\s*\(", re.S)
_TABLE = re.compile(r"^(?:static )?const struct pv_(\w+)_ops (\w+) = \{(.*?)^\};", re.S | re.M)
# Of all classes at once
_ALL_TABLES = re.compile(r"^#define PV_OP\(.*\)\s+\.name = (\w+)_##name,$", re.M)
_BACKEND = re.compile(r"^const struct pv_backend \w+ = \{(.*?)^\};", re.S | re.M)
_FIELD = re.compile(r"\.(\w+)\s*=\s*(?:\(void \*\))?([^,]+?)\s*(?:,|$)")
_TEST = re.compile(r"^(?:SOAK_)?TEST\(", re.M)
_SENTENCE_END = re.compile(r"(?<=[.?])(?<!vol\.)(?<!e\.g\.)(?<!i\.e\.)\s+")
_DEFINITION = re.compile(
    r"^(?:__attribute__\(\(\w+\)\) )?(?:[A-Za-z_][\w *]*?[ *])?(\w+)\([^;{}]*\)"
    r"\s*(?:\{|__attribute__\(\(alias)|^(\w+):",
    re.M,
)


class OpTableError(Exception):
    """The sources contradict themselves, or this reader cannot parse them."""


@dataclass(frozen=True)
class Op:
    """One PV_OP, PV_HOT or PV_STATUS. table: its struct, as in pv_TABLE_ops; group: the heading in
    pv/ops.def that its class is under; where: file:line; does, labels: of the comment above it
    (contract.py); rules: PV_CONTEXT's, without PV_; most, errors: the last arguments of PV_STATUS,
    or nothing."""

    name: str
    table: str
    group: str
    returns: str
    params: str
    does: str = ""
    labels: dict = field(default_factory=dict)
    where: str = ""
    rules: tuple = ()
    most: str = ""
    errors: tuple = ()

    @property
    def summary(self):
        """Return the first sentence of the comment."""
        return _SENTENCE_END.split(self.does, maxsplit=1)[0]

    @property
    def used_by(self):
        """Return the callers, if the kernel is not one of them; else ""."""
        return self.labels.get("Used by", "")

    @property
    def signature(self):
        star = "" if self.returns.endswith("*") else " "
        return f"{self.returns}{star}{self.name}({self.params})"

    @property
    def statuses(self):
        """Return in words what an op with a status may return; else ""."""
        good = {"": [], "0": ["0"], "PV_COUNT": ["0 or more"]}.get(self.most, [f"0 to {self.most}"])
        return ", ".join(good + [f"-{error}" for error in self.errors])


@dataclass
class Backend:
    """A backend, and {op: the function that implements it}."""

    name: str
    functions: dict = field(default_factory=dict)


@dataclass(frozen=True)
class CitingTest:
    """One TEST of the suite: its name, group.name; the ops that it cites; its file, relative to the
    tree."""

    name: str
    ops: tuple
    file: str


@dataclass
class OpTable:
    """The whole table. ops: {name: Op}, in the contract's order; files: {function: its file}."""

    ops: dict
    backends: list
    tests: list
    files: dict

    def citing(self, op):
        return [test for test in self.tests if op in test.ops]


def read(root):
    """Return the OpTable of the tree at root, without the stub's tables, because those list every
    op."""
    code = {
        path: text
        for path, text in _texts(root, "pv")
        if path.endswith((".c", ".S")) and not path.startswith(STUB)
    }
    ops = read_ops(root)
    tests = [t for path, text in _texts(root, "test", ".c") for t in parse_tests(text, path)]
    _check_citations(ops, tests)
    return OpTable(ops, parse_backends(code, ops), tests, _definitions(code))


def _texts(root, folder, suffix=""):
    """Yield (path relative to root, text) of the folder's files, sorted, without test/host."""
    for path in sorted((root / folder).rglob(f"*{suffix}")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not name.startswith("test/host/"):
            yield name, path.read_text(errors="replace")


def read_ops(root):
    """Return {name: Op} of the tree at root."""
    return parse_ops((root / contract.INDEX).read_text(), lambda path: (root / path).read_text())


def parse_ops(index, read_file=None):
    """Return {name: Op} of pv/ops.def's text; read_file returns the text of a file that it
    includes."""
    ops, rules, table, group = {}, {}, "", ""
    for path, line, text in _pieces(index, read_file):
        comment, end = "", 0
        for match in _TOKEN.finditer(text):
            word, where = match[0], f"{path}:{line + text.count(chr(10), 0, match.start())}"
            if word.startswith("/*"):
                heading = _HEADING.fullmatch(word)
                group = heading[1] if heading else group
                comment, end = word, match.end()
                continue
            inside = _parenthesised(text, match.end() - 1)
            if "CLASS_BEGIN" in word:
                table = inside.strip()
            elif "CLASS_END" in word:
                table = ""
            elif "CONTEXT" in word:
                if text[end : match.start()] != "\n":
                    comment = ""
                name, flags = inside.split(",")
                rules[name.strip()] = tuple(
                    flag.strip().removeprefix("PV_") for flag in flags.split("|")
                )
            else:
                op = _op(inside, table, group, word)
                op = _with_comment(replace(op, where=where, rules=rules.pop(op.name, ())), comment)
                comment = ""
                if op.name in ops:
                    raise OpTableError(f"{where}: the op {op.name} is there twice")
                ops[op.name] = op
    if not ops:
        raise OpTableError("pv/ops.def: no PV_OP found")
    if rules:
        raise OpTableError(f"pv/ops.def: PV_CONTEXT of what is not an op: {', '.join(rules)}")
    return ops


def _pieces(index, read_file):
    """Yield (path, number of the first line, text) of pv/ops.def between its includes, and of each
    included file."""
    start = 0
    for match in _INCLUDE.finditer(index):
        yield contract.INDEX, 1 + index.count("\n", 0, start), _without_directives(
            index[start : match.start()]
        )
        yield match[1], 1, _without_directives(read_file(match[1]))
        start = match.end()
    yield contract.INDEX, 1 + index.count("\n", 0, start), _without_directives(index[start:])


def _without_directives(text):
    return re.sub(r"^#.*$", "", text, flags=re.M)


def _with_comment(op, comment):
    if not comment:
        return op
    try:
        does, labels = contract.parse_comment(comment)
    except ValueError as error:
        raise OpTableError(f"{op.where}: {op.name}: {error}") from error
    return replace(op, does=does, labels=labels)


def groups(ops):
    """Return {group: names of its ops}, in the order of the contract."""
    found = {}
    for op in ops.values():
        found.setdefault(op.group, []).append(op.name)
    return found


def classes(ops):
    """Return {table: names of its ops, in the order of its slots}."""
    found = {}
    for op in ops.values():
        found.setdefault(op.table, []).append(op.name)
    return found


def _op(inside, table, group, word):
    parts = [" ".join(part.split()) for part in _split(inside)]
    least, most = (7, 20) if "STATUS" in word else (5, 5)
    if not least <= len(parts) <= most or parts[0] != table or not group:
        raise OpTableError(
            f"pv/ops.def: cannot read {word}{inside}) in table {table!r} of group {group!r}"
        )
    if ("STATUS" in word) != (parts[1] in ("int", "s64")):
        raise OpTableError(
            f"pv/ops.def: {parts[2]} returns {parts[1]}: a PV_STATUS returns int or s64, all "
            "others not"
        )
    op = Op(parts[2], table, group, parts[1], parts[3][1:-1])
    return replace(op, most=parts[5], errors=tuple(parts[6:])) if "STATUS" in word else op


def parse_tests(text, path):
    """Return the CitingTests of one file of the suite."""
    for match in _TEST.finditer(text):
        words = [word.strip() for word in _split(_parenthesised(text, match.end() - 1))]
        if len(words) < 2 or not all(re.fullmatch(r"\w+", word) for word in words):
            raise OpTableError(f"{path}: cannot read TEST({', '.join(words)})")
        yield CitingTest(".".join(words[:2]), tuple(words[2:]), path)


def parse_backends(code, ops):
    """Return the Backends that the files {path: text} define, by name, the native one first."""
    tables = {}
    for path, text in code.items():
        for kind, name, body in _TABLE.findall(_COMMENT.sub("", text)):
            tables[name] = _fields(
                body, f"{path}: {name}", {o for o in ops if ops[o].table == kind}
            )
        for prefix in _ALL_TABLES.findall(text):
            for kind, names in classes(ops).items():
                tables[f"{prefix}_{kind}_ops"] = {name: f"{prefix}_{name}" for name in names}
            # Filled at run time, with what the native tables have and a ROM replaces
            tables.update({f"rom_tables.{kind}": tables[f"{prefix}_{kind}_ops"]
                           for kind in classes(ops)})
    backends = []
    for path, text in code.items():
        for body in _BACKEND.findall(_COMMENT.sub("", text)):
            fields = dict(_FIELD.findall(body))
            backend = Backend(fields["name"].strip('"'))
            for value in fields.values():
                if value.startswith("&"):
                    if value[1:] not in tables:
                        raise OpTableError(f"{path}: {backend.name} has a table {value}, not found")
                    backend.functions.update(tables[value[1:]])
            backends.append(backend)
    _check_complete(backends, ops)
    return sorted(backends, key=lambda backend: (backend.name != "native", backend.name))


def _fields(body, where, expected):
    fields = dict(_FIELD.findall(body))
    if set(fields) != expected:
        odd = ", ".join(sorted(set(fields) ^ expected))
        raise OpTableError(f"{where}: its fields are not the ops of its class: {odd}")
    return fields


def _check_complete(backends, ops):
    for backend in backends:
        missing = [op for op in ops if op not in backend.functions]
        if missing:
            raise OpTableError(f"backend {backend.name} has no function for {', '.join(missing)}")
    if not backends:
        raise OpTableError("pv/: no struct pv_backend found")


def _check_citations(ops, tests):
    for test in tests:
        unknown = [op for op in test.ops if op not in ops]
        if unknown:
            raise OpTableError(f"{test.file}: {test.name} cites {', '.join(unknown)}: no such op")


def _definitions(code):
    """Return {function: path} of all functions and assembly labels that the files define."""
    found = {}
    for path, text in code.items():
        for match in _DEFINITION.finditer(text):
            found.setdefault(match[1] or match[2], path)
    return found


def _parenthesised(text, start):
    """Return the text between the parenthesis at start and the one that closes it."""
    depth = 0
    for i in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return text[start + 1 : i]
    raise OpTableError(f"no ) for the ( before {text[start : start + 40]!r}")


def _split(text):
    """Return the parts of a text between its outermost commas."""
    parts, depth = [""], 0
    for char in text:
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return parts
