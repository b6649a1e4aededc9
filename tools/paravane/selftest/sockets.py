# SPDX-License-Identifier: MIT
"""Steps of `./run.sh test`: programs' sockets, by app/httpd.c and clients in dom0."""

import hashlib
import re

from ..common import EXIT_FAIL
from ..dom0 import guest
from ..run import module
from .domu import dom0_with_guests
from .step import DOM0, GCC, boot, check

_FILES = {
    "index.html": b"<title>Paravane</title>\n",
    "folder/empty": b"",
    "large": bytes(number * 7 % 251 for number in range(500_003)),
}
# Bytes of a ping's data: none, around what fits into one frame and into two, and the most.
_PING_SIZES = (*range(12), 63, 64, 65, 255, 256, 999, *range(1470, 1476), *range(2950, 2956), 4444,
               10_000, 32_768, 60_001, 65_506, 65_507)  # fmt: skip
_DHCP = """
cat >/run/udhcpd.conf <<'END'
start 10.0.0.77
end 10.0.0.77
interface xenbr0
lease_file /run/udhcpd.leases
pidfile /run/udhcpd.pid
opt subnet 255.255.255.0
opt router 10.0.0.1
opt dns 10.0.0.1
END
touch /run/udhcpd.leases
udhcpd /run/udhcpd.conf
"""
# The word NET= of each type of guest, the address that it gives, and what dom0 does before.
_NETS = {
    "pv": ("", "10.0.0.77", _DHCP),
    "pvh": ("NET=10.0.0.2/24,10.0.0.1", "10.0.0.2", "true"),
}
_FETCH = """
for round in 1 2; do
    for client in 1 2 3 4 5 6 7 8; do
        wget -qO- http://$A/large | md5sum >/run/sum.$client &
    done
    wait
    cat /run/sum.*
done
"""
_PINGS = """
for size in {sizes}; do
    ping -c 1 -W 10 -q -s $size $A >/run/ping || {{ echo "size $size:"; cat /run/ping; exit 1; }}
done
"""
# Each line is another request; the last but two has no end within 4096 bytes.
_ODD = r"""
ask() { printf %b "$1" | nc $A 80 | sed -n '1s/\r//p'; }
ask 'GET /large\r\n\r\n'
ask 'GET /%2e%2e/large HTTP/1.1\r\n\r\n'
ask 'GET /none HTTP/1.0\r\n\r\n'
ask 'GET //dev/null HTTP/1.0\r\n\r\n'
ask 'DELETE /large HTTP/1.1\r\n\r\n'
ask 'HEAD /large HTTP/1.1\r\nConnection: close\r\n\r\n'
ask "GET / HTTP/1.1\r\nX: $(yes X-Endless | head -c 60000)"
wget -qO- http://$A/
wget -qO- http://$A/folder/
"""
_ODD_ANSWERS = """\
HTTP/1.1 400 Bad Request
HTTP/1.1 400 Bad Request
HTTP/1.1 404 Not Found
HTTP/1.1 404 Not Found
HTTP/1.1 501 Not Implemented
HTTP/1.1 200 OK
HTTP/1.1 431 Request Header Fields Too Large
<title>Paravane</title>
<!DOCTYPE html>
<title>Files</title>
<ul>
<li><a href="empty">empty</a>
</ul>
"""
# Eight clients send nothing, which is all that are served at a time; the ninth is served after they
# were given up.
_SILENT = """
for client in 1 2 3 4 5 6 7 8; do sleep 100 | nc $A 80 & done
usleep 200000
timeout 60 wget -qO- http://$A/large | md5sum
"""
_REQUESTS = 16 + 9  # of _FETCH and _ODD
_AGAIN = "timeout 60 wget -qO- http://$A/large | md5sum\n"
_CHANGES = (
    ("xl network-detach $D 0", "net: net0: detached"),
    ("xl network-attach $D mac=00:16:3e:00:01:00 bridge=xenbr0", "net: net0: .*served by domain 0"),
)


def steps(_scratch):
    """Yield the steps of this file."""
    for kind in _NETS:
        yield check(f"domu-{kind}: httpd serves files to dom0", _serve, kind, needs=(GCC, DOM0))
    httpd = ("--run", "app:httpd")
    missing = r"this machine has no network interface; --net gives(.|\n)*cannot serve port 80"
    yield boot("httpd without an interface", "xen-pv", *httpd, status=EXIT_FAIL, words=missing)
    wrong = r"NET=10\.0\.0\.300/24 is neither dhcp, loopback nor ADDRESS(.|\n)*cannot serve port 80"
    word = ("--append", "-- NET=10.0.0.300/24")
    yield boot("httpd, address that is wrong", "qemu", *httpd, *word, status=EXIT_FAIL, words=wrong)


def _serve(kind):
    """Clients in dom0 fetch files eight at a time, ping with every kind of size, and send what is
    not a request. One guest has its interface changed and is saved and restored in between."""
    word, address, prepare = _NETS[kind]
    count = f"-n {_REQUESTS}" if kind == "pvh" else ""
    wanted = guest.Wanted(kind, f"run=app:httpd -- {word} {count} --", mem=64, smp=2, nets=1)
    archive = module.of_files(_FILES)
    with dom0_with_guests(wanted, module_bytes=archive, prepare=prepare) as (_, (one,)):
        one.expect("^httpd: serving on port 80$")
        wrong = _ask(one, address) or (_change(one, address) if kind == "pv" else "")
        if wrong:
            return wrong, one.console.text()
        if kind == "pvh":
            one.expect(f"^httpd: {_REQUESTS} requests were answered$")
            one.expect("^paravane: verdict PASS$")
        else:
            one.sh("xl shutdown $D")
        end = one.wait()
        return "" if end == "poweroff" else f"the domain ended by {end}", one.console.text()


def _ask(one, address):
    """Return what is wrong with the answers, or nothing."""
    at = f"A={address}\n"
    wrong = _different(one.sh(at + _FETCH), 16)
    one.sh(at + _PINGS.format(sizes=" ".join(map(str, _PING_SIZES))))
    odd = one.sh(at + _ODD)
    if odd != _ODD_ANSWERS:
        wrong = wrong or f"to odd requests: {odd!r} in place of {_ODD_ANSWERS!r}"
    return wrong


def _change(one, address):
    """Change the interface, and save and restore the guest; return what is wrong, or nothing."""
    at = f"A={address}\n"
    if not re.search(r"sockets: net0 has the address 10\.0\.0\.77 by DHCP", one.console.text()):
        return "the guest does not report the address that it has by DHCP"
    wrong = _different(one.sh(at + _SILENT), 1)
    for change, answer in _CHANGES:
        seen = len(one.console.text())
        one.sh(change)
        one.expect(answer, start=seen)
    wrong = wrong or _different(one.sh(at + _AGAIN), 1)
    one.sh("xl save $D /run/state")
    one.restore("/run/state")
    return wrong or _different(one.sh(at + _AGAIN), 1)


def _different(sums, count):
    """Return what is wrong with md5sum's output for the large file, or nothing."""
    expected = f"{hashlib.md5(_FILES['large']).hexdigest()}  -"
    lines = sums.splitlines()
    if lines == [expected] * count:
        return ""
    return f"checksums of /large: {lines}, not {count} times {expected!r}"
