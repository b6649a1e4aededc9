#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""List what a program from outside of the tree lacks before the linker does: each name once, with
what to do.

program_symbols.py [--nm NM] --program PATH --main OBJECT...
    fail unless exactly one object defines main
program_symbols.py [--nm NM] --program PATH --world WORLD --port OBJECT...
                   --libraries LIBRARY... -- OBJECT...
    fail if the world, which is the program linked with libc (the libraries) and its port, needs a
    name that the kernel does not have
"""

import argparse
import pathlib
import sys

from build import listing

# What programs and libc may leave to the kernel's link: kernel/services.h, linker.ld and
# kernel/stack_check.S.
_KERNEL = ("libc_", "_tls_", "__fentry", "_GLOBAL_OFFSET_TABLE_")


def names(nm, paths, *options):
    """Return {path: the names that nm lists}, without weak references: they may stay undefined."""
    listed = listing.names(nm, paths, *options)
    return {path: {name for kind, name in listed[path] if kind not in "wv"} for path in paths}


def users(nm, objects):
    """Return {undefined name: [objects that need it]}."""
    found = {}
    for path, needed in names(nm, objects, "--undefined-only").items():
        for name in sorted(needed):
            found.setdefault(name, []).append(path)
    return found


def source_of(path):
    """Return the source's name in the program of obj/outside/PROGRAM-KEY/SOURCE.o."""
    parts = pathlib.PurePath(path).with_suffix("").parts
    return "/".join(parts[parts.index("outside") + 2 :] if "outside" in parts else parts[-1:])


def missing_main(nm, objects):
    """Yield one line if main is not defined exactly once."""
    defined = names(nm, objects, "--defined-only", "--extern-only")
    definers = [source_of(path) for path in objects if "main" in defined[path]]
    if not definers:
        yield "it has no main(): one of its files must define int main(int argc, char **argv)"
    elif len(definers) > 1:
        where = ", ".join(definers)
        yield f"main() is defined in {where}: a program has one; move the others out of its folder"


def members(nm, libraries):
    """Return [(names that a member of the libraries defines, names that it needs)]."""
    return [
        (
            {name for kind, name in listed if kind.isupper() and kind != "U"},
            {name for kind, name in listed if kind == "U"},
        )
        for listed in listing.names(nm, libraries).values()
    ]


def callers(name, library, by_program):
    """Return the names of libc that the program uses and that need this one, directly or not."""
    reached, new = set(), {name}
    while new:
        reached |= new
        new = {by for defined, needed in library if needed & new for by in defined} - reached
    return sorted(reached & set(by_program))


def missing_names(nm, world, port, libraries, objects):
    """Yield one line for each name that the program or the libraries need and nothing defines."""
    by_program, by_port = users(nm, objects), users(nm, port)
    library = None
    for name in sorted(names(nm, [world], "--undefined-only")[world]):
        if name.startswith(_KERNEL) or (name in by_port and name not in by_program):
            continue
        if name in by_program:
            where = ", ".join(map(source_of, by_program[name]))
            yield (
                f"{name} is missing, which {where} needs: "
                "define it in the program; docs/apps.md lists what libc has"
            )
            continue
        library = library or members(nm, libraries)
        for caller in callers(name, library, by_program) or ["a function of libc"]:
            where = ", ".join(map(source_of, by_program.get(caller, []))) or "the program"
            yield (
                f"{caller}, which {where} needs, does not work here, because libc lacks {name} for "
                "it: leave out what calls it; docs/apps.md lists what libc has"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nm", default="nm")
    parser.add_argument("--program", required=True)
    parser.add_argument("--main", action="store_true")
    parser.add_argument("--world")
    parser.add_argument("--port", nargs="*")
    parser.add_argument("--libraries", nargs="*")
    parser.add_argument("objects", nargs="*")
    args = parser.parse_args()
    if args.world:
        lines = missing_names(args.nm, args.world, args.port, args.libraries, args.objects)
    else:
        lines = missing_main(args.nm, args.objects)
    failed = False
    for line in lines:
        print(f"make: the program {args.program}: {line}", file=sys.stderr)
        failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
