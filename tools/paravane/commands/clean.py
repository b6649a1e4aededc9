# SPDX-License-Identifier: MIT
"""Remove what was built and run."""

import shutil
import subprocess

from ..commandline import nothing_more
from ..common import build_dir, short


def run(args, _caller):
    nothing_more("clean", args)
    for name in ("runs", "cache"):
        shutil.rmtree(build_dir() / name, ignore_errors=True)
    return subprocess.run(
        ["make", "-s", "clean", f"BUILD={short(build_dir())}"], check=False
    ).returncode
