# SPDX-License-Identifier: MIT
"""Make the ISO images that GRUB boots, with BIOS or UEFI.

The kernel's command line is part of grub.cfg, so each command line has an ISO of its own. ISOs are
cached by a hash of their content, because making one takes as long as booting it.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from ..common import Trouble, build_dir, make_dirs

_CACHE_MAX = 16
_MODULES = (
    "normal acpi mmap multiboot2 serial terminal echo test reboot halt sleep configfile iso9660 "
    "fat search "
    "all_video part_acorn part_amiga part_apple part_bsd part_dfly part_dvh part_gpt part_msdos "
    "part_plan part_sun part_sunpc"
)
# UEFI's own console is on the serial line already.
_HEAD = """\
if [ "$grub_platform" = pc ]; then
    serial --unit=0 --speed=115200
    terminal_input serial console
    terminal_output serial console
fi
"""


def quote(words):
    """Return the words for grub.cfg, each quoted so that GRUB passes it on unchanged."""
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)


def entry(lines):
    """Return the grub.cfg commands that load one kernel and its modules and start them. If that
    fails, the machine ends at once instead of waiting at a prompt."""
    tries = "".join(f"if {line}; then\n" for line in lines)
    return tries + "boot\n" + "fi\n" * len(lines) + "echo grub: cannot boot\nreboot\n"


def menu(title, lines):
    return f'menuentry "{title}" {{\n    ' + "\n    ".join(lines) + "\n}\n"


def cached(config, files):
    """Return the path of an ISO with this grub.cfg (without its head) and these files, {name:
    path}, in /boot."""
    digest = hashlib.sha256((_HEAD + _MODULES + config).encode())
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + hashlib.sha256(files[name].read_bytes()).digest())
    cache = make_dirs(build_dir() / "cache")
    target = cache / f"grub-{digest.hexdigest()[:16]}.iso"
    if target.exists():
        os.utime(target)
    else:
        make(target, config, files)
        _prune(cache, target)
    return target


def make(target, config, files):
    """Make an ISO at target."""
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        grub = Path(scratch, "tree", "boot", "grub")
        grub.mkdir(parents=True)
        (grub / "grub.cfg").write_text(_HEAD + config)
        for name, path in files.items():
            shutil.copyfile(path, grub.parent / name)
        partial = Path(scratch, "iso")
        options = ["--locales=", "--fonts=", "--themes=", f"--install-modules={_MODULES}"]
        done = subprocess.run(
            ["grub-mkrescue", "-o", partial, *options, grub.parent.parent],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=False,
        )
        if done.returncode != 0 or not partial.exists():
            said = done.stdout.decode("utf-8", "replace").strip().splitlines() or ["nothing"]
            raise Trouble(
                f"grub-mkrescue failed: {said[-1]}; ./run.sh setup installs what it needs"
            )
        partial.rename(target)


def _prune(cache, keep):
    """Remove all but the newest ISOs. One in use stays in its run's directory by its hard link."""
    isos = sorted(cache.glob("grub-*.iso"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in isos[_CACHE_MAX:]:
        if path != keep:
            path.unlink(missing_ok=True)
