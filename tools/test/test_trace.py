# SPDX-License-Identifier: MIT
"""Recordings: the file format and its parser, the decoder, the recorder, what is shown."""

import contextlib
import io
import json
import random
import struct
import tempfile
import time
import unittest
from pathlib import Path

from paravane.common import EXIT_USAGE, Trouble
from paravane.trace import chrome, command, decode, events, html, layouts, raw, text
from paravane.trace.recorder import Recorder

_HEADER = {"image": "Paravane 1 sha256=00", "platform": "xen-pv", "ticks-per-second": "1000000 (e)"}
_LINES = """\
1 0 0 op pin_root root=0x12
2 10 0 call mmuext_op ops=0xffff800000001000 count=1 done=0 domid=SELF \
ops[0].cmd=MMUEXT_PIN_L4_TABLE \
ops[0].arg1.mfn=0x1a3f ops[0].arg2.src_mfn=0
3 20 0 return mmuext_op of=2 result=0
4 25 1 callback exception vector=14 error=0x2 rip=0x100 address=0x10
5 30 0 opreturn pin_root of=1 result=0
6 40 0 call console_io cmd=CONSOLEIO_write count=9 buffer=0x1000 buffer.text="a \\"b\\"\\n\\x01="
7 41 0 return console_io of=6 result=-22
8 50 0 call sched_op cmd=SCHEDOP_yield arg=0 start_info=0
"""


def written(lines=_LINES, lost=0, header=None):
    out = io.StringIO()
    parsed = [text.parse_line(line) for line in lines.splitlines()]
    text.write(out, _HEADER if header is None else header, parsed, lost)
    return out.getvalue()


def parsed(data):
    return text.read(io.BytesIO(data if isinstance(data, bytes) else data.encode()))


class FormatTest(unittest.TestCase):
    def test_a_file_is_read_as_it_was_written(self):
        recording = parsed(written(lost=7))
        self.assertEqual("\n".join(map(str, recording.lines)) + "\n", _LINES)
        self.assertEqual((recording.problem, recording.lost), ("", 7))
        self.assertEqual(recording.header["platform"], "xen-pv")
        self.assertEqual(recording.ticks_per_second, 1_000_000)

    def test_texts_keep_every_byte(self):
        every = bytes(range(256))
        self.assertEqual(text.unquoted(text.quoted(every)), every)
        line = text.parse_line(f"1 0 0 op x text={text.quoted(every)} more=1")
        self.assertEqual(text.unquoted(line.fields["text"]), every)

    def test_edits_are_accepted(self):
        edited = written().replace("\n2 10", "\n\n# a comment\r\n2 10").replace("8 50", "19 50")
        self.assertEqual(parsed(edited).problem, "")

    def test_a_cut_file_keeps_what_precedes(self):
        whole = written()
        body = whole.index("\n\n") + 2
        for cut in range(body, len(whole) - 1):
            recording = parsed(whole[:cut])
            self.assertTrue(recording.problem, cut)
            self.assertLessEqual(len(recording.lines), 8)
            for line, right in zip(recording.lines[:-1], _LINES.splitlines()):
                self.assertEqual(str(line), right)

    def test_what_is_wrong_is_named(self):
        good = written()
        for data, words in (
            (b"", "it is not a recording"),
            (b"\x7fELF\0\0\0", "it is not a recording"),
            (b"paravane-trace", "it is not a recording"),
            (b"paravane-trace 2\n", "it has format 2, and this tool reads up to 1"),
            (b"paravane-trace 1\nplatform qemu\n", "it ends in its header"),
            (b"paravane-trace 1\nno\n\n", "line 2 of its header"),
        ):
            with self.assertRaises(text.Bad) as caught:
                parsed(data)
            self.assertIn(words, str(caught.exception))
        for old, new, words in (
            ("3 20 0 return", "3 20 0 jump", "'jump' is not a kind of record"),
            ("3 20 0", "3 20 x", "it does not begin with"),
            ("3 20 0", "2 20 0", "record 2 follows record 2"),
            ("result=0\n4", "result\n4", "'result' is not NAME=VALUE"),
            ("of=2 result=0", "of=2 of=2", "of is there twice"),
            ("records=8", "records=9", "counts 9 records, but there are 8"),
        ):
            recording = parsed(good.replace(old, new, 1))
            self.assertIn(words, recording.problem)

    def test_no_input_breaks_the_parser(self):
        good, chance = written().encode(), random.Random(1)
        for _ in range(1500):
            data = bytearray(good)
            for _ in range(chance.randrange(1, 6)):
                at = chance.randrange(len(data))
                what = chance.randrange(4)
                if what == 0:
                    data[at] = chance.randrange(256)
                elif what == 1:
                    del data[at : at + chance.randrange(40)]
                elif what == 2:
                    data[at:at] = data[: chance.randrange(200)]
                else:
                    data[at:at] = bytes(chance.choice(b'\n ="\\#[].') for _ in range(9))
                data = data or bytearray(b"x")
            try:
                recording = parsed(bytes(data))
            except text.Bad:
                continue
            for line in recording.lines:
                self.assertEqual(str(text.parse_line(str(line))), str(line))
            found = events.join(recording.lines)
            list(command.table(recording, found, 80))
            command.summary(recording, found)
            chrome.document(recording, found)
            html.page(recording, found)

    def test_a_long_line_is_refused(self):
        long = "9 60 0 op x a=" + "1" * (text.LINE_MAX + 10)
        self.assertIn("it does not begin", parsed(written()[:-24] + long + "\n").problem)


