# SPDX-License-Identifier: MIT
"""The command `./run.sh lab list|start|check|solution|answer|prove`."""

import difflib
import os
import shutil
import textwrap

from .. import optable
from ..commandline import Parser, build
from ..common import EXIT_FAIL, EXIT_PASS, ROOT, Trouble, build_dir, make_dirs, short, usage
from . import copies, crash, cut, explain, labs, together

_WIDTH = 96
_SOLUTION = {"write": "compares your version with the tree's", "cut": "explains what is left"}


def run(args, caller):
    """Run the command; return the exit code."""
    parser = Parser("lab")
    parser.add_argument("what", nargs="?", default="list")
    parser.add_argument("name", nargs="?", default="")
    parser.add_argument("words", nargs="*")
    parser.add_argument("--in", dest="folder", default="")
    parser.add_argument("--cut", action="store_true")
    asked = parser.parse_intermixed_args(args)
    known = labs.read()
    commands = {"start": _start, "check": _check, "solution": _solution, "answer": _answer}
    if asked.what == "list":
        return _list(known)
    if asked.what == "prove":
        named = [labs.named(name, known) for name in [asked.name, *asked.words] if name]
        return _prove(named, list(known.values()), asked.cut)
    if asked.what not in commands:
        more = ", ".join(commands)
        raise usage(f"lab: unknown command {asked.what!r}; known: list, prove, {more}")
    lab = labs.named(asked.name, known)
    folder = caller / asked.folder if asked.folder else build_dir() / "labs" / lab.name
    return commands[asked.what](lab, copies.Copy(folder), asked.words)


def _list(known):
    for lab in known.values():
        print(f"  {lab.level}  {lab.kind:5}  {lab.name:12} {lab.title}")
    print("./run.sh lab start NAME begins one; docs/labs.md explains them")
    return EXIT_PASS


def wrapped(text):
    """Return a task's text in lines of some width. A paragraph of indented lines is commands, which
    stay as they are."""
    paragraphs = text.strip("\n").split("\n\n")
    return "\n\n".join(one.rstrip() if one.startswith(" ") else _filled(one) for one in paragraphs)


def _filled(text, first="", later=""):
    """Return text in lines of some width. A path is not broken at a hyphen."""
    return textwrap.fill(" ".join(text.split()), _WIDTH, break_on_hyphens=False,
                         initial_indent=first, subsequent_indent=later)


def _start(lab, copy, _words):
    build()
    if lab.kind == "find":
        return _start_find(lab, copy)
    if lab.kind == "cut":
        return _start_crash(lab, copy)
    text = cut.cut(ROOT, lab)
    if lab.is_repro:
        copy.make_folder(lab.file)
    else:
        copy.make_new()
    copy.write(lab.file, text)
    print(f"{lab.title}\n\n{wrapped(lab.task)}\n")
    if lab.op:
        print(f"The contract of the op {lab.op} ({optable.read_ops(ROOT)[lab.op].where}):\n")
        _print_contract(optable.read_ops(ROOT)[lab.op])
    _print_hints(lab)
    print(f"Write {lab.function} in {short(copy.path / lab.file)}")
    print(f"Then: ./run.sh lab check {lab.name}")
    return EXIT_PASS


def _print_contract(op):
    print(_filled(op.does, "    ", "    "))
    for label, text in op.labels.items():
        print(_filled(text, f"    {label}: ", "        "))
    print()


def _print_hints(lab):
    for hint in lab.hints:
        print(_filled(hint, "  - ", "    "))
    print()


def _start_crash(lab, copy):
    copy.make_folder()
    count = crash.record(lab, copy.path / crash.GIVEN)
    task = lab.task.replace("FOLDER", short(copy.path)).replace("COUNT", str(count))
    print(f"{lab.title}\n\n{wrapped(task)}\n")
    _print_hints(lab)
    print(f"Then: ./run.sh lab check {lab.name}")
    return EXIT_PASS


