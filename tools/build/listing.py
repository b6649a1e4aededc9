# SPDX-License-Identifier: MIT
"""What nm and objdump list of many objects, by one run of each: a run for every object takes longer
than a link."""

import re
import subprocess

_HEAD = re.compile(r"(.*):\s+file format ")
_LABEL = re.compile(r"[0-9a-f]+ <(.*)>:$")
_CODE = re.compile(
    r"\s*[0-9a-f]+:\s+(?:(?:rep\w*|lock|data16|cs|ds|es|fs|gs|ss)\s+)*([a-z0-9]+)\s*(.*?)\s*$"
)


def names(nm, paths, *options):
    """Return {path: [(nm's letter of the kind, name)]}; of a library also {path:member: …}."""
    found = {str(path): [] for path in paths}
    for line in _lines(nm, "-A", *options, *found) if found else ():
        path, _, listed = line.rpartition(":")
        fields = listed.split()
        if len(fields) > 1:  # no head of a library's member
            found.setdefault(path, []).append((fields[-2], fields[-1]))
    return found


def instructions(objdump, paths, *options):
    """Yield (path, function, mnemonic, operands) of each instruction; options: what to
    disassemble."""
    path = function = ""
    for line in _lines(objdump, *options, "--no-show-raw-insn", *map(str, paths)) if paths else ():
        if head := _HEAD.match(line):
            path, function = head[1], ""
        elif label := _LABEL.match(line):
            function = label[1]
        elif code := _CODE.match(line):
            yield path, function, *code.groups()


def _lines(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
