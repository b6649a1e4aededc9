# SPDX-License-Identifier: MIT
"""A dom0 with the distribution's toolstack, below which the image runs as a domU: its assembly, its
saved state, and guests in it."""
