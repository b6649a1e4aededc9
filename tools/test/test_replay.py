# SPDX-License-Identifier: MIT
"""Replay and minimise: what a recording is compiled to, what counts as a difference, the search."""

import contextlib
import dataclasses
import io
import os
import random
import struct
import tempfile
import types
import unittest
from pathlib import Path
from unittest import mock

from paravane.common import EXIT_USAGE, Trouble
from paravane.repro import repros
from paravane.run import platforms
from paravane.trace import (emit, events, frames, layouts, minimise, program, replay, snapshot,
                            steps, tables, text)

_RECORDING = """\
1 0 0 call event_channel_op cmd=EVTCHNOP_alloc_unbound arg=0xffff0000 arg.dom=SELF \
arg.remote_dom=SELF arg.port=0
2 5 0 return event_channel_op of=1 result=0 arg.dom=SELF arg.remote_dom=SELF arg.port=9
3 6 0 call event_channel_op cmd=EVTCHNOP_send arg=0xffff0000 arg.port=9
4 7 0 return event_channel_op of=3 result=0
5 8 0 call mmu_update req=0x1000 count=1 done=0 domid=SELF req[0].ptr=0x1000 req[0].val=0
6 9 0 return mmu_update of=5 result=0
7 10 0 code code32 rax=0xc rbx=0xdead000000000006 rcx=0xdead000000123000 rsi=0x77 code=hex:0f01d9 \
memory=hex:00000000f07f
"""


def known():
    """Return Layouts with what the recording needs."""
    found = layouts.Layouts()
    found.values = {"event_channel_op": {6: "EVTCHNOP_alloc_unbound", 4: "EVTCHNOP_send"},
                    "memory_op": {6: "XENMEM_populate_physmap"},
                    "grant_table_op": {2: "GNTTABOP_setup_table"}}
    found.calls = {
        32: layouts.Call(32, "event_channel_op", [("cmd", "event_channel_op"), ("arg", "pointer")],
                         [(6, layouts.Arg(1, 8, 255, 3, "alloc")),
                          (4, layouts.Arg(1, 4, 255, 1, "send"))]),
        12: layouts.Call(12, "memory_op", [("cmd", "memory_op"), ("arg", "pointer")],
                         [(6, layouts.Arg(1, 40, 255, 1, "reservation"))]),
        1: layouts.Call(1, "mmu_update", []),
        20: layouts.Call(20, "grant_table_op", [("cmd", "grant_table_op"), ("ops", "pointer"),
                                                ("count", "dec")],
                         [(2, layouts.Arg(1, 24, 2, 3, "setup"))],
                         [(2, layouts.Arg(1, 8, 255, 2, "xen_pfn_t", "frame_list"))]),
    }
    found.fields = {"alloc": [layouts.Field("dom", "domid", 0, 2),
                              layouts.Field("remote_dom", "domid", 2, 2),
                              layouts.Field("port", "port", 4, 4)],
                    "send": [layouts.Field("port", "port", 0, 4)],
                    "setup": [layouts.Field("nr_frames", "dec", 4, 4),
                              layouts.Field("frame_list", "pointer", 16, 8)]}
    return found


def joined(lines=_RECORDING):
    return events.join([text.parse_line(line) for line in lines.splitlines()])


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
            lines = _RECORDING.replace(old, new).replace("call event_channel_op cmd=EVTCHNOP_new",
                                                         "call event_channel_op by=code "
                                                         "cmd=EVTCHNOP_new")
            with self.assertRaises(text.Bad) as caught:
                program.compile_(joined(lines), known())
            self.assertIn(words, str(caught.exception))

    def test_no_recording_breaks_the_compiler(self):
        chance, whole = random.Random(4), _RECORDING.encode()
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


