#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write the text of the contract as assembly, for the monitor's command help (test/shell/help.c):
shell_help, one string after the other, in the order of the ops, packed."""

import textwrap
from pathlib import Path

from build import symtab
from paravane import optable

ROOT = Path(__file__).resolve().parents[2]
WIDTH = 92
INDENT = 10  # of a label's text, as in the contract


def text_of(op):
    """Return an op's comment, wrapped: what it does, then a paragraph for each label."""
    lines = textwrap.wrap(op.does, WIDTH)
    for label, text in op.labels.items():
        head = f"{label}:".ljust(INDENT)
        lines += textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=" " * INDENT)
    return "".join(f"{line}\n" for line in lines)


def assembly(texts):
    """Return the file that defines shell_help for these texts: packed as symtab.py packs names."""
    packed, pairs = symtab.pack(texts)
    lines = ['\t.section .rodata.shell_help, "a", @progbits',
             "\t.globl shell_help, shell_help_pairs", "shell_help_pairs:"]
    lines += [f"\t.byte {ord(a)}, {ord(b)}" for a, b in pairs]
    lines += ["shell_help:", *(f'\t.asciz "{symtab.ascii_string(text)}"' for text in packed)]
    return "\n".join(lines) + "\n" + symtab.TAIL


if __name__ == "__main__":
    print(assembly([text_of(op) for op in optable.read_ops(ROOT).values()]), end="")
