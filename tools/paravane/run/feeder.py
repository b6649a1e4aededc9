# SPDX-License-Identifier: MIT
"""Send a program's standard input over the console without loss: the runner's side of
docs/input.md.

The guest asks for a frame by a request in its output: ENQ and four digits, the offset of the byte
that it needs next. Each request is answered by one frame, or by '.' while there is nothing to send.
A request for an offset that was answered before means that the answer was lost, so the next frame
is shorter.
"""

import base64
import binascii
import re
import string

REQUEST = re.compile(rb"\x05([0-o]{4})", re.S)
_DIGITS = bytes(range(ord("0"), ord("0") + 64))
_BASE64 = (string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/").encode()
_TO_DIGITS = bytes.maketrans(_BASE64, _DIGITS)
_MASK = (1 << 24) - 1
NOTHING_YET = b"."
DATA_MIN = 48  # bytes of a frame: 73 characters, below the 128 that Xen holds
DATA_MAX = 12288  # lib/input_frame.h
AHEAD_MAX = 4 * DATA_MAX  # bytes that are read ahead of the guest


def frame(offset, data):
    """Return the frame that carries data, which is at this offset. No data: the stream's end."""
    body = (offset & _MASK).to_bytes(3, "big") + data
    body += binascii.crc_hqx(body, 0).to_bytes(2, "big")
    return b"{" + base64.b64encode(body).rstrip(b"=").translate(_TO_DIGITS) + b"}"


def value_of(digits):
    """Return the number that a request's digits stand for."""
    value = 0
    for digit in digits:
        value = value << 6 | digit - ord("0")
    return value


class Feeder:
    """The stream, from the first byte that the guest does not have.

    send: a function that types bytes at the console. It must not block.
    """

    def __init__(self, send):
        self._send = send
        self._carry = b""  # an unfinished request
        self._start = 0  # offset of what self._data begins with: the guest has all before it
        self._data = b""
        self._ended = False  # self._data is followed by the end
        self._sent = set()  # lengths of data in the frames that were sent for self._start
        self._size = DATA_MIN
        self._patience, self._acks = 1, 0  # acknowledged frames before the size grows
        self._asked = False  # the guest waits for a frame
        self.resent = 0

    def wants_more(self):
        """Return whether to read on from the stream's source."""
        return not self._ended and len(self._data) < AHEAD_MAX

    def unread(self):
        """Return how many bytes the guest has not asked for, as far as they were read here."""
        return len(self._data)

    def received(self):
        """Return how many bytes the guest has."""
        return self._start

    def add(self, data):
        """Append what was read from the source; b"" is its end."""
        self._ended = self._ended or not data
        self._data += data
        if self._asked:
            self._answer()

    def strip(self, data):
        """Return the guest's output without its requests, which are answered."""
        data = self._carry + data
        self._carry = b""
        cut = data.rfind(b"\x05", max(0, len(data) - 4))
        if cut >= 0 and not REQUEST.match(data, cut):
            data, self._carry = data[:cut], data[cut:]
        wanted = [value_of(digits) for digits in REQUEST.findall(data)]
        for offset in wanted[-1:]:  # later requests acknowledge more
            self._request(offset)
        return REQUEST.sub(b"", data)

    def _request(self, offset):
        ahead = (offset - self._start) & _MASK
        if ahead == 0 and self._sent:
            self.resent += 1
            self._size = max(DATA_MIN, self._size // 2)
            self._patience, self._acks = min(2 * self._patience, 4096), 0
        elif ahead in self._sent:
            self._start += ahead
            self._data = self._data[ahead:]
            self._sent = set()
            self._grow()
        elif ahead:
            return  # not an offset that the guest can have reached
        self._answer()

    def _grow(self):
        self._acks += 1
        if self._acks >= self._patience:
            self._size, self._acks = min(2 * self._size, DATA_MAX), 0

    def _answer(self):
        self._asked = not self._data and not self._ended
        if self._asked:
            self._send(NOTHING_YET)
            return
        data = self._data[: self._size]
        self._sent.add(len(data))
        self._send(frame(self._start, data))
