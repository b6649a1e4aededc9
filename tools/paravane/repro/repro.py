# SPDX-License-Identifier: MIT
"""Run repros on the hypervisors of the command line (`./run.sh repro`), and decide their verdicts.

A verdict is good, bad or cannot-tell. If the run ended normally, it is the one that the guest
printed. If the hypervisor crashed or hangs, it is bad. If the guest crashed, it is cannot-tell,
unless the repro has declared such a death to be bad.
"""

import collections
import dataclasses
import hashlib
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from typing import Optional

from ..common import (
    EXIT_FAIL, EXIT_PASS, EXIT_SKIP, EXIT_USAGE, Trouble, build_dir, build_lock, is_built,
    make_dirs, short
)
from ..run import emulators, packaged, platforms, runs, xen
from ..suite import suite
from ..suite.matrix import table
from . import controls, repros

_TIMEOUT = 30  # seconds, unless the caller or the repro sets another limit
_CPU_SECONDS = 20  # of each process of a build; the slowest takes two
_MEMORY = 4 << 30
_OUTPUT = 64 << 20  # bytes of each file that is written, the compiler's messages among them
_OUTPUT_READ = 1 << 20
_LINES_MAX = 60
_SLOW = 3  # times as long for a Xen with assertions, which takes several times as long to boot
FILE_PREFIX = "file "  # begins the version of a Xen that is not a package
_CONTROL_LABELS = {"bad": "broken", "good": controls.REPAIRED}
STATUS = {"good": EXIT_PASS, "bad": EXIT_FAIL, "cannot-tell": EXIT_SKIP}


@dataclasses.dataclass
class Case:
    """One repro on one platform, with one hypervisor (version "" without one)."""

    repro: repros.Repro
    platform: platforms.Platform
    version: str
    options: runs.Options
    result: Optional[runs.Result] = None
    verdict: str = ""
    reason: str = ""
    label: str = ""  # the shortest version that distinguishes it from the others
    promised: str = ""  # the verdict that this case must have, whatever the head expects
    number: int = 1  # of the cases that would have this name
    # Several repros run: what a head does not expect is expected to be good
    among_others: bool = False
    skipped: bool = False  # its step is left out
    called: str = ""  # in place of the repro's name: by which control it is

    @property
    def name(self):
        return (self.called or self.repro.name) + (f"#{self.number}" if self.number > 1 else "")

    @property
    def expected(self):
        """Return the verdict that this case should have: the promised one, or that of the repro's
        head. A Xen that is not a package has the version that it reported."""
        if self.promised:
            return self.promised
        version = self.version
        if version and not version[0].isdigit() and self.result:
            version = self.result.hypervisor
        return self.repro.expected(self.platform.name, version)

    @property
    def surprise(self):
        if self.skipped and self.result and not self.result.step_left_out:
            return True
        if not self.expected:
            return self.among_others and self.verdict == "bad"
        claimed = self.promised or self.platform.name in self.repro.platforms
        if self.verdict == "cannot-tell" and not claimed:
            return False  # the head names the platforms where the repro can tell
        return self.verdict != self.expected


def build(repro):
    """Build the image that holds a repro; return its path. Raise Trouble with status 125 if the
    file does not compile, so that a bisection skips it."""
    target, words = "paravane", []
    if repro and repro.outside:
        # Files of one name in several folders are not each other's.
        part = f"{repro.name}-{hashlib.sha256(str(repro.path).encode()).hexdigest()[:8]}"
        target = f"repro-{part}"
        words = [f"REPRO={repro.path}", f"REPRO_NAME={repro.name}", f"REPRO_PART={part}"]
    elif is_built():
        return build_dir() / f"{target}.elf"
    make_dirs(build_dir())
    if not shutil.which("make"):
        raise Trouble("make is not installed; ./run.sh setup installs it", EXIT_SKIP)
    status, said = _make([f"BUILD={short(build_dir())}", *words])
    if status:
        what = short(repro.path) if repro else "the image"
        raise Trouble(f"{what} does not build{_why(said)}:\n{said}", EXIT_SKIP)
    if "warning:" in said:
        print(
            "\n".join(line for line in said.splitlines() if not re.match(r"  [A-Z]+\t", line)),
            flush=True,
        )
    return build_dir() / f"{target}.elf"


