# SPDX-License-Identifier: MIT
"""Prove that the cut version of each lab fails with its explanation, by one build for all labs.

The image and the host tests are built with both versions of each function, the tree's and the cut
one. A number in their data, lab_cut, selects the cut version of one lab; the number of no lab
selects the tree's everywhere. A patch template has no code that could select: its entry in the
table of templates is overwritten instead.

The tree's functions are tried with one check for each machine: the suite has the other tests.
"""

import concurrent.futures
import os
import re
import shutil
import struct
import threading

from build.elf import SHF_ALLOC, SHT_NOBITS, Elf

from ..common import Trouble
from ..run.machine import Ending
from ..run.owntime import OwnTime
from . import copies, cut, explain

_QUIET_MOST = 4.0  # seconds of own time from a test's result to the next: many cut versions hang
_FIRST = 0x1AB0  # the number of no lab; the labs' follow. Not 0, so that it is data of the file
_C_VARIABLE = f"""\
#ifndef LAB_CUT
#define LAB_CUT
extern volatile unsigned lab_cut;
__attribute__((weak)) volatile unsigned lab_cut = {_FIRST};
#endif
"""
_VOID = re.compile(r"^(?:static |inline |__\w+ )*void \w")


def takes(lab):
    """Return whether a lab is proven here. A repro is an image of its own."""
    return lab.kind == "write" and not lab.is_repro


def prove(labs, copy):
    """Build the copy with both versions of each lab's function, and try the cut ones and the
    tree's. Yield a line for each thing that is wrong."""
    for number, lab in enumerate(labs, _FIRST + 1):
        _add_version(lab, number, copy)
    _build(labs, copy)
    stop = threading.Event()
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        tries = [pool.submit(_try_cut, lab, number, copy, stop)
                 for number, lab in enumerate(labs, _FIRST + 1)]
        tries += [pool.submit(_try_whole, check, copy, stop)
                  for check in _one_of_each(check for lab in labs for check in lab.check)]
        for one in tries:
            said, problem = one.result()
            print(f"  {said}", flush=True)
            if problem:
                yield problem
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


# --- Both versions in one file


def _add_version(lab, number, copy):
    function = cut.find(copy.path, lab)
    if cut.is_template(function):
        new = (f'\t.section .pv_templates, "a"\n\t.globl lab_cut_{number}\nlab_cut_{number}:\n'
               f"{function}")
    elif lab.is_assembly:
        new = _assembly(function, lab, number)
    else:
        new = _C_VARIABLE + _c(function, lab, number)
    copy.write(lab.file, cut.replace(copy.read(lab.file), function, new))


def _c(function, lab, number):
    """Return a C function with both versions."""
    body = function[len(cut.with_body(function, "")) - 2 : -1].strip("\n")
    end = "    return;\n" if _VOID.match(function) else ""
    cut_version = f"    if (lab_cut == {number}) {{\n{lab.stub}\n{end}    }}\n"
    return cut.with_body(function, cut_version + body)


def _assembly(function, lab, number):
    """Return a macro with both versions."""
    body = "\n".join(function.splitlines()[1:-1])
    whole = f".Llab_whole_{number}_\\@"
    return cut.with_body(function, f"\tcmpl\t${number}, lab_cut(%rip)\n\tjne\t{whole}\n"
                                   f"{lab.stub.strip(chr(10))}\n{whole}:\n{body}")


# --- One build, and a file for each version


def _build(labs, copy):
    for host in dict.fromkeys(check.host for lab in labs for check in lab.check):
        output = copy.build_host(host) if host else copy.build_image()
        if output:
            raise Trouble("the labs do not build: " + explain.compiler_errors(output)[0])


def _select(lab, number, program, symbols, to):
    """Copy a program to the file `to`, with the cut version of a lab selected."""
    named = {symbol.name: symbol.value for symbol in Elf(symbols).symbols}
    data, template = bytearray(program.read_bytes()), named.get(f"lab_cut_{number}")
    at = _offset(Elf(program), template or named["lab_cut"])
    data[at : at + 4] = struct.pack("<I", 0 if template else number)
    to.write_bytes(data)
    to.chmod(0o755)


def _offset(elf, address):
    for _, kind, flags, start, offset, size, *_ in elf.sections:
        if flags & SHF_ALLOC and kind != SHT_NOBITS and start <= address < start + size:
            return offset + address - start
    raise Trouble("lab_cut is not in the data of the file")


# --- Tries


class _Silence:
    """Ends a run in which no test has ended for a while, long before its time limit."""

    def __init__(self):
        self._clock, self._seen, self._since = None, None, 0.0

    def __call__(self, said, pid):
        self._clock = self._clock or OwnTime(pid)
        now, seen = self._clock.seconds(), (said.banner, len(said.tests))
        if not said.banner or seen != self._seen:
            self._seen, self._since = seen, now
        if now - self._since > _QUIET_MOST:
            return Ending("timeout", limit=f"{_QUIET_MOST:g} s without a result")
        return None


def _try_cut(lab, number, copy, stop):
    """Return (a line on how the cut version of a lab ends, what is wrong with that)."""
    for check in lab.check:
        to = copy.path / "build" / f"cut-{number}"
        if check.host:
            program = copy.host_program(check.host)
            _select(lab, number, program, program, to)
            shown = copy.run_host(check, to)
        else:
            to.mkdir(exist_ok=True)
            _select(lab, number, copy.image, copy.image.with_name("paravane.debug.elf"),
                    to / "paravane.elf")
            shutil.copyfile(copy.image.with_name("op.rom"), to / "op.rom")
            shown = copies.try_image(check, to / "paravane.elf", stop, _Silence())
        if not shown.passed:
            said = explain.answer(lab, shown)[0]
            helps = said in [" ".join(rule.say.split()) for rule in lab.explain]
            problem = "" if helps else f"lab {lab.name}, cut: no explanation: {said}"
            return f"{lab.name}, cut: {said[:100]}", problem
    return f"{lab.name}, cut: passes", f"lab {lab.name}, cut: passes"


def _one_of_each(checks):
    """Return one check for each machine and each host test."""
    return {(check.host, check.on, check.append, check.smp): check for check in checks}.values()


def _try_whole(check, copy, stop):
    """Return the same for the tree's own functions."""
    shown = copy.run_host(check, copy.host_program(check.host)) if check.host else \
        copies.try_image(check, copy.image, stop=stop)
    name = f"the tree's own, {check}"
    if shown.passed:
        return f"{name}: passes", ""
    return f"{name}: fails", f"{name}: fails: {shown.reason or ', '.join(shown.failed)}"
