# SPDX-License-Identifier: MIT
"""Replay: what a recording is compiled to, what counts as a difference, what is written in C."""

import contextlib
import io
import random
import struct
import tempfile
import types
import unittest
from pathlib import Path
from unittest import mock

from paravane.common import EXIT_USAGE, Trouble
from paravane.repro import repros
from paravane.trace import emit, events, frames, minimise, program, replay, steps, tables, text

from .recordings import RECORDING, TABLES, joined, known, known_tables


class CompileTest(unittest.TestCase):
    def setUp(self):
        self.made = program.compile_(joined(), known())

    def test_page_tables_that_were_not_recorded_are_left_out(self):
        self.assertEqual(self.made.left,
                         {"page tables, which this recording does not have": 1})
        self.assertEqual(len(self.made.steps), 3)

    def test_a_port_is_bound_by_the_call_that_returns_it(self):
        alloc, send, _ = self.made.steps
        self.assertEqual(alloc.binds, [steps.Bind(0, 4, 4)])
        self.assertEqual([(one.symbol, one.at) for one in send.relocations if one.is_memory],
                         [(0, 0)])
        self.assertEqual(alloc.registers["rax"], 32)
        self.assertEqual(bytes(alloc.memory[:8]), struct.pack("<HHI", 0x7FF0, 0x7FF0, 0))

    def test_code_keeps_the_high_halves(self):
        step = self.made.steps[2]
        self.assertEqual(step.relocations,
                         [steps.Relocation(False, 2, 8, offset=0, addend=0xDEAD000000000000)])
        self.assertEqual(step.registers["rbx"], 0xDEAD000000000006)
        self.assertEqual(bytes(step.memory), bytes(4) + b"\xf0\x7f")

    def test_the_image_reads_what_is_packed(self):
        code = self.made.code()
        magic, version, steps, nr_symbols, zero = struct.unpack_from("<8sIIII", code)
        self.assertEqual((magic, version, steps, nr_symbols, zero), (b"PVReplay", 2, 3, 1, 0))
        self.assertEqual(struct.unpack_from("<Q", code, 24), (frames.ZERO,))
        at = 32
        for step in self.made.steps:
            size = struct.unpack_from("<I", code, at)[0]
            self.assertEqual((size % 8, size), (0, len(step.code())))
            at += size
        self.assertEqual(at, len(code))

    def test_what_cannot_be_replayed_is_named(self):
        for old, new, words in (
            ("cmd=EVTCHNOP_send", "cmd=EVTCHNOP_new", "'EVTCHNOP_new' is not a number"),
            ("code=hex:0f01d9", "code=0f01d9", "is not 'hex:' and bytes"),
            ("rax=0xc", "rax=0x63", "its memory belongs to no register"),
        ):
            lines = RECORDING.replace(old, new).replace("call event_channel_op cmd=EVTCHNOP_new",
                                                        "call event_channel_op by=code "
                                                        "cmd=EVTCHNOP_new")
            with self.assertRaises(text.Bad) as caught:
                program.compile_(joined(lines), known())
            self.assertIn(words, str(caught.exception))

    def test_no_recording_breaks_the_compiler(self):
        chance, whole = random.Random(4), RECORDING.encode()
        compiled = 0
        for _ in range(1000):
            data = bytearray(whole)
            for _ in range(chance.randrange(1, 4)):
                at = chance.randrange(len(data))
                data[at : at + chance.randrange(3)] = chance.choice(
                    (b"9", b"0x", b"[7]", b"99999999999999", b"=", b" ", b"-", b"f", b"\n"))
            try:
                lines = [text.parse_line(line) for line in
                         data.decode("ascii", "replace").splitlines() if line]
                program.compile_(events.join(lines), known()).code()
                compiled += 1
            except (ValueError, text.Bad):
                pass
        self.assertGreater(compiled, 30)


