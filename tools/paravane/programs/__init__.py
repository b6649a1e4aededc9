# SPDX-License-Identifier: MIT
"""Real programs and their own tests: built for the guest and for this machine, run in both, and
compared (docs/apps.md)."""
