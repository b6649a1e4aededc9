# SPDX-License-Identifier: MIT
"""./run.sh operations: the sequence of a seed, what each operation does to the state, and what is a
refusal; bench --linux-domu: the times of domains."""

import argparse
import io
import random
import subprocess
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path
from unittest import mock

from paravane.common import EXIT_FAIL, EXIT_PASS, EXIT_USAGE, Trouble
from paravane.dom0 import beside_linux, cycles, dom0_shell, guest, operations, xl_operations
from paravane.outer import running

START = xl_operations.State(cpus=2, cpus_max=2, kib=64 << 10)


def sequence(seed, count, state=START):
    """Return [(state before, operation)] of a seed."""
    chooser, found = random.Random(seed), []
    for _ in range(count):
        operation = xl_operations.choose(chooser, state)
        found.append((state, operation))
        state = state if operation.refusal else operation.after(state)
    return found


class SequenceTest(unittest.TestCase):
    def test_a_seed_names_a_sequence(self):
        names = [[operation.name for _, operation in sequence(seed, 40)] for seed in (1, 1, 2)]
        self.assertEqual(names[0], names[1])
        self.assertNotEqual(names[0], names[2])

    def test_every_operation_is_chosen_and_most_are_refused_at_times(self):
        found = sequence(5, 3000)
        kinds = {operation.name.split()[0] for _, operation in found}
        self.assertEqual(
            kinds,
            set(
                "pause unpause trigger sysrq mem-set vcpu-set block-attach block-detach "
                "network-attach network-detach console save save-restore migrate".split()
            ),
        )
        refused = {operation.name.split()[0] for _, operation in found if operation.refusal}
        self.assertEqual(
            refused,
            set(
                "unpause trigger mem-set vcpu-set block-attach block-detach network-attach "
                "network-detach".split()
            ),
        )

    def test_what_takes_seconds_is_seldom(self):
        found = [operation for _, operation in sequence(4, 3000)]
        slow = sum(operation.suspends for operation in found)
        self.assertTrue(60 < slow < 240, slow)

    def test_a_paused_guest_is_not_asked_for_what_it_has_to_answer(self):
        for state, operation in sequence(6, 3000):
            if state.paused:
                self.assertFalse(operation.suspends, operation.name)
                self.assertFalse(operation.prints, operation.name)
                self.assertNotIn(
                    operation.name.split()[0],
                    "pause trigger block-attach block-detach network-attach network-detach".split(),
                )

    def test_the_state_follows(self):
        for state, operation in sequence(7, 3000):
            after = operation.after(state)
            if operation.suspends:
                self.assertEqual(after.suspends, state.suspends + 1)
            self.assertTrue(1 <= after.cpus <= after.cpus_max)
            if operation.name == "block-attach":
                self.assertEqual(bool(operation.refusal), state.attached)
            if operation.name.startswith("network-"):
                attaches = operation.name == "network-attach"
                self.assertEqual(bool(operation.refusal), attaches == state.connected)
                self.assertEqual(after.connected, attaches)
            if operation.name.startswith("trigger") and not operation.refusal:
                self.assertEqual(after.nmis, state.nmis + 1)

    def test_only_some_kinds(self):
        chooser = random.Random(9)
        for _ in range(100):
            operation = xl_operations.choose(chooser, START, ("migrate", "pause"))
            self.assertIn(operation.name, ("migrate", "pause"))
        paused = xl_operations.State(cpus=2, cpus_max=2, kib=1, paused=True)
        self.assertEqual(xl_operations.choose(chooser, paused, ("migrate",)).name, "unpause")

    def test_a_guest_that_cannot_migrate_is_refused(self):
        state = xl_operations.State(cpus=1, cpus_max=1, kib=1, migrates=False)
        for before, operation in sequence(8, 1000, state):
            if operation.name == "migrate":
                self.assertEqual(operation.refusal, "logdirty")
            self.assertFalse(before.migrates)