class TablesTest(unittest.TestCase):
    def setUp(self):
        self.made = program.compile_(joined(TABLES), known_tables())
        self.image, self.root, self.table = self.made.steps[:3]

    def word(self, symbol):
        return self.made.words[symbol]

    def entries(self, step):
        return struct.unpack("<512Q", step.memory)

    def test_tables_are_steps_before_the_calls_that_need_them(self):
        self.assertEqual([step.mode for step in self.made.steps],
                         3 * [steps.FILL] + 2 * [steps.CALL] + [steps.FILL] + 3 * [steps.CALL])
        self.assertEqual(self.made.left, {})
        self.assertEqual(len(self.made.calls), 5)

    def test_a_table_has_a_frame_of_its_own(self):
        numbers = [step.registers["rax"] for step in self.made.steps[:3]]
        self.assertEqual(len(set(numbers)), 3)
        self.assertEqual([self.word(number) for number in numbers], 3 * [frames.UNMAPPED])
        self.assertEqual([self.root.registers[name] for name in ("rbx", "rcx", "rdx")], [4, 0, 1])

    def test_the_image_is_mapped_as_it_is_in_the_replay(self):
        self.assertEqual(set(self.entries(self.image)), {1 << 61 | 1})

    def test_entries_have_symbols_in_place_of_frames(self):
        entries = self.entries(self.table)
        self.assertEqual(self.word(tables.frame(entries[0])), frames.IMAGE | 0xFFFFFFFF80001000)
        self.assertEqual({self.word(tables.frame(entry)) for entry in entries[4:7]},
                         {frames.FRAME})
        self.assertEqual(entries[4] & 0xFFF, 0x063)  # Xen sets the global bit itself
        self.assertEqual(entries[9], 1 << 62 | 0x80000000FEE0027B)
        self.assertEqual(entries[10], 1 << 62 | 0x5000)

    def test_xens_slots_of_a_root_are_left_to_it(self):
        entries = self.entries(self.root)
        self.assertEqual(entries[256], 0)
        self.assertEqual(tables.frame(entries[511]), self.image.registers["rax"])

    def test_requests_are_relocated(self):
        update = self.made.calls[0]
        found = [(one.at, self.word(one.symbol), one.shift, one.addend)
                 for one in update.relocations if one.symbol >= 0]
        self.assertEqual(found, [
            (0, frames.UNMAPPED, 12, 0x28),
            (8, frames.IMAGE | 0xFFFFFFFF80001000, 12, 0x8000000000000063),
            (16, frames.UNMAPPED, 12, 0x31)])
        self.assertEqual(update.memory[24], 7)  # an update of the M2P has a pfn

    def test_a_call_with_an_address_is_made_on_the_root_of_its_cpu(self):
        _, first, load, other, of_cpu1 = self.made.calls
        self.assertEqual(first.root, 1 + self.root.registers["rax"])
        self.assertEqual(load.root, steps.OWN_ROOT)
        self.assertEqual([one.at for one in load.relocations if one.symbol >= 0], [8])
        self.assertNotIn(other.root, (0, first.root))
        self.assertEqual(of_cpu1.root, first.root)

    def test_entries_are_written_as_runs(self):
        values = [0, 0x1067, 0x2067, 0x3067, 0x5061, 0x6000, 0x7000, 0x9063, 0x8063, 0x7063]
        values += 502 * [0]
        fields = tables.fields(struct.pack("<512Q", *values))
        self.assertEqual(fields, {"entry[1]": "0x1067", "entry[1].count": "3",
                                  "entry[4]": "0x5061", "entry[5]": "0x6000",
                                  "entry[6]": "0x7000", "entry[7]": "0x9063",
                                  "entry[7].count": "3", "entry[7].step": "-0x1000"})
        line = text.Line(1, 0, 0, "table", "level1", fields)
        self.assertEqual(tables.entries(line), values)

    def test_a_returned_frame_leaves_the_others_the_guests(self):
        found = frames.Frames()
        found.add(text.parse_line("1 0 0 frames guest pfn=0 mfn=0x100 count=256"))
        found.add_returned(0x120)
        found.add_returned(0x300, 2)
        self.assertEqual([found.key(mfn) is None for mfn in (0x120, 0x130, 0x301, 0x302)],
                         [False, False, False, True])

    def test_frames_of_xen_that_are_mapped_are_those_of_the_replay(self):
        """0x120 was the guest's, which has given it back, and is one of its grant table now."""
        lines = TABLES + """\
16 0 0 call grant_table_op cmd=GNTTABOP_setup_table ops=0xffff0000 count=1 ops[0].nr_frames=2 \
ops[0].frame_list=0xffff1000
17 0 0 return grant_table_op of=16 result=0 ops[0].nr_frames=2 ops[0].frame_list=0xffff1000 \
ops.frame_list[0]=0x777 ops.frame_list[1]=0x120
18 0 0 call update_va_mapping va=0x2000 val=0x120063 flags=2
19 0 0 return update_va_mapping of=18 result=0
20 0 0 call update_va_mapping va=0x3000 val=0x121063 flags=2
21 0 0 return update_va_mapping of=20 result=0
"""
        made = program.compile_(joined(lines), known_tables())
        grow, first, second = made.calls[-3:]
        self.assertEqual([one.at - grow.binds[0].at for one in grow.binds], [0, 8])
        self.assertEqual([one.symbol for one in first.relocations], [grow.binds[1].symbol])
        self.assertNotIn(second.relocations[0].symbol, {one.symbol for one in grow.binds})

    def test_debug_registers_are_those_of_the_vcpu_that_replays(self):
        lines = "1 0 0 call get_debugreg reg=6\n2 0 0 return get_debugreg of=1 result=0xffff0ff1"
        made = program.compile_(joined(lines), known())
        self.assertEqual(made.left, {"registers and tables of the vCPU that replays": 1})

    def test_no_table_breaks_the_compiler(self):
        for old, new in (("entry[4].count=3", "entry[4].count=900"),
                         ("level1 mfn=0x103", "level7 mfn=0x103"),
                         ("entry[9]=0x8", "entry[9]=0xfffff8"), ("va=0x200000", "va=x"),
                         ("pfn=0 mfn=0x100 count", "mfn=y count")):
            with self.assertRaises(text.Bad):
                program.compile_(joined(TABLES.replace(old, new)), known_tables())


