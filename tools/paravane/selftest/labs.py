# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: labs pass the tree's own functions, and explain wrong ones. The soak
`labs` proves all of them with all wrong solutions."""

import os

from ..common import BUILT, EXIT_FAIL, EXIT_PASS, ROOT, build_dir
from ..lab import labs
from .step import RUN, Step, check, output_of

SAMPLE = "steal"  # needs no machine
_FIND, _RIGHT, _WRONG = "find-ports", "set_io_bitmap", "set_iopl"


def steps(scratch):
    yield Step("labs: each function that is cut out fails, and is explained",
               [*RUN, "lab", "prove", "--cut", SAMPLE], platform="xen-pv", cpus=2,
               words=r"labs: 1 proven, \d\d have a cut version that fails and explains itself, "
                     "0 problems")
    yield check("lab: started, empty, solved, and answered", _played, scratch)


def _played(scratch):
    """Do what a student does with labs of two kinds; return (what is wrong, the output)."""
    folder, lab = scratch / "lab", labs.read()[SAMPLE]
    said = []

    def do(status, words, *argv):
        ended, text = output_of([*RUN, "lab", *argv], env={**os.environ, BUILT: str(build_dir())})
        said.append(text)
        good = ended == status and words in text
        return [] if good else [f"lab {argv[0]}: status {ended}, without {words!r}: {text}"]

    problems = do(EXIT_PASS, f"Write {lab.function} in ", "start", SAMPLE, "--in", folder)
    problems += do(EXIT_FAIL, "is still empty", "check", SAMPLE, "--in", folder)
    (folder / lab.file).write_text((ROOT / lab.file).read_text())
    problems += do(EXIT_PASS, "Solved.", "check", SAMPLE, "--in", folder)
    problems += do(EXIT_PASS, "no difference", "solution", SAMPLE, "--in", folder)
    problems += do(EXIT_FAIL, f"Not {_WRONG}.", "answer", _FIND, _WRONG)
    problems += do(EXIT_PASS, "Right.", "answer", _FIND, _RIGHT)
    return "\n".join(problems), "".join(said)
