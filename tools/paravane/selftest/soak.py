# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test --soak`, which take too long to run for every change.

--hours limits those that would not end by themselves. Those of random cases have another seed each
day, which their line names.
"""

import time
from dataclasses import dataclass

from ..common import build_dir, short, usage
from . import lifecycle
from .step import ALL, GCC, RUN, RUN_LIMIT, Step

_HOSTILE_CASES = 3_600_000  # an hour's, at a thousand in a second
_FUZZ_RUNS = 60_000_000  # an hour's of each fuzzer, on two CPUs
_FUZZ_RUNS_MM = 3_000_000
_NIGHT = 16 * 3600  # seconds that the longest list may take: it has an end of its own
_KVM = ("--on", "kvm", "--smp", "4", "--filter", "kvm.*,locks.no_kick_is_lost")

@dataclass(frozen=True)
class Soak:
    """One soak. name: for --soak NAME; argv: the command, in which {…} stands for a value of
    _values(); has_end: the command ends by itself, so --hours does not limit it."""

    name: str
    argv: tuple
    words: str = ""
    has_end: bool = False
    may_skip: bool = False

def _suite(name, *more):
    """Return the soak of the suite, in which the tests that can repeat their work share the
    time."""
    return Soak(name, (*RUN, "suite", *RUN_LIMIT, "--soak", "{seconds}", *more), r"\b0 fail")

SOAKS = (
    _suite("smp-qemu", "--on", "qemu", "--smp", "4"),
    # On a physical CPU each, and taking turns on one.
    *(_suite(f"smp-{p}", "--on", p, "--smp", "4", "--pcpus", "4") for p in ("xen-pv", "xen-pvh")),
    *(_suite(f"turns-{p}", "--on", p, "--smp", "4", "--pcpus", "1") for p in ("xen-pv", "xen-pvh")),
    _suite("smp-domu-pv", "--on", "domu-pv", "--smp", "4"),
    # The clock, kicks and leaving CPUs, where KVM moves virtual CPUs, and where they take turns.
    _suite("moves-kvm", *_KVM, "--pcpus", "2", "--vmm", "move"),
    _suite("turns-kvm", *_KVM, "--pcpus", "1"),
    *(Soak(f"operations-{kind}-{smp}",
           (*RUN, "operations", "--on", f"domu-{kind}", "--smp", str(smp), "--ops", "200",
            "--runs", "50", "--hours", "{hours}", "--seed", "{seed}", "--counted"),
           r"operations: \d+ operations, .*: PASS") for kind in ("pv", "pvh") for smp in (1, 4)),
    Soak("hostile", (*RUN, "hostile", *RUN_LIMIT, "--cases", "{cases}", "--seed", "{seed}"),
         r"qemu: PASS(.|\n)*xen-pv: PASS(.|\n)*xen-pvh: PASS"),
    Soak("hostile-smp",
         (*RUN, "hostile", *RUN_LIMIT, "--smp", "2", "--cases", "{cases}", "--seed", "{seed}"),
         r"qemu: PASS(.|\n)*xen-pv: PASS(.|\n)*xen-pvh: PASS"),
    *(Soak(f"shell-{p}",
           (*RUN, "shell", *RUN_LIMIT, "--on", p, "--soak", "{seconds}", "--seed", "{seed}"),
           "random lines: PASS") for p in ("qemu", "xen-pv", "xen-pvh")),
    Soak("fuzz",
         ("make", "{jobs}", "fuzz", "{build}", "FUZZ_RUNS={fuzz}", "RUNS_mm={fuzz_mm}",
          "RUNS_fs={fuzz}", "FUZZ_SEED={seed}")),
    Soak("machines", (*RUN, "suite", *RUN_LIMIT, "--machines"), r"machines as expected, 0 not",
         has_end=True),
    Soak("mutants", (*RUN, "mutants"), r"(score 100.0 %(.|\n)*){3}", has_end=True),
    Soak("source-mutants", (*RUN, "mutants", "--source"), r"source mutants: (\d+) of \1 killed",
         has_end=True),
    Soak("controls", (*RUN, "repro", *RUN_LIMIT, "--controls", "--on", "xen-pv,xen-pvh"),
         has_end=True, may_skip=True),
    Soak("skipped", (*RUN, "repro", *RUN_LIMIT, "--skipped", "--all"),
         r"\b0 good, 0 bad, .* 0 unexpected", has_end=True),
    Soak("labs", (*RUN, "lab", "prove"), r"labs: \d+ proven, 0 problems", has_end=True),
    Soak("linux", (*RUN, "bench", *RUN_LIMIT, "--linux"), has_end=True, may_skip=True),
    *(Soak(f"record-{p}",
           ("sh", "-c", f"./run.sh suite --on {p} --timeout 1200 --record {{recording}}-{p}.trace "
            f"--record-ops calls && ./run.sh replay {{recording}}-{p}.trace --timeout 1200"),
           "steps, 0 results differ", has_end=True) for p in ("xen-pv", "xen-pvh")),
    # Millions of records of four CPUs at once, all of which have to arrive.
    Soak("record-smp", (*RUN, "suite", *RUN_LIMIT, "--on", "qemu", "--smp", "4", "--filter",
                        "mm.*,smp.*", "--record", "{recording}-smp.trace", "--record-ops", "all"),
         r"[1-9]\d{6,} records, 0 lost", has_end=True),
    *lifecycle.soaks(lambda name, argv, words: Soak(name, argv, words, has_end=True)),
)  # fmt: skip

def steps(names, hours, cpus):
    """Return the steps of these soaks, or of all."""
    known = {soak.name: soak for soak in SOAKS}
    for name in names:
        if name not in known:
            raise usage(f"test --soak: unknown name {name!r}; known: {', '.join(known)}")
    values = _values(hours, cpus)
    return [_step(known[name], values, hours) for name in names or known]

def _values(hours, cpus):
    return {
        "hours": hours,
        "seconds": max(1, int(hours * 3600)),
        "cases": max(1000, int(hours * _HOSTILE_CASES)),
        "fuzz": max(1000, int(hours * _FUZZ_RUNS)),
        "fuzz_mm": max(1000, int(hours * _FUZZ_RUNS_MM)),
        "seed": int(time.time() // (24 * 3600)),
        "jobs": f"-j{cpus}",
        "build": f"BUILD={short(build_dir())}",
        "recording": f"{short(build_dir())}/soak",
    }

def _step(soak, values, hours):
    argv = [word.format(**values) for word in soak.argv]
    name = f"soak {soak.name}" + (
        f", seed {values['seed']}" if any("{seed}" in word for word in soak.argv) else ""
    )
    limit = _NIGHT if soak.has_end else 1800 + 4 * 3600 * hours
    return Step(
        name, argv, words=soak.words, may_skip=soak.may_skip, cpus=ALL, limit=limit, needs=(GCC,)
    )
