# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: the state in which other loaders, firmware and VMMs enter the kernel,
and the words that they put on its command line."""

import re
import subprocess
import sys
import tarfile

from ..common import EXIT_FAIL, EXIT_USAGE, ROOT, build_dir
from ..run import emulators, platforms, runs
from ..run.entry_state import CODE
from ..run.verdict import DEBUG_EXIT
from .step import RUNNING, Skipped, Step, boot, check

_MULTIBOOT2 = "eax==0x36d76289"  # GRUB runs code of its own where the kernel will be
_PASS = r"paravane: verdict PASS"


def steps(scratch):
    yield from _registers(scratch)
    yield from _lacking_cpus(scratch)
    yield from _words(scratch)
    yield from _memory(scratch)
    yield from _modules(scratch)


def _registers(scratch):
    """Yield the steps on registers that the boot protocols leave open. Each step's name has what is
    left on."""
    some = ["--append", "test=cpu.*"]
    left = {
        "5-level paging": ["cr4=0x1000"],
        "all of CR4": ["cr4=0x1210f0"],
        "EFER.SCE and FFXSR": ["efer=0x4001"],
        "the cache off, AM, TS": ["cr0=0x6004003b"],
        "the flags NT, AC and DF": ["eflags=0x44402"],
    }
    for name, words in left.items():
        yield _boot(scratch, f"left on: {name}", "qemu", "pvh_entry", words, *some, words=_PASS)
        words = [_MULTIBOOT2, *words]
        yield _boot(
            scratch, f"left on: {name}", "grub", "multiboot2_entry", words, *some, words=_PASS
        )
    yield _boot(scratch, "left on: 5-level paging, 2 CPUs", "qemu", "pvh_entry", ["cr4=0x1000"],
                "--smp", "2", "--append", "test=smp.c*", words=_PASS)  # fmt: skip
    yield _boot(scratch, "not a Multiboot2 loader", "grub", "multiboot2_entry",
                [_MULTIBOOT2, "eax=0x2badb002"],
                status=EXIT_USAGE, words="the loader is not a Multiboot2 loader")  # fmt: skip
    yield _boot(
        scratch,
        "an exception before the kernel handles any",
        "qemu",
        "boot_main",
        ["rip=0x5000000000"],
        status=EXIT_FAIL,
        words=r"PANIC: exception 0x0e at 0x0000005000000000, CR2 0x0000005000000000",
    )
    yield _boot(scratch, "an invalid opcode before the kernel handles any", "qemu", "boot_main",
                ["code=0f0b"],
                status=EXIT_FAIL,
                words=rf"PANIC: exception 0x06 at 0x{CODE:016x}, CR2 0x0{{16}},")  # fmt: skip
    yield _boot(scratch, "left on: a breakpoint", "qemu", "pvh_entry", [_set_breakpoint()], *some,
                words=_PASS)


def _set_breakpoint():
    """Return code for pvh_entry that sets a breakpoint on writes of the root table (Intel SDM vol.
    3, section 17.2.4), and then continues there."""
    to_eax, dr0_eax, dr7_eax, jump_eax = b"\xb8", b"\x0f\x23\xc0", b"\x0f\x23\xf8", b"\xff\xe0"
    root, entry = _physical("boot_pml4") & 0x7FFFFFFF, _physical("pvh_entry")
    code = to_eax + root.to_bytes(4, "little") + dr0_eax
    code += to_eax + (0xD0402).to_bytes(4, "little") + dr7_eax  # global, 4 bytes, writes
    return "code=" + (code + to_eax + entry.to_bytes(4, "little") + jump_eax).hex()


def _lacking_cpus(scratch):
    """Yield the steps on CPUs that lack what the kernel needs: one line, on the serial port and on
    the debug port."""
    env = _qemu(scratch, "no-nx", f'exec {emulators.default()} "$@" -cpu qemu64,-nx')
    words = rf"this CPU has no NX(.|\n)*{_PASS}"
    yield boot("CPU without NX", "qemu", "--append", "test=boot.*,cpu.*,kernel.*,mm*,user.*,libc*",
               words=words, env=env)
    yield boot("CPU without NX, two of them", "qemu", "--smp", "2", "--append", "test=smp.*",
               words=words, env=env)
    for cpu, words in (("n270", "no 64-bit mode"), ("qemu64,-lm", "no 64-bit mode")):
        env = _qemu(scratch, cpu, f'exec {emulators.default()} "$@" -cpu {cpu}')
        yield boot(f"CPU {cpu}", "qemu", status=EXIT_USAGE, words=words, env=env)
        swap = (
            'for word do shift; [ "$word" = -serial ] && word=-debugcon; set -- "$@" "$word"; done'
        )
        env = _qemu(
            scratch, f"{cpu}-debug-port", f'{swap}; exec {emulators.default()} "$@" -cpu {cpu}'
        )
        yield boot(f"CPU {cpu}, debug port", "qemu", status=EXIT_USAGE, words=words, env=env)


def _words(scratch):
    """Yield the steps on words that are not this kernel's: those that a VMM appends, and those that
    the runner would refuse."""
    foreign = ("placeholder", "root=/dev/sda", "console=hvc0")
    for platform in ("qemu", "grub", "xen-pv", "xen-pvh"):
        yield _with_words(
            platform,
            (*foreign, "test=boot.c*"),
            "PASS",
            "3 words are not this kernel's and are passed over: placeholder root=/dev/sda "
            "console=hvc0",
        )
    yield _with_words("qemu", ("tset=boot.*",), "ERROR", 'mistyped word "tset=boot.*" (test=?)')
    # Without ACPI QEMU appends a word for each virtio device, after the program's.
    command = f'exec {emulators.default()} "$@" -machine acpi=off -device virtio-rng-device'
    env = _qemu(scratch, "virtio-words", command)
    words = (r"passed over: (virtio_mmio.device=\S+ ?)+\n(.|\n)*argument 1: x\n(?!argument)(.|\n)*"
             r"verdict PASS")
    yield boot("words appended after the program's", "microvm", "--run", "app:hello", "--append",
               "-- x",
               words=words, env=env)  # fmt: skip
    # Xen appends what follows " -- " on its own line to dom0's.
    ours = 'case $word in console=com1*) word="$word -- root=/dev/xvda" ;; esac'
    command = (
        f'for word do shift; {ours}; set -- "$@" "$word"; done; exec {emulators.default()} "$@"'
    )
    env = _qemu(scratch, "xen-words", command)
    words = r"passed over: root=/dev/xvda\n(.|\n)*argument 1: x\n(?!argument)(.|\n)*verdict PASS"
    for platform in ("xen-pv", "xen-pvh"):
        yield boot("words that follow -- on Xen's line", platform, "--run", "app:hello", "--append",
                   "-- x",
                   words=words, env=env)  # fmt: skip


def _with_words(name, words, status, said):
    """Return a step that boots a platform with words that --append would refuse."""
    return check(f"{name}: words {' '.join(words)}", _boot_with_words, name, words, status, said)


def _boot_with_words(name, words, status, said):
    platform = platforms.PLATFORMS[name]
    reason = platforms.lacking(platform)
    if reason:
        raise Skipped(reason)
    xen = runs.find_xen(None) if name.startswith("xen") else None
    options = runs.Options(build_dir() / "paravane.elf", append=words, timeout=300, xen=xen)
    result = runs.RunDirectory(options.image).run(platform, options, stop=RUNNING.stop)
    output = (ROOT / result.directory / "console.log").read_text(errors="replace")
    if result.status != status:
        return f"{result.status} instead of {status}: {result.reason}", output
    return ("" if said in output else f"the output lacks {said!r}"), output


def _memory(scratch):
    """Yield the steps on memory maps that no machine here has. Each adds regions, (base, size, type
    of e820), to QEMU's."""
    holes = [(0x7000000 + i * 0x3000, 0x1000, 2) for i in range(3000)]
    far_pieces = [(0x100000000 + i * 0x4000000, 0x4000, 1) for i in range(900)]
    absurd = [
        (0x8000000000, 1 << 60, 1), (0, 0, 1), (1 << 52, 1 << 52, 1),
        ((1 << 64) - 1, (1 << 64) - 1, 2),
        (0xFE000000, 0x2000000, 1), (0xFEC00000, 0x1000, 4), (0xFEE00000, 0x1000, 5),
        (0x7800800, 0x900, 0),
        (0x7900000, 0x100000, 0xFFFFFFFF), (0xC0000000, 0x3E000000, 3),
        (0x4000000000, 0x3FFFFFFFFF, 3),
        (1 << 51, 1 << 51, 4), (0x7000000, 0x1000, 3), (0x7000000, 0x2000, 1),
    ]  # fmt: skip
    for name, regions, words in (
        ("900 regions", holes[:900], ""),
        ("3000 regions", holes, "more than 1024 regions: (.|\n)*"),
        ("3000 regions, the highest first", holes[::-1], "more than 1024 regions: (.|\n)*"),
        ("900 pieces of RAM, far apart", far_pieces, "KiB of RAM are left unused: (.|\n)*"),
        ("a reserved region across 4 GiB", [(0xFD000000, 1 << 40, 2)], ""),
        ("ACPI's data where the APICs are", [(0xFEC00000, 0x1000000, 4)], ""),
        ("absurd regions", absurd, "are left unused: they are above 512 GiB(.|\n)*"),
    ):
        path = scratch / (name.replace(" ", "-").replace("'", "") + ".map")
        path.write_text("".join(f"{base:#x} {size:#x} {kind}\n" for base, size, kind in regions))
        yield _boot(scratch, f"memory map: {name}", "qemu", "pvh_entry", [f"map={path}"],
                    "--append", "test=boot.*",
                    words=words + _PASS)  # fmt: skip
    dimm = ("-m 256,slots=1,maxmem=200G -object memory-backend-ram,id=d,size=256M -device "
            "pc-dimm,memdev=d,addr=0x1900000000")
    path = scratch / "dimm.map"
    path.write_text("0x1900000000 0x10000000 1\n")
    yield _boot(scratch, "256 MiB at 100 GiB", "qemu", "pvh_entry", [f"map={path}"], "--append",
                "test=mm*",
                words=rf"memory: 5\d\d of 5\d\d MiB free(.|\n)*{_PASS}",
                qemu_words=dimm)  # fmt: skip
    for low, mem, left in (("512M", 1024, 512), ("32M", 1024, 992), ("2G", 3072, 1024)):
        far = (f"-machine max-ram-below-4g={low} -cpu max,phys-bits=42 -global "
               "q35-pcihost.pci-hole64-size=1T")
        env = _qemu(scratch, f"far-{low}", f'exec {emulators.default()} "$@" {far}')
        words = rf"{left} MiB of RAM are left unused: they are above 512 GiB(.|\n)*{_PASS}"
        yield boot(f"{low} of RAM, the rest at 1 TiB", "qemu", "--mem", str(mem), "--append",
                   "test=boot.*",
                   words=words, env=env)  # fmt: skip
    words = rf"92160 MiB of RAM are left unused: they are above 512 GiB(.|\n)*{_PASS}"
    yield boot("600 GiB", "qemu", "--mem", str(600 << 10), "--append", "test=boot.*", words=words)