class EventsTest(unittest.TestCase):
    def setUp(self):
        self.recording = parsed(written())
        self.events = events.join(self.recording.lines)

    def test_names_are_those_of_the_headers(self):
        shown = [line.split("  ", 1)[1].strip() for line in
                 command.table(self.recording, self.events, 0)]
        self.assertIn("mmuext_op(PIN_L4_TABLE, mfn=0x1a3f) = 0", " ".join(shown))
        self.assertIn('console_io(write, "a \\"b\\"\\n\\x01=") = -22 EINVAL', " ".join(shown))
        self.assertIn("sched_op(yield) = ?", shown[-1])

    def test_lines_fit_the_terminal(self):
        for width in (40, 60, 80):
            for line in command.table(self.recording, self.events, width):
                self.assertLessEqual(len(line), max(width, 46))

    def test_calls_are_nested(self):
        self.assertEqual([event.depth for event in self.events], [0, 1, 0, 0, 0])
        self.assertEqual([event.ticks for event in self.events], [30, 10, 0, 1, 0])

    def test_errors(self):
        self.assertEqual([event.line.name for event in self.events if event.is_error],
                         ["console_io", "sched_op"])

    def test_chrome(self):
        found = chrome.document(self.recording, self.events)["traceEvents"]
        slices = [event for event in found if event["ph"] == "X"]
        self.assertEqual([(one["ts"], one["dur"]) for one in slices[:2]], [(0, 30), (10, 10)])
        json.dumps(found)

    def test_html_holds_no_tag_of_the_guest(self):
        recording = parsed(written('1 0 0 op x a="</script><b>"\n'))
        page = html.page(recording, events.join(recording.lines))
        self.assertNotIn("<b>", page)
        self.assertEqual(page.count("</script>"), 1)
        self.assertNotIn("http", page)


class CommandTest(unittest.TestCase):
    def test_a_damaged_file_is_shown_and_status_2(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "x.trace")
            path.write_text(written()[:-30], encoding="utf-8")
            said = io.StringIO()
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                self.assertEqual(command.run(["x.trace", "--summary"], Path(folder)), EXIT_USAGE)
            self.assertIn("x.trace: line 13: ", said.getvalue())

    def test_a_missing_file(self):
        with self.assertRaises(Trouble) as caught:
            command.run(["none"], Path("/"))
        self.assertEqual(caught.exception.status, EXIT_USAGE)


