# SPDX-License-Identifier: MIT
"""The op table read from sources, the mapping of 2007, and the report by op."""

import tempfile
import unittest
from pathlib import Path

from build import ops_doc
from build.ops_doc import Call
from paravane import contract, optable
from paravane.optable import OpTableError
from paravane.run.ktap import Test
from paravane.run.runs import Result
from paravane.suite import op_report

OPS_DEF = """
/* How to read it: PV_OP(class, ...) is not an op here. */
/* ---- Hardware ---- */
PV_CLASS_BEGIN(cpu)
#include "pv/ops/cpu.def"
PV_CLASS_END(cpu)
/* ---- Corners ---- */
PV_CLASS_BEGIN(lock)
#include "pv/ops/lock.def"
PV_CLASS_END(lock)
/* ---- Callbacks: elsewhere ---- */
"""
CPU_DEF = """
/* What the file has. */

/*
 * Read it (Intel SDM vol. 3, section 2). Never wait; see
 * below.
 *
 * Context:  any but NMI; interrupts off. Early.
 * Returns:  it, in
 *           units.
 * See:      SDM vol. 2, MOV
 */
PV_CONTEXT(read_it, PV_NOT_NMI | PV_IRQS_OFF)
PV_OP(cpu, u64, read_it, (void), ())

/*
 * Write it.
 *
 * Context:  thread; may migrate.
 * Takes:    it; done.
 * Returns:  0; 1; -EIO if it breaks; -EINVAL.
 * Used by:  suite
 * See:      SDM vol. 2, MOV
 */
PV_CONTEXT(write_it, PV_THREAD | PV_MIGRATABLE)
PV_STATUS(cpu, int, write_it, (u64 *it, void (*done)(int)),
          (it, done), 1, EIO, EINVAL)
"""
LOCK_DEF = """
/*
 * Wait.
 *
 * Context:  any; may migrate.
 * See:      SDM vol. 2, PAUSE
 */
PV_CONTEXT(wait, PV_ANY | PV_MIGRATABLE)
PV_OP(lock, void, wait, (void), ())
"""
KERNEL = "void f(void) { pv_read_it(); /* pv_write_it() is not called */ pv_wait(); }\n"
NATIVE = """
static int write_it(u64 *it) { return 0; }
const struct pv_cpu_ops native_cpu_ops = {
    .read_it = native_read_it, /* a comment, with .read_it = nothing, in it */
    .write_it = write_it,
};
static const struct pv_lock_ops native_lock_ops = {
    .wait = native_wait,
};
const struct pv_backend pv_backend_native = {
    .name = "native",
    .cpu = &native_cpu_ops,
    .lock = &native_lock_ops,
    .cs = 1,
};
"""
CALLBACKS = """
struct pv_callbacks {
    /*
     * Handle it (the op wait).
     *
     * Context:  interrupts off.
     * Takes:    frame, of the interrupted code; line.
     * See:      xen/sched.h, SCHEDOP_poll
     */
    void (*handle)(struct trap_frame *frame,
                   u32 line);

    /*
     * Continue.
     *
     * Context:  as handle.
     */
    void (*done)(void);
};
"""
DONE = CALLBACKS[CALLBACKS.index("    /*\n     * Continue.") : CALLBACKS.index("    void (*done)")]
TESTS = """
TEST(cpu, it_is_read, read_it,
     write_it)
{
    pv_write_it(NULL, NULL);
}
TEST(cpu, nothing)
{
}
"""


def tree(**changes):
    """The OpTable of a small tree, some of whose texts are replaced."""
    with tempfile.TemporaryDirectory() as scratch:
        return optable.read(write_tree(Path(scratch), **changes))


