# SPDX-License-Identifier: MIT
"""The platforms: what each one boots, on which emulator, and what this computer must have for it.

The modules qemu and bochs make a command line of a Platform and a Boot.
"""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Callable, Optional

from ..common import EXIT_USAGE, Trouble, short, usage
from . import bochs, domu, iso, kvm, needs, qemu

DEFAULT_MEM = 256  # MiB for the guest
ECHO_TOKEN = "sesame"
# With a longer one QEMU's loader overwrites its own data; also Xen PV's limit
_COMMAND_LINE_MAX = 1024
# kernel/cmdline.c, words
WORDS = (
    "run= pv= test= inject= platform= echo= input= log= stack= evtchn= soak= mutate= check= record="
    " nopatch pv.sites"
).split()

_XEN_WORDS = [
    "console=com1",
    "com1=115200,8n1",
    "loglvl=all",
    "guest_loglvl=all",
    "noreboot",
    "console_timestamps=boot",
    "serial_tx_buffer=1M",
]


@dataclass(frozen=True)
class Feed:
    """What one machine of the sweep has that the platforms do not (machines.py). qemu: more
    options; without: options of the platform that are left out, with their values; grub: GRUB's
    commands before it loads the kernel; grub_words: more words for the image, which GRUB passes on
    however many they are; grub_modules: its commands after that; files: (name, bytes) of the ISO's
    /boot; deaf: nothing can be typed at the console; by_hand: the image is not told that the runner
    boots it, because it wants the runner's module then; launcher: makes of a Boot the ELF file that
    QEMU boots in the image's place, with the image in memory."""

    qemu: tuple = ()
    without: tuple = ()
    grub: tuple = ()
    grub_words: tuple = ()
    grub_modules: tuple = ()
    files: tuple = ()
    launcher: Optional[Callable] = None
    deaf: bool = False
    by_hand: bool = False


@dataclass
class Boot:
    """One boot. All paths exist, in its directory or in the build cache."""

    image: Path
    module: Path
    directory: Path
    words: list = field(default_factory=list)
    mem: int = DEFAULT_MEM
    smp: int = 1
    xen: Optional[Path] = None
    gdb: bool = False
    icount: bool = False  # count instructions
    hears: bool = False  # something may be typed at the console
    cpu: str = ""  # QEMU's -cpu, if not the platform's own choice
    xen_append: tuple = ()  # more words for Xen
    pcpus: int = 0  # physical CPUs below Xen; 0: as many as the guest has virtual ones
    emulator: str = ""  # which QEMU, if not the default
    # More options for QEMU's -machine; what they repeat of the platform's own, they replace
    machine: str = ""
    feed: Feed = Feed()
    xen_asked: bool = False  # --xen named xen: it replaces the Xen of a platform that has its own
    maxmem: int = 0  # MiB up to which a domU may grow; 0: its mem
    xl: tuple = ()  # more lines of a domU's xl configuration
    disk: tuple = ()  # a domU's disks (dom0/disks.py)
    net: int = 0  # and network interfaces (dom0/nets.py)
    rom: Path = Path("op.rom")  # of the platform rom
    vmm: tuple = ()  # more options for the monitor of a guest of KVM
    recorder: Optional[object] = None  # trace.recorder.Recorder, which has the machine's memory

    def physical_cpus(self):
        """Return the number of physical CPUs. With -icount it is 1, because a count must not depend
        on how QEMU's CPUs take turns."""
        return 1 if self.icount else self.pcpus or self.smp

    def xen_words(self, *more):
        """Return the words for Xen's command line. With enough physical CPUs each virtual one has
        its own, so that they run in parallel."""
        words = [f"dom0_mem={self.mem}M,max:{self.mem}M", f"dom0_max_vcpus={self.smp}"]
        if 1 < self.smp <= self.physical_cpus():
            words.append("dom0_vcpus_pin")
        return _XEN_WORDS + words + [*more, *self.xen_append]


@dataclass(frozen=True)
class Platform:
    """Where the image can run. backend: what it must find there, if not told otherwise; machine,
    cpu: QEMU's -machine and -cpu, or the model of Bochs's CPU; load: the options that boot the
    image; min_mem: with less its firmware does not start; emulator: the module that makes the
    command line; on_demand: only a command that names the platform runs it."""

    name: str
    backend: str
    how: str
    needs: tuple
    machine: str
    load: Callable
    cpu: str = "max"
    min_mem: int = 2
    emulator: ModuleType = qemu
    on_demand: bool = False

    @property
    def on_xen(self):
        return self.backend.startswith("xen")

    @property
    def guest(self):
        """Return the type of guest: xen-pv, xen-pvh, or native without Xen."""
        return self.backend if self.on_xen else "native"

    def command(self, boot):
        """Return the command line of the program that runs the machine."""
        return self.emulator.command(self, boot)

    def refusal(self, boot):
        """Return the program's reason for not making the machine; "" if it makes it."""
        return self.emulator.refusal(self, boot)


