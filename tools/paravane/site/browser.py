# SPDX-License-Identifier: MIT
"""Drive Chromium without a window: open pages, run scripts in them, and collect what the browser
reports. It speaks the DevTools protocol over two pipes, so it needs no port and no library."""

import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

from ..common import Trouble

NAMES = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")
REMEDY = "Chromium is not installed: ./run.sh setup, or apt-get install chromium"
_ANSWER_LIMIT = 300  # seconds: a computer may be busy
# Without a sandbox because Chromium refuses one to root; it opens pages of this tree only.
_OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-extensions", "--disable-dev-shm-usage", "--hide-scrollbars",
            "--remote-debugging-pipe", "about:blank")


def find():
    """Return the path of Chromium; "" if it is not installed."""
    return next(filter(None, map(shutil.which, NAMES)), "")


class Browser:
    """A running Chromium with one page. Use it in a with statement."""

    def __init__(self, binary):
        self._home = tempfile.TemporaryDirectory()
        self.events, self._rest, self._number, self._session = [], b"", 0, None
        his_in, self._out = os.pipe()
        self._in, his_out = os.pipe()
        # Chromium reads from descriptor 3 and writes to 4.
        script = f'exec "$0" "$@" 3<&{his_in} 4>&{his_out}'
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "bash", "-c", script, binary, *_OPTIONS,
             f"--user-data-dir={self._home.name}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            pass_fds=(his_in, his_out), start_new_session=True,
            env={**os.environ, "HOME": self._home.name},
        )
        os.close(his_in)
        os.close(his_out)

    def __enter__(self):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        # CPU time of the page's thread, not the time of day
        self.call("Performance.enable", timeDomain="threadTicks")
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
        for _ in range(50):  # its children may still write there for a moment
            try:
                self._home.cleanup()
                return
            except OSError:
                time.sleep(0.1)

    def call(self, method, **params):
        """Send a command, and return its result. Events that arrive before it are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise Trouble(f"Chromium: {method}: {answer['error'].get('message')}")
                return answer["result"]
            self.events.append(answer)

    def open(self, url):
        """Open a page, and wait until all that it needs is loaded. Return the events until then."""
        self.events.clear()
        failed = self.call("Page.navigate", url=url).get("errorText")
        if failed:
            raise Trouble(f"Chromium: {url}: {failed}")
        while not any(one.get("method") == "Page.loadEventFired" for one in self.events):
            self.events.append(self._read())
        self.script("0")  # the answer follows all earlier events
        return list(self.events)

    def drawn(self):
        """Wait until the page has been drawn."""
        self.script("new Promise(f => requestAnimationFrame(() => requestAnimationFrame(f)))")

    def script(self, text):
        """Return the value of a JavaScript expression in the page; of a promise, its result."""
        done = self.call("Runtime.evaluate", expression=text, returnByValue=True,
                         awaitPromise=True)
        if "exceptionDetails" in done:
            details = done["exceptionDetails"]
            raise Trouble("Chromium: " + details.get("exception", details).get("description", "?"))
        return done["result"].get("value")

    def cpu_seconds(self):
        """Return the CPU time of the page's thread, for this page and for earlier ones."""
        metrics = self.call("Performance.getMetrics")["metrics"]
        return next(one["value"] for one in metrics if one["name"] == "TaskDuration")

    def _read(self):
        while b"\0" not in self._rest:
            if not select.select([self._in], [], [], _ANSWER_LIMIT)[0]:
                raise Trouble(f"Chromium did not answer for {_ANSWER_LIMIT} s")
            more = os.read(self._in, 1 << 16)
            if not more:
                raise Trouble("Chromium has ended")
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)
