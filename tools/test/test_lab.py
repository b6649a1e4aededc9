# SPDX-License-Identifier: MIT
"""The labs: what is cut, what is answered, and whether each lab is complete."""

import contextlib
import io
import re
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

from paravane import optable
from paravane.common import ROOT, Trouble
from paravane.lab import command, copies, crash, cut, explain, labs, together
from paravane.mutants import source_list
from paravane.repro import repros

SOURCE = """\
/* Comment. */
static int twice(int x)
{
    if (x)
        return 2 * x;
    return 0;
}

int other(void)
{
    return 1;
}
"""

LAB = """
title = "t"
level = 1
task = "Double x."
file = "a.c"
function = "twice"
stub = "    return x;"
[[check]]
host = "a"
[[explain]]
test = "negative*"
say = "What of negative numbers?"
[[explain]]
text = "overflow"
say = "It overflows."
[[wrong]]
name = "none"
body = "    return 0;"
says = "negative"
"""


class Folder(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name)
        (self.root / "a.c").write_text(SOURCE)
        self.lab = labs.parse("double", LAB)


class CutTest(Folder):
    def test_body_is_cut_and_the_rest_stays(self):
        text = cut.cut(self.root, self.lab)
        self.assertIn("static int twice(int x)\n{\n    /* Lab double: write this.", text)
        self.assertIn("    return x;\n}\n\nint other(void)\n{\n    return 1;\n}\n", text)
        self.assertNotIn("2 * x", text)

    def test_a_solution_replaces_the_body(self):
        text = cut.solved(self.root, self.lab, "    return x + x;")
        self.assertIn("static int twice(int x)\n{\n    return x + x;\n}\n", text)

    def test_missing_function(self):
        (self.root / "a.c").write_text("int x;\n")
        with self.assertRaisesRegex(Trouble, "a.c has no function twice"):
            cut.cut(self.root, self.lab)


ASSEMBLY = """\
\t.macro\tgo_back
\tpopq\t%rax
\tret
\t.endm

\ttemplate\tother, "nop"
\ttemplate_with_tail stop, "movb $0, %gs:mask", , JUMP, \\
\t\t"cmpb $0, %gs:pending", enter
\ttemplate\tstopped, "sti"
"""


class AssemblyTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name)
        (self.root / "a.S").write_text(ASSEMBLY)

    def lab(self, function):
        return labs.parse("x", LAB.replace('"a.c"', '"a.S"').replace("twice", function)
                          .replace("    return x;", "\tud2"))  # fmt: skip

    def test_macro_keeps_its_first_and_last_line(self):
        text = cut.cut(self.root, self.lab("go_back"))
        self.assertRegex(text, r"^\t\.macro\tgo_back\n.*write this.*\n\tud2\n\t\.endm\n")
        self.assertNotIn("popq", text)

    def test_template_goes_with_its_continued_lines(self):
        text = cut.cut(self.root, self.lab("stop"))
        self.assertNotIn("pending", text)
        self.assertIn('other, "nop"', text)
        self.assertIn('stopped, "sti"', text)

    def test_versions_of_a_template_have_an_entry_each(self):
        lab = self.lab("stop")
        together.add_versions(lab, together.versions_of([lab], {lab.name}), copies.Copy(self.root))
        text = (self.root / "a.S").read_text()
        self.assertEqual(text.count(".globl lab_template_"), 3)
        self.assertIn('"cmpb $0, %gs:pending", enter\n', text)

    def test_versions_of_a_macro_are_skipped_unless_selected(self):
        lab = self.lab("go_back")
        together.add_versions(lab, together.versions_of([lab], ()), copies.Copy(self.root))
        text = (self.root / "a.S").read_text()
        self.assertRegex(text, r"cmpl\t\$6833, lab_cut\(%rip\)\n\tjne\t(\S+)\n\tud2\n\1:\n\tpopq")

    def test_template_is_found_again_in_a_copy(self):
        lab = self.lab("stop")
        (self.root / "a.S").write_text(cut.cut(self.root, lab))
        self.assertEqual(cut.find(self.root, lab),
                         cut.with_body(cut.find(self.root, lab), cut.stub(lab), "stop"))
        (self.root / "a.S").write_text(cut.solved(self.root, lab, "\ttemplate\tstop, \"cli\""))
        self.assertIn("cli", cut.find(self.root, lab))
        self.assertNotIn("write this", cut.find(self.root, lab))


