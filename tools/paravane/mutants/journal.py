# SPDX-License-Identifier: MIT
"""The results of the source mutants as a JSON file, written after each mutant, so that an interrupted run of two hours
can be resumed. A result counts again only for the same edit and test, and for the same sources of all that is built.
"""

import dataclasses
import hashlib
import json
import subprocess
import threading

from .. import report
from ..common import ROOT, Trouble

KILLED = ("FAIL", "CRASH", "TIMEOUT", "BUILD", "HOST", "STEP")
_NOT_BUILT = ("docs/", "test/mutants/", "tools/test/")


def source_files():
    """Return the names of all files of the tree that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, stdout=subprocess.PIPE, check=True
    ).stdout
    return [name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def tree_digest():
    """Return a digest of everything that decides what a mutant does, but the list of mutants itself."""
    digest = hashlib.sha256()
    for name in sorted(source_files()):
        if not name.startswith(_NOT_BUILT) and not name.endswith(".md"):
            digest.update(name.encode() + b"\0" + (ROOT / name).read_bytes() + b"\0")
    return digest.hexdigest()


class Journal:
    """What is known of the mutants. path: the JSON file, or None; resume: begin with what it has."""

    def __init__(self, path, equivalent, resume=False, tree=None):
        self._path = path
        self._lock = threading.Lock()
        self._entries = {}
        self._head = {"tree": tree or (tree_digest() if path else ""), "equivalent": equivalent}
        if resume and path.exists():
            self._read(path)

    def _read(self, path):
        try:
            document = json.loads(path.read_text())
            entries = {entry["name"]: entry for entry in document["mutants"]}
            tree = document["tree"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Trouble(f"--resume: {path} is not a result of mutants --source --json: {error!r}") from error
        if tree != self._head["tree"]:
            raise Trouble(f"--resume: {path} is of other sources than this tree's; run it again without --resume")
        self._entries = entries

    def known(self, mutant):
        """Return {status, reason, seconds} of a mutant that was killed before, or None."""
        entry = self._entries.get(mutant.name)
        if not entry or entry["status"] not in KILLED or any(entry.get(k) != v for k, v in _plain(mutant).items()):
            return None
        return {key: entry[key] for key in ("status", "reason", "seconds")}

    def add(self, mutant, status, reason, seconds):
        """Record what became of a mutant."""
        if not self._path or status == "INTERRUPTED":
            return
        with self._lock:
            self._entries[mutant.name] = {
                **_plain(mutant), "status": status, "reason": reason, "seconds": seconds
            }  # fmt: skip
            part = self._path.with_name(self._path.name + ".part")
            report.write_json(part, {**self._head, "mutants": list(self._entries.values())})
            part.replace(self._path)


def _plain(mutant):
    return dataclasses.asdict(mutant)
