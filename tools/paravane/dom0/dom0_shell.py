# SPDX-License-Identifier: MIT
"""A shell of dom0 that runs one script after the other. It needs no program to start one, so a
script costs less than one of Outer.sh; what it starts must end by itself."""

import re

from ..outer import running

# dom0's own work precedes that of the guest, which would leave it a third of the CPU. A program's
# code is translated once by the emulator if it has the same addresses each time.
PREPARE = "xl sched-credit2 -d 0 -w 65535 && echo 0 >/proc/sys/kernel/randomize_va_space"
# A script's lines, then a line END. The answer is the lines that it prints, each after MARK, and
# then its status. Each script has a new file for its output: what an earlier one has left running
# prints into another.
_END, _MARK = ".", "> "
_LOOP = f"""
exec 6<>/dev/port{{port}}
script=
while IFS= read -r line <&6; do
  if [ "$line" != {_END} ]; then
    script="$script$line
"
    continue
  fi
  ( eval "$script" ) </dev/null >/run/said.{{port}} 2>&1 6>&-
  status=$?
  script=
  while IFS= read -r line || [ "$line" ]; do
    echo "{_MARK}$line"
  done </run/said.{{port}} >&6
  rm -f /run/said.{{port}}
  echo $status >&6
done
"""
_ANSWER = re.compile(rf"((?:{_MARK}.*\n)*)(\d+)\n")


def loop(number):
    """Return the script that reads and runs the others."""
    return _LOOP.format(port=number + 1)


class Shell:
    """number: whose port it uses, that of a guest that does not exist."""

    def __init__(self, dom0, number):
        self._dom0, self._number = dom0, number
        self._answers = dom0.console(number)
        self._seen = 0
        dom0.start(loop(number))

    def sh(self, script, limit=running.LIMIT):
        """Run a script; return (status, output)."""
        self._dom0.write(self._number, f"{script}\n{_END}\n".encode())
        found = self._dom0.wait_for(self._answer, limit)
        if found is None:
            raise self._dom0.late(script, limit, f"/run/said.{self._number + 1}")
        return found

    def _answer(self):
        """Return (status, output) of the script if it has ended, or None."""
        found = _ANSWER.fullmatch(self._answers.text(self._seen))
        if not found:
            return None
        self._seen = len(self._answers.data)
        return int(found[2]), re.sub(f"^{_MARK}", "", found[1], flags=re.M)