class Guest:
    """Writes records into a recorder's memory as pv/record/ring.c does."""

    SIZE = 64 << 10

    def __init__(self, recorder, cpus=1):
        self.memory = recorder.memory
        self.cpus = cpus
        self.count = 1 + cpus * self.SIZE // 4096
        self.sequence = 0
        # Scattered, and not in order: as a hypervisor may place them
        self.pages = [4096 * (3 + 2 * (self.count - i)) for i in range(self.count)]
        for number, at in enumerate(self.pages):
            struct.pack_into("<QQII", self.memory, at, 0x6563617274767241, recorder.token, number,
                             self.count)
        struct.pack_into("<IIQII", self.memory, self.pages[0] + 24, 1, cpus, self.SIZE, 0, 0)

    def ready(self):
        return struct.unpack_from("<I", self.memory, self.pages[0] + 40)[0]

    def clear(self):
        for at in self.pages[1:]:
            self.memory[at : at + 4096] = bytes(4096)

    def put(self, cpu, position, data):
        for i in range(0, len(data), 8):
            place = (position + i) % self.SIZE + cpu * self.SIZE
            at = self.pages[1 + place // 4096] + place % 4096
            self.memory[at : at + 8] = data[i : i + 8]

    def record(self, cpu, words, complete=True):
        """Append an op's record if there is room; return whether there was."""
        self.sequence += 1
        size = 24 + 8 * len(words)
        at = self.pages[0] + 256 + 32 * cpu
        head, tail = struct.unpack_from("<QQ", self.memory, at)
        left = self.SIZE - head % self.SIZE
        pad = left if left < size else 0
        if head + pad + size - tail > self.SIZE:
            return False
        if pad:
            self.put(cpu, head, struct.pack("<IBBH", pad, 1, cpu, 0))
        commit = struct.pack("<IBBH", size, raw.OP, cpu, 5) if complete else bytes(8)
        self.put(cpu, head + pad, commit + struct.pack(f"<QQ{len(words)}Q", self.sequence,
                                                       1000 + self.sequence, *words))
        struct.pack_into("<Q", self.memory, at, head + pad + size)
        return True


class RecorderTest(unittest.TestCase):
    def start(self, cpus=1):
        recorder = Recorder(4, cpus)
        guest = Guest(recorder, cpus)
        recorder.start()
        self.addCleanup(recorder.raw.close)
        limit = time.monotonic() + 30
        while not guest.ready():
            self.assertLess(time.monotonic(), limit)
            time.sleep(0.01)
        guest.clear()
        return recorder, guest

    def test_all_records_arrive_in_order(self):
        recorder, guest = self.start(cpus=2)
        chance, wanted = random.Random(2), []
        limit = time.monotonic() + 60
        while len(wanted) < 5000:
            words = [chance.getrandbits(64) for _ in range(chance.randrange(3, 40))]
            if guest.record(len(wanted) % 2, words):
                wanted.append(tuple(words[:3]))
            self.assertLess(time.monotonic(), limit)
        recorder.stop()
        self.assertEqual([record.words for record in raw.records(recorder.raw)], wanted)
        self.assertEqual(recorder.lost, {})

    def test_what_is_complete_when_the_machine_dies_is_kept(self):
        recorder, guest = self.start()
        for complete in (True, True, False, True):
            guest.record(0, [1, 2, 3], complete)
        recorder.stop()
        self.assertEqual([record.sequence for record in raw.records(recorder.raw)], [1, 2])

    def test_a_ring_that_makes_no_sense_ends_the_recording(self):
        for commit in (b"\xff" * 8, struct.pack("<IBBH", 12, 4, 0, 0),
                       struct.pack("<IBBH", 1 << 20, 4, 0, 0)):
            recorder, guest = self.start()
            guest.record(0, [1, 2, 3])
            guest.record(0, [1, 2, 3], False)
            guest.put(0, 48, commit)
            recorder.stop()
            self.assertIn("a record of", recorder.broken)
            self.assertEqual(len(list(raw.records(recorder.raw))), 1)

    def test_lost_records_are_counted(self):
        recorder, guest = self.start()
        struct.pack_into("<Q", guest.memory, guest.pages[0] + 256 + 16, 9)
        recorder.stop()
        self.assertEqual(recorder.lost, {0: 9})

    def test_a_guest_that_does_not_record(self):
        recorder = Recorder(4, 1)
        self.addCleanup(recorder.raw.close)
        recorder.start()
        recorder.stop()
        self.assertFalse(recorder.found)

    def test_no_raw_bytes_break_the_decoder(self):
        chance, decoder = random.Random(3), decode.Decoder(known())
        for _ in range(300):
            data = b""
            for _ in range(20):
                body = chance.randbytes(8 * chance.randrange(0, 30))
                data += struct.pack("<IBBHQQ", 24 + len(body), chance.randrange(12),
                                    chance.randrange(4), chance.choice((1, 12, 26, 7000)),
                                    chance.getrandbits(20), chance.getrandbits(40)) + body
            with tempfile.TemporaryFile() as cut:
                cut.write(data[: chance.randrange(len(data)) & ~7])
                for record in raw.records(cut):
                    line = decoder.line(record)
                    self.assertEqual(str(text.parse_line(str(line))), str(line))


def known():
    """Return Layouts with two hypercalls."""
    entries = [(1, 1, 160, 0, 0, 0, 0, "paravane record layouts"),
               (2, 1, 0, 0, 0, 0, 0, "mmu_update(req:pointer count:dec done:pointer domid:domid)"),
               (4, 1, 0xFFFFFFFF, 0, 16, 1, 1, "struct mmu_update"),
               (4, 1, 0xFFFFFFFF, 2, 4, 255, 2, "u32"),
               (6, 0, 0, 0, 8, 0, 0, "struct mmu_update : ptr : maddr"),
               (6, 0, 0, 8, 8, 0, 0, "struct mmu_update : val : pte"),
               (2, 12, 0, 0, 0, 0, 0, "memory_op(cmd:memory_op arg:pointer)"),
               (3, 0, 6, 0, 0, 0, 0, "memory_op XENMEM_populate_physmap"),
               (4, 12, 6, 1, 40, 255, 1, "struct xen_memory_reservation"),
               (5, 12, 6, 0, 8, 8, 3, "extent_start nr_extents xen_pfn_t"),
               (6, 0, 0, 8, 8, 0, 0, "struct xen_memory_reservation : nr_extents : dec"),
               (7, 5, 0, 0, 0, 0, 0, "int : irq_mask : (u32 line)"),
               (0, 0, 0, 0, 0, 0, 0, "")]
    data = b"\x7fELF" + bytes(100) + b"".join(
        struct.pack("<IIQIIII128s", *entry[:-1], entry[-1].encode()) for entry in entries)
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return layouts.read(Path(file.name))


class DecodeTest(unittest.TestCase):
    def line(self, kind, number, words, chunks=()):
        record = raw.Record(1, 5, 0, kind, number, tuple(words), list(chunks))
        return str(decode.Decoder(known()).line(record))

    def test_a_batch(self):
        requests = struct.pack("<4Q", 0x1000, 0x2003, 0x1008, 0)
        chunk = raw.Chunk(0xFFFF0000, 0, 0, 0, requests)
        self.assertEqual(
            self.line(raw.HYPERCALL, 1, (0xFFFF0000, 2, 0, 0x7FF0, 0, 0), [chunk]),
            "1 0 0 call mmu_update req=0xffff0000 count=2 done=0 domid=SELF req[0].ptr=0x1000 "
            "req[0].val=0x2003 req[1].ptr=0x1008 req[1].val=0")

    def test_a_list_within_a_struct(self):
        chunks = [raw.Chunk(0x10, 1, 0, 0, struct.pack("<5Q", 0x20, 2, 0, 0, 0)),
                  raw.Chunk(0x20, 1, 1, 0, struct.pack("<2Q", 7, 0x88))]
        self.assertEqual(
            self.line(raw.HYPERCALL, 12, (6, 0x10, 0, 0, 0, 0), chunks),
            "1 0 0 call memory_op cmd=XENMEM_populate_physmap arg=0x10 arg.nr_extents=2 "
            "arg.extent_start[0]=7 arg.extent_start[1]=0x88")

    def test_memory_that_cannot_be_read(self):
        chunk = raw.Chunk(0x10, 0, 0, raw.UNREADABLE, bytes(16))
        self.assertIn("req.unreadable=1", self.line(raw.HYPERCALL, 1, (16, 1, 0, 0, 0, 0), [chunk]))

    def test_page_tables_and_frames(self):
        entries = struct.pack("<512Q", 0, 0x1067, 0x2067, 0x9067, *508 * [0])
        self.assertEqual(
            self.line(raw.TABLE, 1, (0x1A3F, 0xFFFF880000000000, 0),
                      [raw.Chunk(0x10, 0, 0, 0, entries)]),
            "1 0 0 table level1 mfn=0x1a3f va=0xffff880000000000 pinned=0 entry[1]=0x1067 "
            "entry[1].count=2 entry[3]=0x9067")
        self.assertEqual(self.line(raw.FRAMES, 0, (16, 0x2000, 300)),
                         "1 0 0 frames guest pfn=0x10 mfn=0x2000 count=300")

    def test_results_have_signs(self):
        self.assertEqual(self.line(raw.OPRETURN, 5, (1, (1 << 64) - 22)),
                         "1 0 0 opreturn irq_mask of=1 result=-22")

    def test_a_hypercall_without_a_layout(self):
        self.assertEqual(self.line(raw.HYPERCALL, 55, (1, 2, 3, 0, 0, 0xFF)),
                         "1 0 0 call hypercall_55 a1=1 a2=2 a3=3 a4=0 a5=0 a6=0xff")
