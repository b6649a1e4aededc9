# SPDX-License-Identifier: MIT
"""`./run.sh bench`: what is counted and timed, its file format, tables, chart and comparison; and
the image's size."""