def _start_find(lab, copy):
    """Build the image with the lab's edit in a copy of its own, which is removed."""
    mutant = together.mutant_of(lab)
    hidden = copies.Copy(build_dir() / "labs" / f".build-{os.getpid()}")
    try:
        hidden.make_new()
        hidden.write(mutant.file, mutant.apply(hidden.read(mutant.file)))
        output = hidden.build_image()
        if output:
            raise Trouble(f"lab {lab.name} does not build: {explain.compiler_errors(output)[-1]}")
        make_dirs(copy.path)
        shutil.copyfile(hidden.image, copy.path / "paravane.elf")
    finally:
        shutil.rmtree(hidden.path, ignore_errors=True)
    task = lab.task.replace("IMAGE", short(copy.path / "paravane.elf"))
    print(f"{lab.title}\n\n{wrapped(task)}\n")
    _print_hints(lab)
    print(f"Answer with the name of the op: ./run.sh lab answer {lab.name} OP")
    return EXIT_PASS


def _need_copy(lab, copy):
    if lab.kind == "find":
        raise usage(f"lab: {lab.name} is solved by an answer: ./run.sh lab answer {lab.name} OP")
    if not (copy.path / (lab.file or crash.GIVEN)).exists():
        raise Trouble(f"{short(copy.path)} is not a working copy: ./run.sh lab start {lab.name}")


def verdict(lab, copy):
    """Try the solution in a copy; return (whether it passes, lines that say why)."""
    if lab.kind == "cut":
        return crash.judge(lab, copy.path / crash.WANTED)
    function = cut.find(copy.path, lab)
    if function == cut.with_body(function, cut.stub(lab), lab.function):
        return False, [f"{lab.function} is still empty: write it in {short(copy.path / lab.file)}.",
                       " ".join(lab.task.split())]
    for check in lab.check:
        output, shown = copy.try_repro(lab, check) if check.bad else copy.try_one(check)
        if output:
            return False, ["It does not compile:", *explain.compiler_errors(output)]
        if not shown.passed:
            return False, explain.answer(lab, shown)
    return True, [f"passed: {check}" for check in lab.check]


def _shown(line):
    """Return a line of an answer, wrapped. What is indented is evidence, and may have a path."""
    return _filled(line, " " * (len(line) - len(line.lstrip())), "    ") if line else ""


def _check(lab, copy, _words):
    _need_copy(lab, copy)
    passed, lines = verdict(lab, copy)
    for line in lines:
        print(_shown(line))
    if passed:
        print(f"Solved. ./run.sh lab solution {lab.name} {_SOLUTION[lab.kind]}")
    return EXIT_PASS if passed else EXIT_FAIL


def _solution(lab, copy, _words):
    if lab.kind == "find":
        mutant = together.mutant_of(lab)
        print(f"{lab.right}\n\nThe edit, in {mutant.file}:\n- {mutant.before}\n+ {mutant.after}")
        return EXIT_PASS
    if lab.kind == "cut":
        print(f"{crash.describe(lab)}\n{lab.right.strip()}")
        return EXIT_PASS
    _need_copy(lab, copy)
    theirs, ours = cut.find(copy.path, lab), cut.find(ROOT, lab)
    lines = difflib.unified_diff(
        theirs.splitlines(), ours.splitlines(), "yours", "the tree's", lineterm=""
    )
    print("\n".join(lines) or "no difference")
    return EXIT_PASS


def judge(lab, word):
    """Return (whether a word is the answer of a find-it lab, what to say)."""
    word = word.strip().lower().removesuffix("()").removeprefix("pv_")
    ops = optable.read_ops(ROOT)
    if word in lab.answers:
        return True, f"Right. {lab.right}"
    if word in lab.near:
        return False, f"Not {word}. {lab.near[word]}"
    if word in ops:
        return False, (
            f"Not {word}: you would see the same if that op kept its contract. Which test fails? "
            "Its first line, TEST(group, name, OP...), in the file that the failure names, lists "
            "the ops that it is about."
        )
    similar = difflib.get_close_matches(word, ops, 1)
    more = f" (similar: {similar[0]})" if similar else ""
    return False, f"{word or 'an empty word'} is not an op{more}; ./run.sh op lists all"