class RefusalTest(unittest.TestCase):
    def test_reasons(self):
        for status, output, reason in (
            (0, "", ""),
            (0, "Saving to /run/state new xl format\n", ""),
            (0, "libxl: error: libxl_domain.c:688:domain_unpause_done: Domain 1:Invalid argument\n",
             "Domain 1:Invalid argument"),
            (1, "You are overcommmitting! Aborting, use --ignore-host to continue\n",
             "You are overcommmitting! Aborting, use --ignore-host to continue"),
            (3, "", "status 3"),
            (3, "one\ntwo\n", "two"),
        ):  # fmt: skip
            self.assertEqual(operations.refusal(status, output), reason)

    def test_a_backend_that_does_not_answer_at_a_detach_is_a_failure(self):
        detach = xl_operations.Operation("network-detach", "")
        operations.check_that_all_was_finished(detach, "[info] net: net0: detached\n")
        why = "net: net0: the backend does not finish what is outstanding"
        with self.assertRaisesRegex(operations.Wrong, f"network-detach: {why}$"):
            operations.check_that_all_was_finished(detach, f"[warn] {why}\n")

    def test_what_must_not_happen_fails(self):
        run = operations.Run(b"", "pv", 2, 1, say=lambda line: None)
        allowed = xl_operations.Operation("pause", "")
        refused = xl_operations.Operation("mem-set 1g", "", refusal="less than")
        with self.assertRaisesRegex(Trouble, "pause was refused: no"):
            run.judge(allowed, "no")
        with self.assertRaisesRegex(Trouble, "mem-set 1g was not refused"):
            run.judge(refused, "")
        with self.assertRaisesRegex(Trouble, "mem-set 1g was refused: no"):
            run.judge(refused, "no")
        run.judge(refused, "must be less than 5")
        run.judge(allowed, "")


UNABLE = (
    "libxl: error: libxl_device.c:1109:device_backend_callback: Domain 1:unable to remove device"
    " with path /local/domain/0/backend/vbd/1/51728\nlibxl_device_disk_remove failed.\n"
)


class TimeLimitTest(unittest.TestCase):
    """A time limit of libxl's own is not what xl answers, nor the guest's fault."""

    def ask(self, operation, *answers, seconds=0.0):
        """Return what xl is said to have refused. answers: (status, output) of each script;
        seconds: of QEMU's own time for each."""
        left, now, self.scripts = list(answers), [0.0], []

        def sh(script, _limit):
            self.scripts.append(script)
            now[0] += seconds
            return left.pop(0)

        self.run_of = operations.Run(b"", "pv", 2, 1, say=lambda line: None)
        self.run_of._shell = mock.Mock(sh=sh)
        self.run_of._dom0 = mock.Mock(clock=mock.Mock(seconds=lambda: now[0]))
        self.run_of._domain = "1"
        return self.run_of._ask(operation)

    def operation(self, kind, **state):
        make = xl_operations._TABLE[kind][0]
        return make(random.Random(1), xl_operations.State(2, 2, 64 << 10, **state))

    def test_an_operation_is_asked_for_again(self):
        self.assertEqual(self.ask(self.operation("block-detach"), (1, UNABLE), (0, "")), "")
        self.assertEqual(self.scripts, ["D=1\nxl block-detach $D xvdb"] * 2)
        self.assertEqual(self.run_of.tally.limits, {"block-detach": 1})
        attach = self.operation("block-attach", attached=False)
        self.assertEqual(self.ask(attach, (1, UNABLE.replace("remove", "add")), (3, "no\n")), "no")
        self.assertIn("xl block-detach $D xvdb >/dev/null 2>&1; xl block-attach", self.scripts[1])

    def test_a_dom0_that_is_too_slow_all_the_time(self):
        answers = [(1, UNABLE)] * operations._TRIES
        detach = self.operation("network-detach")
        with self.assertRaisesRegex(guest.TooSlow, "network-detach: dom0 is too slow"):
            self.ask(detach, *answers, (0, "6\n"), seconds=30)
        self.assertIn("/local/domain/1/device/vif/0/state", self.scripts[-1])
        with self.assertRaises(guest.TooSlow):
            self.ask(detach, *answers, seconds=1)

    def test_a_guest_that_does_not_close_its_device(self):
        answers = [(1, UNABLE)] * operations._TRIES
        with self.assertRaisesRegex(operations.Wrong, "not closed device/vbd/51728 .* state is 4"):
            self.ask(self.operation("block-detach"), *answers, (0, "4\n"), seconds=10)

    def test_what_cannot_be_asked_for_again(self):
        self.assertEqual(self.ask(self.operation("save-restore"), (0, UNABLE)), "")
        killed = "killing execution of /etc/xen/scripts/block remove because of timeout"
        with self.assertRaisesRegex(guest.TooSlow, "migrate: dom0 is too slow .* killing"):
            self.ask(self.operation("migrate"), (1, f"libxl: error: x.c:1:y: {killed}\n"))
        self.assertEqual(len(self.scripts), 1)

    def test_suspends_are_made_once_more(self):
        slow, crash = guest.TooSlow("dom0 is too slow"), running.Failed("QEMU crashed: SIGSEGV")
        for trouble, words in ((slow, "dom0 is too slow"), (crash, "QEMU crashed: SIGSEGV")):
            one = mock.Mock(run=mock.Mock(side_effect=[trouble, "verdict"]))
            with mock.patch.object(cycles, "Cycles", lambda *_, one=one: one):
                with redirect_stdout(io.StringIO()) as said:
                    self.assertEqual(cycles._verdict("pv", 1, None, [], 0), "verdict")
            self.assertEqual(said.getvalue(), f"cycles: {words}; they run once more\n")
        with mock.patch.object(cycles, "Cycles", lambda *_: mock.Mock(run=mock.Mock(
                side_effect=[running.Failed("the guest did not print"), "verdict"]))):
            with self.assertRaisesRegex(running.Failed, "did not print"):
                cycles._verdict("pv", 1, None, [], 0)

    def test_what_cycles_refuse(self):
        for args, words in (
            ("", "the following arguments are required: TYPE"),
            ("hvm 1 1 1", "argument TYPE: invalid choice: 'hvm'"),
            ("pv 0 1 1", "'0' is not a number of virtual CPUs, 1 to 8"),
            ("pv 1 1 x", "'x' is not a number of suspends"),
            ("pv 1 0 0 0 1", "MOVED takes another suspend before it"),
            ("pv 1 1 1 --xen nowhere/xen.gz", "--xen: there is no file nowhere/xen.gz"),
            ("pv 1 0 0 1", "MIGRATED: this Xen has no shadow page tables"),
        ):
            with self.subTest(args), redirect_stdout(io.StringIO()) as said, mock.patch.object(
                cycles.shapes.Shape, "has_shadow_paging", return_value=False
            ):
                self.assertEqual(cycles.main(args.split()), EXIT_USAGE)
            self.assertRegex(said.getvalue(), f"^cycles: .*{words}")

    def test_the_most_suspends(self):
        self.assertEqual(cycles._parse("pv 1 1 1000".split()).RESTORED, 1000)
        with self.assertRaisesRegex(Trouble, "'1001' is not a number of suspends, 0 to 1000"):
            cycles._parse("pv 1 1 1001".split())

    def test_a_pvh_guest_migrates_on_every_xen(self):
        asked = cycles._parse("pvh 4 0 0 1000".split())
        with mock.patch.object(cycles.shapes.Shape, "has_shadow_paging", return_value=False):
            self.assertTrue(cycles._shape(asked).mem)


