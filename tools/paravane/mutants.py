"""Does the suite notice a wrong op? Each op of each backend is replaced by a wrong one (mutate=OP:KIND,
pv/mutate.c), and the suite must fail; a mutant that survives is a test that is missing.

A mutant is first shown the groups of tests that cite its op, one by one, and only if none of them notices
the whole suite: almost all end within a second.
"""

import re

from . import optable, suite
from .common import EXIT_FAIL, EXIT_INTERRUPTED, EXIT_PASS, ROOT


# By what the op returns: the wrong values that make sense of it.
_KINDS = {"void": ("nop",), "bool": ("nop", "one")}
_OTHER_KINDS = ("nop", "ones")
# Called before the command line is read: a mutant of these would be the op itself.
_BEFORE = ("early_init", "trap_init")


def run(directory, platforms, options, jobs, pattern):
    """Runs all mutants whose op matches the regular expression; prints score and survivors; returns the
    exit code."""
    table = optable.read(ROOT)
    tasks, equal = [], []
    for platform in platforms:
        backend = next(b for b in table.backends if b.name == platform.backend)
        for op in table.ops.values():
            if not re.fullmatch(pattern, op.name) or op.name in _BEFORE:
                continue
            for kind in _KINDS.get(op.returns, _OTHER_KINDS):
                name = f"{platform.name} {op.name}:{kind}"
                if _is_equivalent(table, backend, op, kind):
                    equal.append(name)
                else:
                    tasks.append((name, _task(directory, platform, options, table, op, kind)))
    results = suite.run_all(tasks, jobs, _line)
    return _conclude([name for name, _ in tasks], results, equal)


def _task(directory, platform, options, table, op, kind):
    """A function of a stop event that returns the first Result that is no PASS, or the last one."""

    def task(stop):
        groups = sorted({test.name.split(".")[0] for test in table.citing(op.name)})
        for pattern in [group + ".*" for group in groups] + [""]:
            mutant = options.with_words(pattern, f"mutate={op.name}:{kind}")
            result = directory.run(platform, mutant, stop=stop, label=f"-{op.name}-{kind}")
            if result.status not in ("PASS", "SKIP"):
                return result
        return result

    return task


def _is_equivalent(table, backend, op, kind):
    """A function that does nothing and returns nothing or 0, replaced by one that does the same."""
    function = backend.functions.get(op.name, "")
    path = table.files.get(function)
    if kind != "nop" or not path:
        return False
    text = (ROOT / path).read_text()
    body = re.search(rf"\b{function}\([^)]*\)\s*{{(.*?)\n}}", text, re.S)
    if not body:
        return False
    left = re.sub(r"/\*.*?\*/|\(void\)[^;]*;|return 0;", "", body[1], flags=re.S).strip()
    return not left


def _line(result):
    return "SURVIVED" if result.status in ("PASS", "SKIP") else f"killed: {result.reason or result.status}"[:70]


def _conclude(names, results, equal):
    if any(result.status == "INTERRUPTED" for result in results):
        return EXIT_INTERRUPTED
    survivors = [n for n, r in zip(names, results) if r.status in ("PASS", "SKIP")]
    killed = len(names) - len(survivors)
    print(f"\nmutation score: {killed} of {len(names)} killed; {len(equal)} left out, for they change nothing")
    for name in survivors:
        print(f"  survived: {name}")
    return EXIT_FAIL if survivors else EXIT_PASS
