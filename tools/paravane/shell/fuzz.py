# SPDX-License-Identifier: MIT
"""Random lines for the monitor: calls of ops with arguments of all kinds, commands, garbage.

No line has the word "really", so by the monitor's promise the kernel survives each of them.
"""

import itertools
import random
import re

from .. import optable
from ..common import ROOT

# Those that take long, or end the session.
LEFT_OUT = {"quit", "test", "help", "ops"}
_NAMES = ("PTE_PRESENT", "PTE_WRITE", "PTE_NX", "PTE_FOREIGN", "PV_IRQ_SOFT", "PV_IRQ_CONSOLE",
          "FIX_TEST", "PAGE_SIZE", "DIRECT_MAP_BASE", "VIRT_BASE", "$page", "$slot", "$pfn", "$r",
          "$len")
_EDGES = (0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 4095, 4096, 65535, 65536,
          (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 47, (1 << 63) - 1, 1 << 63,
          (1 << 64) - 1, 0xFFFF800000000000, 0xFFFFFFFF80000000, 0x00007FFFFFFFFFFF)
_COMMAND = re.compile(r"^SHELL_COMMAND\((\w+),", re.M)
_LINES = re.compile(rb"^(?:\(d0\) (?:\[[^]]*\] )?)?# (\d+) lines\s*$", re.M)
_FAULTS = ("fail", "skip", "crash", "leaf", "divide", "opcode", "context", "panic", "loop")


def commands():
    """Return the names of the monitor's commands."""
    found = []
    for path in (*sorted((ROOT / "test/shell").glob("*.c")), ROOT / "repro/kit/shell.c"):
        found += _COMMAND.findall(path.read_text())
    return found


def lines_read(log):
    """Return how many lines the monitor says that it has read; 0 if it has not ended."""
    found = _LINES.findall(log.read_bytes()) if log.exists() else []
    return int(found[-1]) if found else 0


def lines(seed, count):
    """Yield count lines, or lines without end if count is None: the same for the same seed."""
    maker = _Maker(random.Random(seed))
    for _ in itertools.count() if count is None else range(count):
        yield maker.line().encode("latin-1")[:240]


class _Maker:
    def __init__(self, rng):
        self._rng = rng
        self._ops = list(optable.read_ops(ROOT).values())
        self._commands = [name for name in commands() if name not in LEFT_OUT]

    def line(self):
        dice = self._rng.random()
        if dice < 0.08:
            return self._garbage()
        if dice < 0.2:
            return "; ".join(self._part() for _ in range(self._rng.randint(2, 4)))
        return self._part()

    def _part(self):
        dice = self._rng.random()
        if dice < 0.72:
            return self._call()
        if dice < 0.78:
            command = self._rng.choice(("repeat", "trace"))
            return f"{command} {self._rng.randint(0, 20)} {self._call()}"
        if dice < 0.81:
            return f"watch {self._value()} {self._call()}"
        if dice < 0.84:
            return f"on {self._rng.randint(0, 3)} {self._call()}"
        return self._command()

    def _call(self):
        op = self._rng.choice(self._ops)
        params = [] if op.params == "void" else op.params.split(",")
        count = len(params) if self._rng.random() < 0.96 else self._rng.randint(0, 4)
        kinds = (params + ["u64"] * 4)[:count]
        return " ".join([op.name] + [self._argument(kind) for kind in kinds])

    def _argument(self, param):
        dice = self._rng.random()
        if "*" in param or "[" in param:
            if "slot" in param and dice < 0.7:
                return f"$slot+{8 * self._rng.randint(0, 4)}"
            return self._buffer() if dice < 0.85 else self._value()
        if dice < 0.35 and re.search(r"\b(bool|u8|u16|u32|int|enum)\b", param):
            return str(self._rng.randint(0, 9))
        if dice < 0.5 and "pte_t" in param:
            return f"$pfn+{self._rng.randint(0, 5)}"
        return self._value()

    def _buffer(self):
        offset = self._rng.choice((0, 0, 0, 8, 16, 1, 3072, 3073, 4095))
        return f"&{self._rng.choice('abcdefgh')}" + (f"+{offset}" if offset else "")

    def _value(self):
        dice = self._rng.random()
        if dice < 0.3:
            return str(self._rng.choice(_EDGES))
        if dice < 0.45:
            return hex(self._rng.getrandbits(self._rng.choice((8, 16, 32, 64))))
        if dice < 0.6:
            return str(self._rng.randint(0, 64))
        if dice < 0.75:
            return self._buffer()
        if dice < 0.9:
            return self._rng.choice(_NAMES)
        return "".join(
            self._rng.choice(_NAMES + ("1", "0xff")) + self._rng.choice("+-|")
            for _ in range(self._rng.randint(1, 3))
        ) + str(self._rng.choice(_EDGES))

    def _command(self):
        name = self._rng.choice(self._commands)
        if name == "inject":
            return f"inject {self._rng.choice(_FAULTS)}"
        if name == "mutate":
            return f"mutate {self._rng.choice(self._ops).name}:nop"
        if name == "patch":
            return f"patch {self._rng.choice(('on', 'off', 'on', ''))}"
        if name == "sites":
            return f"sites {self._rng.choice(self._ops).name} {self._rng.randint(0, 3)}"
        if name == "hypercall":
            return f"hypercall {self._rng.choice(('xen_version', 'sched_op', '17', '29', '60'))} " \
                   f"{self._rng.randint(0, 12)} {self._value()}"
        words = [name] + [self._value() for _ in range(self._rng.choice((0, 1, 1, 2, 2, 3)))]
        return " ".join(words)

    def _garbage(self):
        length = self._rng.randint(0, 220)
        if self._rng.random() < 0.5:
            text = "".join(chr(self._rng.randint(0, 255)) for _ in range(length))
        else:
            text = "".join(self._rng.choice("abe;$&+-|0x9# \t\"'%") for _ in range(length))
        return text.replace("\n", " ").replace("really", "")
