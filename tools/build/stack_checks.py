#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Put stack checks into the assembly text of one C file of a program or of libc's port.

    stack_checks.py FILE.s      rewrite the file

A check compares %rsp with the limit of the current stack and calls a function if too little is left
(kernel/stack_check.S). An endless recursion has to pass one, and no path may use much stack
without one. So these calls need a check: of functions of other files, by pointers, and of a
function from which the call may have come. A check is

- at the entry of the function, if such a call is certain or may be repeated, or if the frame is
  not small, or would not be small with those of the functions that are called. For a large frame,
  what is compared is %rsp less the frame;
- otherwise before each such call, so that a path without calls has none;
- in any case where %rsp is set to a value that is known at run time only, as by alloca and for
  arrays of variable length. What is compared is that value.
"""

import re
import sys
from dataclasses import dataclass, field

SMALL_FRAME = 512  # bytes, without a check
UNCHECKED_MAX = 2048  # bytes of functions that call each other, until a check
_RETURN_ADDRESS = 8
LARGE_FRAME = 4096  # bytes, which may lead past the guard page if %rsp alone is compared
# libc's functions that use little stack and call nothing.
_LEAVES = frozenset(
    "memcpy memmove memset memcmp memchr strlen strnlen strcmp strncmp strchr strrchr strcpy "
    "strncpy strcat strcspn strspn strpbrk".split()
)
_LEAF_BYTES = 256
# Others that call nothing of the program's: the reserve below the limit is for them.
_NOT_CALLING_BACK = _LEAVES | frozenset("malloc calloc realloc free".split())

_TYPE = re.compile(r"\s*\.type\s+([^\s,]+),\s*[@%]function")
_LABEL = re.compile(r"([^\s:#\"]+):")
_END = re.compile(r"\s*\.size\s")
_TARGET = re.compile(r"\.L(BB)?[\d_]+")  # of a branch; other labels are for the debugger
_CALL = re.compile(r"\s*callq?\s+([^\s#;]+)")
_JUMP = re.compile(r"\s*(j[a-z]+)\s+([^\s#;]+)")
_TO_RSP = re.compile(r"\s*([a-z]+)\s+([^#;]+),\s*%rsp\s*(#.*)?$")
_PUSH = re.compile(r"\s*push")
_REGISTER = re.compile(r"%(?!rbp|rsp)r[a-z0-9]+$")
_COMPUTED = r"\s*(sub|and)q?\s.*,\s*{}\s*(#.*)?$"  # clang's instruction before that which sets %rsp
_INSTRUCTION = re.compile(r"\s+[a-z]")
_NUMBER = re.compile(r"\$?(-?\d+)(\(%rsp\))?$")
_ASSEMBLY, _END_OF_ASSEMBLY = re.compile(r"\s*#APP"), re.compile(r"\s*#NO_APP")

CHECK = "\tcmpq\t%gs:__fentry_limit, %rsp\n\tjae\t771f\n\tcall\t__fentry_program__\n771:\n"
# %r11 is neither an argument nor kept over calls.
LARGE_CHECK = (
    "\tleaq\t-{}(%rsp), %r11\n\tcmpq\t%gs:__fentry_limit, %r11\n\tjae\t771f\n"
    "\tcall\t__fentry_large__\n771:\n"
)
# For an instruction that subtracts a register from %rsp, as gcc writes it, or one that sets %rsp to
# a register, as clang does. The register may be %r11. The flags are free, because the instruction
# writes them or the one before it has: a restore of %rsp has no check.
SIZE_CHECK = (
    "\tpushq\t%r11\n\tmovq\t{0}, %r11\n\tnegq\t%r11\n\tleaq\t8(%rsp,%r11), %r11\n"
    "\tcmpq\t%gs:__fentry_limit, %r11\n\tjae\t771f\n\tcall\t__fentry_large__\n"
    "771:\n\tpopq\t%r11\n"
)
POINTER_CHECK = (
    "\tpushq\t%r11\n\tmovq\t{0}, %r11\n\tcmpq\t%gs:__fentry_limit, %r11\n"
    "\tjae\t771f\n\tcall\t__fentry_large__\n771:\n\tpopq\t%r11\n"
)


@dataclass
class Function:
    """A function, or the part of one that the compiler has moved to another section, which is
    entered by a jump."""

    name: str
    start: int  # the line after its label
    frame: int = 8  # bytes with the return address; a bound
    is_dynamic: bool = False  # its frame has no bound
    calls: list = field(default_factory=list)  # (line, target); "*" in front: by a pointer
    tail_calls: set = field(default_factory=set)
    labels: dict = field(default_factory=dict)
    jumps: list = field(default_factory=list)  # (line, mnemonic, target)
    is_odd: bool = False  # it has assembly that calls
    sizes: dict = field(default_factory=dict)  # {line that changes %rsp by a register: its check}

    def targets(self):
        """Return all functions that it calls or jumps to."""
        return {target for _, target in self.calls} | self.tail_calls

    @property
    def is_part(self):
        return self.name.endswith(".cold") or ".cold." in self.name


def functions(lines):
    """Return the functions of the file, by name."""
    found, announced, now, in_assembly, before = {}, set(), None, False, ""
    for number, line in enumerate(lines):
        announces = _TYPE.match(line)
        label = _LABEL.match(line)
        if announces:
            announced.add(announces[1])
        elif label and label[1] in announced:
            now = found[label[1]] = Function(label[1], number + 1)
        elif now and label and _TARGET.fullmatch(label[1]):
            now.labels[label[1]] = number
        elif now and _END.match(line):
            now = None
        elif now:
            in_assembly = _ASSEMBLY.match(line) or in_assembly and not _END_OF_ASSEMBLY.match(line)
            now.is_odd |= bool(in_assembly and "call" in line)
            _note_instruction(now, number, line, before)
            if _INSTRUCTION.match(line):
                before = line
    return found


def _note_instruction(function, number, line, before):
    call, jump, to_rsp = _CALL.match(line), _JUMP.match(line), _TO_RSP.match(line)
    if call:
        function.calls.append((number, call[1].split("@")[0]))
    elif jump:
        function.jumps.append((number, jump[1], jump[2]))
        target = jump[2].split("@")[0]
        is_table = target.startswith("*") and ".L" in target
        if not is_table and not target.startswith(".L") and not target[:1].isdigit():
            function.tail_calls.add(target)
    elif _PUSH.match(line):
        function.frame += 8
    elif to_rsp:
        _note_size(function, number, to_rsp[1], to_rsp[2].strip(), before)
        _note_frame(function, to_rsp[1], to_rsp[2].strip())


def _note_size(function, line, mnemonic, source, before):
    """Note an instruction by which %rsp gets a value that is known at run time only."""
    if not _REGISTER.match(source):
        return
    if mnemonic.startswith("sub"):
        function.sizes[line] = SIZE_CHECK.format(source)
    elif mnemonic.startswith("mov") and re.match(_COMPUTED.format(source), before):
        function.sizes[line] = POINTER_CHECK.format(source)


def _note_frame(function, mnemonic, source):
    """Note what an instruction that writes %rsp adds to the frame."""
    number = _NUMBER.match(source)
    if mnemonic in ("movq", "mov") or (mnemonic.startswith("lea") and "%rbp" in source):
        return  # the end of the frame
    if not number:
        function.is_dynamic = True
    elif mnemonic.startswith("sub"):
        function.frame += max(0, int(number[1]))
    else:  # addq $-128, andq $-64, leaq -4096(%rsp)
        function.frame += max(0, -int(number[1]))


class File:
    """The functions of a file, and where their checks are."""

    def __init__(self, lines):
        self.functions = functions(lines)
        self.checks = {}  # {line: text to put in front of it}
        self._bytes = {}  # what a function uses until a check, or until it returns
        sys.setrecursionlimit(10000 + 10 * len(self.functions))
        for name, function in self.functions.items():
            self._decide(name)
            for line, check in function.sizes.items():
                self.checks[line] = self.checks.get(line, "") + check

    def bytes_of(self, target):
        """Return how much stack a call uses until a check, at most, or None if that is not known:
        of other files' functions, and of those that are still to be decided, which the call may
        lead back to."""
        if target in self.functions:
            return self._decide(target)
        return _LEAF_BYTES if target in _LEAVES else None

    def _decide(self, name):
        """Decide on the checks of a function after those that it calls; return its bytes."""
        if name in self._bytes:
            return self._bytes[name]
        self._bytes[name] = None
        function = self.functions[name]
        known = [self.bytes_of(target) for target in function.targets()]
        used = function.frame + max((size for size in known if size is not None), default=0)
        calls = self._unknown_calls(function)
        is_bounded = used <= UNCHECKED_MAX and function.frame <= SMALL_FRAME
        is_odd = function.is_dynamic or function.is_odd or self._leaves_by_unknown(function)
        if function.is_part or (is_bounded and not is_odd and not _is_at_entry(function, calls)):
            self.checks.update(dict.fromkeys(calls, CHECK))
        else:
            large = function.frame > LARGE_FRAME
            self.checks[function.start] = LARGE_CHECK.format(function.frame) if large else CHECK
            used = _RETURN_ADDRESS
        self._bytes[name] = used
        return used

    def _is_unknown(self, target):
        of_libc = target in _NOT_CALLING_BACK and target not in self.functions
        return self.bytes_of(target) is None and not of_libc

    def _unknown_calls(self, function):
        return [line for line, target in function.calls if self._is_unknown(target)]

    def _leaves_by_unknown(self, function):
        """Return whether it ends by a jump to a function without known bounds, as in a recursion
        through a tail call."""
        return any(self._is_unknown(target) for target in function.tail_calls)


def _is_at_entry(function, calls):
    """Return whether the check belongs at the entry and not before each of these calls."""
    loops = [(function.labels[target], line) for line, _, target in function.jumps
             if function.labels.get(target, line) < line]  # fmt: skip
    branches = [line for line, _, _ in function.jumps] + list(function.labels.values())
    first_branch = min(branches, default=max(calls, default=0) + 1)
    return any(
        call < first_branch or any(start < call < end for start, end in loops) for call in calls
    )


def with_checks(text):
    """Return the text of an assembly file with checks."""
    lines = text.splitlines(keepends=True)
    checks = File(lines).checks
    return "".join(checks.get(number, "") + line for number, line in enumerate(lines))


def main():
    path = sys.argv[1]
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(with_checks(text))


if __name__ == "__main__":
    main()
