# SPDX-License-Identifier: MIT
"""The entry of the host-side tools: check the Python version, then call paravane.cli."""

import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)  # until cli.main() has its own way to end
if sys.version_info < (3, 9):
    sys.exit("run.sh: Python 3.9 or newer is needed, this is " + sys.version.split()[0])

from paravane import cli  # noqa: E402  (the check has to come first)

sys.exit(cli.main(sys.argv[1:]))
