# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: wrong input. Each is answered by one clear line and a status other than
0."""

import re
import shutil

from ..common import EXIT_FAIL, EXIT_USAGE, build_dir
from ..run import emulators
from .step import RUN, Step, boot


def steps(scratch):
    qemu = shutil.which(emulators.default())  # which setup may have installed after the import
    corrupt, cut, gzipped = scratch / "corrupt.elf", scratch / "cut.elf", scratch / "xen.gz"
    corrupt.write_bytes(b"this is not an ELF file\n" * 9)
    gzipped.write_bytes(b"\x1f\x8b\x08\x00 not really")
    cut.write_bytes((build_dir() / "paravane.elf").read_bytes()[:9000])
    table = [
        ("command", ["frobnicate"], "unknown command 'frobnicate'"),
        ("option", ["suite", "--frobnicate"], "frobnicate"),
        ("platform", ["suite", "--on", "qemu,vax"], "unknown platform 'vax'"),
        ("several platforms", ["boot", "--on", "qemu,grub"], "takes one platform"),
        ("memory", ["boot", "--mem", "lots"], "not a number of MiB"),
        ("no CPU", ["boot", "--smp", "0"], "not a number of virtual CPUs, 1 to 255"),
        ("CPUs", ["suite", "--smp", "x"], "not a number of virtual CPUs"),
        ("no physical CPU", ["suite", "--on", "xen-pv", "--pcpus", "0"],
         "not a number of physical CPUs, 1 to 255"),
        ("physical CPUs without Xen", ["boot", "--pcpus", "2"],
         "no platform of --on is one of theirs"),
        ("too many CPUs", ["suite", "--smp", "1000"], "not a number of virtual CPUs, 1 to 255"),
        ("no soak", ["suite", "--soak", "0"], "not a number of seconds"),
        ("recording counted elsewhere", ["bench", "--recorded", "--on", "qemu,kvm"],
         "--recorded counts on qemu, xen-pv, xen-pvh only"),
        ("power of a machine that is not a domU", ["programs", "power-cuts", "--on", "qemu"],
         "power-cuts runs on domu-pv and domu-pvh"),
        ("two kinds of lines", ["shell", "--fuzz", "5", "--soak", "5"], "exclude each other"),
        ("soak of nothing", ["suite", "--on", "qemu", "--soak", "1", "--filter", "boot.*"],
         "repeats what it does"),
        ("time limit", ["boot", "--timeout", "soon"], "not a number of seconds"),
        ("missing value", ["boot", "--mem"], "expected one argument"),
        ("Xen file", ["suite", "--on", "xen-pv", "--xen", "/nowhere/xen.gz"], "there is no file"),
        ("Xen version", ["boot", "--on", "xen-pv", "--xen", "9.99"], "neither a file nor an"),
        ("wrong Xen", ["boot", "--on", "xen-pv", "--xen", str(corrupt)], "not a Xen hypervisor"),
        ("bad gzip", ["boot", "--on", "xen-pv", "--xen", str(gzipped)], "damaged gzip"),
        ("Xen without Xen", ["boot", "--on", "qemu", "--xen", "4.17"], "no platform of --on"),
        ("CPU model", ["boot", "--cpu", "vax"], "with --cpu vax: unable to find CPU model 'vax'"),
        ("CPU feature", ["suite", "--on", "qemu,xen-pv", "--cpu", "+vax"],
         "qemu: QEMU does not make a machine with --cpu +vax"),
        ("machine", ["boot", "--machine", "vax"], "with --machine vax: unsupported machine type"),
        ("machine option", ["boot", "--on", "xen-pv", "--machine", "hpet=maybe"],
         "'hpet' expects 'on' or 'off'"),
        ("list of machines", ["boot", "--machine", "help"], "QEMU prints its list"),
        ("QEMU file", ["boot", "--qemu", "/nowhere/qemu"], "there is no file /nowhere/qemu"),
        ("wrong QEMU", ["boot", "--qemu", "README.md"], "is not a QEMU"),
        ("QEMU version", ["boot", "--qemu", "9.99"], "neither a file nor a QEMU of this machine"),
        ("the same QEMU", ["suite", "--qemu", qemu, "--qemu", qemu], "the same QEMU twice"),
        ("two QEMUs", ["boot", "--qemu", qemu, "--qemu", qemu], "takes one"),
        ("no image", ["boot", "--image", "/nowhere/x.elf"], "cannot read the image"),
        ("corrupt image", ["boot", "--image", str(corrupt)], "not an ELF file"),
        ("truncated image", ["boot", "--image", str(cut)], "cut off"),
        ("no platform", ["boot", "--on", ""], "an empty value"),
        ("too long a line", ["suite", "--append", "test=" + "x" * 5000], "the image takes at most"),
        ("too long a program's line", ["boot", "--append", "-- " + "x" * 5000],
         "the image takes at most"),
        ("unprintable word", ["boot", "--append", "a\tb\n"], "printable ASCII"),
        ("unknown word", ["boot", "--append", "frobnicate=1"],
         "unknown word 'frobnicate=1'; known: run="),
        ("mistyped word", ["suite", "--append", "rnu=suite"],
         "unknown word 'rnu=suite'; known: run="),
        ("word without value", ["suite", "--append", "run"], "unknown word 'run'; known: run="),
    ]
    for name, args, words in table:
        yield Step(f"bad input: {name}", RUN + args, EXIT_USAGE, re.escape(words), quick=True)
    for platform in ("qemu", "xen-pv"):
        for word in ("log=loud", "test="):
            more = ["--append", word]
            words = word.split("=")[0]
            yield boot(f"bad word {word}", platform, *more, status=EXIT_USAGE, words=words)
    little = "too little memory"
    yield boot("8 MiB", "qemu", "--mem", "8", status=EXIT_USAGE, words=little)
    yield boot("16 MiB", "xen-pvh", "--mem", "16", status=EXIT_USAGE, words=little)
    hint = r"CRASH \(hypervisor\).*--mem"
    yield boot("4 MiB", "xen-pv", "--mem", "4", status=EXIT_FAIL, words=hint)
    nowhere = (("BUILD", "/proc/nowhere"),)
    yield Step("bad input: unwritable build directory", RUN + ["suite"], EXIT_FAIL,
               "cannot write to the build directory", nowhere)  # fmt: skip
    yield Step("bad input: make, unwritable build directory", ["make", "BUILD=/proc/nowhere"],
               EXIT_USAGE,
               "cannot write to the build directory")  # fmt: skip
    no_qemu = (("QEMU", "/nowhere/qemu"),)
    yield Step("no QEMU", RUN + ["suite"], 125, "not installed", no_qemu)
