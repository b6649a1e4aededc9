# SPDX-License-Identifier: MIT
"""Look for what is missing on this computer."""

from .. import doctor
from ..commandline import nothing_more


def run(args, _caller):
    nothing_more("doctor", args)
    return doctor.run()
