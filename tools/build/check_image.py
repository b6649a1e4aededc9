#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check the rules of the source tree on the objects and the image that were built; fail the build
if one is broken.

check_image.py [--objdump PROGRAM] [--nm PROGRAM] [--any-size] [--world OBJECT] IMAGE OBJECT_FOLDER

1. Only boot/ and pv/ contain privileged instructions and hypercalls: no object of kernel/, mm/,
   lib/, drivers/ or app/ has one. Programs, newlib and its port, which are linked into the world,
   may have those that a process may have, such as cpuid and rdtsc. Objects of pv/xen/pv/, with the
   patch templates there, have only those for which Xen offers neither a hypercall nor shared
   memory: any other would fault in a PV guest, and Xen would emulate it.
2. No include goes upwards: lib -> pv -> mm -> kernel -> drivers -> boot, test, repro, app,
   lib/newlib (the runtime of programs); and no file outside of pv/xen, boot and repro includes a
   header of Xen's.
3. Every backend's table is complete: no slot of a NAME_CLASS_ops is empty.
4. No segment of the image is both writable and executable.
5. Every variable of pv/, mm/, kernel/ and drivers/ says why it may be shared
   (tools/build/shared_state.py).
6. Only pv/ and test/ use the op table, because patching does not reach a call through it
   (tools/build/sites.py finds all other calls).
7. The image ends below 8 MiB, where UEFI firmware for QEMU keeps memory of its own. Images with a
   program or another payload may be larger: they are not started by UEFI.
