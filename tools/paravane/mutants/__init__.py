# SPDX-License-Identifier: MIT
"""`./run.sh mutants`: wrong ops and wrong edits, which the suite must notice."""
