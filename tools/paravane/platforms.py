"""The platforms: how each machine is made, and what this computer must have for it.

A platform is one function that turns a Boot into a QEMU command line. Everything is emulated in
software (-accel tcg), so that a run means the same everywhere.
"""

import glob
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Optional

from . import emulators, iso, xen
from .common import EXIT_USAGE, Trouble, short, usage

OVMF_CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
OVMF_VARS = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")

GDB_PORT = 1234  # of this computer only: who may connect owns the machine
DEFAULT_MEM = 256  # MiB for the guest
XEN_MEM = 192  # MiB for Xen itself, on top of the guest's
_HUGE_MEM = 8192  # MiB
ECHO_TOKEN = "sesame"
_REFUSAL_LIMIT = 60  # seconds for a machine to be made, on a computer however busy
_COMMAND_LINE_MAX = 1024  # with a longer one QEMU's loader overwrites its own data; also Xen PV's limit
# kernel/cmdline.c, words
WORDS = "run= pv= test= plant= platform= echo= log= evtchn= soak= mutate= check= nopatch pv.sites".split()

_DEBUG_EXIT = ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x4"]
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
    """What one machine of the sweep has that the platforms do not (machines.py). qemu: more options;
    without: options of the platform that are left out, with their values; grub: GRUB's commands before it
    loads the kernel; grub_words: more words for the image, which GRUB passes on however many they are;
    grub_modules: its commands after that; files: (name, bytes) of the ISO's /boot; deaf: nothing can be typed at
    the console; by_hand: the image is not told that the runner boots it, for it wants the runner's module then; launcher: makes of a Boot the ELF file that
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
    """One boot that is wanted. All paths exist and lie in directory or the build cache."""

    image: Path
    module: Path
    directory: Path
    words: list = field(default_factory=list)
    mem: int = DEFAULT_MEM
    smp: int = 1
    xen: Optional[Path] = None
    gdb: bool = False
    icount: bool = False  # count instructions: nothing from outside may reach the guest
    cpu: str = ""  # QEMU's -cpu, if not the platform's own choice
    xen_append: tuple = ()  # more words for Xen
    pcpus: int = 0  # physical CPUs below Xen; 0: as many as the guest has virtual ones
    emulator: str = ""  # which QEMU, if not the default
    machine: str = ""  # more options for QEMU's -machine; what they repeat of the platform's own, they replace
    feed: Feed = Feed()

    def physical_cpus(self):
        """With -icount QEMU runs all CPUs in one thread, and what is counted must not depend on theirs."""
        return 1 if self.icount else self.pcpus or self.smp

    def xen_words(self, *more):
        """With enough physical CPUs each virtual one has its own, so that they run in parallel."""
        words = [f"dom0_mem={self.mem}M,max:{self.mem}M", f"dom0_max_vcpus={self.smp}"]
        if 1 < self.smp <= self.physical_cpus():
            words.append("dom0_vcpus_pin")
        return _XEN_WORDS + words + [*more, *self.xen_append]


@dataclass(frozen=True)
class Platform:
    """Where the image can run. backend: what it must find there, if not told otherwise; machine, cpu:
    QEMU's -machine and -cpu; load: the options that boot the image; min_mem: with less its firmware
    does not start."""

    name: str
    backend: str
    how: str
    needs: tuple
    machine: str
    load: Callable
    cpu: str = "max"
    min_mem: int = 2

    @property
    def on_xen(self):
        return self.backend.startswith("xen")

    def command(self, boot):
        """Return QEMU's command line."""
        argv = self.emulator(boot) + ([] if self.on_xen else _DEBUG_EXIT) + self.load(boot)
        for option in boot.feed.without:
            at = argv.index(option)
            has_value = argv[at + 1 : at + 2] and not argv[at + 1].startswith("-")
            del argv[at : at + 1 + has_value]
        return argv + list(boot.feed.qemu)

    def emulator(self, boot):
        """Return the part that makes the machine, without what it boots."""
        mem, cpus = boot.mem, boot.smp
        if self.on_xen:
            mem, cpus = mem + XEN_MEM, boot.physical_cpus()
        accel = "tcg" if boot.icount else "tcg,thread=multi"  # each CPU a thread of its own: they run in parallel
        argv = [boot.emulator or emulators.default(), "-accel", accel, "-machine", self.machine]
        if boot.machine:
            argv += ["-machine", boot.machine]  # QEMU merges the two, the later one wins
        argv += ["-cpu", cpu_model(self.cpu, boot.cpu), "-m", str(mem), "-smp", str(cpus)]
        argv += ["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio"]
        if mem >= _HUGE_MEM:
            # More than this computer may have: promised, and taken from it as it is touched.
            ram = f"memory-backend-ram,id=ram,size={mem}M,reserve=off"
            argv += ["-object", ram, "-machine", "memory-backend=ram"]
        if boot.gdb:
            argv += ["-gdb", f"tcp:127.0.0.1:{GDB_PORT}", "-S"]
        if boot.icount:
            argv += ["-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01T00:00:00,clock=vm"]
        return argv

    def refusal(self, boot):
        """Return why QEMU does not make the machine, as it says it; "" if it does."""
        argv = self.emulator(boot)
        argv[argv.index("-serial") + 1] = "null"
        done = subprocess.run(
            [*argv, "-S", "-monitor", "stdio"], input=b"quit\n", capture_output=True, timeout=_REFUSAL_LIMIT, check=False
        )  # fmt: skip
        return emulators.error_of(done.stderr.decode("utf-8", "replace")) if done.returncode else ""


