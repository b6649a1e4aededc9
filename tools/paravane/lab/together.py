# SPDX-License-Identifier: MIT
"""Prove labs by one build: each wrong version of a function fails and is explained.

The image and the host tests are built with all versions of each function: the tree's, the cut one,
and those of wrong solutions. A number in their data, lab_cut, selects a version of one lab; the
number of no version selects the tree's everywhere. A patch template has no code that could select:
the entries of the others in the table of templates are overwritten instead.

The fault of a lab of the kind "find it" is one more version of the function in which it is. It has
to show in the tests that the lab names.

The tree's functions are tried with each check. If most labs have their cut version only, they are
tried with one check for each program and platform: the suite has the other tests.
"""

import concurrent.futures
import dataclasses
import os
import re
import shutil
import struct
import threading
from dataclasses import dataclass

from build.elf import SHF_ALLOC, SHT_NOBITS, Elf

from ..common import ROOT, Trouble
from ..mutants import source_list
from ..run.machine import Ending
from ..run.owntime import OwnTime
from . import copies, cut, explain

# Seconds of own time from a test's result to the next. Many cut versions hang with the CPU busy, so
# the limit is most of what they cost. A wrong solution may make a test wait for time limits of its
# own.
_QUIET_CUT, _QUIET_WRONG = 1.5, 20.0
_WHOLE = 0x1AB0  # the number of no version; theirs follow. Not 0, so that it is data of the file
_C_VARIABLE = f"""\
#ifndef LAB_CUT
#define LAB_CUT
extern volatile unsigned lab_cut;
__attribute__((weak)) volatile unsigned lab_cut = {_WHOLE};
#endif
"""
_VOID = re.compile(r"^(?:static |inline |__\w+ )*void \w")
_TEMPLATE = re.compile(r"lab_template_(\d+)$")


@dataclass(frozen=True)
class Version:
    """A version of a lab's function that is to fail. says: words that the answer must have, or "":
    any explanation of the lab's."""

    lab: object
    name: str
    body: str
    says: str
    number: int


def takes(lab):
    """Return whether a lab is proven here. A repro is an image of its own."""
    return lab.kind == "find" or lab.kind == "write" and not lab.is_repro


def has_cut(lab):
    """Return whether a lab has a cut version that is proven here."""
    return takes(lab) and lab.kind == "write"


def mutant_of(lab):
    """Return the SourceMutant that is the fault of a lab of the kind "find it"."""
    found = [mutant for mutant in source_list.read() if mutant.name == lab.mutant]
    if not found:
        raise Trouble(f"lab {lab.name}: test/mutants/source/ has no {lab.mutant}")
    return found[0]


def placed(lab):
    """Return a lab with the file and the function of its versions."""
    if lab.kind != "find":
        return lab
    mutant = mutant_of(lab)
    return dataclasses.replace(lab, file=mutant.file, function=mutant.function)


def _faulty(lab):
    """Return the body of a placed lab's function with the fault in it."""
    function, mutant = cut.find(ROOT, lab), mutant_of(lab)
    return cut.body_of(cut.replace(function, mutant.before, mutant.after))


def versions_of(labs, whole):
    """Return the Versions of these labs; those that are not in whole have their cut one only."""
    found = []
    for lab in labs:
        of = [("the fault", _faulty(lab), "")] if lab.kind == "find" else [("cut", lab.stub, "")]
        if lab.name in whole:
            of += [(wrong.name, wrong.body, wrong.says) for wrong in lab.wrong]
        found += [Version(lab, *one, _WHOLE + len(found) + at) for at, one in enumerate(of, 1)]
    return found


def prove(labs, copy, whole):
    """Build the copy with the versions of each lab's function (as versions_of), and try them and
    the tree's. Yield a line for each thing that is wrong."""
    labs = [placed(lab) for lab in labs]
    versions = versions_of(labs, whole)
    for lab in labs:
        add_versions(lab, [one for one in versions if one.lab is lab], copy)
    _build(labs, copy)
    stop = threading.Event()
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        tries = [pool.submit(_try, version, copy, stop) for version in versions]
        checks = dict.fromkeys(check for lab in labs for check in lab.check)
        tries += [pool.submit(_try_whole, check, copy, stop) for check in
                  (checks if all(lab.name in whole for lab in labs) else one_of_each(checks))]
        for one in tries:
            said, problem = one.result()
            print(f"  {said}", flush=True)
            if problem:
                yield problem
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


# --- All versions in one file


def add_versions(lab, versions, copy):
    """Put these versions of a lab's function beside the one in the copy."""
    function = cut.find(copy.path, lab)
    if cut.is_template(function):
        new = _templates(function, versions)
    elif lab.is_assembly:
        new = _assembly(function, versions)
    else:
        new = _C_VARIABLE + _c(function, versions)
    copy.write(lab.file, cut.replace(copy.read(lab.file), function, new))


def _c(function, versions):
    """Return a C function with all versions."""
    body = cut.body_of(function)
    end = "    return;\n" if _VOID.match(function) else ""
    blocks = [f"    if (lab_cut == {one.number}) {{\n{one.body}\n{end}    }}\n" for one in versions]
    return cut.with_body(function, "".join(blocks) + body)