# A guest with frames 0x100 to 0x1ff: 0x101 is its root, 0x102 a table of level 1 of its image, and
# 0x103 one that it makes. 0x150 is a page of the image, 0xfee00 a device's.
_TABLES = """\
1 0 0 frames guest pfn=0 mfn=0x100 count=256
2 0 0 table level1 mfn=0x102 va=0xffffffff80000000 pinned=0 entry[1]=0x8000000000150067
3 0 0 table level4 mfn=0x101 va=0 pinned=1 entry[256]=0x777027 entry[511]=0x102067
4 0 0 table level1 mfn=0x103 va=0x200000 pinned=0 entry[0]=0x8000000000150067 \
entry[4]=0x8000000000110163 entry[4].count=3 entry[9]=0x80000000fee0027b entry[10]=0x5000
5 0 0 call mmu_update req=0x1000 count=2 done=0 domid=SELF req[0].ptr=0x103028 \
req[0].val=0x8000000000150063 req[1].ptr=0x103031 req[1].val=0x7
6 0 0 return mmu_update of=5 result=0
7 0 0 call update_va_mapping va=0xffffffff80001000 val=0x8000000000150061 flags=2
8 0 0 return update_va_mapping of=7 result=0
9 0 0 table level4 mfn=0x104 va=0 pinned=0 entry[511]=0x102067
10 0 0 call mmuext_op ops=0x1000 count=2 done=0 domid=SELF ops[0].cmd=MMUEXT_NEW_BASEPTR \
ops[0].arg1.mfn=0x104 ops[0].arg2.src_mfn=0 ops[1].cmd=MMUEXT_INVLPG_LOCAL \
ops[1].arg1.mfn=0x103000 ops[1].arg2.src_mfn=0
11 0 0 return mmuext_op of=10 result=0
12 0 0 call update_va_mapping va=0x1000 val=0 flags=2
13 0 0 return update_va_mapping of=12 result=0
14 0 1 call update_va_mapping va=0x1000 val=0 flags=2
15 0 1 return update_va_mapping of=14 result=0
"""


def known_tables():
    """Return Layouts with the calls that change page tables."""
    found = known()
    pair = layouts.Arg(0, 16, 1, 1, "update")
    found.calls[1] = layouts.Call(
        1, "mmu_update", [("req", "pointer"), ("count", "dec"), ("done", "pointer"),
                          ("domid", "domid")], [(layouts.ANY, pair)])
    found.calls[26] = layouts.Call(
        26, "mmuext_op", [("ops", "pointer"), ("count", "dec"), ("done", "pointer"),
                          ("domid", "domid")],
        [(layouts.ANY, layouts.Arg(0, 24, 1, 1, "ext"))])
    found.calls[14] = layouts.Call(
        14, "update_va_mapping", [("va", "va"), ("val", "pte"), ("flags", "hex")])
    found.values["mmuext"] = {5: "MMUEXT_NEW_BASEPTR", 7: "MMUEXT_INVLPG_LOCAL"}
    found.fields["update"] = [layouts.Field("ptr", "maddr", 0, 8),
                              layouts.Field("val", "pte", 8, 8)]
    found.fields["ext"] = [layouts.Field("cmd", "mmuext", 0, 4),
                           layouts.Field("arg1.mfn", "mmuext_arg1", 8, 8),
                           layouts.Field("arg2.src_mfn", "mmuext_arg2", 16, 8)]
    return found