def qemu_binary():
    return emulators.default()


def cpu_model(own, asked):
    """Return QEMU's -cpu: the model that was asked for, or the platform's own one with features added
    or removed."""
    return f"{own},{asked}" if asked[:1] in ("+", "-") else asked or own


def _kernel(boot):
    if boot.feed.launcher:
        launcher = boot.directory / "launcher.elf"
        launcher.write_bytes(boot.feed.launcher(boot))
        return ["-kernel", short(launcher), "-device", f"loader,file={short(boot.image)}"]
    words = " ".join(boot.words)
    return ["-kernel", short(boot.image), "-append", words, "-initrd", short(boot.module)]


def _cdrom(boot, config, files):
    """QEMU's options for a CD-ROM with an ISO, which is kept with the run."""
    for name, data in boot.feed.files:
        files[name] = boot.directory / name
        files[name].write_bytes(data)
    kept = boot.directory / "boot.iso"
    os.link(iso.cached(config, files), kept)
    return ["-cdrom", short(kept)]


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
    """grub.cfg of an ISO for people: a menu, and no promises about who types at the console."""
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


def _grub(boot):
    feed = boot.feed
    commands = grub_commands([*boot.words, *feed.grub_words])
    return _cdrom(boot, iso.entry([*feed.grub, *commands, *feed.grub_modules]), _files(boot))


def _uefi(boot):
    variables = boot.directory / "vars.fd"
    shutil.copyfile(OVMF_VARS, variables)
    flash = ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF_CODE}"]
    flash += ["-drive", f"if=pflash,format=raw,file={short(variables)}"]
    return flash + _grub(boot)


def _xen_kernel(boot, xen_words):
    """QEMU's multiboot loader: modules are separated by commas, a comma is written twice."""
    dom0 = " ".join([short(boot.image)] + boot.words).replace(",", ",,")
    modules = f"{dom0},{short(boot.module)} testmodule"
    return ["-kernel", short(boot.xen), "-append", " ".join(xen_words), "-initrd", modules]


def _xen_pv(boot):
    return _xen_kernel(boot, boot.xen_words())


def _xen_pvh(boot):
    return _xen_kernel(boot, boot.xen_words("dom0=pvh", "dom0-iommu=none"))


def _xen_grub(boot):
    config = iso.entry(grub_xen_commands(boot.xen_words(), boot.words))
    return _cdrom(boot, config, _files(boot, **{"xen.elf": boot.xen}))


def _lacks_qemu():
    return "" if shutil.which(emulators.default()) else f"{emulators.default()} is not installed"


def _lacks_xen():
    return "" if xen.installed() else "no Xen is installed (none at /boot/xen-*.gz)"


def _lacks_ovmf():
    return "" if OVMF_CODE.exists() and OVMF_VARS.exists() else f"{OVMF_CODE} is not installed"


