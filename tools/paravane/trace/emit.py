# SPDX-License-Identifier: MIT
"""Write steps of a program as a repro: one C file for `./run.sh repro` (docs/repro.md)."""

import re

from . import frames
from .steps import FILL, REGISTERS

_HEAD = """\
/* SPDX-License-Identifier: MIT */
/*
 * What `./run.sh minimise` has left of a recording.
 *
 * @title     {title}
 * @platforms {platform}
 *
 * Background: the recording was made on {hypervisor}, and ended so: {ended}
 *
 * Mechanism: {count}. {mechanism}
 *
 * Verdicts: {verdicts}
 *
 * Cannot tell: {cannot_tell}
 */
#include "repro/kit.h"

REPRO("{name}")
{{
    struct kit_regs regs = {{0}};
{variables}
    kit_needs({place});
"""
_DIES = {
    "mechanism": "The hypervisor that has the bug dies in the last call.",
    "verdicts": "good if the last call returns; a hypervisor that dies is bad.",
    "cannot_tell": "whether the result of the last call is right.",
}
_RETURNS = {
    "mechanism": "The last call had this result in the recording: {result}.",
    "verdicts": "bad if the last call has that result, or the hypervisor dies; good if not.",
    "cannot_tell": "whether that result is wrong.",
}
_TAIL = """\
    EVIDENCE(regs.rax != KIT_UNTOUCHED);
{comparison}    good("the hypervisor survived the last call, which returned %lld",
         (long long)regs.rax);
}}
"""
_PLACES = {"xen-pv": "KIT_XEN_PV", "xen-grub": "KIT_XEN_PV", "xen-pvh": "KIT_XEN_PVH"}
_PAGE = 4096


def write(name, program, header, ended, result=None):
    """Return the C file. ended: how the run with these steps ended, in words. result: of the last
    call, if it is that which makes a hypervisor bad, and not its death."""
    symbols = sorted(used_symbols(program.steps))
    variables = "".join(_variable(number, program.words[number]) for number in symbols)
    variables += "".join(_memory(at, step) for at, step in enumerate(program.steps))
    platform = header.get("platform", "xen-pv")
    text = _HEAD.format(
        title=f"the last call of a recording: {_name(program.steps[-1])}",
        platform="xen-pv" if platform == "xen-grub" else platform,
        hypervisor=header.get("hypervisor", "Xen"), ended=_plain(ended), name=name,
        count=f"{len(program.steps)} call" + ("s" if len(program.steps) > 1 else ""),
        variables=variables, place=_PLACES[platform],
        **{key: value.format(result=result)
           for key, value in (_DIES if result is None else _RETURNS).items()})
    for at, step in enumerate(program.steps):
        text += _step(at, step, is_last=step is program.steps[-1])
    comparison = "" if result is None else (
        f"    if ((long long)regs.rax == {result})\n"
        f"        bad(\"the last call returned {result}, as it was recorded\");\n")
    return text + _TAIL.replace("}}", "}").replace("{comparison}", comparison).replace(
        "KIT_UNTOUCHED", hex(program.steps[-1].registers["rax"]))


def used_symbols(steps):
    """Return the set of the symbols that steps use."""
    used = {one.symbol for step in steps for one in step.relocations + step.binds
            if one.symbol >= 0}
    return used | {step.registers["rax"] for step in steps if step.mode == FILL}


def _name(step):
    """Return what a step calls: xen_version XENVER_version, or hypercall 12 in 32-bit mode."""
    line = step.event.line
    if line.kind == "table":
        return f"a page table of {line.name}"
    if line.kind == "code":
        return f"hypercall {step.registers['rax'] & 0xFFFFFFFF} in {step.mode}-bit mode"
    return _plain(f"{line.name} {line.fields.get('cmd', '')}").strip()


def _plain(text):
    """Return a text that cannot end a comment, nor be a tag."""
    return re.sub(r"[^ -~]|@|\\", "?", text).replace("*/", "* /").replace("/*", "/ *")


def _variable(number, word):
    value = {frames.ZERO: "0", frames.FRAME: "kit_mfn(kit_frame())",
             frames.UNMAPPED: "kit_mfn(kit_table())"}.get(word)
    value = value or f"(kit_entry({word & ~7:#x}, 1) & PTE_FRAME_MASK) >> PAGE_SHIFT"
    return f"    u64 symbol{number} = {value};\n"


def _memory(at, step):
    """Return the declaration of a step's memory, and of its code."""
    text = ""
    if step.memory and step.mode != FILL:
        pages = -(-len(step.memory) // _PAGE)
        text += f"    u8 *const memory{at} = kit_pages({pages});\n"
        data = bytes(step.memory).rstrip(b"\0")
        text += _bytes(f"bytes{at}", data) if data else ""
    if step.mode == 32:
        text += _bytes(f"code{at}", step.instructions)
    return text


def _bytes(name, data):
    rows = [", ".join(f"0x{byte:02x}" for byte in data[i : i + 12])
            for i in range(0, len(data), 12)]
    inner = ",\n        ".join(rows)
    return f"    static const u8 {name}[] = {{\n        {inner},\n    }};\n"


def _step(at, step, is_last):
    """Return the statements of one step."""
    lines = [f"/* {_name(step)} */"]
    if step.mode == FILL:
        number, level = step.registers["rax"], step.registers["rbx"]
        lines += [f"MUST(hc_mmuext_op(&(struct mmuext_op){{.cmd = MMUEXT_PIN_L{level}_TABLE, "
                  f".arg1.mfn = symbol{number}}},",
                  "                   1, NULL, DOMID_SELF));"]
        return "".join(f"    {line}\n" for line in ["", *lines]).replace("    \n", "\n")
    if bytes(step.memory).rstrip(b"\0"):
        lines.append(f"memcpy(memory{at}, bytes{at}, sizeof(bytes{at}));")
    for one in step.relocations:
        if one.is_memory:
            lines.append(f"memcpy(memory{at} + {one.at}, &(u64){{{_value(at, step, one)}}}, "
                         f"{one.size});")
    values = {name: hex(value) for name, value in step.registers.items() if value}
    for one in step.relocations:
        if not one.is_memory:
            values[REGISTERS[one.at]] = _value(at, step, one)
    lines.append("regs = (struct kit_regs){")
    lines += [f"    .{name} = {value}," for name, value in values.items()]
    lines.append("};")
    call = ("kit_hypercall_regs(&regs);" if step.mode == 64
            else f"kit_run32(code{at}, sizeof(code{at}), &regs);")
    lines.append(("STEP " if is_last else "") + call)
    for one in step.binds:
        lines.append(f"memcpy(&symbol{one.symbol}, memory{at} + {one.at}, {one.size});")
    return "".join(f"    {line}\n" for line in ["", *lines]).replace("    \n", "\n")


def _value(at, step, one):
    """Return the expression for a relocation."""
    if one.symbol >= 0:
        value = f"symbol{one.symbol}"
        if one.shift:
            value = f"({value} << {one.shift})"
        return value + (f" + {one.addend:#x}" if one.addend else "")
    address = (f"(u64)memory{at}" if step.mode == 64
               else f"(kit_gfn(memory{at}) << PAGE_SHIFT)")
    more = "".join(f" + {number:#x}" for number in (one.offset, one.addend) if number)
    return address + more
