# SPDX-License-Identifier: MIT
"""The operations of ./run.sh operations: the commands of xl, what each does to the state of the
guest, and which are refused in which state."""

import dataclasses
from dataclasses import dataclass
from typing import Callable

from . import nets

SAVED = "/run/state"
_LEAST_MIB, _MOST_MIB = 44, 96  # what the guest is asked to use
_SPEC = "format=raw,vdev=xvdb,access=rw,target=/run/guest1.disk1"
_MAC = nets.address("guest1", 0)
_RESTORED = r"control: the machine was restored"
_CONTINUES = r"control: the machine continues: the suspend was cancelled"


@dataclass(frozen=True)
class State:
    """What the guest must have. attached: whether its second disk is; connected: whether its
    network interface is; migrates: whether this Xen has what a live migration of this kind of guest
    takes; migration: the script of one."""

    cpus: int
    cpus_max: int
    kib: int
    paused: bool = False
    attached: bool = True
    connected: bool = True
    suspends: int = 0
    nmis: int = 0
    migrates: bool = True
    migration: str = ""


@dataclass(frozen=True)
class Operation:
    """One operation. name: its kind, then its arguments; script: with the domain's id in $D;
    refusal: a pattern of the reason for which it must be refused, or ""; after: the next state;
    prints: patterns of what the guest prints; suspends: the domain may have another id; again: the
    script that repeats it after a time limit of libxl's has passed, or "" if that cannot be done;
    closes: the guest's part of it is that the device with this path below its home is closed."""

    name: str
    script: str
    refusal: str = ""
    after: Callable = lambda state: state
    prints: tuple = ()
    suspends: bool = False
    again: str = ""
    closes: str = ""


def _changed(**fields):
    return lambda state: dataclasses.replace(state, **fields)


def _suspended(state):
    return dataclasses.replace(state, suspends=state.suspends + 1)


UNPAUSE = Operation("unpause", "xl unpause $D", after=_changed(paused=False))


# ---- Each takes (random, state) ----


def _pause(_random, _state):
    return Operation("pause", "xl pause $D", after=_changed(paused=True))


def _unpause(_random, state):
    return UNPAUSE if state.paused else dataclasses.replace(UNPAUSE, refusal="Invalid argument")


def _nmi(random, state):
    if random.random() < 0.2:
        return Operation("trigger nmi 99", "xl trigger $D nmi 99", refusal="No such process")
    cpu = random.randrange(state.cpus)
    return Operation(
        f"trigger nmi {cpu}", f"xl trigger $D nmi {cpu}", after=_changed(nmis=state.nmis + 1)
    )


def _sysrq(_random, state):
    prints = () if state.paused else (r"control: sysrq s: the state of this machine:",)
    return Operation("sysrq s", "xl sysrq $D s", prints=prints)


def _mem_set(random, _state):
    if random.random() < 0.15:
        refusal = "memory_dynamic_max must be less"
        return Operation("mem-set 1g", "xl mem-set $D 1g", refusal)
    mib = random.randint(_LEAST_MIB, _MOST_MIB)
    return Operation(f"mem-set {mib}m", f"xl mem-set $D {mib}m", after=_changed(kib=mib << 10))


def _vcpu_set(random, state):
    if random.random() < 0.15:
        many = state.cpus_max + 1
        return Operation(
            f"vcpu-set {many}", f"xl vcpu-set --ignore-host $D {many}", refusal="vcpu|CPU"
        )
    cpus = random.randint(1, state.cpus_max)
    script = f"xl vcpu-set --ignore-host $D {cpus}"
    return Operation(f"vcpu-set {cpus}", script, after=_changed(cpus=cpus))


def _attach(_random, state):
    refusal = "already|exists" if state.attached else ""
    script = f"xl block-attach $D {_SPEC}"
    return Operation(
        "block-attach", script, refusal, _changed(attached=True), (r"block: xvdb: \d+ KiB",),
        again=f"xl block-detach $D xvdb >/dev/null 2>&1; {script}",
    )  # fmt: skip


def _detach(_random, state):
    refusal = "" if state.attached else "not connected|does not exist|unknown"
    script = "xl block-detach $D xvdb"
    return Operation(
        "block-detach", script, refusal, _changed(attached=False), (r"block: xvdb: detached",),
        again=script, closes="device/vbd/51728",
    )  # fmt: skip


def _network_attach(_random, state):
    """A second interface is not attached: what is tried instead has a wrong address."""
    if state.connected:
        script = "xl network-attach $D mac=00:16:3e:00 bridge=xenbr0"
        return Operation("network-attach", script, "Invalid parameter .mac")
    script = f"xl network-attach $D mac={_MAC} bridge=xenbr0"
    return Operation(
        "network-attach", script, after=_changed(connected=True),
        prints=(rf"net: net0: {_MAC}, MTU",),
        again=f"xl network-detach $D 0 >/dev/null 2>&1; {script}",
    )  # fmt: skip


def _network_detach(_random, state):
    refusal = "" if state.connected else "vif/0.: No such file"
    script = "xl network-detach $D 0"
    return Operation(
        "network-detach", script, refusal, _changed(connected=False), (r"net: net0: detached",),
        again=script, closes="device/vif/0",
    )  # fmt: skip


def _console(_random, _state):
    """Two clients open the console; one is asked to end, and one is killed."""
    client = "xenconsole $D --interactive </dev/null >/dev/null 2>&1 &"
    script = (
        f"{client} first=$!\n{client} second=$!\n"
        "usleep 100000; kill $first; kill -9 $second; wait; true"
    )
    return Operation("console", script)


def _checkpoint(_random, _state):
    script = f"xl save -c $D {SAVED} 2>&1; s=$?; rm -f {SAVED}; exit $s"
    return Operation("save -c", script, "", _suspended, (_CONTINUES,), suspends=True)


def _save(_random, _state):
    script = f"xl save $D {SAVED} && xl restore {SAVED}; s=$?; rm -f {SAVED}; exit $s"
    return Operation("save-restore", script, "", _suspended, (_RESTORED,), suspends=True)


def _migrate(_random, state):
    """To the same host. A PV guest's takes shadow page tables, which Debian's Xen lacks."""
    refusal = "" if state.migrates else "logdirty"
    return Operation("migrate", state.migration, refusal, _suspended, (_RESTORED,), suspends=True)


# By kind: how often it is chosen, and whether a paused guest may get it. An operation that takes
# seconds is chosen seldom. A paused guest gets no NMI, because it would take several as one.
_TABLE = {
    "pause": (_pause, 30, False), "unpause": (_unpause, 20, True), "trigger": (_nmi, 30, False),
    "sysrq": (_sysrq, 15, True), "mem-set": (_mem_set, 40, True), "vcpu-set": (_vcpu_set, 40, True),
    "block-attach": (_attach, 15, False), "block-detach": (_detach, 15, False),
    "network-attach": (_network_attach, 15, False),
    "network-detach": (_network_detach, 15, False),
    "console": (_console, 15, True), "save": (_checkpoint, 4, False),
    "save-restore": (_save, 3, False), "migrate": (_migrate, 2, False),
}  # fmt: skip
KINDS = tuple(_TABLE)


def choose(random, state, kinds=KINDS):
    """Return a random operation of these kinds for a guest in this state."""
    rows = [row for kind, row in _TABLE.items() if kind in kinds and (row[2] or not state.paused)]
    if state.paused and (not rows or random.random() < 0.4):
        return UNPAUSE
    make = random.choices([row[0] for row in rows], [row[1] for row in rows])[0]
    return make(random, state)