def _kernel(boot):
    if boot.feed.launcher:
        launcher = boot.directory / "launcher.elf"
        launcher.write_bytes(boot.feed.launcher(boot))
        return ["-kernel", short(launcher), "-device", f"loader,file={short(boot.image)}"]
    words = " ".join(boot.words)
    return ["-kernel", short(boot.image), "-append", words, "-initrd", short(boot.module)]


def _vmware(boot):
    """Return the options for QEMU's PVH loader, with the serial number by which VMware's firmware
    names a machine. Without hardware virtualization QEMU's CPUID does not show VMware."""
    return _kernel(boot) + ["-smbios", "type=1,serial=VMware-paravane"]


def _rom(boot):
    """Return the options for QEMU's PVH loader, with an op ROM, of which the run keeps a copy. The
    firmware passes over a file that is not an option ROM, or whose bytes do not add up to 0."""
    kept = boot.directory / "op.rom"
    try:
        shutil.copyfile(boot.rom, kept)
    except OSError as error:
        raise usage(f"cannot read the op ROM {short(boot.rom)}: {error.strerror}; make builds "
                    "build/op.rom, --rom names another") from error
    return _kernel(boot) + ["-option-rom", short(kept)]


def _iso(boot, config, files):
    """Return the path of an ISO, which is kept with the run."""
    for name, data in boot.feed.files:
        files[name] = boot.directory / name
        files[name].write_bytes(data)
    kept = boot.directory / "boot.iso"
    os.link(iso.cached(config, files), kept)
    return short(kept)


def grub_commands(words):
    return [
        "multiboot2 /boot/paravane.elf " + iso.quote(words),
        "module2 /boot/testmodule testmodule",
    ]


def grub_xen_commands(xen_words, words):
    return [
        "multiboot2 /boot/xen.elf " + iso.quote(xen_words),
        "module2 /boot/paravane.elf " + iso.quote(words),
        "module2 /boot/testmodule testmodule",
    ]


def iso_menu(with_xen):
    """Return the grub.cfg of an ISO for people: a menu, without the words that announce the
    runner."""
    words, head = ["run=suite"], "set timeout=3\n"
    entries = iso.menu("Paravane", grub_commands(words))
    if with_xen:
        plain = _XEN_WORDS + [f"dom0_mem={DEFAULT_MEM}M"]
        entries += iso.menu("Paravane as dom0 of Xen, PV", grub_xen_commands(plain, words))
        pvh = plain + ["dom0=pvh", "dom0-iommu=none"]
        entries += iso.menu("Paravane as dom0 of Xen, PVH", grub_xen_commands(pvh, words))
    return head + entries


def _files(boot, **more):
    return {"paravane.elf": boot.image, "testmodule": boot.module, **more}


def _grub_iso(boot):
    feed = boot.feed
    commands = grub_commands([*boot.words, *feed.grub_words])
    return _iso(boot, iso.entry([*feed.grub, *commands, *feed.grub_modules]), _files(boot))


def _grub(boot):
    return ["-cdrom", _grub_iso(boot)]


def _uefi(boot):
    variables = boot.directory / "vars.fd"
    shutil.copyfile(needs.OVMF_VARS, variables)
    flash = ["-drive", f"if=pflash,format=raw,readonly=on,file={needs.OVMF_CODE}"]
    flash += ["-drive", f"if=pflash,format=raw,file={short(variables)}"]
    return flash + _grub(boot)


def _xen_kernel(boot, xen_words):
    """Return the options for QEMU's multiboot loader, which separates modules by commas and takes
    two for one."""
    dom0 = " ".join([short(boot.image)] + boot.words).replace(",", ",,")
    modules = f"{dom0},{short(boot.module)} testmodule"
    return ["-kernel", short(boot.xen), "-append", " ".join(xen_words), "-initrd", modules]


def _xen_pv(boot):
    return _xen_kernel(boot, boot.xen_words())


def _xen_pvh(boot):
    return _xen_kernel(boot, boot.xen_words("dom0=pvh", "dom0-iommu=none"))


def _xen_grub(boot):
    config = iso.entry(grub_xen_commands(boot.xen_words(), boot.words))
    return ["-cdrom", _iso(boot, config, _files(boot, **{"xen.elf": boot.xen}))]


def _vmm_options(_boot):
    return ()


def _hyperv_options(_boot):
    return ("enlightened",)


def _vmware_options(_boot):
    return ("vmware",)


def _type_pv(_boot):
    return "pv"


def _type_pvh(_boot):
    return "pvh"


_BIOS_ISO = (needs.lacks_qemu, needs.lacks_grub, needs.lacks_grub_pc)
_BOCHS_ISO = (needs.lacks_bochs, needs.lacks_grub, needs.lacks_grub_pc)
_DOM0 = (needs.lacks_qemu, needs.lacks_dom0)
_KVM = (needs.lacks_qemu, needs.lacks_kvm)
_UEFI_ISO = (needs.lacks_qemu, needs.lacks_grub, needs.lacks_grub_efi, needs.lacks_ovmf)

