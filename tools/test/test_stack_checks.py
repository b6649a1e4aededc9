# SPDX-License-Identifier: MIT
"""Which functions of a program get a stack check, and where: of assembly texts as gcc and clang
write them."""

import shutil
import subprocess
import unittest

from build import stack_checks

FRAME = "\tpushq\t%rbp\n\tmovq\t%rsp, %rbp\n"


def function(name, body):
    return f"\t.type\t{name}, @function\n{name}:\n{body}\tret\n\t.size\t{name}, .-{name}\n"


def checked(text, check=stack_checks.CHECK):
    """Return the lines that have a check in front of them."""
    parts = stack_checks.with_checks(text).split(check)[1:]
    return [part.splitlines()[0].strip() for part in parts]


class Places(unittest.TestCase):
    def test_a_function_that_calls_nothing_has_none(self):
        self.assertEqual(stack_checks.with_checks(function("leaf", FRAME)), function("leaf", FRAME))

    def test_a_function_that_calls_bounded_ones_has_none(self):
        text = function("leaf", FRAME) + function("outer", FRAME + "\tcall\tleaf\n\tcall\tmemcpy\n")
        self.assertEqual(stack_checks.with_checks(text), text)

    def test_a_certain_call_is_checked_at_the_entry(self):
        text = function("f", FRAME + "\tcall\tother\n")
        self.assertEqual(stack_checks.with_checks(text),
                         function("f", stack_checks.CHECK + FRAME + "\tcall\tother\n"))

    def test_a_call_of_itself_or_in_a_circle_is_checked(self):
        self.assertEqual(checked(function("f", "\tcall\tf\n")), ["call\tf"])
        circle = function("f", "\tcall\tg\n") + function("g", "\tcall\tf\n")
        self.assertEqual(checked(circle), ["call\tf"])  # one of both is enough

    def test_a_circle_by_a_tail_call_is_checked(self):
        circle = function("f", FRAME + "\tcall\tg\n") + function("g", "\tjmp\tf\n")
        self.assertEqual(checked(circle), ["jmp\tf"])

    def test_a_call_by_a_pointer_is_checked(self):
        for call in ("call\t*%rax", "call\t*8(%rdi)", "callq\t*%rax"):
            self.assertEqual(checked(function("f", f"\t{call}\n")), [call])

    def test_a_rare_call_is_checked_where_it_is(self):
        body = "\ttestl\t%edi, %edi\n\tjne\t.L2\n\tmovl\t$1, %eax\n\tret\n.L2:\n\tcall\tother\n"
        self.assertEqual(checked(function("f", body)), ["call\tother"])

    def test_a_call_in_a_loop_is_checked_at_the_entry(self):
        for label in (".L3", ".LBB0_3"):
            body = f"\tmovl\t%edi, %ebx\n{label}:\n\tcall\tother\n\tdecl\t%ebx\n\tjne\t{label}\n"
            self.assertEqual(checked(function("f", body)), ["movl\t%edi, %ebx"])

    def test_labels_of_the_debugger_are_not_branches(self):
        body = "\tmovl\t%edi, %ebx\n.LVL7:\n.Ltmp3:\n\tcall\tother\n"
        self.assertEqual(checked(function("f", body)), ["movl\t%edi, %ebx"])

    def test_malloc_needs_no_check_but_one_of_the_program_does(self):
        call = function("f", "\tcall\tmalloc\n")
        self.assertEqual(stack_checks.with_checks(call), call)
        own = function("malloc", "\tcall\tf\n")
        self.assertEqual(checked(call + own), ["call\tf"])

    def test_a_part_in_another_section_is_checked_at_its_calls(self):
        text = function("f.cold", "\tmovl\t$1, %edi\n\tcall\tother\n")
        self.assertEqual(checked(text), ["call\tother"])

    def test_inline_assembly_that_calls_is_checked(self):
        body = "\tmovl\t%edi, %ebx\n#APP\n\tmovl $1, %eax; call other\n#NO_APP\n"
        self.assertEqual(checked(function("f", body)), ["movl\t%edi, %ebx"])


