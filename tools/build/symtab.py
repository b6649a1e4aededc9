#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the kernel's symbol table from the linked kernel's symbols (kernel/symtab.h).

    nm kernel.elf | tools/build/symtab.py > symtab.S             the table of that image
    tools/build/symtab.py < /dev/null > symtab.S                 an empty one
    nm kernel.elf | tools/build/symtab.py --check symtab.S       is this the image's table?

The kernel is linked twice: with the empty table, then with the table of the first link. That works
because the table is in .rodata, after the text, and moves no function; --check on the second
image proves it.
"""

import argparse
import collections
import re
import sys

TEXT_START, TEXT_END = "_text_start", "_text_end"

PAIRS = 128  # bytes from here on stand for two others
PAIRS_AT_ONCE = 8  # chosen by one count; with 1 the table is 2 % smaller, and takes 6 times as long

HEAD = """\
/* Made by tools/build/symtab.py: do not edit. */
    .section .rodata.symtab, "a", @progbits
    .balign 8
    .globl kernel_symtab
    .type kernel_symtab, @object
kernel_symtab:
    .quad _text_start, .Lfunctions, .Lpairs
    .size kernel_symtab, . - kernel_symtab
"""

TAIL = '    .section .note.GNU-stack, "", @progbits\n'


def fail(message):
    sys.exit(f"symtab.py: {message}")


def read_symbols(lines):
    """Yield the (address, type, name) of every defined symbol in nm's output."""
    for line in lines:
        fields = line.split()
        if len(fields) == 2 and fields[0] in "UwvV":  # undefined: no address
            continue
        if len(fields) != 3 or len(fields[1]) != 1:
            fail(f"not a line of nm: {line.strip()!r}")
        try:
            yield int(fields[0], 16), fields[1], fields[2]
        except ValueError:
            fail(f"not a line of nm: {line.strip()!r}")


def functions(symbols):
    """Return the text's size, and its functions as [(offset, name)], one name for each offset."""
    borders = {name: addr for addr, _, name in symbols if name in (TEXT_START, TEXT_END)}
    if len(borders) != 2:
        fail(f"the image does not define {TEXT_START} and {TEXT_END}")
    start, end = borders[TEXT_START], borders[TEXT_END]
    if not 0 <= end - start < 1 << 32:
        fail(f"{TEXT_START} and {TEXT_END} do not enclose a text of less than 4 GiB")

    # Of several names at one address the global one is shown, else the first in the alphabet.
    best = {}
    for addr, kind, name in symbols:
        if kind not in "tTwW" or name in borders or not start <= addr < end:
            continue
        rank = ("TtWw".index(kind), name)
        best[addr - start] = min(best.get(addr - start, rank), rank)
    return end - start, [(offset, best[offset][1]) for offset in sorted(best)]


def pack(names):
    """Return the names with their most frequent pairs of bytes each replaced by one unused byte,
    repeated as long as such bytes are left; and the pairs."""
    text, pairs = "\0".join(names), []
    while found := frequent_pairs(text, min(PAIRS - len(pairs), PAIRS_AT_ONCE)):
        for pair in found:
            text = text.replace("".join(pair), chr(PAIRS + len(pairs)))
            pairs.append(pair)
    return text.split("\0"), pairs


def frequent_pairs(text, limit):
    """Return the most frequent pairs of bytes within names, so many at most. No two share a byte,
    so replacing one leaves the others' counts as they are."""
    counts = collections.Counter(zip(text, text[1:]))
    found, used = [], {"\0"}
    for pair, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if count < 4 or len(found) == limit:  # a pair takes two bytes itself
            break
        if used.isdisjoint(pair):
            found.append(pair)
            used.update(pair)
    return found


def ascii_string(text):
    return "".join(c if " " < c <= "~" and c not in '"\\' else f"\\{ord(c):03o}" for c in text)


def render(size, table):
    """Return the assembler file."""
    packed, pairs = pack([name for _, name in table])
    out, last = [HEAD, ".Lfunctions:\n"], 0
    for (offset, name), text in zip(table, packed):
        out.append(f'    .uleb128 {offset - last:#x}; .asciz "{ascii_string(text)}" /* {name} */\n')
        last = offset
    out.append(f'    .uleb128 {size - last:#x}; .asciz ""\n')
    out.append(".Lpairs:\n")
    out += [f"    .byte {ord(a)}, {ord(b)}\n" for a, b in pairs]
    return "".join(out) + TAIL


def read_table(path):
    """Return the text's size and the functions of a file that render wrote. The comments have the
    names, so nothing is unpacked."""
    try:
        with open(path, encoding="ascii") as f:
            text = f.read()
    except OSError as e:
        fail(f"{path}: {e.strerror}")
    offset, table = 0, []
    for distance, name in re.findall(r"\.uleb128 (\w+); \.asciz \".*\"(?: /\* (.*) \*/)?\n", text):
        offset += int(distance, 16)
        table.append((offset, name))
    return (table[-1][0], table[:-1]) if table else (0, [])


def check(path, size, table):
    found = read_table(path)
    if found != (size, table):
        differing = [pair for pair in zip(found[1], table) if pair[0] != pair[1]]
        where = ": {} should be {}".format(*differing[0]) if differing else ""
        fail(f"{path} is not the table of this image{where}")


def main():
    parser = argparse.ArgumentParser(
        description="Makes kernel_symtab from the output of nm on standard input."
    )
    parser.add_argument("--check", metavar="FILE", help="only compare FILE with the table")
    args = parser.parse_args()

    symbols = list(read_symbols(sys.stdin))
    if args.check and not symbols:
        fail("no symbols on standard input")
    size, table = functions(symbols) if symbols else (0, [])
    if args.check:
        check(args.check, size, table)
    else:
        sys.stdout.write(render(size, table))


if __name__ == "__main__":
    main()
