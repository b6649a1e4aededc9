# SPDX-License-Identifier: MIT
"""Recordings of runs: made by --record, read by `./run.sh trace` (docs/trace.md)."""
