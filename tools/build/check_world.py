#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check that programs and libc have no privileged instruction other than those that a process may
execute, such as cpuid and rdtsc; fail the build if one has.

check_world.py [--objdump PROGRAM] OBJECT    of programs, libc and its port (programs.mk)
"""

import argparse
import sys

from build import listing, privilege


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--objdump", default="objdump")
    parser.add_argument("world")
    args = parser.parse_args()

    found = False
    for _, function, *code in listing.instructions(args.objdump, [args.world], "-d"):
        if privilege.is_privileged(*code, in_world=True):
            found = True
            print("check_world: a program or libc has a privileged instruction in "
                  f"{function}: {' '.join(code).strip()}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