PLATFORMS = {
    platform.name: platform
    for platform in (
        Platform("qemu", "native", "QEMU's PVH loader, q35", (needs.lacks_qemu,), "q35", _kernel),
        Platform("microvm", "native", "QEMU's PVH loader, microvm", (needs.lacks_qemu,), "microvm",
                 _kernel),
        Platform("grub", "native", "GRUB from an ISO, BIOS", _BIOS_ISO, "pc", _grub),
        Platform("uefi", "native", "GRUB from an ISO, UEFI (OVMF)", _UEFI_ISO, "q35", _uefi,
                 min_mem=64),
        Platform("vmware", "vmware", "QEMU's PVH loader, pc with VMware's backdoor",
                 (needs.lacks_qemu,), "pc,vmport=on", _vmware,
                 cpu="max,-hypervisor"),
        Platform("rom", "rom", "QEMU's PVH loader, q35 with an op ROM", (needs.lacks_qemu,), "q35",
                 _rom),
        Platform("xen-pv", "xen-pv", "dom0 of Xen, PV", (needs.lacks_qemu, needs.lacks_xen), "pc",
                 _xen_pv),
        Platform("xen-pvh", "xen-pvh", "dom0 of Xen, PVH", (needs.lacks_qemu, needs.lacks_xen),
                 "pc", _xen_pvh,
                 cpu="max,+svm,+npt"),
        Platform("xen-grub", "xen-pv", "GRUB, Xen, dom0 PV", _BIOS_ISO + (needs.lacks_xen,), "pc",
                 _xen_grub),
        Platform("domu-pv", "xen-pv", "domU of a Linux dom0, PV", _DOM0, "pc", _type_pv,
                 emulator=domu, on_demand=True),
        Platform("domu-pvh", "xen-pvh", "domU of a Linux dom0, PVH", _DOM0, "pc", _type_pvh,
                 emulator=domu, on_demand=True),
        Platform("kvm", "kvm", "PVH, as a guest of KVM", _KVM, "pc", _vmm_options,
                 emulator=kvm, on_demand=True),
        Platform("kvm-hyperv", "hyperv", "PVH, as a guest of KVM that sees Hyper-V", _KVM, "pc",
                 _hyperv_options,
                 emulator=kvm, on_demand=True),
        Platform("kvm-vmware", "vmware", "PVH, as a guest of KVM that sees VMware", _KVM, "pc",
                 _vmware_options,
                 emulator=kvm, on_demand=True),
        Platform("bochs", "native", "GRUB from an ISO, BIOS, on Bochs", _BOCHS_ISO, "", _grub_iso,
                 cpu="corei7_haswell_4770", emulator=bochs, on_demand=True),
    )
}


def lacking(platform, mem=DEFAULT_MEM, xen_given=False, qemu_given=False):
    """Return why a platform cannot run here, with the remedy; "" if it can."""
    given = {needs.lacks_xen: xen_given, needs.lacks_qemu: qemu_given}
    if mem < platform.min_mem:
        return f"its firmware needs {platform.min_mem} MiB; give it more with --mem"
    for need in platform.needs:
        reason = "" if given.get(need) else need()
        if reason:
            return f"{reason}; ./run.sh setup installs it"
    return ""


def parse(text):
    """Return the platforms of a list like qemu,xen-pv, in the table's order. None: all but those
    that have to be named."""
    if text is None:
        return [platform for platform in PLATFORMS.values() if not platform.on_demand]
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in PLATFORMS:
            raise usage(f"--on: unknown platform {name!r}; known: {', '.join(PLATFORMS)}")
    return [platform for platform in PLATFORMS.values() if platform.name in names]


def command_words(platform, run, pattern="", extra=(), promise=True, kind=""):
    """Return the image's command line: the runner's words, unless extra has them already. A
    program's words are closed by "--", since loaders append words of their own. promise: the runner
    will type at the console. kind: what sends a program's input there, "pipe" or "terminal"."""
    ours = [f"run={run}", f"platform={platform.name}"]
    if promise:
        ours.append(f"echo={ECHO_TOKEN}")
    if pattern:
        ours.append(f"test={pattern}")
    if kind:
        ours.append(f"input={kind}")
    said = extra[: extra.index("--")] if "--" in extra else extra
    given = {word.split("=", 1)[0] for word in said}
    words = [word for word in ours if word.split("=", 1)[0] not in given] + list(extra)
    words += ["--"] if "--" in extra else []
    length = len(" ".join(words))
    if length >= _COMMAND_LINE_MAX:
        raise usage(
            f"--append: a command line of {length} characters; the image takes at most "
            f"{_COMMAND_LINE_MAX - 1}"
        )
    return words


def split_words(text):
    """Return the words of a text. Raise Trouble for a word that no loader could pass on."""
    if any(not " " <= char <= "~" for char in text):
        raise Trouble("--append: only printable ASCII is allowed on a command line", EXIT_USAGE)
    return text.split()


def append_words(text):
    """Return --append's words. Raise Trouble for a word that the image does not know, because the
    image would ignore it with a warning, as it does a loader's."""
    words = split_words(text)
    for word in words[: words.index("--")] if "--" in words else words:
        key, equals, _ = word.partition("=")
        if key + equals not in WORDS:
            raise usage(f"--append: unknown word {word!r}; known: {' '.join(WORDS)}")
    return words