def _lacks_grub():
    tools = [tool for tool in ("grub-mkrescue", "xorriso", "mformat") if not shutil.which(tool)]
    return f"{tools[0]} is not installed" if tools else ""


def _lacks_grub_pc():
    return "" if glob.glob("/usr/lib/grub/i386-pc/*.mod") else "GRUB for BIOS is not installed"


def _lacks_grub_efi():
    return "" if glob.glob("/usr/lib/grub/x86_64-efi/*.mod") else "GRUB for UEFI is not installed"


_BIOS_ISO = (_lacks_qemu, _lacks_grub, _lacks_grub_pc)
_UEFI_ISO = (_lacks_qemu, _lacks_grub, _lacks_grub_efi, _lacks_ovmf)

PLATFORMS = {
    platform.name: platform
    for platform in (
        Platform("qemu", "native", "QEMU's PVH loader, q35", (_lacks_qemu,), "q35", _kernel),
        Platform("microvm", "native", "QEMU's PVH loader, microvm", (_lacks_qemu,), "microvm", _kernel),
        Platform("grub", "native", "GRUB from an ISO, BIOS", _BIOS_ISO, "pc", _grub),
        Platform("uefi", "native", "GRUB from an ISO, UEFI (OVMF)", _UEFI_ISO, "q35", _uefi, min_mem=64),
        Platform("xen-pv", "xen-pv", "dom0 of Xen, PV", (_lacks_qemu, _lacks_xen), "pc", _xen_pv),
        Platform("xen-pvh", "xen-pvh", "dom0 of Xen, PVH", (_lacks_qemu, _lacks_xen), "pc", _xen_pvh,
                 cpu="max,+svm,+npt"),
        Platform("xen-grub", "xen-pv", "GRUB, Xen, dom0 PV", _BIOS_ISO + (_lacks_xen,), "pc", _xen_grub),
    )
}


def lacking(platform, mem=DEFAULT_MEM, xen_given=False, qemu_given=False):
    """Why a platform cannot run here, with the remedy, or an empty string."""
    given = {_lacks_xen: xen_given, _lacks_qemu: qemu_given}
    if mem < platform.min_mem:
        return f"its firmware needs {platform.min_mem} MiB; give it more with --mem"
    for need in platform.needs:
        reason = "" if given.get(need) else need()
        if reason:
            return f"{reason}; ./run.sh setup installs it"
    return ""


def parse(text):
    """The platforms named by a list like qemu,xen-pv (None: all), in the order of the table."""
    if text is None:
        return list(PLATFORMS.values())
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in PLATFORMS:
            raise usage(f"--on: unknown platform {name!r}; known: {', '.join(PLATFORMS)}")
    return [platform for platform in PLATFORMS.values() if platform.name in names]


def command_words(platform, run, pattern="", extra=(), promise=True):
    """The image's command line: what the runner has to say, unless extra says it already. A program's words
    are closed by "--", since loaders append words of their own. promise: the runner will type at the console."""
    ours = [f"run={run}", f"platform={platform.name}"]
    if promise:
        ours.append(f"echo={ECHO_TOKEN}")
    if pattern:
        ours.append(f"test={pattern}")
    said = extra[: extra.index("--")] if "--" in extra else extra
    given = {word.split("=", 1)[0] for word in said}
    words = [word for word in ours if word.split("=", 1)[0] not in given] + list(extra)
    words += ["--"] if "--" in extra else []
    length = len(" ".join(words))
    if length >= _COMMAND_LINE_MAX:
        raise usage(
            f"--append: a command line of {length} characters; the image takes at most {_COMMAND_LINE_MAX - 1}"
        )
    return words


def split_words(text):
    """The words of a text; what no loader could pass on is refused here."""
    if any(not " " <= char <= "~" for char in text):
        raise Trouble("--append: only printable ASCII can stand on a command line", EXIT_USAGE)
    return text.split()


def append_words(text):
    """--append's words. Words that the image does not know are refused: it would pass them over with a warning, as
    those of a loader."""
    words = split_words(text)
    for word in words[: words.index("--")] if "--" in words else words:
        key, equals, _ = word.partition("=")
        if key + equals not in WORDS:
            raise usage(f"--append: unknown word {word!r}; known: {' '.join(WORDS)}")
    return words
