#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Build lwIP, the protocol stack of programs' sockets, from the distribution's source package,
once, outside of the tree.

    tools/build/lwip.py path [--cc CC]      where it is or will be; nothing if there is no source
    tools/build/lwip.py build [--cc CC]     build it there, unless that was done before

It is compiled with the port's headers (lib/newlib/include, lib/newlib/sockets/lwip) and newlib's,
which is built before. The folder's name is a key of all these, of the sources, the flags and the
compiler; it is made in newlib's way, and removed by `newlib.py clean`.
"""

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

from build import newlib

SOURCES = "sources/lwip_*.orig.tar.xz"
OPTIONS = newlib.PORT / "sockets" / "lwip"
ROOT = newlib.PORT.parents[1]
IMACROS = [newlib.PORT / name for name in ("config.h", "posix.h")]
FLAGS = [*newlib.FLAGS, "-std=gnu11", "-fno-strict-aliasing", "-w"]
# Corrections: {source: [(text, what replaces it)]}.
# 1. lwIP frees a connection without a report to its socket in three cases: the socket has read the
#    end of the stream, TIME_WAIT ends, or TIME_WAIT is aborted. A later close() then uses memory
#    that may belong to another connection. So each case calls errf, the socket's callback.
# 2. lwIP ignores a new SYN in TIME_WAIT, and a client that uses its port again waits for two
#    minutes. So a SYN with a higher sequence number ends TIME_WAIT (RFC 1122, 4.2.2.13).
REPORT = "TCP_EVENT_ERR(TIME_WAIT, {0}->errf, {0}->callback_arg, ERR_CLSD);"
REOPENED = """
        if ((flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && TCP_SEQ_GT(seqno, pcb->rcv_nxt)) {
          tcp_abandon(pcb, 0);
          pcb = NULL;
          break;
        }"""
IN_TIME_WAIT = """        /* We don't really care enough to move this PCB to the front
           of the list since we are not"""
EDITS = {
    "tcp_in.c": [
        ("if (!(pcb->flags & TF_RXCLOSED)) {", "{"),
        (IN_TIME_WAIT, REOPENED + IN_TIME_WAIT),
    ],
    "tcp.c": [
        ("tcp_free(pcb2);\n    } else {",
         f"{REPORT.format('pcb2')} tcp_free(pcb2);\n    }} else {{"),
        ("pcb);\n    tcp_free(pcb);\n  } else {\n    int send_rst",
         f"pcb);\n    {REPORT.format('pcb')} tcp_free(pcb);\n  }} else {{\n    int send_rst"),
    ],
}
# What is compiled. The rest is other kinds of links, IPv6, and what needs files.
PARTS = ("api/*.c", "core/*.c", "core/ipv4/*.c", "netif/ethernet.c")


def source():
    return newlib.newest(newlib.cache() / SOURCES)


def headers():
    """The files that lwIP is compiled with and that are the project's."""
    used = [newlib.HEADERS, OPTIONS]
    return sorted([*IMACROS, *(path for folder in used for path in folder.rglob("*.h"))])


def folder(cc):
    """Where the library of this compiler is or will be."""
    texts = [newlib.folder(cc).name, *FLAGS, *PARTS, str(EDITS), source().name]
    key = hashlib.sha256("\0".join(texts).encode())
    for path in (source(), *headers()):
        key.update(path.read_bytes())
    return newlib.cache() / f"{newlib.LWIP}{key.hexdigest()[:16]}"


def used(path):
    """What make uses of the folder."""
    return [path / "include" / "lwip" / "init.h", path / "liblwip.a"]


def is_built(path):
    return all(file.is_file() and file.stat().st_size for file in used(path))


def compile_all(cc, tree, scratch):
    """Compile the sources to objects in scratch; return their names."""
    compiler_headers = Path(newlib.output(cc, "-print-file-name=include").strip())
    system = [compiler_headers, newlib.folder(cc) / "include"]
    own = (OPTIONS, tree / "src" / "include", newlib.HEADERS, ROOT)
    include = [f"-I{path}" for path in own]
    flags = [*FLAGS, "-nostdinc", *include, "-D__paravane__"]
    flags += [f"-isystem{path}" for path in system]
    flags += [word for path in IMACROS for word in ("-imacros", path)]
    sources = sorted(path for part in PARTS for path in (tree / "src").glob(part))
    newlib.run([[cc, *flags, "-c", *sources]], scratch, newlib.environment(), scratch / "log")
    return [f"{path.stem}.o" for path in sources]


def make(cc, scratch, prefix):
    tree = newlib.unpack(source(), scratch / "lwip")
    for name, edits in EDITS.items():
        for texts in edits:
            newlib.edit(tree / "src" / "core" / name, *texts)
    objects = compile_all(cc, tree, scratch)
    prefix.mkdir()
    archive = [newlib.target_tools(cc)["ar"], "rcs", prefix / "liblwip.a", *objects]
    newlib.run([archive], scratch, newlib.environment(), scratch / "log")
    (tree / "src" / "include").rename(prefix / "include")


def build(cc):
    newlib.build(cc)
    path = folder(cc)
    with newlib.locked():
        if is_built(path):
            return
        newlib.remove_left_over()
        print(f"  LWIP	{path} (once)", flush=True)
        with tempfile.TemporaryDirectory(dir=newlib.cache(), prefix=newlib.BUILDING) as scratch:
            done = Path(scratch) / "done"
            make(cc, Path(scratch), done)
            if path.exists():
                newlib.remove(path)
            done.rename(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("path", "build"))
    parser.add_argument("--cc", default="gcc")
    args = parser.parse_args()
    if not source() or not newlib.sources():
        if args.command == "build":
            sys.exit(f"lwip.py: no {newlib.cache() / SOURCES}: ./run.sh setup fetches it")
    elif args.command == "path":
        print(folder(args.cc))
    else:
        build(args.cc)


if __name__ == "__main__":
    main()
