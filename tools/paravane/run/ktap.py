# SPDX-License-Identifier: MIT
"""Parse the console's lines: the guest's KTAP results, its verdict, its panic, and the hypervisor's
messages.

A Transcript gets one line at a time and keeps bounded state. It records results, and what is
malformed (problems); verdict.py decides what the run's result is.
"""

import re
from dataclasses import dataclass, field

TESTS_MAX = 5000
DIAGNOSTICS_MAX = 40
PROBLEMS_MAX = 10
BENCH_MAX = 2000
PANIC_LINES_MAX = 60
OUTPUT_MAX = 20000

_BANNER = re.compile(r"paravane: (Paravane (?:\S+ )?)on (.*)")
_RESULT = re.compile(r"(not )?ok (\d{1,6}) (?:- )?(\S+)(?: # SKIP ?(.*))?$")
_LOOKS_LIKE_RESULT = re.compile(r"(not )?ok\b")
_PLAN = re.compile(r"1\.\.(\d{1,6})$")
_VERDICT = re.compile(r"paravane: verdict (PASS|FAIL|SKIP|ERROR)(?:: (.*))?$")
_BENCH = re.compile(r"bench (\w+\.\w+) (?:(\d{1,20})|-) (\S.*)$")
_HYPERCALLS = re.compile(r"# hypercalls (\w+\.\w+) (\d{1,20}) of 100 calls$")
_SITE = re.compile(r"# site (\w+) (indirect|direct|inline|nothing|trap) (\d{1,6})(?: |$)")
_PROGRAM = re.compile(r"paravane: program (\S+) (starts|exits)")
_REPRO = re.compile(r"paravane: repro (\S+) (good|bad|cannot-tell): (.*?)( \(exercised\))?$")
_REPRO_STEP = re.compile(
    r"paravane: repro (\S+) (exercised|step-left-out|dying-is-(?:bad|unclear): ?(.*))$"
)
_TICKS = re.compile(r"# tsc (\d+) ticks from entry to verdict$")

# What domu_machine.py and kvm_machine.py print last.
_GUEST_END = re.compile(r"(?:domu|kvm): the (domain|guest) ended by (.*)")
_OUTER_FAILED = re.compile(r"(?:domu|kvm): failed: (.*)")

_XEN_PREFIX = re.compile(r"\(XEN\) (?:\[[ \d.]+\] ?)?")

# The hypervisor's own last words: (what its line holds, what happened).
_XEN_CRASHES = (
    ("Xen BUG at", "hypervisor"),
    ("Panic on CPU", "hypervisor"),
    ("FATAL TRAP", "hypervisor"),
    ("FATAL PAGE FAULT", "hypervisor"),
    ("Assertion '", "hypervisor"),
    ("Hardware Dom0 crashed", "guest"),
    ("crashed on cpu#", "guest"),
)
# The lines that Xen prints about a guest that it is about to end, apart from those that it always
# prints.
_XEN_REASON = re.compile(
    r"d\[?\d+[vd]|Triple fault|domain_crash|Unhandled|Bad |Failed |Invalid |Hit "
)
_XEN_ANSWERS = re.compile(r"\(XEN\).*'[0h]' pressed")

# After one of these lines nothing more will happen on the machine.
_XEN_ENDS = (
    "Hardware Dom0 halted",
    "Hardware Dom0 crashed",
    "Hardware Dom0 shutdown",
    "'noreboot' set",
    "Manual reset required",
)


@dataclass
class Test:
    """One result line, and the diagnostics before it."""

    name: str
    status: str  # pass, fail or skip
    reason: str = ""
    diagnostics: list = field(default_factory=list)