"""

import argparse
import pathlib
import re
import struct
import subprocess
import sys

from build import shared_state
from build.elf import Elf
from paravane import optable

# Intel SDM vol. 3, section 5.9, and what a hypervisor intercepts or a PV guest must ask for.
PRIVILEGED = re.compile(
    r"^(cli|sti|hlt|lgdt|lidt|lldt|ltr|lmsw|clts|invd|wbinvd|invlpg|invpcid|wrmsr|rdmsr|rdpmc"
    r"|swapgs|sysret[lq]?|iret[lq]?|in[bwl]?|out[bwl]?|ins[bwl]|outs[bwl]|vmcall|vmmcall|syscall"
    r"|sysenter|xsetbv|str|sgdt|sidt|sldt"
    r"|(wr|rd)(fs|gs)base[lq]?|pushf[lq]?|popf[lq]?|monitor|mwait|stac|clac|cpuid|rdtscp?)$"
)
# Of these, what any process may execute. popf is not among them: a process cannot disable
# interrupts by it, and code at the kernel's privilege can. syscall and sysenter lead to no kernel.
OF_PROCESSES = re.compile(r"^(cpuid|rdtscp?|pushf[lq]?|sgdt|sidt|sldt|str)$")
CONTROL_REGISTER = re.compile(r"%(cr[0-8]|dr[0-7]|db[0-7])\b")
IMAGE_END_MAX = 8 << 20
UNPRIVILEGED = ("kernel", "mm", "lib", "drivers", "app")

# The layer of a folder, and of everything in it that is not listed itself.
LAYER = {"lib": 0, "pv": 1, "mm": 2, "kernel": 3, "drivers": 4, "boot": 5, "test": 5, "repro": 5,
         "trace": 5,
         "app": 5, "lib/newlib": 5}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def privileged(mnemonic, operands, in_world=False):
    if in_world and OF_PROCESSES.match(mnemonic):
        return False
    return bool(PRIVILEGED.match(mnemonic) or CONTROL_REGISTER.search(operands)
                or "hypercall_page" in operands)


def allowed_in_xen_pv(mnemonic, operands):
    """Return whether rule 1 allows an instruction in pv/xen/pv/. cpuid follows Xen's prefix, whose
    letters disassemble as outsb; CR4 has no hypercall; and the hypercall page is how a guest calls
    Xen."""
    return (
        mnemonic in ("cpuid", "outsb") or operands.endswith("%cr4") or "hypercall_page" in operands
    )


def built_now(objects):
    """Yield the object files whose source still exists."""
    for path in sorted(objects.rglob("*.o")):
        source = path.relative_to(objects).with_suffix("")
        if source.suffix not in (".c", ".S") or source.exists():
            yield path


def instructions(objdump, path):
    """Yield (function, mnemonic, operands) of each instruction of an object. In the patch templates
    the code is data."""
    sections = ("-D", "-j", ".rodata.pv_code") if path.name == "templates.S.o" else ("-d",)
    function = ""
    for line in run(objdump, *sections, "--no-show-raw-insn", str(path)).splitlines():
        label = re.match(r"[0-9a-f]+ <(.*)>:$", line)
        match = re.match(
            r"\s*[0-9a-f]+:\s+(?:(?:rep\w*|lock|data16|cs|ds|es|fs|gs|ss)\s+)*"
            r"([a-z0-9]+)\s*(.*?)\s*$",
            line,
        )
        if label:
            function = label[1]
        elif match:
            yield function, *match.groups()


def misplaced_instructions(objdump, objects, world):
    """Yield one line for each privileged instruction that breaks rule 1."""
    for path in built_now(objects):
        folder = path.relative_to(objects).parent
        in_xen_pv = folder.as_posix() == "pv/xen/pv"
        in_world = folder.as_posix() in ("app", "lib/newlib")
        if not folder.parts or (folder.parts[0] not in UNPRIVILEGED and not in_xen_pv):
            continue
        for function, *code in instructions(objdump, path):
            if privileged(*code, in_world) and not (in_xen_pv and allowed_in_xen_pv(*code)):
                name = path.relative_to(objects)
                yield f"{name}: privileged instruction in {function}: {' '.join(code).strip()}"
    for function, *code in instructions(objdump, world) if world else ():
        if privileged(*code, in_world=True):
            what = " ".join(code).strip()
            yield f"a program or libc has a privileged instruction in {function}: {what}"


def layer_of(path):
    """Return the layer of the innermost folder that has one; None outside of the tree."""
    return next(
        (LAYER[str(p)] for p in pathlib.PurePosixPath(path).parents if str(p) in LAYER), None
    )


def includes_upwards():
    """Yield one line for each include that breaks rule 2."""
    files = [p for d in ("lib", "boot", "pv", "mm", "kernel", "drivers", "test", "repro", "app")
             for p in sorted(pathlib.Path(d).rglob("*"))
             if p.suffix in (".c", ".h", ".S", ".inc") and not str(p).startswith("test/host")]
    for path in files:
        mine = layer_of(str(path))
        for name in re.findall(r'^\s*#\s*include\s+["<]([^">]+)', path.read_text(), re.M):
            theirs = layer_of(name)
            if theirs is not None and theirs > mine:
                yield f"{path}: includes {name} from a higher layer"
            if name.startswith("xen/") and not str(path).startswith(("pv/xen/", "boot/", "repro/")):
                yield f"{path}: includes Xen's {name}"


def empty_slots(elf):
    """Yield one line for each empty slot of a class table, which breaks rule 3."""
    classes = optable.classes(optable.read_ops(pathlib.Path(".")))
    for symbol in elf.symbols:
        match = optable.CLASS_TABLE.fullmatch(symbol.name)
        if match and symbol.size:
            words = struct.unpack(f"<{symbol.size // 8}Q", elf.bytes_at(symbol.value, symbol.size))
            for op, word in zip(classes[match[1]], words, strict=True):
                if not word:
                    yield f"{symbol.name}: {op} is empty"


def users_of_the_table(nm, objects):
    """Yield one line for each object that breaks rule 6."""
    for path in built_now(objects):
        parts = path.relative_to(objects).parts
        if parts[0] in UNPRIVILEGED + ("boot", "repro") and " pv_ops\n" in run(nm, "-u", str(path)):
            yield f"{path.relative_to(objects)}: refers to pv_ops: calls of ops are pv_NAME(...)"


def unexplained_state(nm, objects):
    """Yield one line for each variable that breaks rule 5."""
    built = {path.relative_to(objects).with_suffix(""): path for path in built_now(objects)}
    return shared_state.unexplained(nm, built, sorted(built))


def writable_and_executable(elf):
    for kind, flags, _, vaddr, *_ in elf.segments:
        if kind == 1 and flags & 3 == 3:
            yield f"the segment at {vaddr:#x} is writable and executable"


def ends_too_high(elf):
    """Yield the fault of an image that ends above IMAGE_END_MAX (rule 7)."""
    end = max(paddr + size for kind, _, _, _, paddr, _, size, _ in elf.segments if kind == 1)
    if end > IMAGE_END_MAX:
        yield f"the image ends at {end:#x}, above {IMAGE_END_MAX:#x}: make static arrays smaller"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--objdump", default="objdump")
    parser.add_argument("--nm", default="nm")
    parser.add_argument(
        "--image-only", action="store_true", help="the objects were checked with another image"
    )
    parser.add_argument("--any-size", action="store_true", help="UEFI does not start the image")
    parser.add_argument("--world", type=pathlib.Path, help="programs, newlib and its port")
    parser.add_argument("image")
    parser.add_argument("objects", type=pathlib.Path)
    args = parser.parse_args()

    elf = Elf(args.image)
    faults = list(empty_slots(elf)) + list(writable_and_executable(elf))
    if not args.image_only and not args.any_size:
        faults += ends_too_high(elf)
    if not args.image_only:
        faults += misplaced_instructions(args.objdump, args.objects, args.world)
        faults += includes_upwards()
        faults += users_of_the_table(args.nm, args.objects)
        faults += unexplained_state(args.nm, args.objects)
    for fault in faults:
        print(f"check_image: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
