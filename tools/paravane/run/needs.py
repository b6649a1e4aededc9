# SPDX-License-Identifier: MIT
"""Find what this computer lacks for a platform. Each function returns what is missing, or ""."""

import glob
import shutil
from pathlib import Path

from . import bochs, domu, emulators, kvm, xen

OVMF_CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
OVMF_VARS = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")


def lacks_qemu():
    return "" if shutil.which(emulators.default()) else f"{emulators.default()} is not installed"


def lacks_xen():
    return "" if xen.installed() else "no Xen is installed (none at /boot/xen-*.gz)"


def lacks_ovmf():
    return "" if OVMF_CODE.exists() and OVMF_VARS.exists() else f"{OVMF_CODE} is not installed"


def lacks_grub():
    tools = [tool for tool in ("grub-mkrescue", "xorriso", "mformat") if not shutil.which(tool)]
    return f"{tools[0]} is not installed" if tools else ""


def lacks_grub_pc():
    return "" if glob.glob("/usr/lib/grub/i386-pc/*.mod") else "GRUB for BIOS is not installed"


def lacks_grub_efi():
    return "" if glob.glob("/usr/lib/grub/x86_64-efi/*.mod") else "GRUB for UEFI is not installed"


def lacks_bochs():
    return bochs.missing()


def lacks_dom0():
    return domu.missing()


def lacks_kvm():
    return kvm.missing()