def _assembly(function, versions):
    """Return a macro with all versions."""
    text = ""
    for one in versions:
        after = f".Llab_after_{one.number}_\\@"
        body = one.body.strip("\n")
        text += f"\tcmpl\t${one.number}, lab_cut(%rip)\n\tjne\t{after}\n{body}\n{after}:\n"
    return cut.with_body(function, text + "\n".join(function.splitlines()[1:-1]))


def _templates(function, versions):
    """Return a patch template with all versions, each with a symbol at its entry."""
    texts = {_WHOLE: function, **{one.number: one.body for one in versions if one.body.strip()}}
    return "\n".join(
        f'\t.section .pv_templates, "a"\n\t.globl lab_template_{number}\nlab_template_{number}:\n'
        + text.strip("\n") for number, text in texts.items())  # fmt: skip


# --- One build, and a file for each version


def _build(labs, copy):
    for host in dict.fromkeys(check.host for lab in labs for check in lab.check):
        output = copy.build_host(host) if host else copy.build_image()
        if output:
            raise Trouble("the labs do not build: " + explain.compiler_errors(output)[0])


def _select(version, program, symbols, to):
    """Copy a program to the file `to`, with a Version selected, or none."""
    named = {symbol.name: symbol.value for symbol in Elf(symbols).symbols}
    data, elf = bytearray(program.read_bytes()), Elf(program)
    number = version.number if version else _WHOLE
    of_template = version and cut.is_template(cut.find(ROOT, version.lab))
    for name, address in named.items():
        template = _TEMPLATE.match(name)
        if template and int(template[1]) != (number if of_template else _WHOLE):
            _write(data, elf, address, 0)
    if "lab_cut" in named:
        _write(data, elf, named["lab_cut"], number)
    to.write_bytes(data)
    to.chmod(0o755)


def _write(data, elf, address, value):
    for _, kind, flags, start, offset, size, *_ in elf.sections:
        if flags & SHF_ALLOC and kind != SHT_NOBITS and start <= address < start + size:
            at = offset + address - start
            data[at : at + 4] = struct.pack("<I", value)
            return
    raise Trouble(f"{address:#x} is not in the data of the file")


# --- Tries


class _Silence:
    """Ends a run in which no test has ended for a while, long before its time limit."""

    def __init__(self, most):
        self._most = most
        self._clock, self._seen, self._since = None, None, 0.0

    def __call__(self, said, pid):
        self._clock = self._clock or OwnTime(pid)
        now, seen = self._clock.seconds(), (said.banner, len(said.tests))
        if not said.banner or seen != self._seen:
            self._seen, self._since = seen, now
        if now - self._since > self._most:
            return Ending("timeout", limit=f"{self._most:g} s without a result")
        return None


def _run(check, version, copy, stop):
    """Run a check with a Version, or with the tree's functions; return what it has Shown."""
    to = copy.path / "build" / f"version-{version.number if version else id(check)}"
    to.mkdir(exist_ok=True)
    if check.host:
        program = copy.host_program(check.host)
        _select(version, program, program, to / "test")
        return copy.run_host(check, to / "test")
    _select(version, copy.image, copy.image.with_name("paravane.debug.elf"), to / "paravane.elf")
    shutil.copyfile(copy.image.with_name("op.rom"), to / "op.rom")
    silence = _Silence(_QUIET_WRONG if version.says else _QUIET_CUT) if version else None
    return copies.try_image(check, to / "paravane.elf", stop, silence)


def _try(version, copy, stop):
    """Return (a line on how a version ends, what is wrong with that)."""
    lab, name = version.lab, f"{version.lab.name}, {version.name}"
    for check in lab.check:
        shown = _run(check, version, copy, stop)
        if shown.passed:
            continue
        if lab.kind == "find":
            return seen(name, lab, shown)
        said = " ".join(explain.answer(lab, shown))
        known = any(" ".join(rule.say.split()) in said for rule in lab.explain)
        good = version.says in said if version.says else known
        problem = "" if good else f"lab {name}: the answer does not have {version.says!r}: {said}"
        return f"{name}: {said[:150]}", problem
    return f"{name}: passes", f"lab {name}: passes"


def seen(name, lab, shown):
    """Return (what to print, what is wrong or "") of a lab's fault: the tests that failed have to
    be those that the lab names."""
    failed = ", ".join(shown.failed)
    if set(shown.failed) != set(lab.fails):
        return f"{name}: {failed}", f"lab {name}: not the tests that should fail: {failed}"
    return f"{name}: shows in {failed}", ""


def one_of_each(checks):
    """Return one check for each platform and each host test."""
    return {(check.host, check.on): check for check in checks}.values()


def _try_whole(check, copy, stop):
    """Return the same for the tree's own functions."""
    shown = _run(check, None, copy, stop)
    name = f"the tree's own, {check}"
    if shown.passed:
        return f"{name}: passes", ""
    return f"{name}: fails", f"{name}: fails: {shown.reason or ', '.join(shown.failed)}"