class FakeDom0:
    """A dom0 whose shell answers each line with what answers has next, piece by piece."""

    name = "the dom0"

    def __init__(self, *answers):
        self.answers, self.written, self.started = list(answers), b"", []
        self._console = running.Console()

    def console(self, _number):
        return self._console

    def start(self, script):
        self.started.append(script)

    def write(self, _number, data):
        self.written += data

    def late(self, script, limit, path):
        return running.Late(f"{script} {limit} {path}")

    def wait_for(self, condition, _limit):
        while (found := condition()) is None and self.answers:
            self._console.feed(self.answers.pop(0))
        return found


class ShellTest(unittest.TestCase):
    def test_answers_are_whole_and_in_order(self):
        dom0 = FakeDom0(b"> one\n> 2", b"\n", b"1", b"7\n", b"0\n")
        shell = dom0_shell.Shell(dom0, 8)
        self.assertIn("/dev/port9", dom0.started[0])
        self.assertEqual(shell.sh("first\nsecond"), (17, "one\n2\n"))
        self.assertEqual(shell.sh("third"), (0, ""))
        self.assertEqual(dom0.written, b"first\nsecond\n.\nthird\n.\n")

    def test_a_script_that_does_not_end_is_named(self):
        shell = dom0_shell.Shell(FakeDom0(b"> half"), 8)
        with self.assertRaisesRegex(running.Late, "sleep 9 5 /run/said.9"):
            shell.sh("sleep 9", 5)

    def test_the_loop_runs_scripts(self):
        """The same loop, in this computer's shell, with files in place of the port."""
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / name for name in ("in", "out", "said")]
            paths[0].write_text("echo a; echo ' b '\necho c >&2; exit 3\n.\ntrue\n.\nprintf x\n.\n")
            loop = dom0_shell.loop(8).replace("/run/said.9", str(paths[2]))
            loop = loop.replace("exec 6<>/dev/port9", f"exec 6<{paths[0]} 5>{paths[1]}")
            subprocess.run(["sh", "-c", loop.replace(">&6", ">&5")], check=True, timeout=60)
            self.assertEqual(paths[1].read_text(), "> a\n>  b \n> c\n3\n0\n> x\n0\n")