def _make(words):
    """Run make; return (status, output): the output's first lines, without the notes on which file
    includes which."""
    command = ["make", "-s", f"-j{os.cpu_count() or 1}", *words]
    with build_lock(), tempfile.TemporaryFile() as output:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False,
            preexec_fn=_bound
        )  # fmt: skip
        output.seek(0)
        lines = output.read(_OUTPUT_READ).decode("utf-8", "replace").rstrip().splitlines()
    lines = [line for line in lines if not re.match("  +from .*[,:]$", line)]  # who includes whom
    more = ["(and more lines)"] if len(lines) > _LINES_MAX else []
    return done.returncode, "\n".join(lines[:_LINES_MAX] + more)


def _why(said):
    """Return "", or a note for a build that one of the limits of _bound may have ended."""
    signs = ("(and more lines)", "signal terminated", "out of memory", "limit exceeded")
    ended = any(sign in said for sign in signs)
    return (
        f"; it may have reached a limit, {_CPU_SECONDS} s of CPU time or {_OUTPUT >> 20} MiB"
        if ended
        else ""
    )


def _bound():
    """Limit CPU time, memory and file size of this child process, because a draft may make the
    compiler run or write without end."""
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_OUTPUT, _OUTPUT))


def hypervisors(wanted, caller):
    """Return [(version, prepared file)] of the --xen options, or of the installed Xen. A file that
    is missing or is not a Xen raises Trouble with status 125: to a bisection it is a failed
    build."""
    found = []
    for text in wanted or [None]:
        try:
            path = xen.find(text, caller)
            if path:
                version = xen.version_of(path)
                version = (
                    version
                    if version[:1].isdigit() and version != path.name
                    else FILE_PREFIX + str(text or path)
                )
                found.append((version, xen.prepare(path)))
        except Trouble as trouble:
            as_file = text and ("/" in text or (caller / text).exists())
            raise Trouble(str(trouble), EXIT_SKIP if as_file else trouble.status) from trouble
    return found


def places(repro, on, named):
    """Return (the platforms on which a repro runs, those of `on` on which it is skipped). on: the
    platforms asked for, or None for the repro's own. named: the repro was asked for by name, so it
    also runs where the type of guest is that of a platform of its head."""
    if not on:
        return [platforms.PLATFORMS[name] for name in repro.platforms], []
    runs_on = [one for one in on if one.name in repro.platforms or named and repro.fits(one)]
    return runs_on, [platform for platform in on if platform not in runs_on]


def skips(chosen, on, named):
    """Return the lines that report where these repros are skipped: one for each repro that was
    named, or else one for each platform."""
    skipped = [(repro, platform) for repro in chosen for platform in places(repro, on, named)[1]]
    if named:
        return [
            f"{repro.name}: skipped on {platform.name}, whose guest is {platform.guest}: its head"
            f" names {', '.join(repro.platforms)} (@platforms)"
            for repro, platform in skipped
        ]
    counts = collections.Counter(platform.name for _, platform in skipped)
    return [
        f"{count} of {len(chosen)} repros are skipped on {name}, because their heads do not name it"
        f" (@platforms)"
        for name, count in counts.items()
    ]


def cases(chosen, on, xens, options, named=True):
    """Return every Case of these repros; on, named: as for places()."""
    listed = []
    for repro in chosen:
        wanted = places(repro, on, named)[0]
        needs = repro.needs
        own = dataclasses.replace(
            options,
            run=f"repro:{repro.name}",
            mem=max(options.mem, needs.get("mem", 0)),
            smp=max(options.smp, needs.get("smp", 0)),
            pcpus=options.pcpus or needs.get("pcpus", 0),
            cpu=options.cpu or needs.get("cpu", ""),
            xen_append=(*repro.xen.split(), *options.xen_append),
            image=repro.image or options.image,
            timeout=needs.get("timeout", _TIMEOUT) if options.timeout is None else options.timeout,
        )
        for platform in wanted:
            for version, file in xens if platform.on_xen and xens else [("", None)]:
                options_of = dataclasses.replace(own, xen=file)
                if options.timeout is None and is_debug(version):
                    options_of.timeout *= _SLOW
                listed.append(Case(repro, platform, version, options_of))
    labels, seen = _labels([version for version, _ in xens]), {}
    for case in listed:
        case.label = labels.get(case.version, "")
        case.among_others = len(chosen) > 1
        number_of = seen.setdefault(name_of(case), [])
        number_of.append(case)
        case.number = len(number_of)
    return listed


def is_debug(version):
    return version.endswith(packaged.DEBUG)


