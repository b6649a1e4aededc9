# SPDX-License-Identifier: MIT
"""Replay and minimise: what a recording is compiled to, what counts as a difference, the search."""

import contextlib
import dataclasses
import io
import random
import struct
import tempfile
import types
import unittest
from pathlib import Path

from paravane.common import Trouble
from paravane.repro import repros
from paravane.trace import emit, events, layouts, minimise, program, replay, text

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
                    "memory_op": {6: "XENMEM_populate_physmap"}}
    found.calls = {
        32: layouts.Call(32, "event_channel_op", [("cmd", "event_channel_op"), ("arg", "pointer")],
                         [(6, layouts.Arg(1, 8, 255, 3, "alloc")),
                          (4, layouts.Arg(1, 4, 255, 1, "send"))]),
        12: layouts.Call(12, "memory_op", [("cmd", "memory_op"), ("arg", "pointer")],
                         [(6, layouts.Arg(1, 40, 255, 1, "reservation"))]),
        1: layouts.Call(1, "mmu_update", []),
    }
    found.fields = {"alloc": [layouts.Field("dom", "domid", 0, 2),
                              layouts.Field("remote_dom", "domid", 2, 2),
                              layouts.Field("port", "port", 4, 4)],
                    "send": [layouts.Field("port", "port", 0, 4)]}
    return found


def joined(lines=_RECORDING):
    return events.join([text.parse_line(line) for line in lines.splitlines()])


class CompileTest(unittest.TestCase):
    def setUp(self):
        self.made = program.compile_(joined(), known())

    def test_page_tables_of_another_guest_are_left_out(self):
        self.assertEqual(self.made.left, {"page tables of the recorded guest": 1})
        self.assertEqual(len(self.made.steps), 3)

    def test_a_port_is_bound_by_the_call_that_returns_it(self):
        alloc, send, _ = self.made.steps
        self.assertEqual(alloc.binds, [program.Bind(0, 4, 4)])
        self.assertEqual([(one.symbol, one.at) for one in send.relocations if one.is_memory],
                         [(0, 0)])
        self.assertEqual(alloc.registers["rax"], 32)
        self.assertEqual(bytes(alloc.memory[:8]), struct.pack("<HHI", 0x7FF0, 0x7FF0, 0))

    def test_code_keeps_the_high_halves(self):
        step = self.made.steps[2]
        self.assertEqual(step.relocations,
                         [program.Relocation(False, 2, 8, offset=0, addend=0xDEAD000000000000)])
        self.assertEqual(step.registers["rbx"], 0xDEAD000000000006)
        self.assertEqual(bytes(step.memory), bytes(4) + b"\xf0\x7f")

    def test_the_image_reads_what_is_packed(self):
        code = self.made.code()
        magic, version, steps, nr_symbols, frames = struct.unpack_from("<8sIIII", code)
        self.assertEqual((magic, version, steps, nr_symbols, frames), (b"PVReplay", 1, 3, 1, 0))
        at = 24
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


class CompareTest(unittest.TestCase):
    def differing(self, old, new):
        return [str(one).rpartition(": ")[2] for one in replay.compare(joined(old)[0],
                                                                       joined(new)[0])]

    def test_a_port_may_have_another_number(self):
        first = "\n".join(_RECORDING.splitlines()[:2])
        self.assertEqual(self.differing(first, first.replace("port=9", "port=4")), [])
        self.assertEqual(self.differing(first, first.replace("result=0", "result=-22")),
                         ["result 0 -> -22"])

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


class SearchTest(unittest.TestCase):
    """The search, on machines that only compare the steps with what is needed."""

    def minimise(self, count, needed, jobs=2, simple=True):
        steps = [dataclasses.replace(program.Step(event), registers={
            **program.Step(event).registers, "rdi": at}) for at, event in
            enumerate(joined("\n".join(f"{at} 0 0 code code64 code=hex:0f05"
                                       for at in range(1, count + 1))), 1)]
        made = program.Program(steps)

        def machine(candidate, *_more, **_options):
            have = [step.event.line.sequence for step in candidate.steps]
            bad = set(needed) <= set(have)
            done = have.index(max(needed, key=have.index)) + 1 if bad else len(have)
            result = types.SimpleNamespace(culprit="hypervisor" if bad else "", status="PASS",
                                           reason="BUG" if bad else "", ran=True, banner="x",
                                           dying_is_bad="", hypervisor="x", repro=None)
            return replay.Outcome("", result, candidate.steps[:done])

        real, replay.replay = replay.replay, machine
        judge, minimise.repro.judge = minimise.repro.judge, lambda result: ("", result.reason)
        try:
            search = minimise.Search(made, None, None, minimise.condition("bad"), jobs)
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
        search = types.SimpleNamespace(best=made, ended="")
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
            self.assertEqual(minimise.condition(wish)(outcome), holds)
        with self.assertRaises(Trouble):
            minimise.condition("import os")
