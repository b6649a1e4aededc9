# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: domains below a real toolstack, and failures of that toolstack."""

from contextlib import contextmanager

from ..common import EXIT_FAIL, EXIT_USAGE, build_dir
from ..dom0 import disks, guest, image
from ..dom0 import shape as shapes
from ..outer import running
from ..run import module, platforms
from .outer import assemble
from .step import DOM0, RUN, RUN_LIMIT, Skipped, Step, boot, check
from .suites import suite
from .trace import recorded

_TYPES = ("pv", "pvh")
_REPROS = ("domu-command-line", "domu-device-memory", "domu-platform-calls")
# Of operations with a migration, a restore, and a disk and an interface that are attached again.
_SEED = "3155"
_SHOWN = 60  # lines of each console of a step that fails
_SHORT = ["--append", "test=boot.*,cpu.*,setup.*"]


def steps(_scratch):
    """Yield the steps of this file. The first assembles what the others, and lifecycle.py's,
    need."""
    yield check(DOM0, assemble, image, shapes, needs=())
    for step in _steps():
        step.needs += (DOM0,)
        yield step


def _steps():
    for kind in _TYPES:
        name = f"domu-{kind}"
        off = r"paravane: verdict PASS\n(.|\n)*domu: the domain ended by poweroff\n"
        yield recorded("boot", name, *_SHORT, words=off)
        broken = ["--append", "inject=panic test=boot.*"]
        died = r"domu: the domain ended by crash\n(.|\n)*CRASH: panic"
        yield boot("a panic ends as a crash", name, *broken, status=EXIT_FAIL, words=died)
        yield check(f"{name}: saved and restored", _save_and_restore, kind, cpus=2)
        yield check(f"{name}: a reader waits across a restore", _waiting_reader, kind, cpus=2)
        yield check(f"{name}: requests of xl are obeyed", _requests, kind, cpus=2)
        yield check(f"{name}: a disk is detached and attached without loss", _disk, kind, cpus=2)
        yield check(f"{name}: a network interface is detached and attached", _net, kind, cpus=2)
    yield suite("suite below a toolstack", "--on", "domu-pv,domu-pvh", "--disk", "2M",
                "--disk", "2M:ro", "--net", platform="domu-pv")
    argv = [*RUN, "operations", "--on", "domu-pv", "--ops", "20", "--seed", _SEED]
    yield Step("domu: random operations of xl on a busy guest", argv, cpus=2,
               words=r"operations: pv, 2 CPUs, .*: PASS")
    argv = [*RUN, "repro", *RUN_LIMIT, *_REPROS]
    yield Step("domu: repros in an unprivileged domain", argv, words="0 unexpected")
    wrong = ["--xl", 'kernel = "/run/in/none"', *_SHORT]
    refused = r"ERROR.*xl create ended with status \d+: .*none"
    yield boot(
        "a configuration that xl refuses", "domu-pv", *wrong, status=EXIT_USAGE, words=refused
    )
    yield check("domu: two guests in one dom0", _two_guests, cpus=2)
    yield check("domu: a dom0 that panics is named", _dom0_panics)


@contextmanager
def dom0_with_guests(*wanted, module_bytes=None, prepare=""):
    """Restore a dom0 with the built image, and create these guests in it; yield (dom0, guests).
    module_bytes: the guests' module, in place of the suite's; prepare: a script that dom0 runs
    before."""
    for one in wanted or [guest.Wanted("pv")]:
        reason = platforms.lacking(platforms.PLATFORMS[f"domu-{one.type}"])
        if reason:
            raise Skipped(reason)
    kernel = (build_dir() / "paravane.elf").read_bytes()
    files = {"image": kernel, "module": module_bytes or module.test_module()}
    shape = shapes.Shape.of(sum(one.mem for one in wanted))
    said = []
    with running.Outer(shape, files, say=lambda line: None) as dom0:
        status, output = dom0.sh(prepare) if prepare else (0, "")
        if status:
            raise running.Failed(f"dom0's preparation ended with status {status}: {output}")
        guests = [
            guest.Guest(dom0, one, number, say=said.append)
            for number, one in enumerate(wanted, 1)
        ]
        try:
            yield dom0, guests
        except Exception as error:
            error.output = _ends(dom0, guests, said)
            raise


def _ends(dom0, guests, said):
    """Return how the consoles of guests and dom0 end, and what the toolstack has said."""
    parts = [(one.name, one.console.text().splitlines()) for one in guests]
    parts += [("the dom0", dom0.log), ("the toolstack", said)]
    return "".join(
        f"--- {name}:\n" + "".join(f"{line}\n" for line in lines[-_SHOWN:])
        for name, lines in parts
    )


# Each Guest has done this by itself, and must find the ring.
_IS_TAKEN = """
/console_taken $D $(xenstore-read /local/domain/$D/console/ring-ref) $(cat /run/xenconsoled.pid)
"""


