# SPDX-License-Identifier: MIT
"""Pack what another person needs to reproduce a verdict into one file, to attach to a report."""

import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

from ..common import EXIT_USAGE, ROOT, Trouble
from ..run import emulators
from . import repro


def write(path, listed, directory):
    """Pack the run's directory, the repros' sources and the hypervisors, with a list of hashes and
    versions."""
    top = path.name.split(".")[0] or "bundle"
    files = {f"run/{found.relative_to(directory.path)}": found for found in _files(directory.path)}
    for case in listed:
        files[f"source/{case.repro.path.name}"] = case.repro.path
        if case.options.xen:
            files[f"xen/{Path(case.options.xen).name}"] = Path(case.options.xen)
    texts = {
        "verdicts.json": json.dumps(repro.document(listed, None)["cases"], indent=1) + "\n",
        "versions": _versions(listed),
        "sha256": "".join(f"{_digest(found)}  {name}\n" for name, found in sorted(files.items())),
    }
    try:
        with tarfile.open(path, "w:gz") as archive:
            for name, text in texts.items():
                _add(archive, f"{top}/{name}", text.encode())
            for name, found in sorted(files.items()):
                archive.add(found, f"{top}/{name}", recursive=False)
    except OSError as error:
        raise Trouble(f"cannot write {path}: {error.strerror or error}", EXIT_USAGE) from error


def _files(folder):
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def _add(archive, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def _versions(listed):
    xens = sorted({f"{case.version} ({case.result.hypervisor})" for case in listed if case.version})
    lines = [
        f"paravane: {_first_line('git', '-C', ROOT, 'describe', '--always', '--dirty')}",
        f"qemu: {_first_line(emulators.default(), '--version')}",
        f"compiler: {_first_line(os.environ.get('CC', 'gcc'), '--version')}",
        *(f"xen: {version}" for version in xens),
    ]
    return "".join(f"{line}\n" for line in lines)


def _first_line(*command):
    try:
        done = subprocess.run(
            [str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False
        )
    except OSError:
        return "unknown"
    return (done.stdout.splitlines() or ["unknown"])[0]


def _digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