def controlled(chosen, known):
    """Return the repro of each of these Controls, with the platforms on which the control shows."""
    found = []
    for control in chosen:
        one = known.get(control.repro)
        if not one:
            raise Trouble(
                f"{controls.FILE.name}: [{control.name}] is the control of no repro", EXIT_SKIP
            )
        where = [
            name for name in one.platforms if not control.platforms or name in control.platforms
        ]
        elsewhere = one.elsewhere and not control.platforms
        found.append(dataclasses.replace(one, platforms=where, elsewhere=elsewhere))
    return found


def control_cases(chosen, known, on, options, named=True):
    """Return the Cases of these Controls: each on the build that is bad and on the one that is
    good. on, named: as for places()."""
    options = dataclasses.replace(options, xen_asked=True)  # also below a domU
    listed = []
    for control, one in zip(chosen, controlled(chosen, known)):
        if not places(one, on, named)[0]:
            continue
        opposite = {"good": "bad", "bad": "good"}[control.verdict]
        for build_of, promised in ((control, control.verdict), (control.unedited, opposite)):
            version = f"{promised}:{control.name}" + (packaged.DEBUG if control.config else "")
            xens = [(version, xen.prepare(controls.built(build_of)))]
            for case in cases([one], on, xens, options, named):
                case.promised, case.label, case.called = (
                    promised,
                    _CONTROL_LABELS[promised],
                    control.name,
                )
                listed.append(case)
    return listed


def skipped_cases(chosen, on, xens, options, named=True):
    """Return the Cases of these repros with their steps left out: each has to report "cannot
    tell"."""
    without = dataclasses.replace(options, append=(*options.append, "inject=skip_step"))
    listed = cases(chosen, on, xens, without, named)
    for case in listed:
        case.promised, case.skipped = "cannot-tell", True
    return listed


def control_rows(chosen, listed):
    """Yield the controls' table of docs/repro.md, as lines of Markdown."""
    yield (f"Xen {controls.version()}, built from the distribution's source, each with its edit of "
           "repro/controls.ini;")
    qemus = sorted(
        {emulators.version_of(case.options.emulator or emulators.default()) for case in listed}
    )
    yield f"QEMU {', '.join(qemus)}; {time.strftime('%Y-%m-%d')}:"
    yield ""
    yield "| control | platform | what the edit breaks, or repairs | broken | repaired |"
    yield "|---|---|---|---|---|"
    for control in chosen:
        said = {}
        for case in listed:
            if case.version.partition(":")[2].removesuffix(packaged.DEBUG) == control.name:
                said.setdefault(case.platform.name, {})[case.promised] = case.verdict
        for platform, verdicts in said.items():
            effect = ("repairs: " if control.repairs else "") + control.effect
            yield (f"| {control.name} | {platform} | {effect} | {verdicts['bad']} | "
                   f"{verdicts['good']} |")


def _brief(version):
    return re.split("[+-]", version)[0] + (packaged.DEBUG if is_debug(version) else "")


def _labels(versions):
    """Return {full version: a label for it}: what precedes the first + or -, or the whole version
    if that would be ambiguous."""
    brief = {version: _brief(version) for version in versions}
    brief.update({version: version.removeprefix(FILE_PREFIX) for version in versions
                  if not version[:1].isdigit()})
    unique = {v: list(brief.values()).count(short_one) == 1 for v, short_one in brief.items()}
    return {version: brief[version] if unique[version] else version for version in versions}


def run(listed, jobs):
    """Run all cases and fill in their results; return the run's directory."""
    directory, of_image = _directories(listed)

    def task(case):
        label = re.sub("[^A-Za-z0-9.+~#_-]+", "-", f"-{case.repro.name}-{case.version}").rstrip("-")
        label += f"#{case.number}" if case.number > 1 else ""

        def one(stop):
            run_of = of_image[case.options.image].run
            result = run_of(case.platform, case.options, stop=stop, label=label)
            case.result = result
            case.verdict, case.reason = judge(result)
            return case

        return name_of(case), one

    suite.run_all([task(case) for case in listed], jobs, one_line)
    return directory


def _directories(listed):
    """Return the run's directory, and {image: the directory for its runs}."""
    first, *others = dict.fromkeys(case.options.image for case in listed)
    directory = runs.RunDirectory(first)
    named = {
        path: directory.with_image(path, f"{path.stem}-{i}") for i, path in enumerate(others, 2)
    }
    return directory, {first: directory, **named}


