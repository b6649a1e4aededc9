# SPDX-License-Identifier: MIT
"""A guest of a dom0: its xl configuration, its console, and how its domain ends."""

import base64
import re
from dataclasses import dataclass

from ..common import Trouble
from ..outer import running
from . import disks, nets

TYPES = ("pv", "pvh")
ENDS = (
    "poweroff",
    "reboot",
    "suspend",
    "crash",
    "watchdog",
    "soft reset",
)  # SHUTDOWN_* of xen/sched.h
_SHUT_DOWN = re.compile(r"has shut down, reason code (\d+)")
_GONE = re.compile(r"Domain \d+ has (?:been destroyed|died)")
_CREATED = "Waiting for domain"  # what xl prints when the domain runs
# What a guest prints last of its state, and how long it may take.
_SHOWN = re.compile(r"^# memory: .*\n", re.M)
_SHOWN_LIMIT = 10
_KILLED = range(129, 160)  # a shell's status for a program that a signal ended
_TRIES = 2
# How libxl reports that one of its own time limits has passed, which are of dom0's real time: 40 s
# for a script of a device, and 10 s for the state of a backend.
TIME_LIMIT = re.compile(
    r"killing execution of .* because of timeout|unable to (?:add|remove) device with path"
)
# Wait until the log has all that a domain has printed.
_TAKEN = """
for D in $(xenstore-list /local/domain); do
    home=/local/domain/$D
    [ "$(xenstore-read $home/name 2>&1)" = {name} ] &&
        /console_taken $D "$(xenstore-read $home/console/ring-ref)" "$(cat /run/xenconsoled.pid)"
done 2>/dev/null"""


# Migrate a domain to its own host. xenconsoled opens the log of the domain that is being received,
# which has another name, while it has that of the sent one open, and each port can be opened once.
# So the logs are two ports, which take turns.
_MIGRATE = """
for port in {ports}; do
    ( : >/dev/port$port ) 2>/dev/null &&
        ln -sf /dev/port$port /var/log/xen/console/guest-{name}--incoming.log
done
xl migrate -s "" {name} "xl migrate-receive" 2>&1"""


class TooSlow(Trouble):
    """A time limit of the toolstack's has passed, which is not the guest's fault."""


@dataclass(frozen=True)
class Wanted:
    """A guest as it is wanted. image, ramdisk: names of files in /run/in; more: more lines of its
    configuration; nets: how many network interfaces it has."""

    type: str
    words: str = ""
    mem: int = 256
    maxmem: int = 0
    smp: int = 1
    image: str = "image"
    ramdisk: str = "module"
    more: str = ""
    disks: tuple = ()
    nets: int = 0

    def config(self, name):
        """Return the configuration, as xl.cfg(5) has it. A domain that ends is preserved, so that
        it can be looked at."""
        lines = [
            f'name = "{name}"',
            f'type = "{self.type}"',
            f'kernel = "/run/in/{self.image}"',
            *([f'ramdisk = "/run/in/{self.ramdisk}"'] if self.ramdisk else []),
            f"cmdline = {quoted(self.words)}",
            f"memory = {self.mem}",
            *([f"maxmem = {self.maxmem}"] if self.maxmem else []),
            f"vcpus = {self.smp}",
            *(
                f'{event} = "preserve"'
                for event in ("on_poweroff", "on_reboot", "on_watchdog", "on_crash")
            ),
            *disks.config(name, self.disks),
            *nets.config(name, self.nets),
            *self.more.splitlines(),
        ]
        return "\n".join(lines) + "\n"


def migration(dom0, number=1, spare=2):
    """Return a script that migrates a guest to its own host, and lead what comes from the port of
    the guest number `spare`, which must not exist, to the guest's console."""
    dom0.lead(spare, number)
    return _MIGRATE.format(ports=f"{number + 1} {spare + 1}", name=f"guest{number}")


def quoted(text):
    """Return a text as a string of xl's configuration, which has escapes as C has."""
    return '"' + text.replace("\\", "\\\\").replace('"', "\\x22") + '"'


