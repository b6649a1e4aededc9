# SPDX-License-Identifier: MIT
"""What the compiler finds when an op's definition changes (docs/api-or-abi.md).

Each case replaces one definition in pv/ops/ and compiles, without making code, every C file that
names the op. Run it as a program to see the figures: PYTHONPATH=tools python3
tools/test/test_api_change.py
"""

import re
import subprocess
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("kernel", "mm", "drivers", "pv", "test")
FLAGS = (
    "-fsyntax-only -std=gnu11 -ffreestanding -fno-pie -mcmodel=kernel -mgeneral-regs-only "
    "-Werror -D__XEN_INTERFACE_VERSION__=0x00040e00 -DPARAVANE_VERSION=\"x\""
).split()

# What changes: the op, then edits of a file each, with the text before and after.
ARGUMENT = ("set_ptes", (
    "pv/ops/mmu.def",
    "PV_OP(mmu, void, set_ptes, (pte_t *slot, u64 value, u32 count), (slot, value, count))",
    "PV_OP(mmu, void, set_ptes, (pte_t *slot, u64 value, u32 count, bool late), "
    "(slot, value, count, late))",
))
# A hot op is declared a second time, and the two have to agree
MEANING_WITH_TYPE = ("write_cr3", (
    "pv/ops/tlb.def",
    "PV_HOT(mmu, void, write_cr3, (pfn_t root), (root))",
    "PV_HOT(mmu, void, write_cr3, (u64 address), (address))",
), (
    "pv/patch/hot.h",
    "pv_write_cr3(pfn_t root)",
    "pv_write_cr3(u64 address)",
), (
    "pv/patch/hot.h",
    '"D"(root.n << PAGE_SHIFT)',
    '"D"(address)',
))
MEANING_ALONE = ("flush_tlb_one", (
    "pv/ops/tlb.def",
    "PV_HOT(mmu, void, flush_tlb_one, (u64 va), (va))",
    "PV_HOT(mmu, void, flush_tlb_one, (u64 page), (page))",
))


def files_that_name(op):
    """Return the C files that call an op, implement it, or treat all ops alike. test/host/ is not
    of the kernel, and test/libc/ is compiled with newlib."""
    word = re.compile(rf"\b\w*{op}\b|#include \"pv/ops\.def\"")
    found = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).glob("**/*.c")):
            name = str(path.relative_to(ROOT))
            if not name.startswith(("test/host/", "test/libc/", "pv/rom/image/")):
                if word.search(path.read_text(encoding="utf-8")):
                    found.append(name)
    return found


def errors_of(op, *edits):
    """Return {file: errors} of the files that the compiler refuses after the edits."""
    with tempfile.TemporaryDirectory() as overlay:
        for file, before, after in edits:
            changed = Path(overlay, file)
            changed.parent.mkdir(parents=True, exist_ok=True)
            source = changed if changed.exists() else ROOT / file
            text = source.read_text(encoding="utf-8")
            assert text.count(before) == 1, f"{file} does not have {before}"
            changed.write_text(text.replace(before, after), encoding="utf-8")
        files = files_that_name(op)
        with ThreadPoolExecutor() as pool:
            counts = pool.map(lambda name: _errors(name, overlay), files)
            return {name: count for name, count in zip(files, counts) if count}


def _errors(name, overlay):
    """Return the number of errors in one file."""
    done = subprocess.run(["gcc", *FLAGS, f"-I{overlay}", f"-I{ROOT}", name], cwd=ROOT, text=True,
                          stderr=subprocess.PIPE, check=False)
    count = len(re.findall(r"^\S+:\d+:\d+: (?:fatal )?error:", done.stderr, re.M))
    assert bool(count) == bool(done.returncode), done.stderr
    return count


class ApiChange(unittest.TestCase):
    def test_files_compile_as_they_are(self):
        op, (file, text, _) = ARGUMENT
        self.assertEqual(errors_of(op, (file, text, text)), {})

    def test_an_added_argument_stops_each_caller_and_each_backend(self):
        refused = errors_of(*ARGUMENT)
        for file in ("mm/pagetable.c", "pv/native/mmu.c", "pv/xen/pv/mmu.c"):
            self.assertIn(file, refused)

    def test_a_meaning_that_has_a_type_stops_each_caller(self):
        refused = errors_of(*MEANING_WITH_TYPE)
        for file in ("mm/space.c", "pv/native/mmu.c", "pv/xen/pv/tables.c"):
            self.assertIn(file, refused)

    def test_a_meaning_without_a_type_stops_nothing(self):
        self.assertEqual(errors_of(*MEANING_ALONE), {})


def main():
    for name, change in (("argument added", ARGUMENT), ("meaning with type", MEANING_WITH_TYPE),
                         ("meaning alone", MEANING_ALONE)):
        refused = errors_of(*change)
        print(f"{name}: {sum(refused.values())} errors in {len(refused)} files")
        for file, count in sorted(refused.items()):
            print(f"    {count:3} {file}")


if __name__ == "__main__":
    main()