def judge(result):
    """Return (verdict, reason) of a Result."""
    if result.status == "INTERRUPTED":
        raise suite.Interrupted
    if result.status == "ERROR" and not result.banner:
        return "cannot-tell", result.reason
    if result.status == "ERROR":
        raise Trouble(result.reason, EXIT_USAGE)
    if not result.ran:
        return "cannot-tell", result.reason
    if result.culprit == "hypervisor":
        hangs = "HANG (hypervisor): it does not answer its own console: "
        return "bad", (hangs if result.reason.startswith("TIMEOUT") else "") + result.reason
    if result.culprit == "guest" and not result.banner and not result.hypervisor:
        return "cannot-tell", _did_not_start(result)
    if result.dying_is_bad:
        return "bad", f"{result.dying_is_bad}: {result.reason}"
    if result.culprit:
        return "cannot-tell", "the guest, not the hypervisor: " + result.reason
    said = result.repro
    if not said or result.reason.startswith("INCONSISTENT"):
        return "cannot-tell", result.reason or "the guest gave no verdict"
    wanted = {"good": "PASS", "bad": "FAIL", "cannot-tell": "SKIP"}[said["verdict"]]
    if result.status != wanted:
        return "cannot-tell", f"INCONSISTENT: {said['verdict']}, but the verdict is {result.status}"
    if said["verdict"] == "good" and not said["exercised"]:
        return "cannot-tell", "INCONSISTENT: good, but the path in question was not reached"
    return said["verdict"], said["reason"]


def _did_not_start(result):
    """Return the reason to report for a machine on which neither a hypervisor nor the guest printed
    anything."""
    if result.reason.startswith("the emulator did not start") or not result.platform.startswith(
        "xen"
    ):
        return result.reason
    return f"the hypervisor did not start: {result.reason}"


def name_of(case):
    """Return the words with which a case's line of progress begins."""
    return " ".join(word for word in (case.name, case.platform.name, case.label) if word)


def one_line(case):
    mark = " (exercised)" if case.result.exercised else ""
    surprise = ""
    if case.skipped and not case.result.step_left_out:
        surprise = " - UNEXPECTED: it did not come by a STEP that could be left out"
    elif case.surprise:
        surprise = f" - UNEXPECTED: {case.expected or 'good'} was expected"
    return f"{case.verdict:11} {case.result.seconds:4.1f} s  {case.reason}{mark}{surprise}"


def render(listed):
    """Return the table: a row for each repro and platform, a column for each hypervisor."""
    versions = list(dict.fromkeys(case.label for case in listed))
    rows = {}
    for case in listed:
        cell = case.verdict + ("!" if case.surprise else "")
        rows.setdefault((case.name, case.platform.name), {})[case.label] = cell
    head = ["repro", "platform"] + [version or "no Xen" for version in versions]
    body = [[*key] + [cells.get(v, "-") for v in versions] for key, cells in rows.items()]
    return table(head, body)


def print_results(listed, directory):
    """Print the console's lines around a crash, the table, and where the logs are."""
    for case in listed:
        if case.result.ran and case.result.culprit:
            print(f"\n{name_of(case)}: {case.reason}")
            print("\n".join(f"  | {line}" for line in case.result.tail()))
    print()
    print("\n".join(render(listed)))
    counts = {word: sum(case.verdict == word for case in listed) for word in STATUS}
    said = ", ".join(f"{count} {word}" for word, count in counts.items())
    surprises = sum(case.surprise for case in listed)
    said += f"; {surprises} unexpected" + (" (!)" if surprises else "")
    print(f"\n{said}; logs and command lines in {short(directory.path)}/")


def document(listed, status):
    """Return the results in a form that JSON can hold."""
    return {
        "status": status,
        "cases": [
            {
                "repro": case.repro.name,
                "platform": case.platform.name,
                "xen": case.version,
                "verdict": case.verdict,
                "reason": case.reason,
                "expected": case.expected,
                "exercised": case.result.exercised,
                "seconds": case.result.seconds,
                "log": f"{case.result.directory}/console.log",
            }
            for case in listed
        ],
    }


def exit_code(listed, against_heads):
    """Return the status. Of one repro: bad before good before cannot-tell. Of several
    (against_heads): 1 if a good or bad is unexpected, 125 if a cannot-tell is or if there is no
    other verdict, else 0."""
    verdicts = {case.verdict for case in listed}
    if against_heads:
        wrong = {case.verdict for case in listed if case.surprise}
        if wrong & {"good", "bad"}:
            return EXIT_FAIL
        return EXIT_PASS if verdicts & {"good", "bad"} and not wrong else EXIT_SKIP
    return next((STATUS[v] for v in ("bad", "good") if v in verdicts), EXIT_SKIP)
