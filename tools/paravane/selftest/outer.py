# SPDX-License-Identifier: MIT
"""The outer machines (a dom0, a Linux with KVM) that steps of `./run.sh test` restore: assembled by
a step of their own, which the others need."""

from ..common import Trouble
from ..outer import saved
from ..run import needs, platforms
from .step import Skipped


def assemble(image, shape):
    """Assemble a machine, unless the cache has it, and save it for the steps that restore it. Its
    packages may be out of reach: then those steps are skipped, for a reason that has the
    remedy."""
    reason = needs.lacks_qemu()
    if reason:
        raise Skipped(f"{reason}; ./run.sh setup installs it")
    if image.find() is None:
        try:
            image.setup()
        except Trouble as trouble:
            raise Skipped(f"{trouble}; ./run.sh setup tries again") from trouble
    saved.folder(shape.Shape.of(platforms.DEFAULT_MEM), say=lambda line: None)
    return "", ""