class Guest:
    """One domain, created when the object is made. number: which of dom0's guests, from 1 on;
    resumes: cancel each suspend, because no step of the test saves the domain."""

    def __init__(self, dom0, wanted, number=1, say=print, resumes=False):
        self.name = f"guest{number}"
        self.end = None  # a word of ENDS or "destroyed", once the domain has ended
        self.console = dom0.console(number)
        self._dom0, self._say = dom0, say
        self._tries = 0
        self._resumes = resumes
        self._script = (
            f"{disks.script(self.name, wanted.disks)}"
            f"ln -sf /dev/port{number + 1} /var/log/xen/console/guest-{self.name}.log\n"
            f"cat >/run/in/{self.name}.cfg <<'END'\n{wanted.config(self.name)}END\n"
            f"xl create -F /run/in/{self.name}.cfg; status=$?{self._taken()}\nexit $status"
        )
        self._create()

    def _taken(self):
        return _TAKEN.format(name=self.name)

    def _create(self):
        self._tries += 1
        self._number = self._dom0.start(self._script)

    def watch(self):
        """Wait for another end of the domain, after one by a suspend from which it continues."""
        self.end = None
        self._watch()

    def _watch(self, option=""):
        script = f"D=$(xl domid {self.name}) || exit 1\n/domain_end {option} $D; status=$?"
        self._number = self._dom0.start(f"{script}{self._taken()}\nexit $status")

    def poll(self):
        """Return how the domain ended, or None if it has not. Raise Failed if xl did not create
        it."""
        result = None if self.end else self._dom0.result(self._number)
        if result is None:
            return self.end
        status, output = result
        self.end = end_of(output)
        if self.end == "suspend" and self._resumes:
            self.end = None
            self._say("domu: the domain suspended itself; the suspend is cancelled")
            self._watch("-r")
            return None
        if self.end:
            return self.end
        fault = own_fault(status, output)
        ran = _CREATED in output or self.console.data
        if fault and not ran and self._tries < _TRIES:
            self._say(f"domu: {fault} before the guest ran: its own fault, so again")
            self._dom0.sh(f"xl destroy {self.name}; true")
            self._create()
            return None
        for line in output.splitlines():
            self._say(f"xl: {line}")
        raise running.Failed(f"xl create ended with status {status}: {error_of(output)}")

    def wait(self, limit=running.LIMIT):
        """Return how the domain ended."""
        found = self._dom0.wait_for(self.poll, limit)
        if found is None:
            raise running.Failed(f"{self.name} still runs after {limit:g} s")
        return found

    def expect(self, pattern, limit=running.LIMIT, start=0):
        """Return the match of a pattern in what the console has printed from the offset start
        on."""

        def look():
            found = re.search(pattern, self.console.text(start), re.M)
            return found or (False if self.poll() and not found else None)

        found = self._dom0.wait_for(look, limit)
        if not found:
            ended = f"; the domain ended by {self.end}" if self.end else ""
            raise running.Failed(
                f"{self.name} did not print {pattern!r} within {limit:g} s{ended}:"
                f" ...{self.console.text()[-300:]!r}"
            )
        return found

    def type(self, data):
        """Type bytes at the guest's console."""
        text = base64.b64encode(data).decode()
        self._dom0.start(
            f"tty=$(xenstore-read /local/domain/$(xl domid {self.name})/console/tty)\n"
            f"echo {text} | base64 -d >$tty"
        )

    def sh(self, script, limit=running.LIMIT):
        """Run a script in dom0 with this domain's id in $D; return what it prints. Raise Failed if
        its status is not 0."""
        script = f"D=$(xl domid {self.name}) || exit 1\n{script}"
        try:
            status, output = self._dom0.sh(script, limit)
        except running.Late as late:
            raise running.Late(f"{late}; {self._state()}") from late
        if status:
            raise running.Failed(f"{script!r} ended with status {status}: {error_of(output)}")
        return output

    def _state(self):
        """Return in words whether the domain has ended. If it has not, have it print the state of
        its CPUs and threads."""
        if self.poll():
            return f"the domain ended by {self.end}"
        seen = len(self.console.data)
        self._dom0.start(f"xl sysrq {self.name} s")
        shown = self._dom0.wait_for(lambda: _SHOWN.search(self.console.text(seen)), _SHOWN_LIMIT)
        answer = "answers" if shown else "does not answer"
        return f"the domain runs, and {answer} to sysrq s"

    def save(self, path):
        """Save a domain that has suspended itself in a file of dom0, and destroy it. xl asks for
        the suspend in xenstore and waits for the answer, which is given for the guest here."""
        self.sh(
            f"xl save $D {path} & save=$!\n"
            "tries=0; control=/local/domain/$D/control/shutdown\n"
            'until [ "$(xenstore-read $control)" = suspend ]; do\n'
            "    tries=$((tries + 1)); [ $tries -lt 200 ] || exit 1; usleep 50000\n"
            "done\n"
            'xenstore-write $control ""; wait $save'
        )

    def restore(self, path):
        """Make the domain again from a file of dom0; it continues under its name."""
        status, output = self._dom0.sh(f"xl restore -e {path} && rm {path}")
        if status:
            raise running.Failed(f"xl restore ended with status {status}: {error_of(output)}")
        self.watch()

    def was_created(self):
        """Has xl created the domain? None if dom0 does not answer within LIMIT."""
        number = self._dom0.start(f"grep -q '{_CREATED}' /run/output.{self._number}")
        found = self._dom0.wait_for(lambda: self._dom0.result(number), running.LIMIT)
        return None if found is None else found[0] == 0


def end_of(output):
    """Return how a domain ended by what xl create -F printed, or None."""
    found = _SHUT_DOWN.search(output)
    if found:
        code = int(found[1])
        return ENDS[code] if code < len(ENDS) else f"reason {code}"
    return "destroyed" if _GONE.search(output) else None


def own_fault(status, output):
    """Return in words how xl create failed by itself, if it did, or ""."""
    if status in _KILLED:
        return f"signal {status - 128} ended xl create"
    limit = status and TIME_LIMIT.search(output)
    return f"a time limit of libxl's ended xl create ({limit[0]})" if limit else ""


def error_of(output):
    """Return the first error that a tool printed, or its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\berror\b", line, re.I)]
    return (errors or lines[-1:] or ["it printed nothing"])[0]
