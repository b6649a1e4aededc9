# SPDX-License-Identifier: MIT
"""The entry of the host-side tools: check the Python version, then call paravane.cli."""

import os
import signal
import sys
from pathlib import Path

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until cli.main() has its own way to end
if sys.version_info < (3, 9):
    sys.exit("run.sh: Python 3.9 or newer is needed, this is " + sys.version.split()[0])

# Each command compiles this package's modules, or takes them from the build directory. run.sh keeps
# Python from writing beside the sources.
_build = Path(__file__).resolve().parents[1] / (os.environ.get("BUILD") or "build")
if os.access(_build, os.W_OK):
    sys.pycache_prefix, sys.dont_write_bytecode = str(_build / "pycache"), False

from paravane import cli  # noqa: E402  (the check has to come first)

sys.exit(cli.main(sys.argv[1:]))
