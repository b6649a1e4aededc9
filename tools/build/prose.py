#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reject the phrases that docs/style.md replaces, in comments, messages, docs and names of tests.

prose.py [PATH...]   print each line with such a phrase, and what to write instead; status 1 if
                     there is one.
                     PATH is a file or a folder; by default the whole tree.

A line that needs the phrase (a quotation, docs/style.md's own table) says `prose: allow` in a
comment. Words are whole words: `storm` does not match `timer_storm`, which is what test names are
checked by (NAMES).
"""

import re
import subprocess
import sys

# phrase (a regular expression, matched without regard to case): what to write
PHRASES = {
    r"nobody|somebody|whoever|whomever|who comes first":
        "the part that acts: no caller, the waiter, the first CPU",
    r"(?<!there )(is|are|was|were) no": "is not a; does not exist; is missing",
    r"there (is|are|was) none|if there is none": "does not exist; is missing",
    r"tells|is told|are told|was told|told apart":
        "returns, reports, specifies, detects; distinguishes",
    r"says whether|says which|knows no|knows nothing": "returns, reports, specifies",
    r"go(es)? on\b(?! (to|with) )|going on|went on": "continues",
    r"begun|begins? again|anew|afresh": "starts; restarts; again",
    r"in vain": "without effect",
    r"for ever|forever": "indefinitely; or name the limit",
    r"meanwhile|in the midst": "in the meantime; during",
    r"in a row": "contiguous; consecutive",
    r"(makes?|made|making) true": "takes effect; applies",
    r"(keeps?|kept|holds?|held) back": "masks; delays; defers",
    r"(takes?|taken|took) off": "removes; takes offline",
    r"(lies?|lay|lying|stands?|stood) (at|in|on(?! its own)|behind|there)":
        "is at; is in; is located at",
    r"(?<!left )(?<!leaves )(?<!leave )(?<!nothing )behind": "after; past the end of",
    r"the house|floors?|a floor|pests?|peace|crew|storms?":
        "source tree; layer; worker; done; stress",
    r"comes and goes|come and go": "hotplug; appear and disappear",
    r"whence|thereby|hereby|therein|wherein|whither": "plain words",
    r"by hand of|of its own accord|has its way|its like|their like": "plain words",
}
# in the names of tests, whose words are joined by underscores
NAMES = r"_(storm|in_a_row|in_vain|anew|nobody|goes_on|is_told|tells|for_ever|meanwhile)(_|\b)"
SUFFIXES = (".c", ".h", ".S", ".inc", ".def", ".py", ".md", ".sh", ".toml", ".ini", ".txt", ".ld",
            "Makefile", ".mk", "run.sh")
ALLOW = "prose: allow"
# Generated; the list itself
SKIPPED = ("docs/ops.md", "docs/ops-results.md", "tools/build/prose.py")

RULES = [
    (re.compile(rf"\b({phrase})\b", re.IGNORECASE), instead) for phrase, instead in PHRASES.items()
]
RULES.append((re.compile(NAMES), "a test's name is written like a sentence"))


def faults(text):
    """Yield (line number, phrase, what to write instead) for each phrase in the text."""
    for number, line in enumerate(text.splitlines(), 1):
        if ALLOW in line:
            continue
        for rule, instead in RULES:
            match = rule.search(line)
            if match:
                yield number, match[0], instead


def main(paths):
    listed = subprocess.run(
        ["git", "ls-files", "--", *paths], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    count = 0
    for path in listed:
        if path.endswith(SUFFIXES) and path not in SKIPPED:
            with open(path, encoding="utf-8") as file:
                for number, phrase, instead in faults(file.read()):
                    print(f"{path}:{number}: '{phrase}': write {instead} (docs/style.md)")
                    count += 1
    if count:
        print(
            f"prose: {count} phrases to replace; a line that needs one has '{ALLOW}' in a comment",
            file=sys.stderr,
        )
    return count > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