class Transcript:
    """All that the rest of the runner needs of one console, whatever was printed on it."""

    def __init__(self):
        self.banner = ""  # "native", "xen-pv ...": what follows "Paravane VERSION on"
        self.image = ""  # "Paravane VERSION"
        self.hypervisor = ""  # Xen's version, if there is a Xen
        self.tests = []
        self.plan = None
        self.is_ktap = False
        self.problems = []
        self.panic = None  # the reason
        self.panic_lines = []
        self.verdict = None
        self.verdict_reason = ""
        self.ticks = None
        self.bench = {}  # name: its value and unit, or the reason why it is missing
        self.sites = {}  # op: how many of its call sites became what
        self.crash = None  # "hypervisor" or "guest", by the hypervisor's word
        self.crash_line = ""
        self.xen_reason = ""  # the hypervisor's last line about what the guest did wrong
        self.machine_over = False
        self.ended = "domain"  # what ended: the "domain" or, on KVM, the "guest"
        # Of a domU, as the toolstack saw it: poweroff, reboot, crash. On KVM: without a verdict
        self.domain_end = ""
        self.failed = ""  # why the machine failed in which the guest runs
        self.restarts = False  # the hypervisor was asked to start the machine again
        self.repro = None  # what a repro reports: name, verdict, reason, exercised
        self.exercised = False  # it has reached the path in question
        self.step_left_out = False  # because of inject=skip_step
        self.dying_is_bad = ""  # the repro's reason why the guest's death is the bug
        self.hypervisor_answers = False  # a debug key was seen by the hypervisor
        self.input_to_hypervisor = False  # it reads the console's input itself, until three Ctrl-A
        self.echo_wanted = []  # tokens asked for, not yet typed
        self.program = None  # name of the program that runs or ran
        self.in_program = False
        self.output = []  # its lines
        self._diagnostics = []

    def feed(self, line):
        """Parse one line of the console."""
        if line.startswith("(XEN) "):
            self._hypervisor_line(line)
        elif line.startswith("paravane: "):
            self._own_line(line.rstrip())
        elif line.startswith(("domu: ", "kvm: ")):
            self._toolstack_line(line.rstrip())
        elif self.panic is not None and self.verdict is None:
            self._panic_line(line)
        elif self.in_program:
            if len(self.output) < OUTPUT_MAX:
                self.output.append(line.rstrip())
        else:
            self._ktap_line(line.rstrip())

    def _hypervisor_line(self, line):
        if not self.hypervisor and " Xen version " in line:
            self.hypervisor = line.split(" Xen version ", 1)[1].split()[0]
        text = _XEN_PREFIX.sub("", line)
        if self.crash is None:
            for words, who in _XEN_CRASHES:
                if words in line:
                    self.crash, self.crash_line = who, text
        elif self.crash_line.endswith(":") and not text.startswith("----["):
            self.crash_line += " " + text
        if self.crash is None and _XEN_REASON.search(text):
            self.xen_reason = text.strip()
        if _XEN_ANSWERS.match(line):
            self.hypervisor_answers = True
        if any(words in line for words in _XEN_ENDS):
            self.machine_over = True
        if "*** Serial input to " in line:
            self.input_to_hypervisor = "*** Serial input to Xen" in line
        if "Hardware Dom0 shutdown: rebooting" in line:
            self.restarts = True

    def _own_line(self, line):
        verdict, program = _VERDICT.match(line), _PROGRAM.match(line)
        if verdict:
            if self.verdict is not None:
                self._problem("more than one verdict line")
            else:
                self.verdict, self.verdict_reason = verdict.group(1), verdict.group(2) or ""
        elif program:
            self.program, self.in_program = program.group(1), program.group(2) == "starts"
        elif line.startswith("paravane: verdict"):
            self._problem(f"malformed verdict line {line!r}")
        elif _REPRO.match(line):
            name, verdict, reason, exercised = _REPRO.match(line).groups()
            self.repro = {
                "name": name, "verdict": verdict, "reason": reason, "exercised": bool(exercised)
            }  # fmt: skip
        elif _REPRO_STEP.match(line):
            _, step, why = _REPRO_STEP.match(line).groups()
            if step == "exercised":
                self.exercised = True
            elif step == "step-left-out":
                self.step_left_out = True
            else:
                self.dying_is_bad = (
                    (why or "the guest died") if step.startswith("dying-is-bad") else ""
                )
        elif line.startswith("paravane: PANIC: "):
            if self.panic is None:
                self.panic = line[len("paravane: PANIC: ") :]
            self._panic_line(line)
        elif line.startswith("paravane: echo "):
            if len(self.echo_wanted) < 16:
                self.echo_wanted.append(line[len("paravane: echo ") :])
        elif _BANNER.match(line):
            if self.banner:
                self._problem("the guest started more than once")
            self.image = _BANNER.match(line).group(1).strip()
            self.banner = _BANNER.match(line).group(2) or "?"

    def _toolstack_line(self, line):
        ended, failed = _GUEST_END.match(line), _OUTER_FAILED.match(line)
        if ended:
            self.ended, self.domain_end = ended.groups()
        elif failed:
            self.failed = failed[1]

    def _panic_line(self, line):
        if len(self.panic_lines) < PANIC_LINES_MAX:
            self.panic_lines.append(line.rstrip())

    def _ktap_line(self, line):
        plan, ticks = _PLAN.match(line), _TICKS.match(line)
        if line.startswith("KTAP version "):
            self.is_ktap = True
        elif plan:
            if self.plan is not None:
                self._problem("more than one plan")
            self.plan = int(plan.group(1))
        elif ticks:
            self.ticks = int(ticks.group(1))
        elif line.startswith("bench "):
            self._bench_line(line)
        elif _SITE.match(line):
            op, form, number = _SITE.match(line).groups()
            self.sites.setdefault(op, {})[form] = int(number)
        elif _HYPERCALLS.match(line):
            self._hypercalls_line(*_HYPERCALLS.match(line).groups())
        elif line.startswith("# "):
            if len(self._diagnostics) < DIAGNOSTICS_MAX:
                self._diagnostics.append(line[2:])
        elif _LOOKS_LIKE_RESULT.match(line):
            self._result_line(line)

    def _bench_line(self, line):
        said = _BENCH.match(line)
        if not said:
            self._problem(f"malformed bench line {line[:80]!r}")
        elif said[1] in self.bench:
            self._problem(f"two figures named {said[1]}")
        elif len(self.bench) < BENCH_MAX:
            value = (
                {"reason": said[3]} if said[2] is None else {"value": int(said[2]), "unit": said[3]}
            )
            self.bench[said[1]] = value

    def _hypercalls_line(self, name, number):
        if "value" not in self.bench.get(name, ()):
            self._problem(f"hypercalls of {name}, which was not measured")
        else:
            self.bench[name]["hypercalls"] = int(number) / 100

    def _result_line(self, line):
        result = _RESULT.match(line)
        if not result:
            self._problem(f"malformed result line {line[:80]!r}")
            return
        failed, number, name, skip = result.groups()
        if int(number) != len(self.tests) + 1:
            self._problem(f"result {number} where {len(self.tests) + 1} was due")
        if any(test.name == name for test in self.tests):
            self._problem(f"two results named {name}")
        if self.verdict is not None:
            self._problem(f"a result of {name} after the verdict")
        if skip is not None and not skip.strip():
            self._problem(f"{name} is skipped without a reason")
        status = "fail" if failed else "pass" if skip is None else "skip"
        if len(self.tests) < TESTS_MAX:
            self.tests.append(Test(name, status, (skip or "").strip(), self._diagnostics))
        self._diagnostics = []

    def _problem(self, text):
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(text)
