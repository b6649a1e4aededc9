# SPDX-License-Identifier: MIT
"""Tests of paravane.op: the text of functions, call sites read from a console, and the dossier of
each op."""

import io
import unittest
from contextlib import redirect_stdout
from types import SimpleNamespace

from paravane.common import ROOT
from paravane.op import dossier, functions, sites, terminal

CONSOLE = """\
# site ffffffff80100004 spin_lock+0x9 save_fl inline 9c58 pushfq; popq %rax\r
# site ffffffff80100010 timer_start+0 clock_ns direct e801000000 native_clock_ns
# site nonsense
# 2 call sites of ops, 0 indirect, 1 direct, 1 inline, 0 nothing, 0 trap
"""


class Functions(unittest.TestCase):
    def test_every_backend_s_function_of_every_op_is_found(self):
        library = dossier.Library()
        for name in library.table.ops:
            for backend, function in library.dossier(name).functions.items():
                self.assertIsNotNone(function, f"{backend}: {name}")
                self.assertIn(function.name, function.text)

    def test_text_ends_with_the_function(self):
        found = functions.find(ROOT, "pv/native/mmu.c", "native_set_pte")
        self.assertEqual(
            found.text.splitlines()[0], "void native_set_pte(pte_t *slot, pte_t entry)"
        )
        self.assertEqual(found.text.splitlines()[-1], "}")
        line = (ROOT / "pv/native/mmu.c").read_text().splitlines()[found.line - 1]
        self.assertEqual(line, found.text.splitlines()[0])

    def test_missing_function(self):
        self.assertIsNone(functions.find(ROOT, "pv/native/mmu.c", "no_such_function"))


class Sites(unittest.TestCase):
    def test_sites_of_a_console(self):
        image = SimpleNamespace(bytes_at=lambda address, count: b"\xe8" * count)
        inline, direct = sites.parse(CONSOLE, image)
        self.assertEqual(
            (inline.op, inline.state, inline.after), ("save_fl", "inline", b"\x9c\x58")
        )
        self.assertEqual((inline.before, inline.code), (b"\xe8\xe8", "pushfq; popq %rax"))
        self.assertEqual(
            (direct.address, direct.offset, direct.code),
            (0xFFFFFFFF80100010, "0", "native_clock_ns"),
        )

    def test_disassembly(self):
        self.assertEqual(sites.disassemble(b"\x9c\x58", 0xFFFFFFFF80100004), ["pushf", "pop %rax"])


class Costs(unittest.TestCase):
    def test_what_is_missing_keeps_its_reason(self):
        measured = {
            "count": {"qemu": 2},
            "hypercalls": {"qemu": 0.0},
            "reason": {"xen-pv": "not here"},
        }
        one, other = dossier.costs_of(measured)
        self.assertEqual((one.platform, one.ticks, one.hypercalls), ("qemu", 2, 0.0))
        self.assertEqual((other.platform, other.ticks, other.reason), ("xen-pv", None, "not here"))


class Terminal(unittest.TestCase):
    def test_linux_of_a_backend_is_shown_beside_its_own_function(self):
        table = dossier.Library().table
        functions_of = {backend.name: backend.functions for backend in table.backends}
        for name, of in dossier.in_linux(dossier.IN_LINUX.read_text()).items():
            for backend in of:
                self.assertNotEqual(functions_of[backend][name], functions_of["native"][name])
        out = io.StringIO()
        with redirect_stdout(out):
            terminal.print_dossier(dossier.Library().dossier("steal_ns"), {})
        self.assertIn("    kvm:    kvm_steal_clock\n", out.getvalue())
        self.assertIn("    vmware: vmware_steal_clock\n", out.getvalue())

    def test_every_op_can_be_printed(self):
        library, out = dossier.Library(), io.StringIO()
        with redirect_stdout(out):
            terminal.print_list(library.table)
            for name in library.table.ops:
                terminal.print_dossier(
                    library.dossier(name), {"qemu": [], "xen-pv": "SKIP: no Xen"}
                )
        text = out.getvalue()
        for op in library.table.ops.values():
            self.assertIn(op.signature + "\n", text)
        self.assertIn("xen-pv: no run: SKIP: no Xen", text)
        self.assertNotIn("None", text)


if __name__ == "__main__":
    unittest.main()
