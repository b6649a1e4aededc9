# SPDX-License-Identifier: MIT
"""The monitor's command: its terminal, and its random lines."""

import os
import pty
import sys
import tempfile
import termios
import time
import unittest
from pathlib import Path

from build import shell_help
from paravane import optable
from paravane.common import ROOT
from paravane.run.machine import Machine
from paravane.shell import fuzz
from paravane.shell.command import RawTerminal, Soak


class Keys(RawTerminal):
    """A raw terminal at the other end of a pty, that keeps what it shows."""

    def __init__(self, keyboard):
        self.keyboard, self.is_tty, self.shown = keyboard, True, b""

    def show(self, text):
        self.shown += text


class TerminalTest(unittest.TestCase):
    def setUp(self):
        self.person, self.end = pty.openpty()
        self.addCleanup(os.close, self.person)
        self.addCleanup(os.close, self.end)

    def test_mode_is_restored(self):
        before = termios.tcgetattr(self.end)
        with Keys(self.end):
            mode = termios.tcgetattr(self.end)[3]
            self.assertFalse(mode & (termios.ECHO | termios.ICANON | termios.ISIG))
        self.assertEqual(termios.tcgetattr(self.end), before)

    def test_mode_is_restored_after_an_interrupt(self):
        before = termios.tcgetattr(self.end)
        with self.assertRaises(KeyboardInterrupt), Keys(self.end):
            raise KeyboardInterrupt
        self.assertEqual(termios.tcgetattr(self.end), before)

    def run_with(self, program, keys):
        with Keys(self.end) as terminal, tempfile.TemporaryDirectory() as scratch:
            os.write(self.person, keys)
            argv = [sys.executable, "-S", "-u", "-c", program]
            ending = Machine(argv, Path(scratch), 60, terminal=terminal).run()
        return ending, terminal.shown

    def test_each_key_is_passed_on_and_each_sequence_shown(self):
        program = (
            "import os, time; print(os.read(0, 6).hex()); os.write(1, b'\\x1b[3D\\a')"
            "; time.sleep(.2)"
        )
        ending, shown = self.run_with(program, b"\x01a\x03\x1b[A")
        self.assertEqual(ending.how, "exit")
        self.assertIn(b"0161031b5b41", shown)
        self.assertIn(b"\x1b[3D\a", shown)

    def test_one_key_ends_the_machine(self):
        with self.assertRaises(KeyboardInterrupt):
            self.run_with("import time; time.sleep(60)", b"x\x1d")


class HelpTest(unittest.TestCase):
    def test_text_is_the_contracts(self):
        text = shell_help.text_of(optable.read_ops(ROOT)["set_pte"])
        self.assertTrue(text.startswith("Change one entry of an announced table of level 1."))
        self.assertIn("\nContext:  thread; not preemptible.\n", text)
        self.assertLessEqual(max(map(len, text.splitlines())), shell_help.WIDTH)

    def test_texts_are_packed(self):
        found = shell_help.assembly(["say \"yes\"\n", "or \\ no\n"])
        self.assertIn("\t.globl shell_help, shell_help_pairs\n", found)
        self.assertEqual(found.count(".asciz"), 2)
        self.assertIn("\\042yes\\042\\012", found)


class FuzzTest(unittest.TestCase):
    def test_same_seed_same_lines(self):
        self.assertEqual(list(fuzz.lines(3, 200)), list(fuzz.lines(3, 200)))
        self.assertNotEqual(list(fuzz.lines(3, 200)), list(fuzz.lines(4, 200)))

    def test_no_line_confirms(self):
        for line in fuzz.lines(1, 5000):
            self.assertNotIn(b"really", line)
            self.assertNotIn(b"\n", line)

    def test_all_ops_and_commands_occur(self):
        text = b"\n".join(fuzz.lines(1, 8000)).decode("latin-1")
        for op in optable.read_ops(ROOT):
            self.assertRegex(text, rf"\b{op}\b")
        for command in set(fuzz.commands()) - fuzz.LEFT_OUT:
            self.assertRegex(text, rf"(?m)(^|; ){command}\b")

    def test_commands_are_found(self):
        known = set(fuzz.commands())
        self.assertLessEqual({"walk", "trace", "watch", "hypercall", "events"}, known)

    def test_lines_come_for_as_long_as_is_asked_for(self):
        with Soak(3, 0.2) as soak:
            began = time.monotonic()
            with open(soak.fileno(), "rb", closefd=False) as file:
                read = file.read().split(b"\n")[:-1]
            self.assertGreater(time.monotonic() - began, 0.2)
        self.assertEqual(soak.wrote, len(read))
        self.assertEqual(read[:100], list(fuzz.lines(3, 100)))

    def test_lines_end_with_their_reader(self):
        with Soak(3, 1000) as soak:
            os.read(soak.fileno(), 1)
        self.assertFalse(soak.is_writing())

    def test_lines_read(self):
        with tempfile.TemporaryDirectory() as scratch:
            log = Path(scratch) / "console.log"
            self.assertEqual(fuzz.lines_read(log), 0)
            log.write_text("> # 3 lines\n# 12 lines\n# tsc 5\n")
            self.assertEqual(fuzz.lines_read(log), 12)
