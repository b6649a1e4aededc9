# SPDX-License-Identifier: MIT
"""The machine, with a program in QEMU's place that does what a bad guest would."""

import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from paravane.run import feeder, machine
from paravane.run.machine import Machine


class Redirected:
    """What machine.Terminal is if the standard input is a file; it shows nothing."""

    is_tty = is_raw = False

    def __init__(self, file):
        self.keyboard = file.fileno()

    def show(self, text):
        """Show nothing."""


class MachineTest(unittest.TestCase):
    def run_program(self, program, timeout=60.0, **more):
        with tempfile.TemporaryDirectory() as scratch:
            argv = [sys.executable, "-S", "-u", "-c", program]
            fake = Machine(argv, Path(scratch), timeout, **more)
            ending = fake.run()
            self.log = (Path(scratch) / "console.log").read_bytes()
        return fake.said, ending

    def test_exit(self):
        said, ending = self.run_program("import sys; print('paravane: verdict PASS'); sys.exit(33)")
        self.assertEqual((ending.how, ending.code, said.verdict), ("exit", 33, "PASS"))

    def test_errors_are_kept(self):
        _, ending = self.run_program("import sys; sys.exit('qemu: no such machine')")
        self.assertEqual((ending.code, ending.message), (1, "no such machine"))

    def test_the_error_itself_is_kept(self):
        errors = (
            "qemu-x: warning: slow\\nqemu-x: no machine\\nUse -machine help\\nqemu-x: warning: old"
        )
        _, ending = self.run_program(f"import sys; sys.exit('{errors}')")
        self.assertEqual(ending.message, "no machine")

    def test_endless(self):
        started = time.monotonic()
        _, ending = self.run_program("while True: pass", timeout=0.5)
        self.assertEqual((ending.how, ending.limit), ("timeout", "0.5 s"))
        self.assertLess(time.monotonic() - started, 50)

    def test_closed_console(self):
        started = time.monotonic()
        program = "import os, time; os.close(1); time.sleep(60)"
        old, machine.SHUTDOWN_GRACE = machine.SHUTDOWN_GRACE, 0.2
        try:
            self.run_program(program)
        finally:
            machine.SHUTDOWN_GRACE = old
        self.assertLess(time.monotonic() - started, 50)

    def test_flood(self):
        _, ending = self.run_program("while True: print('x' * 1000)")
        self.assertEqual(ending.how, "flood")
        self.assertEqual(len(self.log), machine.LOG_MAX)

    def test_end_of_a_xen_machine(self):
        program = """
import time
print('paravane: Paravane on xen-pv')
print('paravane: verdict PASS')
print('(XEN) [    1.2] Hardware Dom0 halted: halting machine')
time.sleep(60)
"""
        started = time.monotonic()
        _, ending = self.run_program(program)
        self.assertEqual(ending.how, "over")
        self.assertLess(time.monotonic() - started, 50)

    def test_promise(self):
        program = """
print('paravane: echo other')
print('paravane: echo sesame')
print('got ' + input())
"""
        self.run_program(program, promise="sesame")
        self.assertIn(b"got sesame\n", self.log)

    def test_input_is_sent_as_it_is_asked_for(self):
        program = """
import sys
print('paravane: program x starts')
print('before\\x050000after')
sys.stdout.flush()
text = ''
while not text.endswith('}'):
    text += sys.stdin.read(1)
print('got', text.strip('.'))
"""
        wanted = feeder.frame(0, b"hello\n")
        with tempfile.TemporaryFile() as source:
            source.write(b"hello\n")
            source.seek(0)
            self.run_program(program, terminal=Redirected(source), framed=True)
        self.assertIn(b"beforeafter\n", self.log)
        self.assertIn(b"got " + wanted + b"\n", self.log)

    def test_end_of_input_without_a_terminal(self):
        wanted = feeder.frame(0, b"")
        program = f"""
import sys
print('\\x050000')
sys.stdout.flush()
print('got', sys.stdin.read({len(wanted)}))
"""
        self.run_program(program, framed=True)
        self.assertIn(b"got " + wanted, self.log)

    def test_unread_input_is_named(self):
        with tempfile.TemporaryFile() as source:
            source.write(b"hello\n")
            source.seek(0)
            program = "print('paravane: program x starts')\nwhile True: pass"
            how = {"terminal": Redirected(source), "framed": True}
            _, ending = self.run_program(program, timeout=1.0, **how)
        left = "the program has read 0 bytes of its input, and not all"
        self.assertEqual(ending.limit, f"1 s ({left})")

    def test_stop(self):
        stop = threading.Event()
        threading.Timer(0.3, stop.set).start()
        _, ending = self.run_program("while True: pass", stop=stop)
        self.assertEqual(ending.how, "interrupted")


if __name__ == "__main__":
    unittest.main()
