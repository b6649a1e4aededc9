#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The one front door: ./run.sh help
#
# Everything else is Python's standard library under tools/; this file only makes sure that
# there is a Python to run it.
set -euo pipefail

here="$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"

# Installs python3 where that is allowed; else says how, and stops.
need_python() {
    local install=(apt-get install -y --no-install-recommends python3)
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        as_root=(sudo -n)
    fi
    if command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null; then
        echo "run.sh: installing python3 (${install[*]})"
        "${as_root[@]}" apt-get update -qq
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "${install[@]}"
        return
    fi
    echo "run.sh: Python 3 is not installed; install it: sudo ${install[*]}" >&2
    exit 1
}

# The distribution's Python first: a version manager's wrapper takes longer than many a command.
python=/usr/bin/python3
[ -x "$python" ] || python=python3
command -v "$python" >/dev/null || need_python
exec "$python" -B "$here/tools/run.py" "$@"
