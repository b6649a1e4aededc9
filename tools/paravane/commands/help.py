# SPDX-License-Identifier: MIT
"""Print the help."""

from ..common import EXIT_PASS
from ..helptext import HELP
from ..run import platforms
from ..selftest.soak import SOAKS


def run(_args, _caller):
    print(HELP.format(platforms=", ".join(platforms.PLATFORMS),
                      soaks=" ".join(soak.name for soak in SOAKS)), end="")
    return EXIT_PASS