class Frames(unittest.TestCase):
    def frame(self, body):
        text = function("f", body)
        return stack_checks.functions(text.splitlines(keepends=True))["f"]

    def test_their_sizes(self):
        for body, size in (
            (FRAME, 16),
            (FRAME + "\tsubq\t$96, %rsp\n", 112),
            (FRAME + "\taddq\t$-128, %rsp\n\taddq\t$128, %rsp\n", 144),
            (FRAME + "\tandq\t$-64, %rsp\n", 80),
            (FRAME + "\tleaq\t-4096(%rsp), %rsp\n\tleaq\t-16(%rbp), %rsp\n", 4112),
        ):
            self.assertEqual(self.frame(body).frame, size, body)
            self.assertFalse(self.frame(body).is_dynamic)

    def test_one_without_a_bound(self):
        self.assertTrue(self.frame("\tsubq\t%rax, %rsp\n").is_dynamic)
        self.assertTrue(self.frame("\tandq\t%rax, %rsp\n").is_dynamic)
        self.assertEqual(checked(function("f", "\tandq\t%rax, %rsp\n")), ["andq\t%rax, %rsp"])

    def test_a_size_that_is_known_at_run_time_is_compared(self):
        for register in ("%rax", "%r11"):
            line = f"subq\t{register}, %rsp"
            text = function("f", f"{FRAME}\t{line}\n")
            size_check = stack_checks.SIZE_CHECK.format(register)
            self.assertEqual(checked(text, size_check), [line])
            self.assertEqual(checked(text), ["pushq\t%rbp"])  # and at the entry

    def test_so_is_a_pointer_that_was_computed_but_not_one_that_is_restored(self):
        for before, expected in (("subq\t%rcx, %rax", 1), ("andq\t$-64, %rax", 1),
                                 ("cmpq\t%rcx, %rax", 0), ("subq\t%rax, %rcx", 0)):
            text = function("f", f"{FRAME}\t{before}\n\tmovq\t%rax, %rsp\n")
            pointer_check = stack_checks.POINTER_CHECK.format("%rax")
            self.assertEqual(len(checked(text, pointer_check)), expected, before)

    def test_a_frame_that_is_not_small_is_checked_though_it_calls_nothing(self):
        self.assertEqual(checked(function("f", "\tsubq\t$1000, %rsp\n")), ["subq\t$1000, %rsp"])

    def test_a_large_frame_is_compared_with_its_size(self):
        text = function("f", "\tsubq\t$100000, %rsp\n\tcall\tother\n")
        self.assertEqual(checked(text, stack_checks.LARGE_CHECK.format(100008)),
                         ["subq\t$100000, %rsp"])

    def test_a_chain_of_calls_without_checks_is_bounded(self):
        text = function("f0", "\tsubq\t$100, %rsp\n")
        for i in range(1, 30):
            text += function(f"f{i}", f"\tsubq\t$100, %rsp\n\tcall\tf{i - 1}\n")
        self.assertEqual(len(checked(text)), 30 * 108 // stack_checks.UNCHECKED_MAX)


SOURCE = """
int other(int);
static int __attribute__((noinline)) leaf(int x) { return x * 3; }
int bounded(int x) { return leaf(x) + leaf(x + 1); }
int certain(int x) { return other(x) + 1; }
int rare(int x) { return x ? x : other(x) + leaf(x); }
int large(int x) { volatile char bytes[9000]; bytes[x] = 1; return bytes[x + 1]; }
int by_pointer(int (*call)(int)) { return call(1) + 1; }
int sized(int x) { volatile char bytes[x]; bytes[0] = 1; return bytes[0]; }
"""


class OfCompilers(unittest.TestCase):
    """The same source by each compiler that is here."""

    def test_gcc_and_clang(self):
        for compiler in ("gcc", "clang"):
            if not shutil.which(compiler):
                continue
            flags = "-O1 -g -fno-omit-frame-pointer -mno-red-zone -fno-asynchronous-unwind-tables"
            done = subprocess.run(
                [compiler, *flags.split(), "-S", "-x", "c", "-o", "-", "-"], input=SOURCE,
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            file = stack_checks.File(done.stdout.splitlines(keepends=True))
            with self.subTest(compiler=compiler):
                at_entry = {file.functions[name].start for name in ("certain", "large",
                                                                    "by_pointer")}
                checks = file.checks
                self.assertLessEqual(at_entry, set(checks))
                self.assertIn("__fentry_large__", checks[file.functions["large"].start])
                self.assertNotIn(file.functions["rare"].start, checks)
                sized = file.functions["sized"]
                self.assertEqual(len(sized.sizes), 1)
                self.assertEqual(len(set(checks) - {sized.start}), 5)


if __name__ == "__main__":
    unittest.main()