class TogetherTest(Folder):
    def test_all_versions_are_in_one_function(self):
        versions = together.versions_of([self.lab], {self.lab.name})
        self.assertEqual([(one.name, one.says) for one in versions],
                         [("cut", ""), ("none", "negative")])
        together.add_versions(self.lab, versions, copies.Copy(self.root))
        text = (self.root / "a.c").read_text()
        cut_one, none = (f"    if (lab_cut == {one.number}) {{\n{one.body}\n    }}\n"
                         for one in versions)
        self.assertIn(cut_one + none + "    if (x)\n", text)
        self.assertIn("lab_cut = ", text[: text.index("static int twice")])

    def test_fault_of_a_lab_is_a_version_of_its_function(self):
        lab = together.placed(labs.read()["find-root"])
        (version,) = together.versions_of([lab], {lab.name})
        self.assertEqual((lab.function, version.name), ("xen_pv_pin_root", "the fault"))
        self.assertIn("memcpy(", version.body)
        self.assertNotIn("PT_USER_SLOTS * sizeof", version.body)

    def test_tests_that_fail_have_to_be_those_of_the_lab(self):
        lab = labs.read()["find-ports"]
        for failed, problem in ((lab.fails, ""), ((), "not the tests"),
                                ((*lab.fails, "user.other"), "not the tests")):
            shown = explain.Shown("", False, dict.fromkeys(failed, ()))
            self.assertIn(problem, together.seen("x", lab, shown)[1])

    def test_versions_have_numbers_of_their_own(self):
        taken = map(together.placed, filter(together.takes, labs.read().values()))
        versions = together.versions_of(list(taken), labs.read())
        self.assertEqual(len({one.number for one in versions}), len(versions))
        self.assertGreater(len(versions), 17 * 4)

    def test_each_platform_and_each_program_is_tried_once(self):
        checks = [labs.Check(tests="a"), labs.Check(tests="b"), labs.Check(host="h"),
                  labs.Check(tests="c", smp=2), labs.Check(on="xen-pv")]  # fmt: skip
        self.assertEqual(len(list(together.one_of_each(checks))), 3)


class ReproTest(unittest.TestCase):
    def test_first_wrong_verdict_fails(self):
        shown = explain.of_verdicts("r", [("Xen 1", "bad", "bad", "dies"),
                                          ("Xen 2", "good", "bad", "odd")])  # fmt: skip
        self.assertFalse(shown.passed)
        self.assertEqual(shown.reason, "Xen 2: bad: odd; it should be good")
        self.assertIn("Xen 1: bad: dies", shown.text)
        self.assertTrue(explain.of_verdicts("r", [("Xen 1", "bad", "bad", "dies")]).passed)


class CrashTest(unittest.TestCase):
    def test_missing_and_torn_files_are_answered(self):
        lab = labs.read()["cut-down"]
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch, "cut.trace")
            self.assertIn("is missing", crash.judge(lab, path)[1][0])
            path.write_text("paravane-trace 1\nplatform xen-pvh\n\n1 0 0 call x a=1\n")
            passed, said = crash.judge(lab, path)
            self.assertFalse(passed)
            self.assertIn("cannot be replayed", said[0])


class ParseTest(unittest.TestCase):
    def test_errors_name_the_lab_and_the_key(self):
        for text, words in (
            (LAB.replace("level", "levl"), "lab x: unknown key 'levl'"),
            (LAB.replace('title = "t"\n', ""), "lab x: missing key 'title'"),
            (LAB.replace("host", "hst"), r"lab x: \[\[check\]\]"),
            ("title = ", "lab x: "),
        ):
            with self.subTest(text=text), self.assertRaisesRegex(Trouble, words):
                labs.parse("x", text)

    def test_unknown_name(self):
        with self.assertRaisesRegex(Trouble, "unknown name 'y'; known: x"):
            labs.named("y", {"x": None})


