# SPDX-License-Identifier: MIT
"""A Linux with KVM in an emulated machine, and the virtual machine monitor by which the image runs
there."""
