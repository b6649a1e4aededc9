#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write a compilation database: compile_commands.py 'COMPILER FLAGS' FILE… >
compile_commands.json"""

import json
import os
import shlex
import sys

command, sources = sys.argv[1], sys.argv[2:]
json.dump([{"directory": os.getcwd(), "file": source,
            "arguments": shlex.split(command) + ["-c", source]} for source in sources],
          sys.stdout, indent=1)
print()
