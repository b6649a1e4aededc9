# SPDX-License-Identifier: MIT
"""The text of the contract (pv/ops.def, pv/ops/): the labels of an op's comment, and what is wrong with them.

An op's comment begins with what the op does; the rest is under LABELS. What can be compared is compared: Context with
PV_CONTEXT, Takes with the parameters, Returns with the return type and the errors of PV_STATUS, "Used by" with the calls
in the source tree, the names of Xen under See with its headers.
"""

import re

INDEX, FOLDER = "pv/ops.def", "pv/ops"
LABELS = ("Context", "Takes", "Returns", "Must", "Must not", "Differs", "Used by", "See")
WIDTH = 100

# The words of PV_CONTEXT, as Context begins with them.
WHO = {"ANY": "any", "NOT_NMI": "any but NMI", "THREAD": "thread"}
HOW = {
    "MIGRATABLE": "may migrate",
    "BOUND": "bound",
    "NOT_PREEMPTIBLE": "not preemptible",
    "IRQS_OFF": "interrupts off",
    "IRQS_ON": "interrupts on",
}
SILENT = ("SETS_IF",)  # what the op does, not what it needs

# Whose call of an op counts for what. The first is not said; test/host has no ops.
USERS = {
    "kernel": ("boot", "pv", "mm", "kernel", "lib", "drivers", "app"),
    "suite": ("test",),
    "repros": ("repro",),
}
SUFFIXES = (".c", ".h", ".S", ".inc")

_LABEL = re.compile(rf"({'|'.join(LABELS)}): +(\S.*)")
_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_CALL = re.compile(r"\b(?:pv_|setup->)(\w+)\s*\(|\b(?:call|jmp)\s+pv_(\w+)")
_DEFINITION = re.compile(r"^static inline .*$", re.M)  # pv/patch/hot.h: the calls themselves
_XEN_HEADER = re.compile(r"\bxen/([\w/-]+\.h)\b")
_XEN_NAME = re.compile(r"\b[A-Za-z]\w*_\w+")
_PRODUCT = re.compile(r"\w \* \w")  # "u64 * ns": a pointer that was taken for a product


def parse_comment(comment):
    """(what the op does, {label: text}) of a comment, each as one line."""
    does, labels, current = [], {}, None
    for line in comment[2:-2].splitlines():
        text = re.sub(r"^\s*\* ?", "", line).rstrip()
        match = _LABEL.match(text)
        if match and match[1] in labels:
            raise ValueError(f"the label {match[1]} is there twice")
        if match:
            current = labels.setdefault(match[1], [])
            text = match[2]
        elif current is not None and text and not text.startswith(" "):
            raise ValueError(f"not a label: {text!r}")
        (does if current is None else current).append(text)
    return " ".join(" ".join(does).split()), {name: " ".join(" ".join(lines).split()) for name, lines in labels.items()}


def context_words(rules):
    """What Context begins with, for the words of PV_CONTEXT."""
    if "UNCHECKED" in rules:
        return "unchecked"
    return "; ".join([WHO[r] for r in rules if r in WHO] + [HOW[r] for r in rules if r in HOW])


def users(root, ops):
    """{op: the USERS that call it}."""
    found = {op: set() for op in ops}
    for user, folders in USERS.items():
        for path in (p for folder in folders for p in sorted((root / folder).rglob("*"))):
            if path.suffix in SUFFIXES and not path.relative_to(root).as_posix().startswith("test/host/"):
                text = _DEFINITION.sub("", _COMMENT.sub("", path.read_text(errors="replace")))
                for match in _CALL.finditer(text):
                    op = match[1] or match[2]
                    if op in found:
                        found[op].add(user)
    return found


def used_by(who):
    """The label's text for such users: nothing if the kernel is one."""
    return "" if "kernel" in who else ", ".join(user for user in USERS if user in who)


def op_faults(op, who):
    """Each thing that is wrong with the comment of one Op."""
    labels = op.labels
    if not op.does:
        yield "has no comment of its own"
        return
    if list(labels) != [label for label in LABELS if label in labels]:
        yield f"its labels are not in the order {', '.join(LABELS)}"
    if not re.match(r"[A-Z].*\.$", op.does):
        yield "its comment does not begin with a sentence"
    wanted = {"Context": True, "Takes": op.params != "void", "Returns": op.returns != "void", "See": True}
    for label, is_wanted in wanted.items():
        if (label in labels) != is_wanted:
            yield f"its comment has a label {label}, and nothing for it" if label in labels else f"no label {label}"
    words = context_words(op.rules)
    if not re.match(rf"{words}(?:[.,;:]|$)", labels.get("Context", "")):
        yield f"Context does not begin with {words!r}, as PV_CONTEXT has it"
    for name in _parameters(op.params):
        if "Takes" in labels and not re.search(rf"\b{name}\b", labels["Takes"]):
            yield f"Takes does not name {name}"
    if op.errors and "Returns" in labels and set(_errors(labels["Returns"])) != set(op.errors):
        yield f"Returns has other errors than PV_STATUS: {', '.join(op.errors)}"
    if labels.get("Used by", "") != used_by(who):
        yield f"'Used by' should be {used_by(who)!r}" if used_by(who) else "'Used by', but the kernel calls it"


def _parameters(params):
    if params == "void":
        return
    for part in re.split(r",(?![^()]*\))", params):
        pointer = re.search(r"\(\*(\w+)\)", part)  # to a function
        yield pointer[1] if pointer else re.sub(r"\[.*", "", part).split()[-1].lstrip("*")


def _errors(text):
    return re.findall(r"-(E[A-Z]+|\d+)\b", text)


def see_faults(see, xen):
    """Each name of Xen in the text of See that is not in the header named with it; xen is the folder of xen.h."""
    for part in see.split("; "):
        headers = [] if part.startswith("Linux:") else _XEN_HEADER.findall(part)
        missing = [header for header in headers if not (xen / header).is_file()]
        if missing:
            yield f"See: {xen} has no {missing[0]}"
            continue
        text = "".join((xen / header).read_text(errors="replace") for header in headers)
        for name in _XEN_NAME.findall(_XEN_HEADER.sub("", part)) if headers else ():
            if not re.search(rf"\b{name}\b", text):
                yield f"See: {name} is not in xen/{', xen/'.join(headers)}"


def line_faults(text):
    """(line number, what is wrong) of the lines of one file."""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > WIDTH:
            yield number, f"{len(line)} columns, more than {WIDTH}"
        if line.startswith(("PV_", "  ")) and _PRODUCT.search(line):
            yield number, "a pointer's star belongs to its name"


def faults(root, ops, xen):
    """One line for each thing that is wrong with the contract of the tree at root; xen has Xen's public headers."""
    who = users(root, ops)
    for op in ops.values():
        for fault in (*op_faults(op, who[op.name]), *see_faults(op.labels.get("See", ""), xen)):
            yield f"{op.where}: {op.name}: {fault}"
    for path in (root / INDEX, *sorted((root / FOLDER).glob("*.def"))):
        for number, fault in line_faults(path.read_text()):
            yield f"{path.relative_to(root).as_posix()}:{number}: {fault}"
