#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check the rules of the source tree on its objects and sources; fail the build if one is broken.

check_objects.py [--objdump PROGRAM] [--nm PROGRAM] OBJECT_FOLDER OBJECT...

1. Only boot/ and pv/ contain privileged instructions and hypercalls: no object of kernel/, mm/,
   lib/, drivers/ or app/ has one. Programs and newlib's port may have those that a process may
   have, such as cpuid and rdtsc. Objects of pv/xen/pv/, with the patch templates there, have only
   those for which Xen offers neither a hypercall nor shared memory: any other would fault in a PV
   guest, and Xen would emulate it.
2. No include goes upwards: lib -> pv -> mm -> kernel -> drivers -> boot, test, repro, app,
   lib/newlib (the runtime of programs); and no file outside of pv/xen, boot and repro includes a
   header of Xen's.
3. Every variable of pv/, mm/, kernel/ and drivers/ says why it may be shared
   (tools/build/shared_state.py).
4. Only pv/ and test/ use the op table, because patching does not reach a call through it
   (tools/build/sites.py finds all other calls).
"""

import argparse
import pathlib
import re
import sys

from build import listing, privilege, shared_state

UNPRIVILEGED = ("kernel", "mm", "lib", "drivers", "app")

# The layer of a folder, and of everything in it that is not listed itself.
LAYER = {"lib": 0, "pv": 1, "mm": 2, "kernel": 3, "drivers": 4, "boot": 5, "test": 5, "repro": 5,
         "trace": 5,
         "app": 5, "lib/newlib": 5}


def allowed_in_xen_pv(mnemonic, operands):
    """Return whether rule 1 allows an instruction in pv/xen/pv/. cpuid follows Xen's prefix, whose
    letters disassemble as outsb; CR4 has no hypercall; and the hypercall page is how a guest calls
    Xen."""
    return (
        mnemonic in ("cpuid", "outsb") or operands.endswith("%cr4") or "hypercall_page" in operands
    )


def is_misplaced(folder, mnemonic, operands):
    """Return whether an instruction breaks rule 1 in an object of this folder."""
    in_world = folder in ("app", "lib/newlib")
    return privilege.is_privileged(mnemonic, operands, in_world) and not (
        folder == "pv/xen/pv" and allowed_in_xen_pv(mnemonic, operands)
    )


def misplaced_instructions(objdump, built):
    """Yield one line for each privileged instruction that breaks rule 1. In the patch templates the
    code is data."""
    code, templates = [], []
    for path, name in built.items():
        if name.parent.as_posix() == "pv/xen/pv" or name.parts[0] in UNPRIVILEGED:
            (templates if name.name == "templates.S.o" else code).append(path)
    for paths, options in ((code, ["-d"]), (templates, ["-D", "-j", ".rodata.pv_code"])):
        for path, function, *words in listing.instructions(objdump, paths, *options):
            name = built[pathlib.Path(path)]
            if is_misplaced(name.parent.as_posix(), *words):
                yield f"{name}: privileged instruction in {function}: {' '.join(words).strip()}"


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


def users_of_the_table(built, names):
    """Yield one line for each object that breaks rule 4. names: {path: [(kind, name)]}."""
    for path, name in built.items():
        uses_it = ("U", "pv_ops") in names[str(path)]
        if uses_it and name.parts[0] in (*UNPRIVILEGED, "boot", "repro"):
            yield f"{name}: refers to pv_ops: calls of ops are pv_NAME(...)"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--objdump", default="objdump")
    parser.add_argument("--nm", default="nm")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("objects", type=pathlib.Path, nargs="+")
    args = parser.parse_args()

    built = {path: path.relative_to(args.folder) for path in args.objects}
    names = listing.names(args.nm, built)
    sources = {name.with_suffix(""): names[str(path)] for path, name in built.items()}
    faults = [
        *misplaced_instructions(args.objdump, built),
        *includes_upwards(),
        *users_of_the_table(built, names),
        *shared_state.unexplained(sources),
    ]
    for fault in faults:
        print(f"check_objects: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
