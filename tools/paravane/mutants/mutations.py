# SPDX-License-Identifier: MIT
"""Which wrong versions of an op make sense (the kinds of test/mutants/mutate.c), by its signature, and which of
them a backend's own function makes equivalent: those change nothing, and are left out with the reason.
"""

import re
from dataclasses import dataclass

from ..common import ROOT

# Called before the command line is read: replacing it has no effect.
_BEFORE = ("early_init", "trap_init")
# Called once, so no call comes before or after it; shutdown is the last of all.
_ONCE = ("memory_map", "platform_init", "irq_init", "time_init", "mmu_init", "install_tables", "smp_prepare", "shutdown")
# The order is wrong: each does the other's work. flush_tlb_kernel as flush_tlb_user skips a part of its flush.
_EXCHANGED = (
    ("irq_mask", "irq_unmask"),
    ("irq_disable", "irq_enable"),
    ("stts", "clts"),
    ("user_access_begin", "user_access_end"),
    ("lazy_enter", "lazy_leave"),
    ("lazy_leave", "lazy_flush"),
    ("announce_table", "release_table"),
    ("pin_root", "unpin_root"),
    ("cpu_enter", "cpu_leave"),
    ("flush_tlb_kernel", "flush_tlb_user"),
    ("send_ipi", "send_nmi"),
)
# Pointers into a table, where one more is the next entry; through any other pointer the op reads or fills memory.
_ENTRIES = re.compile(r"p[tmug][de]_t \*|u64 \*[gl]dt$")


_DOES_NOTHING = {"", "return 0;", "return false;", "return NULL;"}


@dataclass(frozen=True)
class Mutant:
    """One op of one backend, wrong in one way. equal: why it does not differ, or an empty string."""

    backend: str
    op: str
    kind: str
    equal: str = ""

    @property
    def name(self):
        return f"{self.op}:{self.kind}"


def of_backend(table, backend):
    """All mutants of a backend, in the contract's order."""
    found = []
    for op in table.ops.values():
        for kind in _kinds(op):
            found.append(Mutant(backend.name, op.name, kind, _equal(table, backend, op, kind)))
    return found


def _kinds(op):
    params = [p for p in op.params.split(", ") if p != "void"]
    yield from _results(op)
    for number, param in enumerate(params, 1):
        if "*" not in param and "[" not in param:
            yield from (f"zero{number}",) if param.startswith("bool") else (f"more{number}", f"zero{number}")
        elif number == 1 and _ENTRIES.match(param):
            yield "next1"
        else:
            yield f"lost{number}"
    scalar = ["*" not in p and "[" not in p for p in params] + [False] * 3
    if scalar[0] and scalar[1]:
        yield "swap12"
    if scalar[1] and scalar[2]:
        yield "swap23"
    if params and op.returns in ("void", "int") and all(s or _ENTRIES.match(p) for s, p in zip(scalar, params)):
        yield "late"
    if op.name == "set_fixmap":
        yield "noflush"
    for one, other in _EXCHANGED:
        if op.name == one:
            yield other


def _results(op):
    yield "nop"
    if op.returns == "bool":
        yield "one"
    elif op.returns != "void":
        yield from ("ones", "more")
    if op.returns != "void":
        yield "stale"


def _equal(table, backend, op, kind):
    if op.name in _BEFORE:
        return "the op is called before the command line is read"
    if kind in ("late", "stale") and op.name in _ONCE:
        return "the op is called once"
    if (op.name, kind) == ("flush_tlb_one", "more1"):
        return "the address is of the same page"
    body = _body(table, backend, op.name)
    if kind in table.ops:
        same = backend.functions[op.name] == backend.functions[kind]
        return "both are one function" if same or (_is_empty(body) and _is_empty(_body(table, backend, kind))) else ""
    return _equal_by_body(body, kind)


def _equal_by_body(body, kind):
    """What can be read from the function's own text, or None."""
    if body is None:
        return ""
    if kind == "nop" and _is_empty(body):
        return "the function does nothing"
    if kind == "stale" and _says_the_same(body):
        return "the function always returns the same"
    if kind == "late" and body.code in _DOES_NOTHING | {"return -ENODEV;"}:
        return "the function does nothing"
    used = [number for number, name in enumerate(body.params, 1) if name not in body.unused]
    touched = [int(digit) for digit in re.findall(r"\d", kind)]
    if touched and not set(used) & set(touched):
        return "the function does not look at it"
    return ""


@dataclass
class _Body:
    params: list
    unused: set
    code: str  # without comments and the mention of unused parameters


def _is_empty(body):
    return body is not None and body.code in _DOES_NOTHING


def _says_the_same(body):
    """Is what it returns one constant?"""
    said = set(re.findall(r"return ([^;]+);", body.code))
    return len(said) == 1 and re.fullmatch(r"-?[A-Z0-9_]+|false|true", said.pop()) is not None


def _body(table, backend, op):
    function = backend.functions[op]
    path = table.files.get(function, "")
    if not path.endswith((".c", ".S")):
        return None
    text = re.sub(r"/\*.*?\*/", "", (ROOT / path).read_text(), flags=re.S)
    if path.endswith(".S"):
        return _assembly_body(text, function)
    match = re.search(rf"\b{function}\(([^)]*)\)\s*{{(.*?)\n}}", text, re.S)
    if not match:
        return None
    params = [re.split(r"\W+", p.strip().split("[")[0])[-1] for p in match[1].split(",") if p != "void"]
    unused = set(re.findall(r"\(void\)(\w+)[,;]", match[2]))
    return _Body(params, unused, " ".join(re.sub(r"\(void\)\w+[,;]", "", match[2]).split()))


def _assembly_body(text, function):
    """Of a function that only returns, or of the one or two instructions of pv/native/templates.S's macros; else None."""
    labels = r"(?:\s*^\w+:)*\s*"  # functions that are alike
    match = re.search(rf"^{function}:{labels}(?:(ret)\b|op\w*\s+(.*))", text, re.M)
    if not match:
        return None
    code = "" if match[1] else match[2]
    registers = ["di", "si"]
    unused = {name for name in registers if not re.search(rf"%[re]{name}", code)}
    return _Body(registers, unused, "return 0;" if "xorl %eax, %eax" in code else code)