def _two_guests():
    """Guests of both types run beside each other; one is paused and continues."""
    words = "run=suite test=time.*,boot.*"
    listed = [guest.Wanted(kind, words, mem=64) for kind in _TYPES]
    with dom0_with_guests(*listed) as (_, (first, second)):
        first.expect("^KTAP version 1$")
        first.sh("xl pause $D; xl unpause $D")
        for one in (first, second):
            one.expect("^paravane: verdict PASS$", limit=200)
            if one.wait() != "poweroff":
                return f"{one.name} ended by {one.end}", one.console.text()
            one.sh(_IS_TAKEN)
        return "", second.console.text()


def _save_and_restore(kind):
    """A guest under load that suspends itself is saved, and continues in a new domain."""
    wanted = guest.Wanted(kind, "run=suspend:2", mem=64)
    with dom0_with_guests(wanted) as (_, (one,)):
        for cycle in (1, 2):
            if one.wait(200) != "suspend":
                return f"the domain ended by {one.end} in cycle {cycle}", one.console.text()
            one.save("/run/state")
            one.restore("/run/state")
            one.expect(f"^suspend: cycle {cycle}: restored, ")
            one.sh(_announced())
        one.expect("^paravane: verdict PASS: suspend: 2 cycles$")
        end = one.wait()
        return "" if end == "poweroff" else f"the domain ended by {end}", one.console.text()


_RESTORED = "control: the machine was restored"
# What happens to a guest that waits for input, and what its console has after it.
_READER_CHANGES = (
    ("true", ""),
    ("xl save -c $D /run/state && rm /run/state",
     "control: the machine continues: the suspend was cancelled"),
    ("xl save $D /run/state", _RESTORED),
)


def _waiting_reader(kind):
    """The monitor waits for a line, and gets one before a suspend that is cancelled, after it, and
    after a restore, which gives the console another event channel."""
    wanted = guest.Wanted(kind, "run=shell", mem=64, smp=2)
    with dom0_with_guests(wanted) as (_, (one,)):
        one.expect("Ctrl-D ends it")
        for number, (change, answer) in enumerate(_READER_CHANGES, 0x70):
            seen = len(one.console.text())
            one.sh(change)
            if answer == _RESTORED:
                one.restore("/run/state")
            elif answer:
                one.watch()  # xl has taken the suspend for the domain's end
            one.expect(answer, start=seen)
            one.type(f"print {number}\nirqs\n".encode())
            one.expect(rf"{number:#x}(.|\n)*\bline .*: on_input\b", start=seen)
        one.type(b"quit\n")
        one.expect("^paravane: verdict PASS$")
        end = one.wait()
        return "" if end == "poweroff" else f"the domain ended by {end}", one.console.text()


# What an administrator asks of a running guest, and what the guest prints then.
_REQUESTS = (
    ("xl sysrq $D s", r"control: sysrq s: the state of this machine:\n(.|\n)*# memory: \d+ of"),
    ("xl trigger $D nmi", r"unexpected NMI(.|\n)*# CPU 1, thread"),
    ("xenstore-write /local/domain/$D/memory/target much",
     r"control: memory/target is not an amount of memory"),
    ("xenstore-write /local/domain/$D/control/shutdown fly",
     r"control: fly is not a request that this kernel knows"),
)
# xl list shows a domain's memory in MiB, then how many of its CPUs are online.
_UNTIL_LISTED = "until xl list $D | grep -q ' {memory} *{cpus} '; do sleep 1; done"
# The changes that a guest follows, and what xl list shows after each: memory, then CPUs. At first
# it has less memory and fewer CPUs than it may have.
_CHANGES = (
    ("true", 64, 2),
    ("xl mem-set $D 48m", 48, 2),
    ("xl mem-set $D 90m", 90, 2),
    ("xl vcpu-set --ignore-host $D 3", 90, 3),
    ("xl mem-set $D 64m", 64, 3),
    ("xl vcpu-set $D 1", 64, 1),
    ("xl vcpu-set --ignore-host $D 2", 64, 2),
)
_FEATURES = ("poweroff", "reboot", "suspend")
# How each type of guest is asked to end, and what it prints then.
_ENDS = {
    "pv": ("xl shutdown $D", "poweroff"),
    "pvh": ("xl reboot $D", "reboot"),
}


def _announced():
    """Return the script that succeeds if the guest announces what it understands."""
    return "\n".join(
        f"test 1 = $(xenstore-read /local/domain/$D/control/feature-{name})" for name in _FEATURES
    )


def _requests(kind):
    """A guest that is busy obeys each request of its administrator, and at last ends."""
    words = "run=suite test=xenstore.threads* soak=300"
    busy = guest.Wanted(kind, words, mem=64, maxmem=96, smp=2, more="maxvcpus = 3")
    with dom0_with_guests(busy) as (_, (one,)):
        one.expect(r"^1\.\.\d+$")
        one.sh(_announced())
        for change, memory, cpus in _CHANGES:
            one.sh(f"{change}\n{_UNTIL_LISTED.format(memory=memory, cpus=cpus)}")
        for request, answer in _REQUESTS:
            seen = len(one.console.text())
            one.sh(request)
            one.expect(answer, start=seen)
        one.sh('test -z "$(xenstore-read /local/domain/$D/control/shutdown)"')
        ask, reason = _ENDS[kind]
        one.sh(ask)
        one.expect(f"control: {reason} is requested")
        end = one.wait()
        return "" if end == reason else f"the domain ended by {end}", one.console.text()


