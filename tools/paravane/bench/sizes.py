# SPDX-License-Identifier: MIT
"""Measure the size of the stripped image, with more and with fewer parts in it."""

import os
import subprocess
import tempfile
from pathlib import Path

from ..common import ROOT, Trouble, build_dir, short

# (what, words for make, the image's name)
_VARIANTS = (
    ("all of the tree", (), "paravane"),
    ("kernel and suite", ("WITHOUT=repro app",), "paravane"),
    ("kernel and hello, no floating point", ("WITHOUT=test repro", "APPS=", "APP=app/hello.c",
                                             "APP_CFLAGS=-Dprintf=iprintf"), "hello"),
    ("kernel and hello", ("WITHOUT=test repro", "APPS=hello"), "paravane"),
    ("kernel alone", ("WITHOUT=test repro app",), "paravane"),
    ("kernel alone, for size (make bare)", ("bare",), "bare/paravane"),
)  # fmt: skip
BARE_MAX = 96 << 10  # bytes of the last


def run():
    """Build each variant in a folder of its own and print a table; return whether the bare kernel
    is small enough."""
    print(f"{'stripped image':36}  {'KiB':>6}  {'text':>6}  {'data':>6}  of it names")
    with tempfile.TemporaryDirectory(dir=build_dir()) as scratch:
        for number, (what, words, name) in enumerate(_VARIANTS):
            folder = Path(scratch) / str(number)
            _make(folder, words)
            image = folder / f"{name}.elf"
            size = image.stat().st_size
            text, data = _segments(image)
            names = _names(folder, name)
            print(f"{what:36}  {size / 1024:6.1f}  {text / 1024:6.1f}  {data / 1024:6.1f}  "
                  f"{names / 1024:11.1f}", flush=True)  # fmt: skip
    if size > BARE_MAX:
        print(f"{what} is above {BARE_MAX >> 10} KiB")
    return size <= BARE_MAX


def _make(folder, words):
    argv = ["make", f"-j{os.cpu_count() or 1}", f"BUILD={short(folder)}", *words]
    done = subprocess.run(
        argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise Trouble(f"{' '.join(argv)}:\n{done.stdout.decode(errors='replace')[-2000:]}")


def _output(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def _segments(image):
    """Return (bytes of code, bytes of all else) that are loaded from the file."""
    text = data = 0
    for line in _output("readelf", "-lW", image).splitlines():
        fields = line.split()
        if fields[:1] == ["LOAD"]:
            size = int(fields[4], 16)
            text, data = (text + size, data) if "E" in fields[6:8] else (text, data + size)
    return text, data


def _names(folder, name):
    """Return the bytes of the table of function names, which backtraces use."""
    table = folder / "obj" / f"symtab-{name}.o"
    return int(_output("size", table).splitlines()[1].split()[0]) if table.exists() else 0