class ExplainTest(Folder):
    def test_host_test_names_what_fails(self):
        shown = explain.of_host_test("a", 1, "t.c:3: negative_ones: not so: f(x) is 1\nx 4 checks")
        self.assertEqual((shown.passed, shown.failed), (False, {"negative_ones": ["f(x) is 1"]}))
        lines = explain.answer(self.lab, shown)
        self.assertEqual(lines[0], "What of negative numbers?")
        self.assertIn("  negative_ones fails: f(x) is 1", lines)

    def test_text_is_looked_for_where_no_test_has_failed(self):
        shown = explain.of_host_test("a", 134, "AddressSanitizer: overflow")
        lines = explain.answer(self.lab, shown)
        self.assertEqual(lines[0], "It overflows.")
        self.assertIn("  the test ended with status 134", lines)

    def test_a_failure_without_a_rule_leads_to_the_contract(self):
        lab = labs.parse("x", LAB.replace("file =", 'op = "set_pte"\nfile ='))
        shown = explain.of_host_test("a", 1, "t.c:3: zero: not so: f(0)")
        self.assertIn("./run.sh op set_pte", explain.answer(lab, shown)[0])

    def test_result_of_a_run(self):
        tests = [SimpleNamespace(name="a.b", status="fail", diagnostics=["t.c:1: failed: x"]),
                 SimpleNamespace(name="a.c", status="pass", diagnostics=[])]  # fmt: skip
        result = SimpleNamespace(status="FAIL", reason="1 of 2 tests failed", panic=[], tests=tests,
                                 culprit="")  # fmt: skip
        shown = explain.of_result("a.* on qemu", result)
        self.assertEqual((shown.failed, shown.reason), ({"a.b": ["t.c:1: failed: x"]}, ""))
        result.culprit, result.reason = "guest", "TIMEOUT after 60 s"
        self.assertEqual(explain.of_result("x", result).reason, "TIMEOUT after 60 s")

    def test_compiler_errors(self):
        output = "  CC x\na.c:3:5: error: expected ';'\n    3 | x\nmake: *** [x] Error 1"
        self.assertEqual(explain.compiler_errors(output), ["a.c:3:5: error: expected ';'"])
        self.assertEqual(explain.compiler_errors("make: no rule"), ["make: no rule"])


class FakeCopy(copies.Copy):
    """A copy whose checks show what the test says."""

    def __init__(self, path, *shown):
        super().__init__(path)
        self.shown = list(shown)

    def try_one(self, check):
        return self.shown.pop(0)


class VerdictTest(Folder):
    def verdict(self, text, *shown):
        (self.root / "a.c").write_text(text)
        passed, lines = command.verdict(self.lab, FakeCopy(self.root, *shown))
        return passed, " ".join(lines)

    def test_empty_function(self):
        passed, said = self.verdict(cut.cut(self.root, self.lab))
        self.assertFalse(passed)
        self.assertRegex(said, "twice is still empty: .*Double x.")

    def test_error_of_the_compiler(self):
        passed, said = self.verdict(SOURCE, ("a.c:1:1: error: bad", None))
        self.assertEqual((passed, said), (False, "It does not compile: a.c:1:1: error: bad"))

    def test_failure_and_success(self):
        failed = explain.of_host_test("a", 1, "t.c:3: negative: not so: x")
        self.assertIn("What of negative numbers?", self.verdict(SOURCE, ("", failed))[1])
        passed = explain.of_host_test("a", 0, "")
        self.assertEqual(self.verdict(SOURCE, ("", passed))[0], True)

    def test_a_copy_is_not_made_over_another(self):
        with self.assertRaisesRegex(Trouble, "exists; remove it"):
            copies.Copy(self.root).make_new()


class OptionsTest(unittest.TestCase):
    def test_an_option_may_precede_the_name(self):
        for words in (["check", "--in", "nowhere", "steal"], ["check", "steal", "--in", "nowhere"]):
            with self.assertRaisesRegex(Trouble, "nowhere is not a working copy"):
                command.run(words, Path("/tmp"))


class JudgeTest(unittest.TestCase):
    def test_answers(self):
        lab = labs.read()["find-deadline"]
        self.assertTrue(command.judge(lab, "timer_set")[0])
        self.assertTrue(command.judge(lab, "pv_timer_set")[0])
        self.assertTrue(command.judge(lab, "TIMER_SET()")[0])
        for word, said in (("timer_stop", "Which op should have"),
                           ("cpuidd", r"is not an op \(similar: cpuid\)"),
                           ("cpuid", "Which test fails"), ("", "an empty word is not an op"),
                           ("../x", "is not an op; ./run.sh op lists all")):  # fmt: skip
            right, text = command.judge(lab, word)
            self.assertFalse(right)
            self.assertRegex(text, said)


class TaskTest(unittest.TestCase):
    def test_commands_and_paths_stay_whole(self):
        path, words = "build/labs/find-it/paravane.elf", "x" * 80
        text = f"{words} {path}\nnow.\n\n    ./run.sh shell {words} {path}\n    ./run.sh b\n"
        self.assertEqual(command.wrapped(text), (
            f"{words}\n{path} now.\n\n    ./run.sh shell {words} {path}\n    ./run.sh b"))


