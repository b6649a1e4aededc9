# SPDX-License-Identifier: MIT
"""The call sites of ops in a run: boot with pv.sites, or ask the monitor for those of one op; read
what each site became, and disassemble it."""

import concurrent.futures
import dataclasses
import re
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass

from build.elf import Elf

from ..common import Trouble, build_dir
from ..shell.command import Script

# kernel/sites.c
_SITE = re.compile(r"# site ([0-9a-f]{16}) (\w+)\+(0x[0-9a-f]+|0) (\w+) (\w+) ([0-9a-f]+) (.*)")
_INSTRUCTION = re.compile(r"^\s*[0-9a-f]+:\t(?:[0-9a-f]{2} )+\s*\t(.*)$", re.M)
_SITES_MOST = 10000  # test/shell/show.c
_SHORT_TEST = "boot.command_line*"  # the sites are listed before the first test


@dataclass(frozen=True)
class Site:
    """One call of an op. before, after: its bytes as linked, and as executed in the run; code: what
    the image prints."""

    address: int
    function: str
    offset: str
    op: str
    state: str
    before: bytes
    after: bytes
    code: str


def boot_all(directory, chosen, options, jobs):
    """{platform's name: its Sites by op, or the reason for none}, from one boot each."""
    listing = options.with_words(_SHORT_TEST, "pv.sites")
    return _each(directory, chosen, jobs, lambda platform: directory.run(platform, listing))


def boot_one(directory, chosen, options, jobs, op):
    """Return the same for one op: a console may be slow, and all sites are thousands of lines."""
    line = directory.path / "lines"
    line.write_text(f"sites {op} {_SITES_MOST}\n")
    asking = dataclasses.replace(options, run="shell")

    def ask(platform):
        with open(line, "rb") as keyboard:
            return directory.run(platform, asking, terminal=Script(keyboard))

    return _each(directory, chosen, jobs, ask)


def _each(directory, chosen, jobs, run):
    image = Elf(directory.image)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = {platform.name: pool.submit(run, platform) for platform in chosen}
        return {name: _sites(result.result(), image) for name, result in results.items()}


def _sites(result, image):
    if not result.ran or result.status != "PASS":
        return f"{result.status}: {result.reason}"
    found = {}
    for site in parse(_console(result), image):
        found.setdefault(site.op, []).append(site)
    return found


def _console(result):
    path = build_dir().parent / result.directory / "console.log"
    try:
        return path.read_text(errors="replace")
    except OSError as error:
        raise Trouble(f"{path}: {error.strerror}") from error


def parse(text, image):
    """The Sites that a console lists; image: the Elf that was booted."""
    for match in _SITE.finditer(text):
        address, after = int(match[1], 16), bytes.fromhex(match[6])
        before = image.bytes_at(address, len(after))
        yield Site(
            address, match[2], match[3], match[4], match[5], before, after, match[7].rstrip("\r")
        )


def example(listed):
    """Return a site in the kernel itself rather than one in the suite or in the op's own helper,
    where there is one."""
    plain = [one for one in listed if not one.function.startswith(("pv_", "test", "bench"))]
    return (plain or listed)[0]


def states(listed):
    """Return in words what became of these sites: how many were patched in which way."""
    found = Counter(one.state for one in listed)
    return ", ".join(f"{count} {state}" for state, count in found.items())


def disassemble(code, address):
    """Return the instructions of these bytes, executed at this address, one a line, by objdump."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(code)
        file.flush()
        command = [
            "objdump",
            "-D",
            "-b",
            "binary",
            "-m",
            "i386:x86-64",
            f"--adjust-vma={address:#x}",
            file.name,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Trouble(f"objdump failed: {done.stderr.strip()}")
    return [" ".join(text.split()) for text in _INSTRUCTION.findall(done.stdout)]


def named(instruction, site, label):
    """Return the instruction, with the prefixes counted that fill its site, and with where a call
    or jump leads to."""
    words = instruction.split()
    prefixes = len(words) - len([word for word in words if word != "cs"])
    plain = " ".join(words[prefixes:])
    text = f"{plain} (after {prefixes} cs prefixes, to fill the site)" if prefixes else instruction
    if not plain.startswith(("call", "jmp")):
        return text
    if label == "linked":
        return f"{text} <through the table: {site.op}>"
    return f"{text} <{site.code if site.state == 'direct' else 'the tail of this site'}>"
