# SPDX-License-Identifier: MIT
"""The options of run.sh's commands, and the checks of those that several commands share."""

import argparse
import os
import shutil
import subprocess
import sys
import time

from . import wanted
from .common import EXIT_USAGE, Trouble, build_dir, build_lock, is_built, make_dirs, short, usage
from .dom0 import disks, nets
from .run import domu, kvm, platforms, runs
from .trace import save

CPUS_MAX = 255  # more than the image uses, as many as xAPIC ids name
SOAK_MAX = 7 * 24 * 3600


class Parser(argparse.ArgumentParser):
    """An argument parser that reports wrong options in one line."""

    def __init__(self, name):
        super().__init__(prog=f"run.sh {name}", add_help=False, allow_abbrev=False)

    def error(self, message):
        raise usage(message)


def not_empty(text):
    if not text:
        raise argparse.ArgumentTypeError("an empty value")
    return text


def integer(what, low, high):
    def parse(text):
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not a {what}, {low} to {high}")
        return int(text)

    return parse


def number(what, low, high):
    return integer(f"number of {what}", low, high)


def decimal(what, accepts):
    def parse(text):
        try:
            if accepts(float(text)):
                return float(text)
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"{text!r} is not a {what}")

    return parse


seconds = decimal("number of seconds", lambda value: 0 <= value < 1e6)
hours = decimal("number of hours, 0.001 to 200", lambda value: 0.001 <= value <= 200)

SEED = {"type": integer("seed", 0, 1 << 48), "default": 1}
ratio = decimal("ratio, 1 or more", lambda value: 1 <= value < 1000)


_FLAG = {"action": "store_true"}
_TEXT = {"type": not_empty}
_SOURCES = (".c", ".cc", ".cpp", ".cxx", ".C")  # of a program that is one file

# What boot, suite, bench and the like all take.
COMMON = {
    "--on": _TEXT,
    "--smp": {"type": number("virtual CPUs", 1, CPUS_MAX), "default": 1},
    "--pcpus": {"type": number("physical CPUs", 1, CPUS_MAX), "default": 0},
    "--mem": {"type": number("MiB", 4, 1 << 20), "default": platforms.DEFAULT_MEM},
    "--maxmem": {"type": number("MiB", 4, 1 << 20), "default": 0},
    "--xl": {"type": not_empty, "action": "append", "default": []},
    "--disk": {"type": not_empty, "action": "append", "default": []},
    "--net": {"action": "count", "default": 0},
    "--vmm": {"type": not_empty, "action": "append", "default": []},
    "--xen": _TEXT,
    "--append": {"default": ""},
    "--timeout": {"type": seconds, "default": 60},
    "--image": _TEXT,
}

# What some of them take, by name.
_MORE = {
    "--run": _TEXT, "--app": _TEXT, "--module": _TEXT, "--gdb": _FLAG,
    "--rom": _TEXT,
    "--filter": _TEXT, "--verbose": _FLAG, "--ops": _TEXT,
    "--json": _TEXT, "--junit": _TEXT, "--svg": _TEXT, "--bundle": _TEXT,
    "--soak": {"type": number("seconds", 1, SOAK_MAX), "default": 0},
    "--machines": {"nargs": "?", "const": "all", "choices": ("all", "sample")},
    "--jobs": {"type": number("jobs", 1, 64), "default": os.cpu_count() or 1},
    "--all": _FLAG, "--controls": _FLAG, "--skipped": _FLAG, "--xen-append": _TEXT,
    "--counted": _FLAG, "--once": _FLAG, "--recorded": _FLAG, "--linux": _FLAG, "--sizes": _FLAG,
    "--against": _TEXT, "--linux-domu": _FLAG,
    "--limit": {"type": ratio},
    "--cases": {"type": number("cases", 1, 1 << 48), "default": 100000},
    "--seed": SEED,
    "--case": {"type": number("case", 0, 1 << 48)}, "--shared": _FLAG, "--frames": _FLAG,
    "--commands": _TEXT, "--fuzz": {"type": number("lines", 1, 1 << 20), "default": 0},
    "--record": _TEXT,
    "--record-ops": {"choices": ("calls", "hypercalls", "ops", "all"), "default": "ops"},
    "--record-policy": {"choices": ("wait", "lose"), "default": "wait"},
    "--source": _FLAG, "--files": _TEXT, "--resume": _FLAG,
}  # fmt: skip


def parse(name, args, more=(), machine=False):
    """Parse a command's options: the common ones, those in more, and --qemu and the like if it
    takes a machine."""
    parser = Parser(name)
    add(parser, COMMON)
    add(parser, {option: _MORE[option] for option in more})
    if machine:
        wanted.add_options(parser)
    return parser.parse_args(joined(parser, args))


def parse_repro(args, more):
    """Parse the options of repro: names, several Xens, and a time limit whose default depends on
    the repro."""
    parser = Parser("repro")
    parser.add_argument("names", nargs="*")
    add(parser, {**COMMON, "--xen": {**_TEXT, "action": "append"}, "--timeout": {"type": seconds}})
    add(parser, {option: _MORE[option] for option in more})
    wanted.add_options(parser)
    return parser.parse_args(joined(parser, args))