class ShrinkTest(unittest.TestCase):
    """What minimise leaves of page tables."""

    def test_a_refused_update_needs_one_empty_table(self):
        kept, source, search = self.shrunk(is_table_needed=True)
        self.assertEqual([line.kind for line in kept], ["frames", "table", "call", "return"])
        self.assertEqual(kept[1].fields, {"mfn": "0x103", "va": "0x200000", "pinned": "1"})
        again = program.compile_(events.join(kept), known_tables())
        self.assertEqual([(one.at, one.shift, one.addend) for one in again.calls[0].relocations],
                         [(one.at, one.shift, one.addend)
                          for one in search.best.calls[0].relocations])
        for words in ("MMUEXT_PIN_L1_TABLE, .arg1.mfn = symbol", "kit_mfn(kit_table())",
                      "if ((long long)regs.rax == -22)\n        bad(",
                      " << 12) + 0x28}, 8);"):
            self.assertIn(words, source)

    def test_a_call_that_is_refused_anyway_needs_no_table(self):
        kept, source, _ = self.shrunk(is_table_needed=False)
        self.assertEqual([line.kind for line in kept], ["frames", "call", "return"])
        self.assertNotIn("MMUEXT_PIN", source)
        self.assertIn("kit_mfn(kit_table())", source)

    def shrunk(self, is_table_needed):
        """Minimise TABLES until its first update is refused, which it is if the table that it
        names is there, or in any case. Return (lines, source of the repro, Search)."""
        made = program.compile_(joined(TABLES), known_tables())
        name = made.steps[2].registers["rax"]

        def machine(candidate, *_more, **_options):
            is_refused = not is_table_needed or any(
                step.mode == steps.FILL and step.registers["rax"] == name
                for step in candidate.steps)
            ended = [events.Event(step.event.line, 0, text.Line(
                9, 0, 0, "return", step.event.line.name, {
                    "of": "1", "result": "-22" if step.event.line.sequence == 5 and is_refused
                    else "0"}))
                for step in candidate.calls]
            result = types.SimpleNamespace(culprit="", status="PASS", reason="", ran=True)
            return replay.Outcome("", result, ended)

        real, replay.replay = replay.replay, machine
        judge, minimise.repro.judge = minimise.repro.judge, lambda result: ("", "")
        lines = [text.parse_line(line) for line in TABLES.splitlines()]
        recording = text.Recording({"platform": "xen-pv"}, lines)
        try:
            search = minimise.Search(made, None, None,
                                     minimise.Condition("mmu_update.result==-22"), 1)
            with contextlib.redirect_stdout(io.StringIO()), \
                    tempfile.TemporaryDirectory() as folder:
                search.minimise()
                minimise._write(Path(folder, "small"), "small", recording, search)
                with open(Path(folder, "small.trace"), "rb") as stream:
                    kept = text.read(stream).lines
                source = Path(folder, "small.c").read_text(encoding="utf-8")
        finally:
            replay.replay, minimise.repro.judge = real, judge
        return kept, source, search


