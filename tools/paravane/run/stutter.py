# SPDX-License-Identifier: MIT
"""QEMU on a busy computer: it is stopped and continued again and again.

stutter.py RUN STOP SECONDS -- QEMU ARGUMENT...

Becomes QEMU, which a child process stops for STOP ms after each RUN ms, for so many seconds.
"""

import os
import signal
import sys
import time


def _stutter(pid, run, stop, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end and os.getppid() == pid:
        for number, milliseconds in ((signal.SIGSTOP, stop), (signal.SIGCONT, run)):
            os.kill(pid, number)
            time.sleep(milliseconds / 1000)


def main(args):
    run, stop, seconds = map(float, args[:3])
    pid = os.getpid()
    if os.fork() == 0:
        try:
            _stutter(pid, run, stop, seconds)
        except ProcessLookupError:
            pass  # QEMU has ended
        os._exit(0)
    os.execvp(args[4], args[4:])


if __name__ == "__main__":
    main(sys.argv[1:])
