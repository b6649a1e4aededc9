# SPDX-License-Identifier: MIT
"""`./run.sh shell`: the monitor (docs/shell.md), for a person, a script or random lines."""
