# SPDX-License-Identifier: MIT
"""An outer machine's consoles: what a guest has printed is complete when its end is known."""

import io
import os
import signal
import socket
import tempfile
import threading
import unittest
from contextlib import redirect_stdout
from types import SimpleNamespace
from unittest import mock

from paravane.outer import relay, running, saved
from paravane.run import runs


class Starved:
    """An outer machine that gets a CPU of this computer for a part of the time only. It stands for
    its own condition variable, too. data: what its guest's console has after so many looks."""

    def __init__(self, looks, data, share):
        self._made, self._looks, self._data, self._share = running.Console(), looks, data, share
        self._own = 0.0
        self.changed, self.clock = self, SimpleNamespace(seconds=lambda: self._own)

    def console(self, _number):
        return self._made

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def wait(self, seconds):
        self._own += seconds * self._share
        self._looks -= 1
        if self._looks == 0:
            self._made.feed(self._data)


class LateTest(unittest.TestCase):
    def late(self, *answers):
        """Return the message of a script that does not end; answers: what a look at it gives."""
        fake = SimpleNamespace(
            name="the dom0", start=mock.Mock(return_value=7),
            wait_for=lambda _condition, _limit: answers[0] if answers else None,
        )  # fmt: skip
        script = "D=$(xl domid guest1) || exit 1\nA=10.0.0.2\n\nfor n in 1 2; do\n  x\ndone\n"
        self.look = fake.start
        return str(running.Outer.late(fake, script, 60, "/run/output.3"))

    def test_a_script_that_does_not_end_is_named_with_what_it_has_printed(self):
        self.assertEqual(
            self.late((0, "one\n")),
            "the dom0 did not end 'for n in 1 2; do' within 60 s; it has printed 'one\\n'",
        )
        self.look.assert_called_with("tail -c 300 /run/output.3")
        self.assertIn("cannot be looked at: tail hangs, too", self.late())
        self.assertEqual(running.first_line("D=1\n"), "D=1")

    def test_the_output_of_that_script_is_looked_at(self):
        fake = mock.Mock(start=lambda _script: 7, wait_for=lambda _condition, _limit: None)
        fake.late.return_value = running.Late("late")
        with self.assertRaises(running.Late):
            running.Outer.sh(fake, "sleep 9", 5)
        fake.late.assert_called_with("sleep 9", 5, "/run/output.7")


class CrashTest(unittest.TestCase):
    def run_with(self, *failures, may_repeat=True):
        """Return the failure of a run whose machines fail for these reasons, and how many ran."""
        left = list(failures)
        made = []

        def make():
            made.append(SimpleNamespace(said=SimpleNamespace(failed=left.pop(0)), run=lambda: None))
            return made[-1]

        with redirect_stdout(io.StringIO()) as said:
            machine, _ = runs._run(SimpleNamespace(name="domu-pvh"), make, may_repeat)
        return machine.said.failed, len(made), said.getvalue()

    def test_a_crash_of_qemu_is_named(self):
        crash = running.end_of_qemu(-signal.SIGSEGV, "")
        self.assertEqual(crash, "QEMU crashed: SIGSEGV")
        self.assertEqual(running.end_of_qemu(-6, "ERROR:x.c"), "QEMU crashed: SIGABRT: ERROR:x.c")
        for status in (-signal.SIGKILL, 0, 1):
            self.assertIn(f"ended with status {status}", running.end_of_qemu(status, ""))

    def test_it_is_repeated_once(self):
        crash = "QEMU crashed: SIGSEGV"
        failed, count, said = self.run_with(crash, "")
        self.assertEqual((failed, count), ("", 2))
        self.assertIn("domu-pvh: QEMU crashed: SIGSEGV; it runs once more", said)
        self.assertEqual(self.run_with(crash, crash, "")[:2], (crash, 2))
        self.assertEqual(self.run_with(crash, "", may_repeat=False)[:2], (crash, 1))
        self.assertEqual(self.run_with("the dom0 hangs", "")[:2], ("the dom0 hangs", 1))


class RelayTest(unittest.TestCase):
    def printed(self, looks, share):
        outer = Starved(looks, b"the last line", share)
        printed = []
        with mock.patch.object(relay.Relay, "print", lambda _, data: printed.append(data)):
            relay.Relay(outer).drain()
        return b"".join(printed), outer

    def test_the_last_lines_of_a_machine_that_gets_no_cpu(self):
        self.assertEqual(self.printed(looks=100, share=0.02)[0], b"the last line")

    def test_a_quiet_console_is_not_waited_for_long(self):
        self.assertLess(self.printed(looks=0, share=1)[1].clock.seconds(), 1)


class CopyTest(unittest.TestCase):
    def test_holes_remain_holes(self):
        with tempfile.NamedTemporaryFile() as old, tempfile.NamedTemporaryFile() as new:
            for file in (old, new):
                file.truncate(64 << 20)
            for at in (0, 17 << 20, (40 << 20) + 4096):
                os.pwrite(old.fileno(), b"data %d" % at, at)
            saved.copy_sparse(old.name, new.name)
            self.assertEqual(os.pread(old.fileno(), 64 << 20, 0),
                             os.pread(new.fileno(), 64 << 20, 0))
            self.assertLess(os.fstat(new.fileno()).st_blocks * 512, 1 << 20)


class ReadTest(unittest.TestCase):
    """The thread that reads the machine's sockets."""

    def setUp(self):
        pairs = {name: socket.socketpair() for name in range(saved.PORTS + 1)}
        self.theirs = {name: pair[1] for name, pair in pairs.items()}
        self.addCleanup(lambda: [one.close() for pair in pairs.values() for one in pair])
        one = self.outer = running.Outer.__new__(running.Outer)
        one.problem, one._answers, one._agent, one._consoles = "", {}, b"", {}
        one.log, one.on_line, one.changed = [], lambda line: None, threading.Condition()
        one._lines, one._over = running.Lines(), []
        one._machine = SimpleNamespace(
            serial=pairs[0][0], ports={name: pair[0] for name, pair in pairs.items() if name},
            process=SimpleNamespace(wait=lambda: 0),
        )  # fmt: skip
        one._errors = open(os.devnull, "rb")
        self.addCleanup(one._errors.close)

    def test_a_guests_last_lines_are_there_when_its_end_is(self):
        """Its console may have more than is read at once."""
        text = b"x" * (running._READ_MAX + 7)
        self.theirs[2].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * len(text))
        self.theirs[2].sendall(text)
        self.theirs[saved.AGENT].sendall(b"5 0 \n")
        seen = []
        answer = self.outer._agent_data

        def agent_data(data):
            seen.append(len(self.outer.console(1).data))
            answer(data)
            self.theirs[0].shutdown(socket.SHUT_WR)  # the machine ends

        self.outer._agent_data = agent_data
        self.outer._read()
        self.assertEqual(seen[0], len(text))
        self.assertEqual(self.outer.result(5), (0, ""))

    def test_two_ports_of_one_console(self):
        self.outer.lead(2, to=1)
        for port, data in ((2, b"one "), (3, b"two ")):
            self.theirs[port].sendall(data)
        self.theirs[0].shutdown(socket.SHUT_WR)
        self.outer._read()
        self.assertEqual(self.outer.console(1).text(), "one two ")


if __name__ == "__main__":
    unittest.main()
