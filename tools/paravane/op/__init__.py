# SPDX-License-Identifier: MIT
"""`./run.sh op`: all that the tree and its runs show about one op."""
