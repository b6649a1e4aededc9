# SPDX-License-Identifier: MIT
"""./run.sh alone: install what is missing, and run the suite wherever it runs."""

from .. import setup
from . import suite


def run(args, caller):
    setup.ensure()
    return suite.run(args, caller)