class TablesTest(unittest.TestCase):
    def setUp(self):
        self.made = program.compile_(joined(_TABLES), known_tables())
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
        lines = _TABLES + """\
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
                program.compile_(joined(_TABLES.replace(old, new)), known_tables())


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
        """Minimise _TABLES until its first update is refused, which it is if the table that it
        names is there, or in any case. Return (lines, source of the repro, Search)."""
        made = program.compile_(joined(_TABLES), known_tables())
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
        lines = [text.parse_line(line) for line in _TABLES.splitlines()]
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
        first = "\n".join(_RECORDING.splitlines()[:2])
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
        first = "\n".join(_RECORDING.splitlines()[:2])
        alone = _RECORDING.splitlines()[0]
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


class SnapshotTest(unittest.TestCase):
    def setUp(self):
        self.saver = snapshot._Saver("state", 5, 4, 1)
        self.addCleanup(self.saver.forget)
        self.addCleanup(self.saver.close_monitor)
        self.addCleanup(self.saver.raw.close)
        for at, data in ((8, b"first"), (70_000, b"second"), (3 << 20, b"third")):
            self.saver.memory[at : at + len(data)] = data

    def test_a_copy_has_the_memory_and_the_program(self):
        pages = [9 * 4096, 7 * 4096]  # of the program, scattered
        struct.pack_into("<IIQII", self.saver.memory, 20 * 4096 + 24, 1, 1, 4096, 1, 0)
        saved = types.SimpleNamespace(
            token=77, console=b"printed\n", program_pages=pages,
            ring_pages=[20 * 4096, 21 * 4096],
            copy_to=lambda fd: [os.pwrite(fd, self.saver.memory[start : start + size], start)
                                for start, size in snapshot._used_blocks(self.saver)])
        code = bytes(range(250)) * 20
        copy = snapshot._Restored(saved, code, 4, 1)
        self.addCleanup(copy.close)
        self.addCleanup(copy.close_monitor)
        self.addCleanup(copy.raw.close)
        self.assertEqual((copy.token, copy.prologue), (77, b"printed\n"))
        self.assertEqual(copy.memory[pages[0] :][:4096] + copy.memory[pages[1] :][:904], code)
        wanted = bytearray(self.saver.memory[:])
        for at, start in zip(pages, (0, 4096)):
            part = code[start : start + 4096]
            wanted[at : at + len(part)] = part
        self.assertEqual(copy.memory[:], bytes(wanted))
        self.assertEqual(copy.qemu_options()[-2:], ["-incoming", "defer"])

    def test_blocks_of_zeros_are_not_copied(self):
        self.saver.memory[1 << 20 : (1 << 20) + 4096] = bytes(4096)
        self.assertEqual(list(snapshot._used_blocks(self.saver)),
                         [(0, 2 << 16), (3 << 20, 1 << 16)])

    def test_pages_are_found_in_their_order(self):
        self.assertEqual(self.saver.find_pages(5), [])
        for at, number in ((40, 1), (30, 0)):
            self.assertEqual(self.saver.find_pages(5), [])
            struct.pack_into("<QQII", self.saver.memory, at * 4096, 0x6563617274767241, 5, number,
                             2)
        self.assertEqual(self.saver.find_pages(5), [30 * 4096, 40 * 4096])
        self.assertEqual(self.saver.find_pages(6), [])

    def test_a_machine_that_is_not_saved_leaves_no_files(self):
        folders = []

        def boot(saved, _options, _size):
            folders.append(saved.state.parent)
            saved.problem = "it does not boot"

        made = types.SimpleNamespace(code=lambda: b"")
        with contextlib.redirect_stdout(io.StringIO()), \
                mock.patch.object(snapshot.Snapshot, "_boot", boot):
            self.assertIsNone(minimise._saved(made, platforms.PLATFORMS["xen-pv"], None))
        self.assertFalse(folders[0].exists())

    def test_why_candidates_boot_is_printed(self):
        platform = types.SimpleNamespace(emulator=types.SimpleNamespace(NAME="the dom0"))
        with contextlib.redirect_stdout(io.StringIO()) as said:
            self.assertIsNone(minimise._saved(None, platform, None))
        self.assertIn("each candidate boots, because the machine cannot be saved: the dom0 has it",
                      said.getvalue())


class SearchTest(unittest.TestCase):
    """The search, on machines that only compare the steps with what is needed."""

    def minimise(self, count, needed, jobs=2, simple=True):
        calls = [dataclasses.replace(steps.Step(event), registers={
            **steps.Step(event).registers, "rdi": at}) for at, event in
            enumerate(joined("\n".join(f"{at} 0 0 code code64 code=hex:0f05"
                                       for at in range(1, count + 1))), 1)]
        made = steps.Program(calls)

        def machine(candidate, *_more, **_options):
            have = [step.event.line.sequence for step in candidate.calls]
            bad = set(needed) <= set(have)
            done = have.index(max(needed, key=have.index)) + 1 if bad else len(have)
            result = types.SimpleNamespace(culprit="hypervisor" if bad else "", status="PASS",
                                           reason="BUG" if bad else "", ran=True, banner="x",
                                           dying_is_bad="", hypervisor="x", repro=None)
            return replay.Outcome("", result, candidate.steps[:done])

        real, replay.replay = replay.replay, machine
        judge, minimise.repro.judge = minimise.repro.judge, lambda result: ("", result.reason)
        try:
            search = minimise.Search(made, None, None, minimise.Condition("bad"), jobs)
            with contextlib.redirect_stdout(io.StringIO()):
                found = search.minimise()
        finally:
            replay.replay, minimise.repro.judge = real, judge
        return found and [step.event.line.sequence for step in found.steps], search.tried

    def test_what_is_needed_is_found(self):
        for count, needed in ((1, [1]), (2000, [1234]), (2000, [5, 700, 1999]), (64, [63, 64])):
            found, tried = self.minimise(count, needed)
            self.assertEqual(found, needed)
            self.assertLess(tried, 300)

    def test_one_call_that_kills_is_found_at_once(self):
        self.assertLess(self.minimise(2000, [1234])[1], 8)

    def test_batches_are_shortened(self):
        lines = _TABLES + "14 0 0 call mmu_update req=0x1000 count=9 done=0 domid=SELF " + " ".join(
            f"req[{i}].ptr={0x103000 + 8 * i:#x} req[{i}].val={0x8000000000110063 + (i << 12):#x}"
            for i in range(9)) + "\n15 0 0 return mmu_update of=14 result=-22 done[0]=9\n"
        made = program.compile_(joined(lines), known_tables())
        whole = made.calls[-1]
        self.assertEqual((whole.batch.count, whole.batch.register), (9, "rsi"))

        def machine(candidate, *_more, **_options):
            wanted = {whole.memory[5 * 16 : 6 * 16].hex(), whole.memory[7 * 16 : 8 * 16].hex()}
            step = candidate.calls[-1]
            there = {step.memory[i * 16 :][:16].hex() for i in range(step.registers["rsi"])}
            bad = step.event is whole.event and wanted <= there
            return replay.Outcome("", types.SimpleNamespace(
                culprit="hypervisor" if bad else "", status="PASS", reason=""), candidate.calls)

        real, replay.replay = replay.replay, machine
        judge, minimise.repro.judge = minimise.repro.judge, lambda result: ("", result.reason)
        try:
            search = minimise.Search(made, None, None, minimise.Condition("bad"), 1)
            with contextlib.redirect_stdout(io.StringIO()):
                found = search.minimise()
        finally:
            replay.replay, minimise.repro.judge = real, judge
        step = found.calls[-1]
        self.assertEqual((len(found.calls), step.kept), (1, (5, 7)))
        line = minimise._simplified(step)
        self.assertEqual((line.fields["count"], line.fields["req[1].ptr"]), ("2", "0x103038"))
        self.assertNotIn("req[2].ptr", line.fields)
        again = program.compile_(joined(f"{_TABLES}{line}\n"), known_tables()).calls[-1]
        self.assertEqual(bytes(again.memory[:32]), bytes(step.memory[:32]))
        self.assertEqual([one.at for one in again.relocations],
                         [one.at for one in step.relocations])

    def test_what_does_not_end_so_is_not_minimised(self):
        self.assertIsNone(self.minimise(8, [9])[0])

    def test_padding_is_the_same_for_a_seed(self):
        recording = text.Recording({}, [event.line for event in joined()])
        one = minimise.padded(recording, 50, 7)
        self.assertEqual(one, minimise.padded(recording, 50, 7))
        self.assertEqual([line.sequence for line in one.lines], list(range(1, len(one.lines) + 1)))
        self.assertEqual(len(one.lines), 50 + len(recording.lines))

    def test_calls_that_overlap_are_written_in_their_order(self):
        """The second call begins before the first one has returned, on another CPU or in an NMI."""
        overlapping = "\n".join((
            "1 0 0 call event_channel_op cmd=EVTCHNOP_send arg=0xffff0000 arg.port=9",
            "2 1 1 call event_channel_op cmd=EVTCHNOP_send arg=0xffff0000 arg.port=8",
            "3 2 0 return event_channel_op of=1 result=0",
            "4 3 1 return event_channel_op of=2 result=0"))
        made = program.compile_(joined(overlapping), known())
        search = types.SimpleNamespace(best=made, ended="", result=None)
        recording = text.Recording({"platform": "xen-pvh"}, [])
        with tempfile.TemporaryDirectory() as scratch, contextlib.redirect_stdout(io.StringIO()):
            minimise._write(Path(scratch, "small"), "small", recording, search)
            with open(Path(scratch, "small.trace"), "rb") as stream:
                again = text.read(stream)
        self.assertEqual(again.problem, "")
        self.assertEqual([line.sequence for line in again.lines], [1, 2, 3, 4])

    def test_conditions(self):
        event = joined("1 0 0 call mmu_update req=0\n2 0 0 return mmu_update of=1 result=-22")[0]
        outcome = types.SimpleNamespace(steps=[event])
        for wish, holds in (("mmu_update.result<0", True), ("mmu_update.result==-22", True),
                            ("mmu_update.result>0", False), ("sched_op.result<0", False)):
            self.assertEqual(minimise.Condition(wish).call(outcome) is not None, holds)
        with self.assertRaises(Trouble):
            minimise.Condition("import os")
