#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/build/sites.py from outside: the sites that it finds in small images, and what it refuses."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.join(HERE, "..", "..", "tools")
TOOL = os.path.join(TOOLS, "build", "sites.py")
CC = os.environ.get("HOSTCC", "cc")

# Two ops, of which irq_enable is hot and has a tail.
IMAGE = """
    .text
    .globl _text_start, _text_end, _pv_tails, _pv_tails_end, pv_thunks, pv_thunks_end
    .globl pv_a, pv_irq_enable, pv_hot_irq_enable, pv_length_irq_enable, pv_tail_irq_enable, pv_thunk_size
    .set pv_length_irq_enable, 14
    .set pv_tail_irq_enable, 25
    .set pv_thunk_size, 6
_text_start:
pv_thunks:
pv_a:
    .skip 6
pv_irq_enable:
    .skip 6
pv_thunks_end:
pv_hot_irq_enable:
    ret
_start:
CODE
_pv_tails:
    .skip ROOM
_pv_tails_end:
_text_end:
    .data
DATA
"""
HOT = "    .fill 9, 1, 0x2e\n    call pv_hot_irq_enable\n"


class SitesTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def link(self, code, data="", room=0):
        text = IMAGE.replace("CODE", code).replace("DATA", data).replace("ROOM", str(room))
        with open(self.path("image.S"), "w", encoding="ascii") as f:
            f.write(text)
        flags = ["-nostdlib", "-static", "-no-pie", "-Wl,--emit-relocs", "-Wl,--build-id=none"]
        command = [CC, *flags, "-o", self.path("image"), self.path("image.S")]
        subprocess.run(command, check=True, capture_output=True)
        return self.path("image")

    def run_tool(self, *args):
        done = subprocess.run(
            [sys.executable, "-B", TOOL, *args], capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": TOOLS},
        )
        return done.returncode, done.stdout, done.stderr

    def sites(self, *args, **more):
        status, out, err = self.run_tool(self.link(*args, **more))
        self.assertEqual((status, err), (0, ""))
        return re.findall(r"\.long (\d+) \| (\d) << 8 \| 0x\w+ << 10 /\* (\w+)", out)

    def refuses(self, words, *args, **more):
        status, out, err = self.run_tool(self.link(*args, **more))
        self.assertEqual((status, out), (1, ""))
        self.assertRegex(err, words)

    def test_calls_and_jumps(self):
        found = self.sites("    call pv_a\n    jmp pv_irq_enable\n" + 2 * HOT, room=50)
        self.assertEqual(
            found,
            [
                ("0", "0", "a"),
                ("1", "1", "irq_enable"),
                ("1", "3", "irq_enable"),
                ("1", "3", "irq_enable"),
            ],
        )

    def test_names(self):
        for code, names in (("    call pv_a\n", ["a", ""]), ("    jmp pv_irq_enable\n", ["", "irq_enable"])):
            _, out, _ = self.run_tool(self.link(code))
            self.assertEqual(re.findall(r'\.asciz "(\w*)"', out), names)

    def test_what_patching_would_not_reach(self):
        self.refuses("_start.* refers to pv_a other than", "    leaq pv_a(%rip), %rax\n")
        self.refuses("refers to pv_a other than", "    nop\n", "    .quad pv_a\n")
        self.refuses("refers to pv_a other than", "    jz pv_a\n")
        self.refuses("refers to pv_hot_irq_enable other", "    call pv_hot_irq_enable\n", room=25)
        self.refuses("refers to pv_hot_irq_enable other", HOT.replace("call", "jmp"), room=25)

    def test_tails(self):
        self.refuses("1 sites have a tail, and there are 0 bytes", HOT)
        self.assertEqual(len(self.sites("    call pv_a\n", room=25)), 1)

    def test_check(self):
        image = self.link("    call pv_a\n" + HOT, room=25)
        table = self.path("sites.S")
        with open(table, "w", encoding="ascii") as f:
            f.write(self.run_tool(image)[1])
        self.assertEqual(self.run_tool("--check", table, image), (0, "", ""))
        moved = self.link("    nop\n    call pv_a\n" + HOT, room=25)
        status, _, err = self.run_tool("--check", table, moved)
        self.assertEqual(status, 1)
        self.assertIn("is not a site of a", err)

    def test_no_image(self):
        self.assertEqual(self.run_tool(TOOL)[0], 1)
        self.assertIn("No such file", self.run_tool(self.path("nowhere"))[2])


if __name__ == "__main__":
    unittest.main()