def _modules(scratch):
    """Yield the steps on boot modules: more than there is room for, and modules that are not the
    suite's."""
    more = ["--append", "test=boot.f*"]
    words = rf"6 are left off: more than 64(.|\n)*strings of 64 are cut(.|\n)*{_PASS}"
    yield _boot(scratch, "70 modules with long strings", "qemu", "pvh_entry",
                ["modules=70", "strings=300"], *more,
                words=words)  # fmt: skip
    words = rf"strings of 2 are cut(.|\n)*{_PASS}"
    yield _boot(scratch, "the loader's lists above 2 GiB", "qemu", "pvh_entry",
                ["modules=2", "strings=300", "at=0x90000000"], "--mem", "2700", *more,
                words=words)  # fmt: skip
    archive = scratch / "other.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(ROOT / "README.md", "README.md")
    for name, path in (("not an archive", ROOT / "README.md"), ("an archive", archive)):
        for tests in ("boot.m*", "libc_files.*"):
            argv = ["timeout", "300", emulators.default(), "-accel", "tcg", "-m", "256", "-cpu",
                    "max", "-nodefaults"]
            argv += ["-display", "none", "-serial", "stdio", "-device",
                     "isa-debug-exit,iobase=0xf4,iosize=0x4"]
            argv += ["-kernel", build_dir() / "paravane.elf", "-initrd", path, "-append",
                     f"test={tests}"]
            yield Step(f"qemu: {tests} with another module, {name}", argv, DEBUG_EXIT["PASS"],
                       "SKIP .*the module is not the suite's", platform="qemu")  # fmt: skip


def _boot(scratch, name, platform, symbol, changes, *more, qemu_words="", **expected):
    """Return a step that boots on a QEMU whose state is changed before symbol's code runs
    (entry_state.py)."""
    tool = ROOT / "tools/paravane/run/entry_state.py"
    words = " ".join([f"{_physical(symbol):#x}", *changes])
    script = f'exec {sys.executable} -B {tool} {words} -- {emulators.default()} "$@" {qemu_words}'
    env = _qemu(scratch, re.sub(r"\W+", "-", f"{platform}-{name}"), script)
    return boot(name, platform, *more, env=env, **expected)


def _qemu(scratch, name, command):
    """Return the environment in which the runner's QEMU is a shell command."""
    path = scratch / f"qemu-{name}"
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)
    return (("QEMU", str(path)),)


def _physical(symbol):
    """Return the address at which the CPU executes symbol. Entries in 32-bit code run at their
    physical address."""
    names = subprocess.run(
        ["nm", build_dir() / "paravane.debug.elf"], capture_output=True, text=True, check=True
    ).stdout
    address = int(re.search(rf"^([0-9a-f]+) \w {symbol}$", names, re.MULTILINE)[1], 16)
    return address & 0x7FFFFFFF if symbol.endswith("_entry") else address