class EachLabTest(unittest.TestCase):
    def setUp(self):
        self.labs = labs.read()
        self.ops = optable.read_ops(ROOT)

    def test_there_are_some_of_each_kind(self):
        kinds = [lab.kind for lab in self.labs.values()]
        self.assertGreaterEqual(kinds.count("write"), 18)
        self.assertGreaterEqual(kinds.count("find"), 3)
        self.assertGreaterEqual(kinds.count("cut"), 1)

    def test_write_it_labs_are_complete(self):
        tests = {test.name for test in optable.read(ROOT).tests}
        for lab in (lab for lab in self.labs.values() if lab.kind == "write"):
            with self.subTest(lab=lab.name):
                self.assertNotEqual(cut.cut(ROOT, lab), (ROOT / lab.file).read_text())
                self.assertGreaterEqual(len(lab.wrong), 3)
                self.assertTrue(lab.check and lab.explain and lab.hints)
                self.assertTrue(not lab.op or lab.op in self.ops)
                for wrong in lab.wrong:
                    cut.solved(ROOT, lab, wrong.body)
                    says = [" ".join(rule.say.split()) for rule in lab.explain]
                    self.assertTrue(any(wrong.says in say for say in says), wrong.says)
                self._check_names(lab, tests)

    def test_every_function_that_a_lab_names_is_in_the_tree(self):
        """A wrong solution that no longer compiles would prove nothing."""
        folders = ("pv", "mm", "kernel", "lib", "drivers", "repro")
        text = "".join(path.read_text() for folder in folders
                       for path in (ROOT / folder).rglob("*.[chS]"))  # fmt: skip
        known = set(re.findall(r"\b[a-z_]\w*(?=\()", text))
        for lab in self.labs.values():
            with self.subTest(lab=lab.name):
                said = "\n".join([lab.stub, *lab.hints, *(wrong.body for wrong in lab.wrong)])
                used = set(re.findall(r"\b[a-z]\w*_\w*(?=\()", said))
                self.assertEqual(used - known, set())

    def _check_names(self, lab, tests):
        hosts = {path.stem for path in (ROOT / "test/host").glob("test_*.c")}
        for check in lab.check:
            if check.host:
                self.assertIn(f"test_{check.host}", hosts)
                continue
            if check.bad:
                self._check_repro(lab, check)
                continue
            self.assertLess(len(check.tests), 64)  # CMDLINE_VALUE_MAX
            for glob in check.tests.split(","):
                matching = [name for name in tests if Path(name).match(glob)]
                self.assertTrue(matching, glob)

    def _check_repro(self, lab, check):
        """The head of the repro has to promise what the lab expects."""
        one = repros.load(ROOT / lab.file)
        self.assertIn(check.on, one.platforms)
        for version, verdict in ((check.bad, "bad"), (check.good, "good")):
            self.assertEqual(one.expected(check.on, f"{version}.4"), verdict)

    def test_cut_it_down_labs_are_complete(self):
        for lab in (lab for lab in self.labs.values() if lab.kind == "cut"):
            with self.subTest(lab=lab.name):
                one = repros.load(ROOT / f"repro/{lab.crash}.c")
                self.assertEqual(one.expected(lab.on, lab.xen), "bad")
                self.assertGreaterEqual(len(lab.wrong), 3)
                self.assertTrue(lab.hints and lab.right and 0 < lab.calls <= 5)
                self.assertIn("FOLDER", lab.task)

    def test_find_it_labs_are_complete(self):
        mutants = {mutant.name: mutant for mutant in source_list.read()}
        for lab in (lab for lab in self.labs.values() if lab.kind == "find"):
            with self.subTest(lab=lab.name):
                mutant = mutants[lab.mutant]
                for answer in lab.answers:
                    self.assertIn(answer, self.ops)
                    self.assertTrue(mutant.function.endswith(answer))
                self.assertLessEqual(set(lab.near), set(self.ops) - set(lab.answers))
                self.assertGreaterEqual(len(lab.near), 3)
                self.assertIn("IMAGE", lab.task)
                tests = {test.name: test.ops for test in optable.read(ROOT).tests}
                for name in lab.fails:
                    self.assertTrue(set(tests[name]) & set(lab.answers), name)
                    self.assertTrue(any(Path(name).match(glob) for check in lab.check
                                        for glob in check.tests.split(",")))
                for check in lab.check:
                    command_line = f"--on {check.on} --image IMAGE --filter '{check.tests}'"
                    self.assertIn(command_line, lab.task)

    def test_all_are_listed(self):
        page = (ROOT / "docs/labs.md").read_text()
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            command.run(["list"], ROOT)
        for name in self.labs:
            self.assertIn(f"`{name}`", page)
            self.assertIn(name, out.getvalue())
