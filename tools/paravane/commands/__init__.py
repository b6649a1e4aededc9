# SPDX-License-Identifier: MIT
"""A module for each command of run.sh: run(args, caller) parses the arguments and returns the exit
code.

args: the words after the command; caller: the directory from which the user called, from which
files are named.
"""
