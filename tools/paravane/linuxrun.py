# SPDX-License-Identifier: MIT
"""Count a program's instructions as a unikernel, and as a Linux process (docs/apps.md).

The same QEMU counts both (-icount, one CPU), so the ratio does not depend on the load of this
computer. Linux is the distribution's kernel package, fetched and unpacked in the user's cache;
nothing is installed. Its initramfs holds the program, linked statically, as /init, and the files
that it reads.
"""

import re
import shutil
import subprocess

from . import archive, cpio
from .common import EXIT_FAIL, EXIT_PASS, EXIT_SKIP, ROOT, Trouble
from .run import module, platforms, runs

LIMIT = 1.00
_TIMEOUT = 600
_PACKAGES = "linux-image-6.1.0-*-cloud-amd64-unsigned"
# QEMU counts an instruction for every byte of a "rep stosb", by which Linux clears pages where the
# CPU has ERMS.
_CPU = "max,-erms,-fsrm"
_SAID = re.compile(r"^timed: (\d+) ns, returned 0\b", re.MULTILINE)


def kernel():
    """Return the path of a Linux kernel, which is fetched on first use."""
    cache = archive.cache_dir() / "linux"
    for found in sorted(cache.glob("boot/vmlinuz-*")):
        return found
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise Trouble("no apt-get and dpkg-deb here to get a Linux kernel with", EXIT_SKIP)
    scratch = cache / "fetching"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    names = _output(["apt-cache", "pkgnames", "linux-image-6.1.0-"], scratch).split()
    names = [name for name in names if re.fullmatch(_PACKAGES.replace("*", r"\d+"), name)]
    if not names:
        raise Trouble(f"this machine's package lists have no {_PACKAGES}", EXIT_SKIP)
    newest = max(names, key=lambda name: int(name.split("-")[3]))
    _output(["apt-get", "download", "-q", newest], scratch)
    _output(["dpkg-deb", "-x", str(next(scratch.glob("*.deb"))), str(scratch / "root")], scratch)
    (cache / "boot").mkdir(exist_ok=True)
    for path in (scratch / "root" / "boot").glob("vmlinuz-*"):
        path.rename(cache / "boot" / path.name)
    shutil.rmtree(scratch)
    return next((cache / "boot").glob("vmlinuz-*"))


def _output(argv, folder):
    done = subprocess.run(
        argv, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        last = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise Trouble(f"cannot get a Linux kernel: {argv[0]} failed: {last}", EXIT_SKIP)
    return done.stdout


def initramfs(binary, files):
    """Return the bytes of an archive with the program as /init and the folder's files."""
    return cpio.archive([
        ("dev", cpio.DIRECTORY, b""),
        ("dev/console", cpio.DEVICE, b"", 5, 1),
        ("dev/null", 0o20666, b"", 1, 3),
        ("init", cpio.PROGRAM, binary.read_bytes()),
        *((path.name, cpio.FILE, path.read_bytes()) for path in sorted(files.iterdir())),
    ])  # fmt: skip


def compare(name, arguments, image, binary, files):
    """Run both, and print their instructions; return the exit code."""
    linux = kernel()
    directory = runs.RunDirectory(image, module.read(files))
    options = runs.Options(
        image, run=f"app:{name}", append=("--", *arguments), icount=True, cpu=_CPU, timeout=_TIMEOUT
    )
    result = directory.run(platforms.PLATFORMS["qemu"], options)
    if result.status != "PASS":
        print(f"{name} on qemu: {result.status}: {result.reason}")
        return EXIT_FAIL
    ours = _counted("Paravane", "\n".join(result.output))
    theirs = _counted(
        "Linux", _on_linux(linux, arguments, initramfs(binary, files), directory.path)
    )
    ratio = ours / theirs
    print(
        f"{name}: {ours} instructions on Paravane, {theirs} on "
        f"{linux.name.replace('vmlinuz-', 'Linux ')}:"
        f" {ratio:.3f} (at most {LIMIT})",
        flush=True,
    )
    return EXIT_PASS if ratio <= LIMIT else EXIT_FAIL


def _counted(where, text):
    said = _SAID.search(text.replace("\r", ""))
    if not said:
        raise Trouble(f"the program did not end well on {where}: {text[-500:]!r}")
    return int(said[1])


def _on_linux(linux, arguments, initial, directory):
    """Return the console's text of a Linux that runs /init of the archive initial."""
    packed = directory / "initramfs"
    packed.write_bytes(initial)
    boot = platforms.Boot(
        linux, packed, directory, ("console=ttyS0", "quiet", "panic=-1", "--", *arguments),
        icount=True, cpu=_CPU,
    )  # fmt: skip
    argv = platforms.PLATFORMS["qemu"].command(boot)
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT, cwd=ROOT,
            check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Trouble(f"Linux did not end in {_TIMEOUT} s") from error
    return done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")