class RunsTest(unittest.TestCase):
    def test_a_failed_seed_is_printed_as_a_command(self):
        said = []
        asked = argparse.Namespace(
            hours=0, runs=3, seed=7, smp=2, ops=9, only=("pause", "migrate"), xen=None,
            counted=True, image="a b.elf",
        )
        with mock.patch.object(operations.Run, "run", _run_that_fails_with_8):
            code = operations.run_all(asked, b"", None, ["pv"], said.append)
        self.assertEqual(code, EXIT_FAIL)
        command = ("--on domu-pv --smp 2 --ops 9 --seed 8 --only pause,migrate --image 'a b.elf'"
                   " --counted")
        self.assertEqual(said, [
            f"operations: repeat: ./run.sh operations {command}",
            "operations: all runs:", "operations: done: 6 pause",
            "operations: 6 operations, 1 runs failed: FAIL",
            f"operations: failed: ./run.sh operations {command}",
        ])  # fmt: skip

    def test_a_crash_of_qemu_is_repeated_once(self):
        asked = argparse.Namespace(
            hours=0, runs=1, seed=1, smp=2, ops=9, only=xl_operations.KINDS, xen=None,
            counted=False, image=None,
        )  # fmt: skip
        for crashes, code in ((1, EXIT_PASS), (2, EXIT_FAIL)):
            made, said = [], []

            def run(one, *_, crashes=crashes, made=made):
                made.append(one)
                one.crashed = len(made) <= crashes
                return EXIT_FAIL if one.crashed else EXIT_PASS

            with mock.patch.object(operations.Run, "run", run):
                self.assertEqual(operations.run_all(asked, b"", None, ["pv"], said.append), code)
            self.assertEqual(len(made), 2)
            self.assertIn("QEMU crashed, so seed 1 runs once more", said[0])

    def test_time_is_of_all_runs(self):
        said = []
        asked = argparse.Namespace(
            hours=1 / 360, runs=5, seed=1, smp=2, ops=9, only=xl_operations.KINDS, xen=None,
            counted=False,
        )  # fmt: skip
        with mock.patch.object(operations.Run, "run", _run_of_four_seconds):
            operations.run_all(asked, b"", None, ["pv"], said.append)
        self.assertEqual(said[1], "operations: done: 1 10.0, 1 2.0, 1 6.0")


def _run_of_four_seconds(run, _count, seconds):
    run.tally.done[f"{seconds:.1f}"] += 1
    run.seconds = 4
    return EXIT_PASS


class InputTest(unittest.TestCase):
    def expect_usage(self, words, *args):
        with mock.patch.object(operations, "build", side_effect=AssertionError("built first")):
            with self.assertRaisesRegex(Trouble, words) as raised:
                operations.run(args, Path("/"))
        self.assertEqual(raised.exception.status, EXIT_USAGE)

    def test_an_image_that_cannot_be_read_is_bad_input(self):
        self.expect_usage("cannot read the image /nowhere", "--image", "/nowhere")
        self.expect_usage("not an ELF file", "--image", __file__)

    def test_a_wrong_xen_is_noticed_before_the_image_is_built(self):
        self.expect_usage("nowhere", "--xen", "nowhere")

    def test_a_wrong_seed_is_named(self):
        self.expect_usage("'-1' is not a seed, 0 to", "--seed", "-1")


def _run_that_fails_with_8(run, count, _seconds):
    run.tally.done["pause"] += 2
    return EXIT_FAIL if run.seed == 8 else EXIT_PASS


class TimesTest(unittest.TestCase):
    def test_a_guest_is_created_between_two_lists(self):
        text = "0 100\nParsing\n0 170\n3 50\n"
        self.assertEqual(beside_linux.split_times(text), ({0: 100}, 3, {0: 170, 3: 50}))

    def test_a_step_costs_what_it_adds_to_one_that_does_nothing(self):
        self.assertEqual(beside_linux.cost("0 100\n3 50\n0 170\n3 90\n", 3, 10), 30)

    def test_counts_within_a_step_leave_out_the_waits_for_input_around_them(self):
        text = "".join(f"0 100\n3 {ns}\n" for ns in (1000, 2500, 2900, 7000))
        self.assertEqual(beside_linux.cost(text, 3, 800), 400)


if __name__ == "__main__":
    unittest.main()