_ATTACHED = r"block: xvda: 8192 KiB, served by domain 0"
# Take blkback away from the disk and give it back. It then attaches to the ring that is there, and
# counts its requests from 0.
_REBIND = """
vbd=vbd-$D-51712; driver=/sys/bus/xen-backend/drivers/vbd
echo $vbd >$driver/unbind && usleep 300000 && echo $vbd >$driver/bind || exit 1
writes=$driver/$vbd/statistics/wr_req
until [ "$(cat $writes 2>/dev/null || echo 0)" -gt 50 ]; do usleep 200000; done
"""
_REBINDS = 3
# What happens to the disk of a guest that writes all the time, and what the guest prints then.
_DISK_CHANGES = (
    ("xl block-detach $D xvda", r"block: xvda: detached"),
    ("xl block-attach $D format=raw,vdev=xvda,access=rw,target=/run/guest1.disk0", _ATTACHED),
    ("xl save -c $D /run/state && rm /run/state",
     r"control: the machine continues: the suspend was cancelled"),
)


def _disk(kind):
    """No acknowledged write of a busy guest is lost while its disk's backend is rebound, while the
    disk is detached and attached, and while the guest is saved and restored."""
    words = "run=suite test=block.* soak=600"
    wanted = guest.Wanted(kind, words, mem=64, smp=2, disks=(disks.Disk(mib=8),))
    with dom0_with_guests(wanted) as (_, (one,)):
        one.expect(_ATTACHED)
        one.expect(r"ok \d+ block\.a_transfer_leaves_no_request_and_no_page_in_use", limit=120)
        seen = len(one.console.text())
        for _ in range(_REBINDS):
            one.sh(_REBIND)
        if "block:" in one.console.text(seen):
            return "the guest has seen a rebind of its disk's backend", one.console.text()
        for change, answer in _DISK_CHANGES:
            seen = len(one.console.text())
            one.sh(change)
            one.expect(answer, start=seen)
        one.sh("xl save $D /run/state")
        seen = len(one.console.text())
        one.restore("/run/state")
        one.expect("control: the machine was restored", start=seen)
        one.expect(_ATTACHED, start=seen)
        one.sh("xenstore-write /local/domain/$D/data/enough 1")
        one.expect("^paravane: verdict PASS$", limit=200)
        end = one.wait()
        return "" if end == "poweroff" else f"the domain ended by {end}", one.console.text()


_CONNECTED = r"net: net0: 00:16:3e:00:01:00, MTU 1500, served by domain 0; a line for each ring"
_DETACHED = "net: net0: detached"
# What happens to the interface of a guest that pings all the time, and what the guest prints then.
_NET_CHANGES = (
    ("xl network-detach $D 0", _DETACHED),
    ("xl network-attach $D mac=00:16:3e:00:01:00 bridge=xenbr0", _CONNECTED),
    ("xl save -c $D /run/state && rm /run/state",
     r"control: the machine continues: the suspend was cancelled"),
)


# Wait until dom0 has received another ping of the guest's.
_ANSWERED = """
pings() { grep '^Icmp: [0-9]' /proc/net/snmp | cut -d ' ' -f 10; }
before=$(pings); tries=0
until [ $(pings) -gt $((before + 3)) ]; do
    tries=$((tries + 1)); [ $tries -lt 600 ] || exit 1; usleep 100000
done
"""


def _net(kind):
    """A busy guest's pings are answered again after each change of its interface, and after it was
    saved and restored: the count of echo requests that the dom0 has received grows."""
    words = "run=suite test=net.pings_are_answered_at_last,net.what* soak=600"
    wanted = guest.Wanted(kind, words, mem=64, smp=2, nets=1)
    with dom0_with_guests(wanted) as (_, (one,)):
        one.expect(_CONNECTED)
        one.expect(r"^1\.\.\d+$")
        for change, answer in _NET_CHANGES:
            seen = len(one.console.text())
            one.sh(change)
            one.expect(answer, start=seen)
            if answer != _DETACHED:
                one.sh(_ANSWERED)
        one.sh("xl save $D /run/state")
        seen = len(one.console.text())
        one.restore("/run/state")
        one.expect("control: the machine was restored", start=seen)
        one.expect(_CONNECTED, start=seen)
        one.sh(_ANSWERED)
        one.sh("xenstore-write /local/domain/$D/data/enough 1")
        one.expect("^paravane: verdict PASS$", limit=200)
        end = one.wait()
        return "" if end == "poweroff" else f"the domain ended by {end}", one.console.text()


def _dom0_panics():
    """The panic of the dom0's kernel ends each wait with a Failed that names it."""
    with dom0_with_guests() as (dom0, _):
        try:
            dom0.sh("echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger")
        except running.Failed as failed:
            said = str(failed)
            return "" if "the dom0 panicked: sysrq triggered crash" in said else said, said
        return "the dom0 did not panic", ""
