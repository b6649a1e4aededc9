# SPDX-License-Identifier: MIT
"""Minimise: the saved machine that its candidates are copies of, and the search."""

import contextlib
import dataclasses
import io
import os
import struct
import tempfile
import types
import unittest
from pathlib import Path
from unittest import mock

from paravane.common import Trouble
from paravane.run import platforms
from paravane.trace import minimise, program, replay, snapshot, steps, text

from .recordings import TABLES, joined, known, known_tables


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
        lines = TABLES + "14 0 0 call mmu_update req=0x1000 count=9 done=0 domid=SELF " + " ".join(
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
        again = program.compile_(joined(f"{TABLES}{line}\n"), known_tables()).calls[-1]
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