def write_tree(root, **changes):
    """root, where the tree is now."""
    texts = {"def": OPS_DEF, "cpu": CPU_DEF, "lock": LOCK_DEF, "native": NATIVE, "tests": TESTS,
             "kernel": KERNEL,
             "callbacks": CALLBACKS, **changes}
    for name, text in (
        ("pv/ops.def", texts["def"]),
        ("pv/ops/cpu.def", texts["cpu"]),
        ("pv/ops/lock.def", texts["lock"]),
        ("pv/callbacks.h", texts["callbacks"]),
        ("kernel/main.c", texts["kernel"]),
        ("pv/native/cpu.c", texts["native"]),
        ("pv/native/entry.S", "native_wait:\n\tret\n"),
        ("test/ops/cpu.c", texts["tests"]),
        ("test/host/not.c", "TEST(host, other, no_op_at_all)\n"),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def result(name, *tests, status="PASS", reason="", ran=True):
    return Result(name, status, reason, ran, tests=list(tests), directory="nowhere")


class TableTest(unittest.TestCase):
    def refuses(self, words, **changes):
        with self.assertRaisesRegex(OpTableError, words):
            tree(**changes)

    def test_ops(self):
        ops = tree().ops
        self.assertEqual(list(ops), ["read_it", "write_it", "wait"])
        self.assertEqual(
            optable.groups(ops), {"Hardware": ["read_it", "write_it"], "Corners": ["wait"]}
        )
        self.assertEqual(ops["write_it"].where, "pv/ops/cpu.def:26")
        self.assertEqual(ops["read_it"].rules, ("NOT_NMI", "IRQS_OFF"))
        self.assertEqual(ops["read_it"].statuses, "")
        self.assertEqual(ops["write_it"].statuses, "0 to 1, -EIO, -EINVAL")
        self.assertEqual(
            ops["write_it"].signature, "int write_it(u64 *it, void (*done)(int))"
        )
        self.assertEqual(ops["read_it"].summary, "Read it (Intel SDM vol. 3, section 2).")
        self.assertEqual(
            ops["read_it"].does, "Read it (Intel SDM vol. 3, section 2). Never wait; see below."
        )
        self.assertEqual(ops["read_it"].labels["Returns"], "it, in units.")
        self.assertEqual(ops["write_it"].used_by, "suite")

    def test_backends_and_tests(self):
        table = tree()
        self.assertEqual([backend.name for backend in table.backends], ["native"])
        functions = {"read_it": "native_read_it", "write_it": "write_it", "wait": "native_wait"}
        self.assertEqual(table.backends[0].functions, functions)
        self.assertEqual(table.files["write_it"], "pv/native/cpu.c")
        self.assertEqual(table.files["native_wait"], "pv/native/entry.S")
        self.assertEqual([test.name for test in table.tests], ["cpu.it_is_read", "cpu.nothing"])
        self.assertEqual([test.file for test in table.citing("write_it")], ["test/ops/cpu.c"])

    def test_tables_made_by_ops_def(self):
        made = "#define PV_OP(class, ret, name, params, args) .name = native_##name,\n"
        table = tree(native=made + NATIVE[NATIVE.index("const struct pv_backend") :])
        functions = {op: f"native_{op}" for op in ("read_it", "write_it", "wait")}
        self.assertEqual(table.backends[0].functions, functions)

    def test_what_cannot_be_is_refused(self):
        self.refuses("PV_CONTEXT.*nothing", cpu=CPU_DEF + "PV_CONTEXT(nothing, PV_ANY)\n")
        self.refuses(
            "lock.def:9: the op read_it is there twice",
            lock=LOCK_DEF.replace("lock, void, wait", "lock, void, read_it"),
        )
        self.refuses("no PV_OP", **{"def": ""})
        self.refuses("cannot read PV_OP", cpu=CPU_DEF.replace(", ())", ")", 1))
        self.refuses("cannot read PV_STATUS", cpu=CPU_DEF.replace(", 1, EIO, EINVAL", ""))
        self.refuses("of group ''", **{"def": OPS_DEF.replace("---- Hardware ----", "Hardware")})
        self.refuses(
            "write_it returns u64: a PV_STATUS",
            cpu=CPU_DEF.replace("int, write_it", "u64, write_it"),
        )
        self.refuses(
            "read_it returns int: a PV_STATUS", cpu=CPU_DEF.replace("u64, read_it", "int, read_it")
        )
        self.refuses(
            "the label Context is there twice", cpu=CPU_DEF.replace("Returns:", "Context:", 1)
        )
        self.refuses("not a label: 'Gives:", cpu=CPU_DEF.replace("Returns:", "Gives:  ", 1))
        self.refuses(
            "not the ops of its class: write_it", native=NATIVE.replace(".write_it = write_it,", "")
        )
        self.refuses("no function for wait", native=NATIVE.replace(".lock = &native_lock_ops,", ""))
        self.refuses("not found", native=NATIVE.replace("&native_cpu_ops", "&other_ops"))
        self.refuses("no struct pv_backend", native="")
        self.refuses("cites waits: no such op", tests="TEST(cpu, a, waits)\n")
        self.refuses("cannot read TEST", tests="TEST(cpu)\n")


class ContractTest(unittest.TestCase):
    """Each thing that the check of the contract compares, and that it does not complain without a
    reason."""

    def faults(self, **changes):
        with tempfile.TemporaryDirectory() as scratch:
            root = write_tree(Path(scratch), **changes)
            (root / "xen").mkdir()
            (root / "xen/sched.h").write_text("#define SCHEDOP_poll 3\n")
            return list(contract.faults(root, optable.read_ops(root), root / "xen"))

    def finds(self, fault, **changes):
        found = self.faults(**changes)
        self.assertEqual(len(found), 1, found)
        self.assertRegex(found[0], fault)

    def test_a_good_contract(self):
        self.assertEqual(self.faults(), [])

    def test_every_op_has_its_own_comment_and_labels(self):
        shared = (
            LOCK_DEF
            + "PV_CONTEXT(kick, PV_ANY | PV_MIGRATABLE)\nPV_OP(lock, void, kick, (void), ())\n"
        )
        self.finds(r"lock.def:11: kick: has no comment of its own", lock=shared)
        self.finds(
            "wait: no label See", lock=LOCK_DEF.replace(" * See:      SDM vol. 2, PAUSE\n", "")
        )
        self.finds(
            "write_it: no label Returns",
            cpu=CPU_DEF.replace(" * Returns:  0; 1; -EIO if it breaks; -EINVAL.\n", ""),
        )
        self.finds(
            "wait: .* a label Takes, and nothing",
            lock=LOCK_DEF.replace(" * See", " * Takes:    time.\n * See"),
        )
        self.finds("not in the order", lock=LOCK_DEF.replace(" */", " * Must:     wait.\n */"))
        self.finds("does not begin with a sentence", lock=LOCK_DEF.replace("* Wait.", "* Wait"))

    def test_labels_agree_with_the_definition(self):
        self.finds(
            "Context does not begin with 'any; bound'",
            lock=LOCK_DEF.replace("PV_MIGRATABLE", "PV_BOUND"),
        )
        self.finds("Takes does not name done", cpu=CPU_DEF.replace("it; done.", "it."))
        self.finds("other errors than PV_STATUS: EIO", cpu=CPU_DEF.replace("EIO, EINVAL)", "EIO)"))

    def test_used_by_agrees_with_the_callers(self):
        self.finds(
            "write_it: 'Used by', but the kernel calls it",
            kernel=KERNEL + "void g(void) { pv_write_it(); }\n",
        )
        uncalled = KERNEL.replace("pv_read_it", "f")
        self.finds("read_it: 'Used by' should be 'suite'", kernel=uncalled,
                   tests=TESTS + "u64 g = pv_read_it();\n")

    def test_see_names_what_xen_has(self):
        def see(text):
            return LOCK_DEF.replace("PAUSE", f"PAUSE; {text}; Linux: pv_wait")

        self.assertEqual(self.faults(lock=see("xen/sched.h, SCHEDOP_poll")), [])
        self.finds(
            "See: SCHEDOP_pol is not in xen/sched.h",
            lock=see("xen/sched.h, SCHEDOP_poll and SCHEDOP_pol"),
        )
        self.finds("See: .*/xen has no vcpu.h", lock=see("xen/vcpu.h, VCPUOP_up"))

    def test_every_callback_has_its_own_comment_and_labels(self):
        def finds(fault, old, new):
            self.assertIn(old, CALLBACKS)
            self.finds(fault, callbacks=CALLBACKS.replace(old, new))

        finds("callbacks.h: done: has no comment of its own", DONE, "")
        finds("callbacks.h: handle: no label Takes",
              "     * Takes:    frame, of the interrupted code; line.\n", "")
        finds("handle: Takes does not name line", "; line.", ".")
        finds("done: its comment has a label Takes", "handle.\n",
              "handle.\n     * Takes:    nothing.\n")
        finds("done: its comment has a label Used by", "handle.\n",
              "handle.\n     * Used by:  suite\n")
        finds("done: no label Context", "     * Context:  as handle.\n", "")
        finds("done: Context begins with none of: any", "as handle", "as hand")
        finds("done: its comment names the op kick, which", "as handle", "as the op kick")
        finds("done: Context begins with none of: any", "as handle", "interruptible")
        finds("handle: its comment names the op kick, which", "the op wait", "the op kick")
        finds("handle: See: SCHEDOP_pol is not", "SCHEDOP_poll", "SCHEDOP_pol")
        finds("done: not a label: 'Calls:", "handle.\n", "handle.\n     * Calls:    done.\n")
        finds("struct pv_callbacks: no callback found", "struct pv_callbacks {", "struct other {")

    def test_lines(self):
        self.finds(r"cpu.def:26: a pointer's star", cpu=CPU_DEF.replace("u64 *it", "u64 * it"))


def calls(*some):
    """The given calls, filled up to 89."""
    rest = range(ops_doc.CALLS - len(some))
    return [*some, *(Call(f"call{i}", (), "not here") for i in rest)]


class MappingTest(unittest.TestCase):
    def refuses(self, words, some):
        with self.assertRaisesRegex(OpTableError, words):
            ops_doc.check_mapping(some, {"read_it": None})

    def test_every_call_is_accounted_for(self):
        ops_doc.check_mapping(calls(Call("a", ("read_it", "planned:later"), "")), {"read_it": None})
        self.refuses("accounts for 88 calls", calls()[1:])
        self.refuses("accounts for 90 calls", calls() + [Call("a", (), "no")])
        self.refuses("twice: call1", calls()[:-1] + [Call("call1", (), "no")])
        self.refuses("no reason", calls(Call("a", (), "")))
        self.refuses("has no op later", calls(Call("a", ("later",), "")))
        self.refuses("not planned any more", calls(Call("a", ("planned:read_it",), "")))

    def test_lines(self):
        text = "# head\na\tread_it, planned:b\nc\t-\tno place\n"
        self.assertEqual(
            ops_doc.parse_mapping(text),
            [Call("a", ("read_it", "planned:b"), ""), Call("c", (), "no place")],
        )
        for bad in ("a read_it", "a\t", "a\t-\tb\tc", "\t-\tb"):
            with self.assertRaisesRegex(OpTableError, ":1:"):
                ops_doc.parse_mapping(bad)

    def test_what_came_true_is_promoted(self):
        self.assertEqual(ops_doc.promote("planned:a, planned:ab", {"a": None}), "a, planned:ab")

    def test_document(self):
        text = ops_doc.render(tree(), calls(Call("then", ("read_it", "planned:b"), "a | b")))
        self.assertIn(r"| 1 | `then` | `read_it`, planned: `b` | a \| b |", text)
        self.assertIn("**0** exist here, **1** are planned", text)
        self.assertIn("- Hardware: `write_it`", text)
        self.assertIn("| THREAD, MIGRATABLE | 0 to 1, -EIO, -EINVAL | suite |", text)
        self.assertIn("[`native_wait`](../pv/native/entry.S)", text)
        self.assertIn("[cpu.it_is_read](../test/ops/cpu.c)", text)


class ReportTest(unittest.TestCase):
    def test_cells_and_holes(self):
        table = tree(tests=TESTS + "TEST(lock, wait, wait, write_it)\n")
        good = result("qemu", Test("cpu.it_is_read", "pass"), Test("lock.wait", "skip", "one CPU"))
        text = op_report.render(table, [good])
        self.assertIn("| `write_it` | 1/2 [1] |", text)
        self.assertIn("| `wait` | skip [1] |", text)
        self.assertIn("- [1] one CPU", text)
        self.assertEqual(op_report.holes(table, [good]), [])
        document = op_report.document(table, [good])
        skipped = {"lock.wait": {"status": "skip", "reason": "one CPU"}}
        self.assertEqual(document["wait"], {"class": "Corners", "platforms": {"qemu": skipped}})

    def test_what_leaves_a_hole(self):
        table = tree()
        failed = result("qemu", Test("cpu.it_is_read", "fail"), status="FAIL", reason="1 test")
        crashed = result("grub", status="FAIL", reason="CRASH")
        absent = result("uefi", status="SKIP", reason="no OVMF", ran=False)
        holes = op_report.holes(table, [failed, crashed, absent])
        expected = {f"{op} on {on}" for op in table.ops for on in ("qemu", "grub")}
        # No test cites wait: that is a hole even where the platform was skipped.
        expected.add("wait on uefi")
        self.assertEqual({hole.split(":")[0] for hole in holes}, expected)
        text = op_report.render(table, [failed, crashed, absent])
        self.assertIn("| `read_it` | **FAIL** 0/1 | **empty** | skip [1] |", text)


if __name__ == "__main__":
    unittest.main()