class CompareTest(unittest.TestCase):
    def test_calls_of_several_cpus_are_announced(self):
        lines = "1 0 0 code code64 code=hex:0f05\n2 0 {} code code64 code=hex:0f05"
        for cpu, announced in ((0, False), (1, True)):
            made = program.compile_(joined(lines.format(cpu)), known())
            with contextlib.redirect_stdout(io.StringIO()) as said:
                replay._print_left(made)
            self.assertIn("2 hypercalls are made", said.getvalue())
            self.assertEqual("one CPU makes the calls of 2" in said.getvalue(), announced)

    def test_a_recording_without_hypercalls_is_refused(self):
        lines = [text.parse_line("1 0 0 op set_fixmap index=8 value=0")]
        with mock.patch.object(replay.layouts, "read", lambda _image: known()), \
                self.assertRaisesRegex(Trouble, "a.trace: no hypercall of it can be") as raised:
            replay.compile_for(text.Recording({}, lines), None, "a.trace")
        self.assertEqual(raised.exception.status, EXIT_USAGE)

    def differing(self, old, new):
        return [str(one).rpartition(": ")[2] for one in replay.compare(joined(old)[0],
                                                                       joined(new)[0])]

    def test_a_port_may_have_another_number(self):
        first = "\n".join(RECORDING.splitlines()[:2])
        self.assertEqual(self.differing(first, first.replace("port=9", "port=4")), [])
        self.assertEqual(self.differing(first, first.replace("result=0", "result=-22")),
                         ["result 0 -> -22"])

    def test_memory_may_be_at_another_address(self):
        lines = ("1 0 0 call grant_table_op cmd=GNTTABOP_setup_table\n"
                 "2 0 0 return grant_table_op of=1 result=0 ops[0].frame_list=0xffffffff802b4c30 "
                 "ops.frame_list[0]=0x777 ops[0].nr_frames=1")
        for old, new, found in (("0xffffffff802b4c30", "0xffffffff806c8000", []),
                                ("0x777", "0x778", []),
                                ("nr_frames=1", "nr_frames=0xffffffff806c8000",
                                 ["ops[0].nr_frames 1 -> 0xffffffff806c8000"])):
            self.assertEqual(self.differing(lines, lines.replace(old, new)), found)

    def test_what_a_call_without_return_has_written_differs(self):
        lines = "1 0 0 call mmu_update count=1\n2 0 0 return mmu_update of=1 result=0 done[0]=1"
        alone = lines.splitlines()[0]
        self.assertEqual(self.differing(lines, alone), ["result 0 -> no return", "done[0] 1 -> -"])

    def test_a_call_that_does_not_return_differs(self):
        first = "\n".join(RECORDING.splitlines()[:2])
        alone = RECORDING.splitlines()[0]
        self.assertIn("result 0 -> no return", self.differing(first, alone))


class EmitTest(unittest.TestCase):
    def test_the_repro_has_a_head_that_is_accepted(self):
        made = program.compile_(joined(), known())
        source = emit.write("small", made, {"platform": "xen-pvh"}, "Xen BUG */ at @x")
        self.assertIn('REPRO("small")', source)
        self.assertEqual(source.count("*/"), source.count("/*"))
        self.assertIn("STEP kit_run32(code2, sizeof(code2), &regs);", source)
        self.assertIn("memcpy(&symbol0, memory0 + 4, 4);", source)
        self.assertIn(".rcx = (kit_gfn(memory2) << PAGE_SHIFT) + 0xdead000000000000,", source)
        self.assertEqual(len(repros._KEY.findall(source)), source.count(" * @"))
