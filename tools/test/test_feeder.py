# SPDX-License-Identifier: MIT
"""The runner's side of docs/input.md, against a guest that follows the page, over a console that
loses and changes bytes."""

import base64
import binascii
import random
import unittest

from paravane.run import feeder
from paravane.run.feeder import Feeder, frame


class Guest:
    """What kernel/app_input.c does, on whole frames."""

    def __init__(self):
        self.data = b""
        self.ended = False

    def request(self):
        offset = len(self.data) & 0xFFFFFF
        return b"\x05" + bytes(ord("0") + (offset >> shift & 63) for shift in (18, 12, 6, 0))

    def take(self, sent):
        """Accept a frame if it is whole and the one that is wanted; return whether it was."""
        text = sent.translate(bytes.maketrans(feeder._DIGITS, feeder._BASE64))
        try:
            body = base64.b64decode(text[1:-1] + b"=" * (-(len(text) - 2) % 4))
        except binascii.Error:
            return False
        if binascii.crc_hqx(body[:-2], 0).to_bytes(2, "big") != body[-2:]:
            return False
        if int.from_bytes(body[:3], "big") != len(self.data) & 0xFFFFFF:
            return False
        self.data += body[3:-2]
        self.ended = len(body) == 5
        return True


class FeederTest(unittest.TestCase):
    def setUp(self):
        self.sent = []
        self.feeder = Feeder(self.sent.append)
        self.guest = Guest()

    def ask(self):
        """One request and what the feeder sends for it."""
        self.sent.clear()
        self.assertEqual(self.feeder.strip(self.guest.request()), b"")
        return self.sent[-1]

    def run_all(self, data, broken):
        """Send data; broken(text) returns what arrives of a frame's text."""
        left = data
        while not self.guest.ended:
            while self.feeder.wants_more():
                self.feeder.add(left[:5000])
                left = left[5000:]
            self.guest.take(broken(self.ask()))
        self.assertEqual(self.guest.data, data)

    def test_all_bytes_arrive(self):
        data = bytes(range(256)) * 1000
        self.run_all(data, lambda text: text)
        self.assertEqual(self.feeder.resent, 0)

    def test_lost_and_changed_bytes_are_sent_again(self):
        dice = random.Random(1)

        def broken(text):
            if dice.random() < 0.5:
                return text
            at = dice.randrange(1, len(text) - 1)
            lost, changed = text[:at] + text[at + 1 :], text[:at] + b"{" + text[at + 1 :]
            return dice.choice((lost, changed, text[:9] + b"}"))

        self.run_all(bytes(range(256)) * 500, broken)
        self.assertGreater(self.feeder.resent, 10)

    def test_console_that_takes_128_bytes(self):
        self.run_all(b"line\n" * 4000, lambda text: text if len(text) <= 128 else text[:128])

    def test_offsets_beyond_24_bits(self):
        self.guest.data = bytes((1 << 24) - 20)
        self.feeder._start = (1 << 24) - 20
        self.feeder.add(b"x" * 100)
        self.feeder.add(b"")
        while not self.guest.ended:
            self.assertTrue(self.guest.take(self.ask()))
        self.assertEqual(self.guest.data[-100:], b"x" * 100)

    def test_nothing_to_send_yet(self):
        self.assertEqual(self.ask(), b".")
        self.feeder.add(b"late")
        self.assertEqual(self.sent[-1], frame(0, b"late"))

    def test_end_is_repeated(self):
        self.feeder.add(b"")
        self.assertEqual([self.ask(), self.ask()], [frame(0, b"")] * 2)

    def test_longer_frame_that_was_late_is_acknowledged(self):
        self.feeder.add(b"x" * 10000)
        for _ in range(4):
            self.guest.take(self.ask())
        late, start = self.ask(), len(self.guest.data)
        shorter = self.ask()
        self.assertLess(len(shorter), len(late))
        self.assertTrue(self.guest.take(late))
        self.assertTrue(self.guest.take(self.ask()))
        self.assertGreater(len(self.guest.data), start)

    def test_offset_that_cannot_be_is_ignored(self):
        self.feeder.add(b"x" * 100)
        self.ask()
        self.sent.clear()
        self.feeder.strip(b"\x050001")
        self.feeder.strip(b"\x05oooo")
        self.assertEqual(self.sent, [])
        self.assertEqual(self.feeder.received(), 0)

    def test_requests_are_removed_wherever_they_are_cut(self):
        text = b"one\x050000two\n\x05" + b"x\x05zz\n"
        for cut in range(len(text)):
            lines = Feeder(self.sent.append)
            shown = lines.strip(text[:cut]) + lines.strip(text[cut:]) + lines.strip(b"rest")
            self.assertEqual(shown, b"onetwo\n\x05x\x05zz\nrest")

    def test_bounded_ahead_of_the_guest(self):
        while self.feeder.wants_more():
            self.feeder.add(b"x" * 65536)
        self.assertLess(self.feeder.unread(), feeder.AHEAD_MAX + 65536)


if __name__ == "__main__":
    unittest.main()
