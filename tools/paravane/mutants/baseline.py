# SPDX-License-Identifier: MIT
"""Which runs of the unchanged tree show that the tests of the source mutants pass there. A test that fails or skips
without a mutant proves nothing about one.

One boot serves all tests that want the same platform, CPUs, memory and words, as far as their patterns fit into test=;
a run of the whole suite serves those of a machine that would take more boots than that costs.
"""

import dataclasses

from . import source_list

_PATTERN_MAX = 63  # characters of test=, kernel/cmdline.h
_BOOTS_MAX = 4  # beyond them the whole suite takes less time


@dataclasses.dataclass(frozen=True)
class Probe:
    """A run of the unchanged tree. mutant: how it runs, with a pattern in place of a test; tests: those that must pass."""

    mutant: source_list.SourceMutant
    tests: tuple

    @property
    def name(self):
        how = self.mutant
        if not how.is_guest:
            return f"unchanged: {how.test}"
        words = [f"on {how.on} with {how.smp} CPU and {how.mem} MiB", how.append, how.machine, how.cpu, how.vmm]
        words.append(f"on {how.pcpus} physical" if how.pcpus else "")
        return " ".join(["unchanged:", how.test or "suite", *filter(None, words)])

    def alone(self):
        """Return a Probe for each of the tests."""
        return [Probe(dataclasses.replace(self.mutant, test=test), (test,)) for test in self.tests]


def probes(mutants, known):
    """Return the Probes of these mutants' tests; known: the names of all tests of the suite."""
    wanted, machines = [], {}
    for mutant in {m.how: dataclasses.replace(m, name="unchanged") for m in mutants}.values():
        if mutant.is_guest:
            machines.setdefault(mutant.how[1:], []).append(mutant)
        elif mutant.test != "build":
            wanted.append(Probe(mutant, (mutant.test,)))
    for same in machines.values():
        wanted += _of_machine(same[0], sorted(m.test for m in same), known)
    return wanted


def _of_machine(mutant, tests, known):
    packed = _packed(tests, known)
    if len(packed) > _BOOTS_MAX and "soak=" not in mutant.append:
        packed = [("", tests)]
    return [Probe(dataclasses.replace(mutant, test=pattern), tuple(some)) for pattern, some in packed]


def _packed(tests, known):
    """Return [(pattern, tests)], each pattern as long as test= allows."""
    packed = []
    for test in tests:
        short = shortened(test, known)
        if packed and len(packed[-1][0]) + 1 + len(short) <= _PATTERN_MAX:
            packed[-1] = (f"{packed[-1][0]},{short}", packed[-1][1] + [test])
        else:
            packed.append((short, [test]))
    return packed


def shortened(test, known):
    """Return the shortest pattern that matches this test and no other: what it begins with, and "*"."""
    for length in range(1, len(test) - 1):
        if not any(other.startswith(test[:length]) for other in known if other != test):
            return test[:length] + "*"
    return test
