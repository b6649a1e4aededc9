# SPDX-License-Identifier: MIT
"""Positive controls: the edits that break a hypervisor, and the list of them."""

import dataclasses
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from paravane import archive, report
from paravane.common import Trouble
from paravane.repro import controls, proofs, repros
from paravane.run import packaged

SOURCE = """\
static int helper(int a);

int helper(int a)
{
    if ( a )
        return 1;
    return 0;
}

static long work(struct thing *t,
                 unsigned int n)
{
    if ( !aligned(t, 8) ||
         n > (1 + 2) )
        return -1;
    if ( n == 3 ) {
        unlock(t);
        return 2;
    }
    unlock(t);
    return helper(n);
}
"""
ASSEMBLY = "ENTRY(one)\n    popfq\n.Lhere:\n1:  popfq\ntwo:\n    popfq\n"


class EditTest(unittest.TestCase):
    def edit(self, line, source=SOURCE):
        return controls.parse_edit(line).apply(source)

    def test_never(self):
        edited = self.edit("f.c work never n > (1")
        self.assertIn(
            "if ( 0 && ( !aligned(t, 8) ||\n         n > (1 + 2) ) )\n        return -1;", edited
        )
        self.assertEqual(edited.count("0 &&"), 1)

    def test_drop(self):
        edited = self.edit("f.c work drop unlock(t)")
        self.assertIn("{\n        ;\n        return 2;", edited)
        self.assertEqual(edited.count("unlock(t);"), 1)

    def test_replace(self):
        self.assertIn("helper(n + 1)", self.edit("f.c work replace helper(n) by helper(n + 1)"))
        edited = self.edit("f.S one replace popfq by nop", ASSEMBLY)
        self.assertEqual(edited, "ENTRY(one)\n    nop\n.Lhere:\n1:  nop\ntwo:\n    popfq\n")

    def test_nothing_to_edit(self):
        for line in ("f.c helper never n ==", "f.c work drop lock(t)", "f.c helper replace 2 by 3",
                     "f.c none drop x"):
            with self.subTest(line), self.assertRaises(ValueError):
                self.edit(line)

    def test_malformed(self):
        for line in ("f.c work never", "f.c work sometimes x", "f.c work replace x"):
            with self.subTest(line), self.assertRaises(ValueError):
                controls.parse_edit(line)


class ListTest(unittest.TestCase):
    def test_the_tree(self):
        """Every control is that of a repro, and every repro can be seen to say bad and to say
        good."""
        known = repros.all_repros()
        listed = controls.load()
        for control in listed.values():
            self.assertIn(control.repro, known)
            self.assertLessEqual(set(control.platforms), set(known[control.repro].platforms))
        self.assertEqual(proofs.check(), [])

    def test_proofs(self):
        """Of packaged hypervisors by the head, of bare metal, of controls; or the reason in the
        head."""
        edit = (controls.parse_edit("f.c g drop h"),)
        breaks, repairs = controls.Control("one", "x", edit), controls.Control(
            "one", "x", edit, repairs=True
        )

        def lacking(expect, *listed, control=""):
            one = repros.Repro(
                "one", Path("one.c"), platforms=["xen-pv", "qemu"], expect=expect, control=control
            )
            return [line.partition(": one")[0] for line in proofs.lacking([one], listed)]

        self.assertEqual(lacking({"4": "good"}), ["no proof of bad"])
        self.assertEqual(lacking({"4.14": "bad", "4.20": "good"}), [])
        self.assertEqual(lacking({"4": "good"}, breaks), [])
        self.assertEqual(lacking({"4": "bad"}), ["no proof of good"])
        self.assertEqual(lacking({"4": "bad"}, repairs), [])
        self.assertEqual(lacking({"4": "bad", "qemu": "good"}), [])
        self.assertEqual(lacking({"4": "good"}, control="why"), [])
        # 4.1 is not packaged
        self.assertEqual(lacking({"4.1": "bad", "4.20": "good"}), ["no proof of bad"])
        self.assertEqual(lacking({}), ["no proof of bad", "no proof of good"])
        self.assertEqual(lacking({}, breaks), [])

    def test_configurations(self):
        """A control with assertions differs from the same one without, and so are their builds."""
        one = controls.Control("one", "x", (controls.parse_edit("f.c g drop h"),))
        debug = dataclasses.replace(one, name="one:debug", config="debug")
        self.assertEqual(
            (debug.repro, debug.unedited.name, one.unedited.name), ("one", "debug", "repaired")
        )
        with mock.patch.object(controls, "version", return_value="4.17.5-1"):
            self.assertEqual(
                controls.path_of(debug.unedited), packaged.cache_dir() / "xen-4.17.5-1-debug.elf"
            )
            self.assertNotEqual(
                controls.path_of(debug).name[-16:], controls.path_of(one).name[-16:]
            )

    def test_choose(self):
        known = controls.load()
        self.assertEqual([one.name for one in controls.choose(["xsa-213"], known)], ["xsa-213"])
        self.assertEqual(len(controls.choose([], known)), len(known))
        with self.assertRaisesRegex(
            Trouble, "no control is called 'xsa-1'; known: xsa-182"
        ) as caught:
            controls.choose(["xsa-1"], known)
        self.assertEqual(caught.exception.status, 2)

    def test_a_wrong_list(self):
        with tempfile.TemporaryDirectory() as scratch:
            for text in ("[a]\nbreaks = x\n", "[a]\nbreaks = x\nedit = f.c g sometimes h\n",
                         "breaks = x\n",
                         "[a]\nbreaks = x\nedit = f.c g drop h\nplatform = xen-pv\n",
                         "[a]\nbreaks = x\nrepairs = y\nedit = f.c g drop h\n",
                         "[a]\nbreaks = x\nedit = f.c g drop h\nconfig = fast\n"):  # fmt: skip
                path = Path(scratch, "controls.ini")
                path.write_text(text)
                with self.subTest(text), self.assertRaises(Trouble) as caught:
                    controls.load(path)
                self.assertEqual(caught.exception.status, 125)

    def test_table(self):
        """Only what is between the marks is replaced."""
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch, "x.md")
            path.write_text("a\n<!-- t begins -->\nold\n<!-- t ends -->\nb\n")
            report.write_between(path, "t", ["new"])
            self.assertEqual(path.read_text(), "a\n<!-- t begins -->\nnew\n<!-- t ends -->\nb\n")
            with self.assertRaises(Trouble):
                report.write_between(path, "u", ["new"])


class NamesTest(unittest.TestCase):
    def test_versions_end_where_a_number_ends(self):
        for wanted, version, expected in (
            ("4.1", "4.17.5+72-1", False),
            ("4.2", "4.20.4", False),
            ("4.17", "4.17.5+72-1", True),
            ("4.17", "4.17-amd64", True),
            ("4.17.5+7", "4.17.5+72-1", False),
            ("4.17.5", "4.17.5+72-1", True),
            ("4", "4.17", True),
            ("4.17.5+72-1", "4.17.5+72-1", True),
        ):
            with self.subTest(wanted=wanted, version=version):
                self.assertEqual(archive.names(wanted, version), expected)


if __name__ == "__main__":
    unittest.main()
