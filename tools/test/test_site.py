# SPDX-License-Identifier: MIT
"""Tests of paravane.site: links of documents, pages about ops, charts, and the check of a site."""

import tempfile
import unittest
from pathlib import Path

from paravane import optable
from paravane.common import Trouble
from paravane.op import dossier
from paravane.site import build, chart, check, look, pages


class Links(unittest.TestCase):
    def test_link_to_a_source_file_leads_to_its_copy(self):
        copied = set()
        text = build.with_links("docs/x.md", "see [`f(u8 a[2])`](../pv/native/mmu.c)", copied)
        self.assertEqual(
            text, 'see <a href="../source/pv/native/mmu.c.txt"><code>f(u8 a[2])</code></a>')
        self.assertEqual(copied, {"pv/native/mmu.c"})

    def test_links_to_pages_and_elsewhere_stay(self):
        text = "[a](tour.md#x) [b](../README.md) [c](https://example.org) ![d](boot.svg) [e](#f)"
        self.assertEqual(build.with_links("docs/x.md", text, set()), text)

    def test_call_in_a_block_of_code_is_not_a_link(self):
        text = "a\n```c\n    owners[frame->vector](frame);\n```\nb"
        self.assertEqual(build.with_links("docs/x.md", text, set()), text)

    def test_missing_target(self):
        with self.assertRaisesRegex(Trouble, "docs/x.md links to ../nowhere.c"):
            build.with_links("docs/x.md", "[a](../nowhere.c)", set())


class Pages(unittest.TestCase):
    def test_every_op_and_class_has_a_page(self):
        library = dossier.Library()
        found = dict(pages.Pages(library, {"qemu": "SKIP: none"}, pages.source_link("../")).all())
        for name, op in library.table.ops.items():
            self.assertIn(op.signature, found[name])
            self.assertIn("qemu: SKIP: none", found[name])
            self.assertIn(f"]({name}.md)", found[f"class-{op.table}"])
            self.assertIn(f"]({name}.md#backends) |", found[f"class-{op.table}"])
        for kind in optable.classes(library.table.ops):
            self.assertIn(f"](class-{kind}.md)", found["index"])
            self.assertIn(f"](class-{kind}.md#backends)", found["index"])


class Charts(unittest.TestCase):
    def test_bars_grow_with_the_logarithm(self):
        one, thousand, million = map(chart.length_of, (1, 1000, 1_000_000))
        self.assertEqual(one, 2)
        self.assertAlmostEqual(thousand * 2, million)
        self.assertEqual(chart.length_of(10**9), million)

    def test_words_name_what_is_counted(self):
        costs = [dossier.Cost("qemu", 1.0, 0.0), dossier.Cost("xen-pvh", 15684.0, 1.0)]
        drawn = chart.render(costs)
        for words in ("qemu: 1 instruction, 0 hypercalls", "15,684 instructions, 1 hypercall<"):
            self.assertIn(f"{words}", drawn)

    def test_nothing_measured(self):
        self.assertEqual(chart.render([dossier.Cost("qemu", reason="not here")]), "")


class Check(unittest.TestCase):
    def faults(self, **files):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                Path(folder, name + ".html").write_text(text)
            return check.faults(Path(folder).resolve())

    def test_good_site(self):
        page = '<a href="b.html#x">b</a><a href="https://example.org">out</a>'
        self.assertEqual(self.faults(a=page, b='<p id="x">'), [])

    def test_faults(self):
        for page, fault in (
            ('<a href="c.html">', "a link to c.html, which does not exist"),
            ('<a href="b.html#y">', "a link to b.html#y, whose page has no such place"),
            ('<script src="https://x.org/a.js"></script>', "loads https://x.org/a.js"),
            ('<img src="none.svg">', "a link to none.svg, which does not exist"),
        ):
            (found,) = self.faults(a=page, b='<p id="x">')
            self.assertIn(fault, found)

    def test_style_sheet_loads_nothing_from_a_server(self):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder).resolve()
            for url, fault in (("data:image/svg+xml,<svg/>", ""), ("own.css", ""),
                               ("/javascript/none.css", "a link to /javascript/none.css"),
                               ("'https://x.org/a.css'", "elsewhere: https://x.org/a.css")):
                (root / "own.css").write_text(f"@import url({url});")
                found = check.faults(root)
                self.assertEqual(bool(fault), bool(found))
                self.assertIn(fault, "".join(found))


class Look(unittest.TestCase):
    """What paravane.site.look makes of a browser's reports. A step of ./run.sh test runs one."""

    def test_few_pages_stand_for_many_and_the_first_is_first(self):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name in ("docs/a", "docs/op/set_pte", "docs/op/set_pmd", "index", "search"):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / f"{name}.html").write_text("")
            names = [path.relative_to(root).as_posix() for path in look.sample(root)]
        self.assertEqual(names, ["index.html", "docs/a.html", "docs/op/set_pte.html"])

    def test_reports_that_are_faults(self):
        for method, params, words in (
            ("Network.requestWillBeSent", {"request": {"url": "https://a/b"}}, "it asks for https"),
            ("Network.requestWillBeSent", {"request": {"url": "file:///a"}}, ""),
            ("Log.entryAdded", {"entry": {"level": "error", "text": "lost", "url": "file:///a"}},
             "the browser reports: lost file:///a"),
            ("Log.entryAdded", {"entry": {"level": "info", "text": "fine"}}, ""),
            ("Runtime.consoleAPICalled", {"type": "error", "args": [{"value": "no"}]},
             "the console has: no"),
            ("Runtime.consoleAPICalled", {"type": "log", "args": [{"value": "yes"}]}, ""),
            ("Runtime.exceptionThrown",
             {"exceptionDetails": {"text": "Uncaught", "exception": {"description": "E: x\n at"}}},
             "a script fails: E: x"),
        ):
            with self.subTest(method=method, words=words):
                found = look._reported({"method": method, "params": params})
                self.assertIn(words, found)
                self.assertEqual(bool(words), bool(found))

    def test_links_within_the_site_need_a_file(self):
        self.assertTrue(look._exists("https://example.org/nowhere"))
        self.assertTrue(look._exists(Path(__file__).as_uri() + "#a-place"))
        self.assertFalse(look._exists("file:///nowhere/at/all.html"))


if __name__ == "__main__":
    unittest.main()
