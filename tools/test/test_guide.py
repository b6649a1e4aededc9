# SPDX-License-Identifier: MIT
"""The guide (docs/guide/): the code that its chapters quote, their commands, and their form."""

import importlib.util
import json
import re
import sys
import tempfile
import unittest
from pathlib import Path

from paravane.common import ROOT
from paravane.helptext import HELP
from paravane.selftest import tour

GUIDE = ROOT / "docs/guide"
CHAPTERS = sorted(GUIDE.glob("[0-9][0-9]-*.md"))
OTHERS = ("README", "solutions")


def load(name):
    """Return tools/build/NAME.py as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f"tools/build/{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where a dataclass looks its module up
    spec.loader.exec_module(module)
    return module


quotes = load("quotes")

SOURCE = """\
/* Return one. */
int one(void)
{
    return 1;
}

enum {
    A = sizeof((int[]){0}),
    B };
};
"""

PAGE = """\
# A page

<!-- quote pv/one.c one -->
```c
int one(void)
{
    return 1;
}
```

Some words.

<!-- quote pv/one.c "enum {" to "};" -->
```c
enum {
    A = sizeof((int[]){0}),
    B };
};
```
"""


class Quotes(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name)
        (self.root / "pv").mkdir()
        self.write(SOURCE)

    def write(self, text):
        (self.root / "pv/one.c").write_text(text)

    def faults(self, page=PAGE):
        return list(quotes.faults(self.root, "docs/page.md", page))

    def test_same_text_is_no_fault(self):
        self.assertEqual([one.line for one in quotes.quotes(PAGE)], [3, 13])
        self.assertEqual(self.faults(), [])

    def test_changed_function_names_the_page_to_read(self):
        self.write(SOURCE.replace("return 1", "return 2"))
        [fault] = self.faults()
        self.assertIn("docs/page.md:3: pv/one.c, one: the source has changed", fault)
        self.assertIn("make quotes", fault)

    def test_changed_region_is_a_fault(self):
        self.write(SOURCE.replace("A =", "A, C ="))
        [fault] = self.faults()
        self.assertIn("docs/page.md:13: ", fault)

    def test_changed_comment_of_a_function_is_no_fault(self):
        self.write(SOURCE.replace("Return one", "Return the number 1"))
        self.assertEqual(self.faults(), [])

    def test_edited_page_is_a_fault(self):
        self.assertEqual(len(self.faults(PAGE.replace("return 1", "return 3"))), 1)

    def test_what_the_source_lacks_is_named(self):
        for old, new, words in (
            ("pv/one.c one", "pv/one.c two", "line 3: pv/one.c has no function two"),
            ("pv/one.c one", "pv/no.c one", "line 3: pv/no.c does not exist"),
            ('"enum {"', '"union {"', "line 13: pv/one.c has 0 lines with 'union {'"),
            ('"enum {"', '"n"', "line 13: pv/one.c has 5 lines with 'n'"),
            ('to "};"', 'to "no"', "line 13: pv/one.c has no line with 'no' after"),
            ("```c\nint", "int", "line 3: no block of code follows"),
        ):
            [fault] = self.faults(PAGE.replace(old, new))
            self.assertIn(words, fault)

    def test_comment_in_a_block_of_code_is_an_example(self):
        self.assertEqual(self.faults(PAGE + "\n```\n<!-- quote pv/no.c one -->\n```\n"), [])

    def test_refresh_writes_the_source_s_text_alone(self):
        self.write(SOURCE.replace("return 1", "return 1 + 0").replace("A =", "Z,\n    A ="))
        written = quotes.refreshed(self.root, PAGE)
        self.assertEqual(
            written, PAGE.replace("return 1", "return 1 + 0").replace("A =", "Z,\n    A =")
        )
        self.assertEqual(self.faults(written), [])

    def test_every_quotation_in_docs_is_the_source_s(self):
        for path in (ROOT / "docs").rglob("*.md"):
            with self.subTest(path=path):
                self.assertEqual(list(quotes.faults(ROOT, path.name, path.read_text())), [])


class Pages(unittest.TestCase):
    def test_commands_of_every_page_are_steps(self):
        names = [name for name, _ in tour.pages()]
        self.assertEqual(names[:2], ["tour", "shell"])
        self.assertEqual(
            sorted(names[2:]),
            sorted(f"guide {one}" for one in (*OTHERS, *(path.stem for path in CHAPTERS))),
        )
        steps = list(tour.steps(None))
        for name in (f"guide {path.stem}" for path in CHAPTERS):
            self.assertTrue([step for step in steps if step.name.startswith(f"{name}: ./run.sh")])
        self.assertEqual(len({step.name for step in steps}), len(steps))

    def test_status_follows_from_what_a_page_shows(self):
        for line, status in (
            ("ok 1 a.b", 0),
            ("not ok 1 a.b", 1),
            ("paravane: verdict FAIL: panic: words", 1),
            ("  int-rex xen-pv … bad … words", 1),
            ("  int-rex xen-pv … cannot-tell … bad words", 0),
            ("paravane: verdict ERROR: words", 2),
            ("paravane: verdict PASS", 0),
        ):
            self.assertEqual(tour.status(["# a line", line]), status)

    def test_every_command_shows_what_it_prints(self):
        for _, path in tour.pages():
            for command, lines in tour.commands(path.read_text()):
                with self.subTest(path=path.name, command=command):
                    self.assertTrue(command.startswith("./run.sh "))
                    self.assertTrue(lines)


COSTS = json.loads((ROOT / "test/bench-baseline.json").read_text())["measurements"]
COST_ROW = re.compile(r"(?m)^\| `([\w.]+)` \| (\d+) \| (\d+) \| (\d+) \|$")
CODE = re.compile(r"(?ms)^```.*?^```$")
MOST = 1.25  # by which a stated cost may differ from the baseline


class Chapters(unittest.TestCase):
    def test_stated_costs_are_the_baseline_s(self):
        for path in CHAPTERS:
            for name, *stated in COST_ROW.findall(path.read_text()):
                counted = COSTS[name if "." in name else f"op.{name}"]["count"]
                for platform, number in zip(("qemu", "xen-pv", "xen-pvh"), map(int, stated)):
                    with self.subTest(path=path.name, name=name, platform=platform):
                        exact = counted[platform]
                        self.assertLessEqual(number, exact * MOST + 4)
                        self.assertGreaterEqual(number, exact / MOST - 4)

    def test_numbers_are_contiguous_and_listed(self):
        self.assertEqual(
            [int(path.name[:2]) for path in CHAPTERS], list(range(1, len(CHAPTERS) + 1))
        )
        listed = re.findall(r"\]\((\d\d-[\w-]+\.md)\)", (GUIDE / "README.md").read_text())
        self.assertEqual(listed, [path.name for path in CHAPTERS])

    def test_each_has_code_a_prediction_and_three_exercises_with_solutions(self):
        solutions = (GUIDE / "solutions.md").read_text()
        for number, path in enumerate(CHAPTERS, 1):
            text = path.read_text()
            with self.subTest(path=path.name):
                self.assertTrue(list(quotes.quotes(text)))
                self.assertTrue(list(tour.commands(text)))
                self.assertEqual(len(re.findall(r"(?m)^## Predict", text)), 1)
                exercises = text.partition("## Exercises")[2]
                self.assertEqual(re.findall(r"(?m)^(\d)\. ", exercises), ["1", "2", "3"])
                self.assertIn(f"(solutions.md#chapter-{number})", exercises)
                answers = re.search(rf"(?ms)^## Chapter {number}\n(.*?)(?=^## |\Z)", solutions)
                self.assertIsNotNone(answers)
                self.assertEqual(re.findall(r"(?m)^(\d)\. ", answers[1]), ["1", "2", "3"])

    def test_each_chapter_names_its_labs(self):
        row = re.compile(r"(?m)^\| \d \| `([\w-]+)` \|.*\(guide/([\w-]+\.md)\) \|$")
        for lab, chapter in row.findall((ROOT / "docs/labs.md").read_text()):
            with self.subTest(lab=lab):
                last = (GUIDE / chapter).read_text().rstrip().splitlines()[-1]
                self.assertRegex(last, rf"^Labs? of this chapter: .*`{lab}`")

    def test_each_has_a_picture(self):
        for path in CHAPTERS:
            with self.subTest(path=path.name):
                self.assertRegex(path.read_text(), r"!\[.+\]\(.+\.svg\)")

    def test_commands_and_options_in_the_text_exist(self):
        commands = set(re.findall(r"(?m)^\./run\.sh (\w+)", HELP))
        options = set(re.findall(r"--[a-z][\w-]*", HELP))
        docs = ROOT / "docs"
        for path in (*GUIDE.glob("*.md"), docs / "labs.md", docs / "shell.md", docs / "tour.md"):
            for words in re.findall(r"\./run\.sh ([a-z]+[^`\n]*)", path.read_text()):
                with self.subTest(path=path.name, words=words):
                    self.assertIn(words.split()[0], commands)
                    self.assertEqual(set(re.findall(r"--[a-z][\w-]*", words)) - options, set())

    def test_relative_links_lead_to_files(self):
        for path in GUIDE.glob("*.md"):
            prose = CODE.sub("", path.read_text())
            for link in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", prose):
                with self.subTest(path=path.name, link=link):
                    self.assertTrue((path.parent / link).exists())


if __name__ == "__main__":
    unittest.main()
