# SPDX-License-Identifier: MIT
"""The text of the contract (pv/ops.def, pv/ops/): the labels of an op's comment, and what is wrong
with them.

An op's comment begins with what the op does; the rest is under LABELS. What can be compared is
compared: Context with PV_CONTEXT, Takes with the parameters, Returns with the return type and the
errors of PV_STATUS, "Used by" with the calls in the source tree, the names of Xen under See with
its headers. The comments of pv/callbacks.h have the same labels.
"""

import re

INDEX, FOLDER = "pv/ops.def", "pv/ops"
CALLBACKS = "pv/callbacks.h"
LABELS = ("Context", "Takes", "Returns", "Must", "Must not", "Differs", "Used by", "See")

# The words of PV_CONTEXT, as Context begins with them.
WHO = {"ANY": "any", "NOT_NMI": "any but NMI", "THREAD": "thread"}
HOW = {
    "MIGRATABLE": "may migrate",
    "BOUND": "bound",
    "NOT_PREEMPTIBLE": "not preemptible",
    "IRQS_OFF": "interrupts off",
    "IRQS_ON": "interrupts on",
}
# Pv/callbacks.h explains them
CALLBACK_CONTEXTS = ("any", "interrupts off", "an interrupt", "thread")
SILENT = ("SETS_IF",)  # what the op does, not what it needs

# {user: the folders whose calls of an op are its}. "Used by" leaves out the kernel; test/host has
# no ops.
USERS = {
    "kernel": ("boot", "pv", "mm", "kernel", "lib", "drivers", "app"),
    "suite": ("test",),
    "repros": ("repro",),
}
SUFFIXES = (".c", ".h", ".S", ".inc")

_LABEL = re.compile(rf"({'|'.join(LABELS)}): +(\S.*)")
_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_CALL = re.compile(r"\b(?:pv_|setup->)(\w+)\s*\(|\b(?:call|jmp)\s+pv_(\w+)")
_CALLBACK = re.compile(
    r"(?P<comment>/\*(?:(?!\*/).)*\*/)?\s*"
    r"(?P<returns>\w[\w ]*?)\s*\(\*(?P<name>\w+)\)\((?P<params>[^()]*)\);",
    re.S,
)
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
    return " ".join(" ".join(does).split()), {
        name: " ".join(" ".join(lines).split()) for name, lines in labels.items()
    }


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
            if path.suffix in SUFFIXES and not path.relative_to(root).as_posix().startswith(
                "test/host/"
            ):
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
    """Yield each thing that is wrong with the comment of one Op, which the users `who` call."""
    if not op.does:
        yield "has no comment of its own"
        return
    labels = op.labels
    wanted = {"Context": True, "Takes": op.params != "void", "Returns": op.returns != "void",
              "See": True}
    yield from _comment_faults(op.does, labels, op.params, wanted)
    words = context_words(op.rules)
    if not re.match(rf"{words}(?:[.,;:]|$)", labels.get("Context", "")):
        yield f"Context does not begin with {words!r}, as PV_CONTEXT has it"
    if op.errors and "Returns" in labels and set(_errors(labels["Returns"])) != set(op.errors):
        yield f"Returns has other errors than PV_STATUS: {', '.join(op.errors)}"
    if labels.get("Used by", "") != used_by(who):
        yield f"'Used by' should be {used_by(who)!r}" if used_by(
            who
        ) else "'Used by', but the kernel calls it"


def _comment_faults(does, labels, params, wanted):
    """Yield what is wrong with a comment; wanted: {label: whether it must be there (True) or must
    not}."""
    if list(labels) != [label for label in LABELS if label in labels]:
        yield f"its labels are not in the order {', '.join(LABELS)}"
    if not re.match(r"[A-Z].*\.$", does):
        yield "its comment does not begin with a sentence"
    for label, is_wanted in wanted.items():
        if is_wanted and label not in labels:
            yield f"no label {label}"
        elif not is_wanted and label in labels:
            yield f"its comment has a label {label}, and nothing for it"
    for name in _parameters(params):
        if "Takes" in labels and not re.search(rf"\b{name}\b", labels["Takes"]):
            yield f"Takes does not name {name}"


def callback_faults(text, ops, xen):
    """Yield (name, fault) for each fault of the comments in pv/callbacks.h's text. ops has the
    names of all ops."""
    table = re.search(r"^struct pv_callbacks \{$(.*?)^\};$", text, re.M | re.S)
    found = list(_CALLBACK.finditer(table[1])) if table else []
    if not found:
        yield "struct pv_callbacks", "no callback found"
    for match in found:
        others = {other["name"] for other in found} - {match["name"]}
        for fault in _one_callback_faults(match, others, ops, xen):
            yield match["name"], fault


def _one_callback_faults(match, others, ops, xen):
    """Yield what is wrong with the comment of one match of _CALLBACK."""
    comment, params = match["comment"] or "/**/", " ".join(match["params"].split())
    try:
        does, labels = parse_comment(comment)
    except ValueError as error:
        yield str(error)
        return
    if not does:
        yield "has no comment of its own"
        return
    wanted = {"Context": True, "Takes": params != "void", "Returns": match["returns"] != "void",
              "Used by": False}
    yield from _comment_faults(does, labels, params, wanted)
    if "Context" in labels:
        yield from _callback_context_faults(labels["Context"], others)
    yield from see_faults(labels.get("See", ""), xen)
    for op in re.findall(r"\bthe op (\w+)", comment):
        if op not in ops:
            yield f"its comment names the op {op}, which does not exist"


def _callback_context_faults(context, others):
    """Yield what is wrong with a callback's Context, which begins with a word of CALLBACK_CONTEXTS
    or `as NAME`."""
    words = (*CALLBACK_CONTEXTS, r"as the op \w+", *(f"as {name}" for name in others))
    if not re.match(rf"(?:{'|'.join(words)})(?:[.,;:]|$)", context):
        known = ", ".join((*CALLBACK_CONTEXTS, "as CALLBACK", "as the op NAME"))
        yield f"Context begins with none of: {known}"


def _parameters(params):
    if params == "void":
        return
    for part in re.split(r",(?![^()]*\))", params):
        pointer = re.search(r"\(\*(\w+)\)", part)  # to a function
        yield pointer[1] if pointer else re.sub(r"\[.*", "", part).split()[-1].lstrip("*")


def _errors(text):
    return re.findall(r"-(E[A-Z]+|\d+)\b", text)


def see_faults(see, xen):
    """Each name of Xen in the text of See that is not in the header named with it; xen is the
    folder of xen.h."""
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
        if line.startswith(("PV_", "  ")) and _PRODUCT.search(line):
            yield number, "a pointer's star belongs to its name"


def faults(root, ops, xen):
    """One line for each thing that is wrong with the contract of the tree at root; xen has Xen's
    public headers."""
    who = users(root, ops)
    for op in ops.values():
        for fault in (*op_faults(op, who[op.name]), *see_faults(op.labels.get("See", ""), xen)):
            yield f"{op.where}: {op.name}: {fault}"
    for name, fault in callback_faults((root / CALLBACKS).read_text(), ops, xen):
        yield f"{CALLBACKS}: {name}: {fault}"
    for path in (root / INDEX, *sorted((root / FOLDER).glob("*.def"))):
        for number, fault in line_faults(path.read_text()):
            yield f"{path.relative_to(root).as_posix()}:{number}: {fault}"
