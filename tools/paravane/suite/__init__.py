# SPDX-License-Identifier: MIT
"""`./run.sh suite`: the suite on several platforms or many machines, and its tables and reports."""
