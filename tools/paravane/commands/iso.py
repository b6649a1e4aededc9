# SPDX-License-Identifier: MIT
"""Make an ISO image that boots the image."""

from ..commandline import build, nothing_more
from ..common import EXIT_PASS, Trouble, build_dir, short
from ..run import iso, module, platforms, runs


def run(args, _caller):
    nothing_more("iso", args)
    reason = platforms.lacking(platforms.PLATFORMS["grub"])
    if reason:
        raise Trouble(reason)
    target = build_dir() / "paravane.iso"
    kernel = build()
    module_file = build_dir() / "testmodule"
    module_file.write_bytes(module.test_module())
    files = {"paravane.elf": kernel, "testmodule": module_file}
    found = runs.find_xen(None)
    if found:
        files["xen.elf"] = found
    iso.make(target, platforms.iso_menu(bool(found)), files)
    print(f"{short(target)}: GRUB for BIOS and UEFI, Paravane" + (", Xen" if found else ""))
    return EXIT_PASS
