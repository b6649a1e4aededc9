# SPDX-License-Identifier: MIT
"""A domU: its configuration, the machine of its dom0, and the toolstack's failures."""

import base64
import gzip
import tempfile
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from paravane.common import EXIT_SKIP, Trouble
from paravane.dom0 import disks, guest, image, nets
from paravane.dom0 import shape as shapes
from paravane.outer import parts, running, saved

ENDED = (
    "Parsing config\nWaiting for domain guest1 (domid 1) to die [pid 9]\n"
    "Domain 1 has shut down, reason code {} {}\n"
)


class ConfigTest(unittest.TestCase):
    def test_every_wish_is_a_line(self):
        wanted = guest.Wanted(
            "pvh", words="run=suite", mem=64, maxmem=128, smp=3, more='vif = [""]\na = "b"'
        )
        lines = wanted.config("guest2").splitlines()
        for line in (
            'name = "guest2"', 'type = "pvh"', 'kernel = "/run/in/image"', "memory = 64",
            'ramdisk = "/run/in/module"', 'cmdline = "run=suite"', "maxmem = 128", "vcpus = 3",
            'on_crash = "preserve"', 'on_poweroff = "preserve"', 'vif = [""]', 'a = "b"',
        ):  # fmt: skip
            self.assertIn(line, lines)
        self.assertFalse(
            [line for line in guest.Wanted("pv").config("g").splitlines() if "maxmem" in line]
        )

    def test_disks_are_xvda_and_xvdb(self):
        listed = (disks.Disk(mib=8), disks.Disk(file="/f", readonly=True))
        (line,) = [
            line
            for line in guest.Wanted("pv", disks=listed).config("g1").splitlines()
            if line.startswith("disk")
        ]
        self.assertEqual(
            line,
            'disk = ["format=raw,vdev=xvda,access=rw,target=/run/g1.disk0", '
            '"format=raw,vdev=xvdb,access=ro,target=/run/in/disk1"]',
        )
        self.assertEqual(
            disks.script("g1", listed),
            "echo 'paravane: scratch disk' >/run/g1.disk0; truncate -s 8M /run/g1.disk0\n",
        )

    def test_interfaces_have_addresses_of_their_own(self):
        lines = guest.Wanted("pv", nets=2).config("guest3").splitlines()
        self.assertIn(
            'vif = ["mac=00:16:3e:00:03:00,bridge=xenbr0", "mac=00:16:3e:00:03:01,bridge=xenbr0"]',
            lines,
        )
        self.assertNotIn("vif", guest.Wanted("pv").config("guest3"))
        self.assertEqual(nets.checked(nets.MAX), nets.MAX)
        with self.assertRaisesRegex(Trouble, "at most 4 interfaces"):
            nets.checked(nets.MAX + 1)

    def test_what_disk_asks_for(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "whole").write_bytes(bytes(1024))
            (folder / "odd").write_bytes(bytes(1025))
            (folder / "empty").write_bytes(b"")
            whole = str((folder / "whole").resolve())
            self.assertEqual(disks.parse("8M", folder), disks.Disk(mib=8))
            self.assertEqual(disks.parse("1M:ro", folder), disks.Disk(mib=1, readonly=True))
            self.assertEqual(disks.parse("whole", folder), disks.Disk(file=whole))
            self.assertEqual(
                disks.parse("whole:ro", folder), disks.Disk(file=whole, readonly=True)
            )
            self.assertEqual(
                disks.contents((disks.Disk(mib=1), disks.Disk(file=whole))), {"disk1": bytes(1024)}
            )
            for wrong, words in (
                ("0M", "1M to 128M"), ("129M", "1M to 128M"), ("none", "neither a file nor"),
                ("odd", "1025 bytes"), ("empty", "0 bytes"), (".", "neither a file nor"),
                ("8G", "neither a file nor"),
            ):  # fmt: skip
                with self.assertRaisesRegex(Trouble, words):
                    disks.parse(wrong, folder)
            with self.assertRaisesRegex(Trouble, "at most 8 disks"):
                disks.parse_all(["1M"] * 9, folder)

    def test_strings_are_escaped(self):
        self.assertEqual(guest.quoted("a b"), '"a b"')
        self.assertEqual(guest.quoted('say "x" \\n'), '"say \\x22x\\x22 \\\\n"')

    def test_ends(self):
        for code, word in enumerate(guest.ENDS):
            self.assertEqual(guest.end_of(ENDED.format(code, hex(code))), word)
        self.assertEqual(guest.end_of(ENDED.format(77, "0x4d")), "reason 77")
        self.assertEqual(
            guest.end_of("Waiting for domain\nDomain 1 has been destroyed.\n"), "destroyed"
        )
        self.assertIsNone(guest.end_of("Parsing config\nlibxl: error: no memory\n"))

    def test_first_error(self):
        output = "Parsing config\nlibxl: error: x.c:1: not enough memory\nxl: unable to exec\n"
        self.assertEqual(guest.error_of(output), "libxl: error: x.c:1: not enough memory")
        self.assertEqual(guest.error_of("a\nb\n\n"), "b")
        self.assertEqual(guest.error_of(""), "it printed nothing")


