# SPDX-License-Identifier: MIT
"""The operations of ./run.sh operations: the commands of xl, what each does to the state of the
guest, and which are refused in which state."""

import dataclasses
from dataclasses import dataclass
from typing import Callable

SAVED = "/run/state"
_LEAST_MIB, _MOST_MIB = 44, 96  # what the guest is asked to use
_SPEC = "format=raw,vdev=xvdb,access=rw,target=/run/guest1.disk1"
_RESTORED = r"control: the machine was restored"
_CONTINUES = r"control: the machine continues: the suspend was cancelled"


@dataclass(frozen=True)
class State:
    """What the guest must have. attached: whether its second disk is; migrates: whether this Xen
    has what a live migration of this kind of guest takes; migration: the script of one."""

    cpus: int
    cpus_max: int
    kib: int
    paused: bool = False
    attached: bool = True
    suspends: int = 0
    migrates: bool = True
    migration: str = ""


@dataclass(frozen=True)
class Operation:
    """One operation. name: its kind, then its arguments; script: with the domain's id in $D;
    refusal: a pattern of the reason for which it must be refused, or ""; after: the next state;
    prints: patterns of what the guest prints; suspends: the domain may have another id."""

    name: str
    script: str
    refusal: str = ""
    after: Callable = lambda state: state
    prints: tuple = ()
    suspends: bool = False


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
    prints = () if state.paused else (r"unexpected NMI",)
    return Operation(f"trigger nmi {cpu}", f"xl trigger $D nmi {cpu}", prints=prints)


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
    return Operation(
        "block-attach", f"xl block-attach $D {_SPEC}", refusal, _changed(attached=True),
        (r"block: xvdb: \d+ KiB",),
    )  # fmt: skip


def _detach(_random, state):
    refusal = "" if state.attached else "not connected|does not exist|unknown"
    return Operation(
        "block-detach", "xl block-detach $D xvdb", refusal, _changed(attached=False),
        (r"block: xvdb: detached",),
    )  # fmt: skip


def _console(_random, _state):
    """Two clients look at the console; one leaves by itself, and one is ended."""
    script = (
        "xenconsole $D --interactive </dev/null >/run/console 2>&1 & first=$!\n"
        "usleep 200000; timeout 1 xenconsole $D </dev/null >/dev/null 2>&1\n"
        "kill $first; wait $first; rm -f /run/console; true"
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


# By kind: how often it is chosen, and whether a paused guest lets it end.
_TABLE = {
    "pause": (_pause, 3, False), "unpause": (_unpause, 2, True), "trigger": (_nmi, 3, True),
    "sysrq": (_sysrq, 2, True), "mem-set": (_mem_set, 4, True), "vcpu-set": (_vcpu_set, 4, True),
    "block-attach": (_attach, 3, False), "block-detach": (_detach, 3, False),
    "console": (_console, 2, True), "save": (_checkpoint, 1, False),
    "save-restore": (_save, 1, False), "migrate": (_migrate, 1, False),
}  # fmt: skip
KINDS = tuple(_TABLE)


def choose(random, state, kinds=KINDS):
    """Return a random operation of these kinds for a guest in this state."""
    rows = [row for kind, row in _TABLE.items() if kind in kinds and (row[2] or not state.paused)]
    if state.paused and (not rows or random.random() < 0.4):
        return UNPAUSE
    make = random.choices([row[0] for row in rows], [row[1] for row in rows])[0]
    return make(random, state)
