# SPDX-License-Identifier: MIT
"""The check of the tree's objects finds what breaks a rule, in the object that has it."""

import contextlib
import pathlib
import subprocess
import tempfile
import unittest

from build import check_objects, listing, shared_state

SOURCES = {
    "kernel/halts.c": 'void halt(void) { __asm__ volatile("hlt"); }',
    "kernel/prefixed.c": 'void out(void) { __asm__ volatile("rep outsb"); }',
    "kernel/table.c": "extern long pv_ops; long f(void) { return pv_ops; }",
    "kernel/state.c": "static int shared;\nint *f(void) { return &shared; }",
    "kernel/fine.c": "long pv_ops_of_mine(void) { return 1; }",
    "pv/native/halts.c": 'void halt(void) { __asm__ volatile("hlt"); }',
    "pv/xen/pv/cr.c": 'void f(void) { __asm__("mov %rax, %cr4\\n\\tmov %rax, %cr3"); }',
    "pv/xen/pv/templates.S": '.section .rodata.pv_code, "a"\n.globl t\nt: sti\n',
    "lib/newlib/time.c": 'void f(void) { __asm__ volatile("rdtsc\\n\\tcli" ::: "rax", "rdx"); }',
    "test/halts.c": 'void halt(void) { __asm__ volatile("hlt"); }',
}


class CheckObjectsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.tree = pathlib.Path(folder.name)
        for name, text in SOURCES.items():
            source, made = cls.tree / name, cls.tree / "obj" / f"{name}.o"
            for path in (source, made):
                path.parent.mkdir(parents=True, exist_ok=True)
            source.write_text(text + "\n")
            subprocess.run(["gcc", "-O2", "-c", "-o", made, source], check=True)

    def setUp(self):
        self.enterContext(contextlib.chdir(self.tree))
        self.built = {path: path.relative_to("obj") for path in pathlib.Path("obj").rglob("*.o")}
        self.names = listing.names("nm", self.built)

    def test_each_privileged_instruction_is_named_with_its_function(self):
        prefix = "privileged instruction in"
        self.assertEqual(
            sorted(check_objects.misplaced_instructions("objdump", self.built)),
            [
                f"kernel/halts.c.o: {prefix} halt: hlt",
                f"kernel/prefixed.c.o: {prefix} out: outsb %ds:(%rsi),(%dx)",
                f"lib/newlib/time.c.o: {prefix} f: cli",
                f"pv/xen/pv/cr.c.o: {prefix} f: mov %rax,%cr3",
                f"pv/xen/pv/templates.S.o: {prefix} t: sti",
            ],
        )

    def test_a_use_of_the_table_is_named(self):
        self.assertEqual(
            list(check_objects.users_of_the_table(self.built, self.names)),
            ["kernel/table.c.o: refers to pv_ops: calls of ops are pv_NAME(...)"],
        )

    def test_a_variable_without_a_reason_is_named(self):
        sources = {name.with_suffix(""): self.names[str(path)] for path, name in self.built.items()}
        (line,) = shared_state.unexplained(sources)
        self.assertRegex(line, r"kernel/state.c:1: shared: no argument")