class FakeDom0:
    """Answers scripts from a list of (status, output); None means that the script still runs."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.scripts = []
        self.late = False  # no script of sh() ends
        self.made = running.Console()

    def console(self, _number):
        return self.made

    def start(self, script):
        self.scripts.append(script)
        return len(self.scripts)

    def result(self, _number):
        return self.answers.pop(0) if self.answers else None

    def sh(self, script, _limit=0):
        self.scripts.append(script)
        if self.late:
            raise running.Late("late")
        return 0, ""

    def wait_for(self, condition, _limit=0):
        return condition()


class ConsoleTest(unittest.TestCase):
    def test_the_length_of_the_text_is_where_the_next_one_begins(self):
        console = running.Console()
        console.feed(b"one\r\ntwo \xc3\xa4\r\n")
        self.assertEqual(console.text()[:7], "one\ntwo")
        seen = len(console.text())
        self.assertEqual(seen, len(console.data))
        console.feed(b"three\r\n")
        self.assertEqual(console.text(seen), "three\n")


class GuestTest(unittest.TestCase):
    def guest(self, *answers):
        self.said = []
        self.dom0 = FakeDom0(*answers)
        return guest.Guest(self.dom0, guest.Wanted("pv"), say=self.said.append)

    def test_runs_and_ends(self):
        one = self.guest(None, (0, ENDED.format(3, "0x3")))
        self.assertIsNone(one.poll())
        self.assertEqual([one.poll(), one.poll()], ["crash", "crash"])

    def test_a_suspend_is_cancelled_where_nothing_saves_the_domain(self):
        suspended, off = ENDED.format(2, "0x2"), "Domain 1 has shut down, reason code 0\n"
        self.assertEqual(self.guest((0, suspended)).poll(), "suspend")
        one = self.guest((0, suspended), (0, off))
        one._resumes = True
        self.assertIsNone(one.poll())
        self.assertIn("/domain_end -r $D", self.dom0.scripts[-1])
        self.assertEqual(one.poll(), "poweroff")

    def test_a_refusal_is_a_failure_of_the_toolstack(self):
        one = self.guest((3, "libxl: error: cannot\n"))
        with self.assertRaisesRegex(
            running.Failed, "xl create ended with status 3: libxl: error: cannot"
        ):
            one.poll()
        self.assertEqual(len(self.dom0.scripts), 1, "it was tried once")

    def test_a_crash_of_xl_is_tried_again_once(self):
        one = self.guest((139, "Segmentation fault\n"), (139, "Segmentation fault\n"))
        self.assertIsNone(one.poll())
        self.assertIn("signal 11 ended xl create", self.said[0])
        self.assertTrue(any("xl destroy guest1" in script for script in self.dom0.scripts))
        with self.assertRaisesRegex(running.Failed, "status 139"):
            one.poll()

    def test_a_time_limit_of_libxl_is_tried_again_once(self):
        limit = "libxl: error: x.c:1:y: Domain 1:unable to add device with path /local/domain/0\n"
        one = self.guest((3, limit), (3, limit))
        self.assertIsNone(one.poll())
        self.assertIn("a time limit of libxl's ended xl create (unable to add", self.said[0])
        with self.assertRaisesRegex(running.Failed, "xl create ended with status 3: .*unable to"):
            one.poll()

    def test_a_crash_of_xl_below_a_guest_that_ran_is_not(self):
        one = self.guest((139, "Segmentation fault\n"))
        one.console.feed(b"hello")
        with self.assertRaises(running.Failed):
            one.poll()

    def test_expect_sees_text_that_came_with_the_end(self):
        one = self.guest((0, ENDED.format(0, "0x0")))
        one.console.feed(b"one\r\ntwo 22\r\n")
        self.assertEqual(one.expect(r"^two (\d+)$")[1], "22")
        with self.assertRaisesRegex(running.Failed, "did not print 'three'.*ended by poweroff"):
            one.expect("three")

    def test_a_script_that_does_not_end_leads_to_the_state_of_the_guest(self):
        one = self.guest(None, None, (0, ENDED.format(3, "0x3")))
        self.dom0.late = True
        with self.assertRaisesRegex(running.Late, "late; the domain runs, and does not answer"):
            one.sh("sleep 9")
        self.assertEqual(self.dom0.scripts[-1], "xl sysrq guest1 s")
        one.console.feed(b"# memory: 1 of 2 MiB free\n")
        with self.assertRaisesRegex(running.Late, "late; the domain runs, and does not answer"):
            one.sh("sleep 9")  # what was printed before is not an answer
        with self.assertRaisesRegex(running.Late, "late; the domain ended by crash"):
            one.sh("sleep 9")


class MigrationTest(unittest.TestCase):
    def test_the_logs_are_two_ports_of_one_console(self):
        dom0 = mock.Mock()
        script = guest.migration(dom0, number=3, spare=4)
        dom0.lead.assert_called_once_with(4, 3)
        self.assertIn("for port in 4 5; do", script)
        self.assertIn("guest-guest3--incoming.log", script)
        self.assertIn("xl migrate -s \"\" guest3 ", script)


class Dom0Test(unittest.TestCase):
    """What is read of a dom0, without a machine."""

    def dom0(self):
        one = running.Outer.__new__(running.Outer)
        one.problem, one.log, one._answers, one._agent = "", [], {}, b""
        one._over = running.over(shapes.Shape())
        one._lines, one.on_line, one.changed = (
            running.Lines(),
            lambda line: None,
            threading.Condition(),
        )
        one.clock = mock.Mock(seconds=lambda: 0.0)
        return one

    def test_answers_in_pieces(self):
        one = self.dom0()
        text = f"0 0 \n7 3 {base64.b64encode(b'no such file').decode()}\n".encode()
        for at in range(len(text)):
            one._agent_data(text[at : at + 1])
        self.assertEqual(one.result(7), (3, "no such file"))
        self.assertIsNone(one.result(7))

    def test_the_end_of_dom0(self):
        for line, words in (
            (
                "[    3.1] Kernel panic - not syncing: Attempted to kill init!",
                "the dom0 panicked: Attempted to kill init!",
            ),
            (
                "(XEN) [    5.1] Hardware Dom0 crashed: rebooting machine",
                "the dom0 is over: Xen says crashed",
            ),
            (
                "dom0: failed: the agent ended with status 2",
                "the dom0 failed: the agent ended with status 2",
            ),
        ):
            one = self.dom0()
            one._serial_data(line.encode() + b"\r\n")
            self.assertTrue(one.problem.startswith(words), one.problem)
            with self.assertRaisesRegex(running.Failed, words):
                one.wait_for(lambda: None)
            self.assertEqual(one.wait_for(lambda: 5), 5, "what is there already is returned")

    def test_a_guests_panic_is_not_that_of_dom0(self):
        one = self.dom0()
        one._serial_data(b"(XEN) d1v0 Triple fault\n(XEN) Domain 1 (vcpu#0) crashed on cpu#0:\n")
        self.assertEqual(one.problem, "")


class MachineTest(unittest.TestCase):
    def test_memory_for_the_guests(self):
        self.assertEqual(shapes.Shape.of(256).mem, shapes.Shape.of(1024).mem)
        self.assertEqual(shapes.Shape.of(16384).mem, 32768)
        self.assertGreater(shapes.Shape.of(2048).mem, 2048)

    def test_command_line(self):
        dom0 = image.Image(Path("/c/xen"), Path("/c/vm,linux"), Path("/c/initramfs"), "key")
        shape = shapes.Shape(2048, 4, "/q", "+la57", Path("/x"), ("sync_console",))
        argv = saved.command_line(shape, dom0, "/s/ram", True, "/d", [10, 11, 12])
        text = " ".join(argv)
        self.assertEqual(argv[0], "/q")
        for part in (
            "-smp 4", "-accel tcg", ",+la57", "share=off", "-kernel /x", "sync_console",
            "/c/vm,,linux console=hvc0", ",/c/initramfs", "-incoming defer", "id=monitor,fd=10",
            "id=port1,fd=11", "id=port2,fd=12",
        ):  # fmt: skip
            self.assertIn(part, text)
        self.assertNotIn("-incoming", saved.command_line(shape, dom0, "/s/ram", False, "/d", [1]))

    def test_the_toolstack_is_of_the_release_of_the_xen(self):
        asked = []

        def find(xen):
            asked.append(xen)

        for head, release, words in (
            (b"4.17.5", "4.17", "./run.sh setup assembles it"),
            (b"4.20.4", "4.20", "toolstack of Xen 4.20 is assembled.*setup --dom0 4.20"),
            (b"4.21-unstable", "4.21", "no toolstack for a Xen 4.21.*: 4.14, 4.17, 4.20"),
            (b"unknown", "4.17", "./run.sh setup assembles it"),
        ):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "xen"
                text = b"#\n# Xen/x86 " + head + b" Configuration\n#\nCONFIG_X86=y\n"
                path.write_bytes(b"\x7fELF" + gzip.compress(text))
                shape = shapes.Shape(xen=path)
                with mock.patch.object(image, "find", find):
                    with self.assertRaisesRegex(Trouble, words) as raised:
                        saved.folder(shape)
                self.assertEqual((asked.pop(), raised.exception.status), (release, EXIT_SKIP))

    def test_each_toolstack_has_a_linux_and_a_c_library(self):
        for xen in image.RELEASES:
            of = image._selection(xen)
            both = [*of.packages, *of.beside]
            self.assertEqual(len(both), len(set(both)), xen)
            for name in ("linux-image-amd64", "busybox-static", "libc6", f"xen-utils-{xen}"):
                self.assertIn(name, both, xen)
        self.assertEqual(len({image._selection(xen).digest() for xen in image.RELEASES}), 3)

    def test_a_xen_may_have_shadow_page_tables(self):
        shape = shapes.Shape()
        for config, has in (
            (b"\nCONFIG_SHADOW_PAGING=y\n", True),
            (b"\n# CONFIG_SHADOW_PAGING is not set\n", False), (None, False),
        ):  # fmt: skip
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "xen"
                packed = gzip.compress(b"CONFIG_X86=y" + config) if config else b""
                path.write_bytes(b"\x7fELF\x1f\x8b\x08no" + gzip.compress(b"x") + packed + b"end")
                found = SimpleNamespace(xen=path)
                with mock.patch.object(image, "find", lambda _xen, found=found: found):
                    self.assertEqual(shape.has_shadow_paging(), has)
        with mock.patch.object(image, "find", lambda _xen: None):
            self.assertFalse(shape.has_shadow_paging())

    def test_two_threads_may_assemble_the_same(self):
        """Runs side by side look for their dom0, which a changed program has to be compiled for."""
        both = threading.Barrier(2)
        with tempfile.TemporaryDirectory() as name:
            source = Path(name) / "x.c"
            source.write_text("")

            def compiled(command, **_):
                Path(command[command.index("-o") + 1]).write_text("program")
                both.wait(10)
                return SimpleNamespace(returncode=0)

            with mock.patch.object(parts.subprocess, "run", compiled):
                with ThreadPoolExecutor() as pool:
                    made = [pool.submit(parts.compile_program, Path(name), "x", [source])
                            for _ in range(2)]
                    self.assertEqual([one.result().read_text() for one in made], ["program"] * 2)

    def test_depends_of_a_module(self):
        self.assertEqual(
            parts.module_depends(b"\0license=GPL\0depends=llc,stp\0name=bridge\0"), ["llc", "stp"]
        )
        self.assertEqual(parts.module_depends(b"\0depends=\0"), [])
