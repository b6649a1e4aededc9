# SPDX-License-Identifier: MIT
"""`./run.sh lab`: exercises on the tree's own source (docs/labs.md)."""