def _answer(lab, _copy, words):
    if lab.kind != "find":
        by = "code" if lab.kind == "write" else "a recording"
        raise usage(f"lab: {lab.name} is solved by {by}: ./run.sh lab check {lab.name}")
    if len(words) != 1:
        raise usage("lab answer: one word, the op's name")
    right, said = judge(lab, words[0])
    print(_filled(said))
    return EXIT_PASS if right else EXIT_FAIL


# --- The proof: the cut version and each wrong solution get a helpful answer; the source passes


def _prove(named, known, cut_only):
    """Prove the labs that are named, or all; return the exit code. cut_only: of those that are not
    named prove only that the cut version of each function fails."""
    build()
    whole = named if named or cut_only else known
    cut = [lab for lab in known if cut_only and lab not in whole and together.has_cut(lab)]
    copy = copies.Copy(build_dir() / "labs" / f".prove-{os.getpid()}")
    try:
        copy.make_new()
        by_one_build = [lab for lab in whole if together.takes(lab)]
        problems = [problem for lab in by_one_build for problem in _prove_answers(lab)]
        problems += [problem for lab in whole if lab not in by_one_build
                     for problem in _prove_one(lab, copy)]
        names = {lab.name for lab in whole}
        problems += together.prove(by_one_build + cut, copy, names)
    finally:
        shutil.rmtree(copy.path, ignore_errors=True)
    of_cut = f"{len(cut)} have a cut version that fails and explains itself, " if cut else ""
    print("\n".join([*problems, f"labs: {len(whole)} proven, {of_cut}{len(problems)} problems"]))
    return EXIT_FAIL if problems else EXIT_PASS


def _prove_answers(lab):
    """Yield a line for each answer that is judged wrong. Labs of other kinds have no answers."""
    others = {} if lab.kind != "find" else {"banner": "Which test fails?", "": "is not an op"}
    for word, says in {**dict.fromkeys(lab.answers, ""), **lab.near, **others}.items():
        right, said = judge(lab, word)
        print(f"  {lab.name}, answer {word!r}: {said.strip()[:150]}", flush=True)
        if right != (word in lab.answers) or says not in said:
            yield f"lab {lab.name}: the answer {word!r} is judged by {said!r}"


def _prove_one(lab, copy):
    """Yield a line for each thing that is wrong with a lab."""
    for name, says, (passed, lines) in _crash_cases(lab, copy) if lab.crash else _cases(lab, copy):
        said = " ".join(" ".join(lines).split())
        print(f"  {lab.name}, {name}: {'passes' if passed else said[:150]}", flush=True)
        if passed != (says is None):
            yield f"lab {lab.name}, {name}: {'passes' if passed else 'fails: ' + said[:300]}"
        elif says is not None and (says not in said or "It does not compile" in said):
            yield f"lab {lab.name}, {name}: the answer does not have {says!r}: {said[:300]}"


def _cases(lab, copy):
    """Yield (name, words that the answer must have or None if it has to pass, verdict) of the cut
    version, of the tree's own function, and of each wrong solution."""
    whole = copy.read(lab.file)
    # The stub without its mark has to build, and to fail as a solution would.
    cases = [("cut", cut.solved(copy.path, lab, lab.stub), ""), ("the tree's own", whole, None)]
    cases += [
        (wrong.name, cut.solved(copy.path, lab, wrong.body), wrong.says) for wrong in lab.wrong
    ]
    for name, text, says in cases:
        copy.write(lab.file, text)
        yield name, says, verdict(lab, copy)
    copy.write(lab.file, whole)


def _crash_cases(lab, copy):
    """Yield the same of a recording: as it was given, cut down right, and cut down wrong."""
    given, wanted = copy.path / crash.GIVEN, copy.path / crash.WANTED
    crash.record(lab, given)
    cases = [("as it is given", "all", ""), ("cut down", lab.solution, None)]
    cases += [(wrong.name, wrong.keep, wrong.says) for wrong in lab.wrong]
    for name, keep, says in cases:
        wanted.write_text(crash.kept(given, keep))
        yield name, says, crash.judge(lab, wanted)