def parse_op(args):
    """Those of op: it takes one name, or none."""
    parser = Parser("op")
    parser.add_argument("name", nargs="?", default="")
    add(parser, COMMON)
    return parser.parse_args(joined(parser, args))


def add(parser, options):
    """Add {option: its arguments for argparse} to a parser."""
    for option, how in options.items():
        parser.add_argument(option, **how)


def joined(parser, args):
    """Return the words with --append -x as one word, --append=-x, because a value may begin with a
    dash. The value -- gets a blank before it, because argparse drops one that is just that."""
    valued = {
        word for action in parser._actions if action.nargs is None for word in action.option_strings
    }
    args, words = list(args), []
    while args:
        word = args.pop(0)
        if word in valued and args:
            value = args.pop(0)
            word += "=" + (" --" if value == "--" else value)
        words.append(word)
    return words


def run_options(asked, caller, chosen):
    """Return the Options for runs.py, with the image built and Xen found; chosen: the platforms."""
    if asked.xen and not any(p.on_xen for p in chosen):
        raise usage("--xen chooses the Xen to boot, but no platform of --on is one of Xen's")
    if asked.pcpus and not any(p.on_xen or p.emulator is kvm for p in chosen):
        raise usage(
            "--pcpus is the number of Xen's or KVM's CPUs, but no platform of --on is one of theirs"
        )
    check_nested(asked, chosen)
    append = tuple(platforms.append_words(asked.append))
    found = None
    if any(p.on_xen for p in chosen):
        found = runs.find_xen(asked.xen, caller)
    elf = caller / asked.image if asked.image else build()
    return runs.Options(
        elf, append=append, mem=asked.mem, smp=asked.smp, xen=found, timeout=asked.timeout,
        pcpus=asked.pcpus, xen_asked=bool(asked.xen), maxmem=asked.maxmem, xl=tuple(asked.xl),
        vmm=tuple(asked.vmm), disk=disks.parse_all(asked.disk, caller),
        net=nets.checked(asked.net),
    )  # fmt: skip


RECORD = ("--record", "--record-ops", "--record-policy")


def record_wanted(asked, caller, several):
    """Return what --record asks for, or None. several: the command makes more than one run."""
    if not asked.record:
        if asked.record_ops != "ops" or asked.record_policy != "wait":
            raise usage("--record-ops and --record-policy go with --record FILE")
        return None
    found = save.Wanted(caller / asked.record, asked.record_policy, asked.record_ops, several)
    found.check()
    return found


def check_nested(asked, chosen):
    """Refuse what only a toolstack or a monitor understands where no platform has one."""
    for option, emulator, what in (
        ("maxmem", domu, "domU"),
        ("xl", domu, "domU"),
        ("disk", domu, "domU"),
        ("net", domu, "domU"),
        ("vmm", kvm, "guest of KVM"),
    ):
        if getattr(asked, option) and not any(p.emulator is emulator for p in chosen):
            raise usage(f"--{option} is for a {what}, but no platform of --on is one")


def build_app(asked, caller):
    """Build an image with a program from outside of the tree; return its path and the payload's
    name."""
    path = (caller / asked.app).resolve()
    if asked.image or asked.run:
        raise usage("--app selects what to build and to run: no --image or --run beside it")
    if not path.exists() or not (path.is_dir() or path.suffix in _SOURCES):
        raise usage(f"--app: {asked.app} is neither a folder nor a file in C or C++ "
                    f"({' '.join(_SOURCES)})")
    name = path.name.removesuffix(".c")
    build(f"APP={path}")
    return build_dir() / f"{name}.elf", f"app:{name}"


def _make(command):
    """Run make; return its status and output. Print when it begins to build, and its line about
    newlib, which takes a minute and is built once."""
    output = []
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace",
    ) as make:  # fmt: skip
        for line in make.stdout:
            is_step = line.startswith("  ")
            if is_step and not any(before.startswith("  ") for before in output):
                print(f"building in {short(build_dir())}/", flush=True)
            if line.startswith("  NEWLIB"):
                print(f"building {' '.join(line.split()[1:])}", flush=True)
            output.append(line)
    return make.returncode, "".join(output)


def build(*words):
    """Build the image. Print what a user waits for, and make's output only if it fails. Return the
    image's path."""
    if not words and is_built():
        return build_dir() / "paravane.elf"
    make_dirs(build_dir())
    if not shutil.which("make"):
        raise Trouble("make is not installed; ./run.sh setup installs it")
    started = time.monotonic()
    command = ["make", f"-j{os.cpu_count() or 1}", f"BUILD={short(build_dir())}", *words]
    with build_lock():
        status, output = _make(command)
    if status != 0:
        sys.stdout.write(output)
        raise Trouble(f"the build failed: {' '.join(command)}")
    seconds = time.monotonic() - started
    if seconds > 1:
        print(f"built {short(build_dir() / 'paravane.elf')} in {seconds:.1f} s")
    return build_dir() / "paravane.elf"


def op_rom(asked, caller, chosen):
    """Return the file of --rom, or None."""
    if asked.rom and "rom" not in [platform.name for platform in chosen]:
        raise usage("--rom is for the platform rom: add --on rom")
    return caller / asked.rom if asked.rom else None


def nothing_more(name, args):
    """Refuse the words after a command that takes none."""
    if args:
        raise Trouble(f"{name} takes no more words, got {args[0]!r}", EXIT_USAGE)
