# SPDX-License-Identifier: MIT
"""The machines of `./run.sh suite --machines`: CPUs, machine types, devices, memory, tables and
command lines that other people have. machines.py says what a row means; launcher.py makes what no
loader here would hand over.

What a row expects is what should happen, whether it does so yet or not.
"""

import functools
import re
import struct

from ..run import launcher
from ..run.launcher import RAM, RESERVED
from .machines import Row

_SMALL = {"tests": "boot.*"}  # where the rest of the suite would repeat what another row covers


def _made(**more):
    """A launcher that hands this over (launcher.make)."""
    return functools.partial(launcher.make, **more)


def rows():
    """Return every row, in the order in which they are shown."""
    groups = (_cpus, _machines, _devices, _memory, _maps, _modules, _tables, _left, _words, _xen)
    return [row for group in groups for row in group()]


def _cpus():
    for model in ("qemu64", "kvm64", "phenom", "Opteron_G1", "core2duo", "Nehalem", "Haswell",
                  "EPYC"):
        yield Row(f"cpu {model}", cpu=model, sample=model == "Nehalem")
    for model in ("Skylake-Server", "Icelake-Server", "EPYC-Milan"):
        yield Row(f"cpu {model}", cpu=model)
    yield Row("cpu SapphireRapids", cpu="SapphireRapids", qemu=(8, 0))
    for model in ("n270", "max,-lm", "qemu64,-lm"):
        yield Row(f"cpu {model}", cpu=model, status="ERROR", prints=("no 64-bit mode",),
                  sample=model == "n270")
    without = ("nx x2apic smap smep umip pge rdtscp fsgsbase la57 xsave invpcid erms pat mtrr mce "
               "sep pdpe1gb avx pcid")
    for feature in (*without.split(), "tsc", "tsc-deadline", "arat", "hypervisor",
                    "smap,-smep,-umip,-fsgsbase,-rdtscp"):
        yield Row(f"cpu -{feature}", cpu=f"-{feature}")
    for feature in ("syscall", "fxsr", "apic", "cmov", "sse2"):
        yield Row(
            f"cpu -{feature}", cpu=f"max,-{feature}", status="ERROR", prints=(_LACKS[feature],)
        )
    yield Row("cpu +la57", cpu="+la57", tests="boot.*,mm*,entry.*,user*", sample=True)
    for model in ("+x2apic", "vendor=GenuineIntel", "phys-bits=36", "phys-bits=52",
                  "level=2"):
        yield Row(f"cpu {model}", cpu=model if model[0] == "+" else f"max,{model}")
    for cpus in (2, 4):
        yield Row(f"cpu +x2apic, {cpus} CPUs", cpu="+x2apic", smp=cpus, qemu=(9, 0))
    yield Row("cpu Nehalem, 2 CPUs", cpu="Nehalem", smp=2)
    yield Row("2 sockets of 2 cores of 2 threads", more=("-smp", "8,sockets=2,cores=2,threads=2"),
              **_SMALL)
    yield Row("3 cores of 2 threads", more=("-smp", "6,sockets=1,cores=3,threads=2"), **_SMALL)
    yield Row("room for 8 more CPUs", more=("-smp", "2,maxcpus=10"), **_SMALL)
    yield Row("64 CPUs", smp=64, tests="smp.c*")
    yield Row(
        "255 CPUs", smp=255, tests="boot.*", prints=(r"191",), never=(r"left off(.|\n)*left off",)
    )


# What a CPU without a feature is refused with.
_LACKS = {"cmov": "CMOV", "sse2": "SSE2", "syscall": "(?i)syscall", "fxsr": "(?i)fxsr|FXSAVE",
          "apic": "(?i)APIC"}


def _machines():
    for machine in ("pc", "isapc", "q35", "pc-q35-4.2", "pc-i440fx-2.4"):
        until = {"machine": machine} if machine[-1] != "4" else {"machine": "pc-i440fx-4.2"}
        yield Row(f"machine {until['machine']}", **until)
    for machine, smp in (("pc,acpi=off", 2), ("q35,acpi=off", 2), ("pc,acpi=off", 1)):
        yield Row(f"machine {machine}, {smp} CPUs", machine=machine, smp=smp)
    for option in ("hpet=off", "smm=off", "pic=off", "pit=off", "i8042=off", "hpet=off,acpi=off",
                   "pit=off,hpet=off"):
        yield Row(f"machine q35,{option}", machine=option, qemu=(8, 0) if "i8042" in option else ())
    options = ("pit=on", "pit=off", "rtc=on", "rtc=off", "ioapic2=on", "pcie=on",
               "pit=off,pic=off,rtc=off")
    for option in options:
        yield Row(f"microvm {option}", "microvm", machine=option)
    yield Row("microvm pic=off", "microvm", machine="pic=off", sample=True,
              tests="boot.*,irq.*,apic.*,events.*,time.*")
    for option, smp in (("acpi=off", 1), ("acpi=off", 2), ("acpi=off,pit=off,rtc=off", 2),
                        ("pcie=on,ioapic2=on", 2)):
        yield Row(f"microvm {option}, {smp} CPUs", "microvm", machine=option, smp=smp)
    yield Row("microvm, 4 CPUs with x2APIC", "microvm", cpu="+x2apic", smp=4, qemu=(9, 0))
    for base in ("1999-06-01T12:00:00", "2026-12-31T23:59:59", "2100-03-01", "2150-01-01"):
        yield Row(f"the clock in {base[:4]}", more=("-rtc", f"base={base}"), tests="time.*")


def _devices():
    port = ("-debugcon", "stdio", "-serial", "none")
    yield Row(
        "no serial port, a debug port", without=("-serial",), more=port, deaf=True, sample=True,
        **_SMALL
    )
    yield Row(
        "no serial port", without=("-serial",), more=("-serial", "none"), status="MUTE", **_SMALL
    )
    yield Row("no serial port, a VGA", without=("-serial",),
              more=("-serial", "none", "-vga", "std"), status="MUTE",
              **_SMALL)  # fmt: skip
    yield Row("COM2 only", without=("-serial",), more=("-serial", "none", "-serial", "stdio"),
              status="MUTE", **_SMALL)
    yield Row("microvm, no serial port", "microvm", machine="isa-serial=off", without=("-serial",),
              more=("-serial", "none"), status="MUTE", **_SMALL)  # fmt: skip
    yield Row("all default devices", without=("-nodefaults", "-serial"),
              more=("-serial", "stdio", "-monitor", "none", "-parallel", "none"))  # fmt: skip
    for machine, platform in (("q35", "qemu"), ("q35,acpi=off", "qemu"), ("microvm", "microvm"),
                              ("microvm,acpi=off", "microvm")):
        yield Row(f"{machine}, no exit device, -no-reboot absent", platform, machine=machine,
                  without=("-device", "-no-reboot"), status="STANDS",
                  sample=machine == "q35,acpi=off", **_SMALL)  # fmt: skip
    many = ("virtio-rng-device",) * 4
    yield Row("microvm without ACPI, 4 virtio devices", "microvm", machine="acpi=off",
              more=tuple(word for device in many for word in ("-device", device)),
              prints=("virtio_mmio.device",), **_SMALL)  # fmt: skip


def _memory():
    yield Row("16 MiB", mem=16, status="ERROR", prints=("too little memory",))
    for mem in (25, 32, 48, 1024, 3072, 4096, 16384):
        yield Row(f"{mem} MiB", mem=mem, **({} if mem < 1024 else _SMALL))
    yield Row("32 MiB, 4 CPUs", mem=32, smp=4)
    hole = ("-global", "q35-pcihost.pci-hole64-size=1T")
    for low, mem in ((512, 1024), (32, 256), (2048, 3072)):
        yield Row(f"RAM above a hole of 1 TiB, {low} MiB below", machine=f"max-ram-below-4g={low}M",
                  mem=mem,
                  cpu="max,phys-bits=42", more=hole, **_SMALL)  # fmt: skip
    yield Row("600 GiB", mem=600 * 1024, cpu="max,phys-bits=42",
              prints=(r"(?i)memory.*(left|unused|not used)",), **_SMALL)
    yield Row("2 NUMA nodes", smp=2, without=("-m",), more=(
        "-m", "256M", "-object", "memory-backend-ram,id=a,size=128M", "-object",
        "memory-backend-ram,id=b,size=128M",
        "-numa", "node,memdev=a,cpus=0", "-numa", "node,memdev=b,cpus=1"), **_SMALL)  # fmt: skip
    yield Row("room for memory", without=("-m",), more=("-m", "256M,slots=4,maxmem=8G"), **_SMALL)
    yield Row("GRUB, cutmem", "grub", grub=("cutmem 0x8000000 0x8200000",))
    yield Row("GRUB, badram", "grub", grub=("badram 0x6000000,0xfffff000,0x7000000,0xfff0f000",))


def _many_regions(count):
    """RAM of MEMORY in count pieces that overlap by half a page, every second one first; in its
    last quarter some pages are reserved as well."""
    start, size = launcher.MEMORY[2][:2]
    each = (size // count) & ~0xFFF
    pieces = [(start + i * each, each + 0x800, RAM) for i in range(count)]
    pages = [
        (start + size - (i + 1) * 0x100000, 0x1000, RESERVED) for i in range(min(count // 8, 50))
    ]
    return (*launcher.MEMORY[:2], *pieces[1::2], *pages, *pieces[::-2], *pieces[::2],
            *launcher.MEMORY[3:])


def _maps():
    def with_map(name, *regions, **more):
        more = {"tests": "mm*", **more}
        return Row(
            f"memory map: {name}", launcher=_made(memory=(*launcher.MEMORY, *regions)), **more
        )

    yield with_map("as it is")
    for count in (60, 300, 2000):
        yield Row(f"memory map: {count} regions, overlapping, in no order",
                  launcher=_made(memory=_many_regions(count)),
                  tests="mm*", sample=count == 60)  # fmt: skip
    yield Row("memory map: 6000 regions", launcher=_made(memory=_many_regions(6000)),
              tests="boot.*",
              prints=(r"more than \d+ regions",))  # fmt: skip
    yield with_map("reserved up to 4 GiB and beyond", (0xFEC00000, 0x2400000, RESERVED))
    yield with_map("reserved, all below 4 GiB that is not RAM", (0x10000000, 0xF0000000, RESERVED))
    yield with_map("empty regions", (0, 0, RAM), (0x5000000, 0, RESERVED), (1 << 40, 0, RAM))
    yield with_map("past the end of addresses", ((1 << 64) - 0x1000, 0x2000, RAM),
                   ((1 << 64) - 1, (1 << 64) - 1, RESERVED))
    yield with_map("RAM that no CPU can address", (1 << 60, 1 << 30, RAM))
    yield with_map("unknown types", (0x6000000, 0x1000, 99), (0x6002000, 0x1000, 0))
    rest = launcher.MEMORY[2:]
    for name, regions, starts in (
        ("no RAM", (), False),
        ("one page", ((0x7F000, 0x1000, RAM),), True),
        ("RAM from 512 KiB on", ((0x80000, 0x10000, RAM),), True),
    ):
        yield Row(f"memory map: {name} below 1 MiB", smp=2,
                  launcher=_made(memory=(*regions, *rest)), tests="smp.c*",
                  prints=(r"CPUs: 2 up",) if starts else ("no page of RAM below 640 KiB",
                                                          ))  # fmt: skip
    everywhere = (*launcher.MEMORY, (0xFE000000, 0x2000000, RAM))
    yield Row(
        "memory map: RAM where the devices are", launcher=_made(memory=everywhere), tests="irq.*"
    )
    yield with_map("persistent memory at 1 TiB", (1 << 40, 1 << 38, 7))
    yield with_map(
        "the image's own memory is reserved", (0x100000, 0x800000, RESERVED), tests="cpu.*"
    )
    yield Row("memory map: unreadable", launcher=_made(fields={"memmap_paddr": (1 << 64) - 4096}),
              status="ERROR",
              prints=("memory map",))  # fmt: skip
    yield Row(
        "memory map: none", launcher=_made(memory=None), status="ERROR", prints=("(?i)memory",)
    )
    yield Row("memory map: only reserved", launcher=_made(memory=((0, 1 << 32, RESERVED),)),
              status="ERROR",
              prints=("(?i)memory",))  # fmt: skip
    yield Row("start_info: wrong magic", launcher=_made(fields={"magic": 0x12345678}),
              status="ERROR", prints=("magic",))
    yield Row("start_info: version 7", launcher=_made(fields={"version": 7}))


def _modules():
    def with_modules(name, *modules, fields=None, **more):
        def make(boot):
            own = ((boot.module.read_bytes(), b"testmodule"),)
            return launcher.make(boot, modules=own + modules, fields=fields)

        return Row(f"modules: {name}", launcher=make, by_hand=True, **_SMALL, **more)

    for count in (9, 40):
        yield with_modules(
            f"{count}", *((b"x" * 100, b"more"),) * (count - 1), prints=("(?i)module",)
        )
    yield with_modules("a string of 300 characters", (b"x", b"y" * 300))
    yield with_modules("a string that is not ASCII", (b"x", b"\xff\xfe\x01 \xc3\xa4"))
    for name, *entries in (
        ("beyond RAM", (0x20000000, 4096)),
        ("half in RAM", (0xFDFF000, 0x100000)),
        ("in the image", (0x180000, 4096)),
        ("in a device", (0xFEC00000, 4096)),
        ("of 2 PiB", (0x5000000, 1 << 51)),
    ):
        yield Row(f"modules: one {name}", launcher=_made(placed=entries), by_hand=True,
                  prints=("modules: 1 are left off",), **_SMALL)
    odd = [(0x5000123, 0x777), (0x5000123, 0x777), (0x5000800, 0x10000), (0, 0), (0x7F000, 0x1000)]
    yield Row("modules: off boundaries, overlapping, below 1 MiB", launcher=_made(placed=odd),
              by_hand=True, **_SMALL)
    yield with_modules("an empty one", (b"", b"empty"))
    unreadable = {"modlist_paddr": 1 << 62}
    # A list that cannot be read is refused: what it would have held is not known.
    yield with_modules(
        "an unreadable list", fields=unreadable, status="ERROR", prints=("module list",)
    )
    yield with_modules("a count of 4 billion", fields={"nr_modules": 0xFFFFFFFF}, status="ERROR",
                       prints=("module list",))
    yield Row("modules: none", by_hand=True, without=("-initrd",))
    yield Row("modules: an initrd that is not the suite's", without=("-initrd",),
              more=("-initrd", "README.md"), by_hand=True, **_SMALL)
    chars = "z" * 200
    yield Row("GRUB, a module string of 200 characters", "grub", by_hand=True,
              grub_modules=(f"module2 /boot/testmodule {chars}",))
    yield Row("GRUB, 12 modules", "grub", by_hand=True,
              grub_modules=("module2 /boot/testmodule more",) * 11)


def _tables():
    cpus = [launcher.cpu(i) for i in range(2)]

    def with_madt(name, *entries, smp=2, **more):
        more = {"tests": "smp.*", **more}
        return Row(f"MADT: {name}", smp=smp,
                   launcher=_made(tables=(launcher.madt(*launcher.IOAPIC, *entries),)), **more)

    yield with_madt("as it is", *cpus)
    # A listed CPU that does not start fails smp.every_listed_cpu_is_up, as it should: other tests
    # are run there.
    ghosts = {"tests": "smp.c*"}
    yield with_madt("a CPU that does not exist", *cpus, launcher.cpu(9), **ghosts,
                    prints=(r"\b9\b.*(does not|left off)",))
    yield with_madt("ids of 255 and 300", *cpus, launcher.x2apic_cpu(255), launcher.x2apic_cpu(300),
                    **ghosts, prints=("300",))
    yield with_madt("a CPU twice", *cpus, *cpus, sample=True)
    yield with_madt("the boot CPU last", *cpus[::-1])
    yield with_madt("200 disabled CPUs", *cpus, *(launcher.cpu(i, 0) for i in range(2, 202)))
    yield with_madt("no CPU", smp=1)
    yield with_madt("an entry of no length", *cpus, b"\x00\x00")
    yield with_madt("an entry cut off", *cpus, b"\x01\x40\x00")
    yield with_madt("overrides of lines that do not exist", *cpus, launcher.override(200, 4000),
                    launcher.override(4, 250))
    yield Row("MADT: no I/O APIC", smp=2, launcher=_made(tables=(launcher.madt(*cpus),)))
    yield Row("MADT: an I/O APIC where nothing is", smp=2,
              launcher=_made(tables=(launcher.madt(*launcher.IOAPIC,
                                                   launcher.ioapic(0xFEC80000, 24, 1), *cpus),
                                     )))  # fmt: skip
    for name, address in (("RAM", 0x5000000), ("the image", 0x110000)):
        yield with_madt(f"an I/O APIC in {name}", launcher.ioapic(address, 24, 1), *launcher.IOAPIC,
                        *cpus,
                        prints=(f"I/O APIC at {address:#x} is ignored: RAM is there",),
                        tests="irq.*")  # fmt: skip
    yield with_madt("an I/O APIC where messages go", launcher.ioapic(0xFEE00000, 24, 1),
                    *launcher.IOAPIC, *cpus,
                    prints=("interrupt messages go there",), tests="irq.*")  # fmt: skip
    yield Row(
        "MADT: denies the 8259s", smp=2,
        launcher=_made(tables=(launcher.madt(*launcher.IOAPIC, *cpus, flags=0),)),
        tests="irq.*",
        sample=True,
    )
    strange = (b"\x7f\x10" + bytes(14), struct.pack("<BBBHB", 4, 6, 0xFF, 0xFFFF, 7),
               struct.pack("<BBHI", 3, 8, 0xF, 5),
               struct.pack("<BBHQ", 5, 12, 0, 0xDEADBEEF000),
               struct.pack("<BBHIB3x", 10, 12, 2, 0xFFFFFFFF, 9))  # fmt: skip
    yield with_madt(
        "unknown types, NMI sources, an address of 64 bits", *strange, *launcher.IOAPIC, *cpus
    )
    odd = tuple(
        launcher.override(irq, irq, flags)
        for irq, flags in ((4, 2), (8, 8), (9, 0xFFFF), (12, 0xA))
    )
    yield with_madt("overrides of reserved polarities and triggers", launcher.ioapic(),
                    launcher.override(0, 2), *odd, *cpus,
                    tests="irq.*")  # fmt: skip
    listed = (launcher.madt(*launcher.IOAPIC, *cpus),)
    for wrong in ("checksum", "nowhere", "empty", "narrow", "none"):
        yield Row(f"ACPI: an RSDT, and an XSDT: {wrong}", smp=2,
                  launcher=_made(tables=listed, xsdt=wrong), tests="smp.c*",
                  never=("neither an ACPI MADT",), sample=wrong == "checksum")  # fmt: skip
    for name, address, space in (("RAM", 0x5000000, 0), ("the image", 0x110000, 0),
                                 ("a hole", 0xD0000000, 0),
                                 ("I/O ports", 0x600, 1), ("no boundary", 0xFED00004, 0),
                                 ("1 EiB", 1 << 60, 0)):  # fmt: skip
        yield Row(f"HPET: in {name}",
                  launcher=_made(tables=(*listed, launcher.hpet(address, space))), tests="time.*",
                  prints=() if name == "a hole" else ("HPET at .* is ignored",))  # fmt: skip
    wrong = launcher.madt(*launcher.IOAPIC, *cpus, wrong=1)
    no_table = {"tests": "irq.*"}  # boot.rsdp_is_acpi needs one
    yield Row("MADT: wrong checksum", smp=2, launcher=_made(tables=(wrong,)), **no_table)
    yield Row("ACPI: no table", launcher=_made(tables=()), **no_table)
    yield Row("ACPI: the RSDP points nowhere",
              launcher=_made(tables=(), fields={"rsdp_paddr": 1 << 50}), **no_table)
    ghost = launcher.madt(*launcher.IOAPIC, *cpus, launcher.cpu(9))
    yield Row("GRUB, a MADT with a CPU that does not exist", "grub", smp=2,
              grub=("acpi --exclude=APIC /boot/madt",), **ghosts,
              files=(("madt", ghost),), prints=(r"\b9\b.*(does not|left off)",))  # fmt: skip


def _left():
    """State that firmware, or a kernel before this one, leaves."""

    def left(name, code, tests="irq.*", **more):
        return Row(f"left on: {name}", tests=tests, launcher=_made(left=code), **more)

    bits = {"LA57": 12, "SMEP": 20, "SMAP": 21, "UMIP": 11, "PKE": 22, "TSD": 2, "MCE": 6, "PCE": 8,
            "OSXSAVE": 18}
    for name, bit in bits.items():
        yield left(f"CR4.{name}", launcher.write_cr(4, 1 << bit), tests="cpu.*")
    yield left("CR0.CD, AM, WP, TS, EM", launcher.write_cr(0, 0x4005003D), tests="mm*")
    yield left("EFER.NXE and SCE", launcher.write_msr(0xC0000080, 0x801), tests="user.*")
    yield left("a PAT without write-back", launcher.write_msr(0x277, 0), tests="mm*")
    yield left("SVM's global interrupt flag at 0",
               launcher.write_msr(0xC0000080, 0x1000) + b"\x0f\x01\xdd", sample=True)
    yield left(
        "a breakpoint on the image's data", launcher.break_on_gdt, tests="cpu.*", sample=True
    )
    # clts; push $0; fldcw (%esp); fld1; fldz; fdivp; mov %cr4 by write_cr; ldmxcsr (%esp)
    fpu = (
        b"\xbc\x00\x00\xf0\x02\x0f\x06\x6a\x00\xd9\x2c\x24\xd9\xe8\xd9\xee\xde\xf9"
        + launcher.write_cr(4, 0x600)
    )
    yield left(
        "exceptions of x87 pending, those of SSE unmasked", fpu + b"\x0f\xae\x14\x24", tests="cpu.*"
    )
    calls = (
        launcher.write_msr(0x174, 8)
        + launcher.write_msr(0x176, 0x100000)
        + launcher.write_msr(0xC0000082, 0x1000)
    )
    yield left("entries of SYSCALL and SYSENTER", calls, tests="user.*")
    yield left(
        "GS bases",
        launcher.write_msr(0xC0000101, 0xFFFF800000001000) + launcher.write_msr(0xC0000102, 1),
        tests="user.*",
    )
    yield left("x2APIC mode", launcher.write_msr(0x1B, 0xFEE00D00), tests="smp.*", cpu="+x2apic",
               smp=2, qemu=(9, 0))
    enabled = launcher.store(0xFEE000F0, 0x1FF)
    for vector in (0x31, 0x9C, 0xEC, 0xFE):
        pending = enabled + launcher.store(0xFEE00300, 0x44000 | vector)  # to itself, asserted
        yield left(f"an interrupt at vector {vector:#x}", pending, sample=vector == 0xEC)
    entries = range(0xFEE00320, 0xFEE00380, 16)
    for name, mode in (("NMI", 0x400), ("SMI", 0x200), ("ExtINT", 0x700), ("INIT", 0x500)):
        opened = (
            launcher.ignore_nmis()
            + enabled
            + b"".join(launcher.store(entry, mode) for entry in entries)
        )
        yield left(f"all of the local APIC's own sources, as {name}", opened, tests="apic.*",
                   sample=name == "NMI")
    for name, address in (("elsewhere", 0xFED10000), ("over RAM", 0x8000000)):
        yield left(f"the local APIC's registers {name}", launcher.write_msr(0x1B, address | 0x900),
                   tests="smp.*", smp=2,
                   sample=name == "over RAM")  # fmt: skip
    yield left("the local APIC turned off", launcher.write_msr(0x1B, 0xFEE00000), qemu=(9, 0))
    for name, low in (("NMI", 0x400), ("SMI", 0x200), ("level-triggered", 0xA031)):
        pins = b"".join(
            launcher.store(0xFEC00000, 0x10 + 2 * pin) + launcher.store(0xFEC00010, low)
            for pin in range(24)
        )
        yield left(
            f"all pins of the I/O APIC, {name}", launcher.ignore_nmis() + pins, sample=name == "NMI"
        )
    at = (0x10, 0), (0xF0, 0), (0x100, 0x4C), (0x108, 100000), (0x108, 100000), (0x10, 3)
    yield left("the HPET in the place of PIT and RTC",
               b"".join(launcher.store(0xFED00000 + i, value) for i, value in at),
               tests="irq.*", sample=True)  # fmt: skip
    for name, index, value in (("to be set", 0xB, 0x82), ("without a divider", 0xA, 0x70)):
        yield left(f"the RTC stopped, {name}",
                   launcher.out(0x70, index) + launcher.out(0x71, value), tests="time.*",
                   prints=("RTC was stopped",))  # fmt: skip
    timer = (
        enabled
        + launcher.store(0xFEE003E0, 0xB)
        + launcher.store(0xFEE00320, 0x200A5)
        + launcher.store(0xFEE00380, 10000)
    )
    yield left("the local APIC's timer", timer)
    yield left("the 8259s at vectors of exceptions",
               b"".join(launcher.out(port, value) for port, value in (
                   (0x20, 0x11), (0x21, 8), (0x21, 4), (0x21, 1), (0x21, 0), (0x40, 0),
                   (0x40, 1))))  # fmt: skip


_FOREIGN = ("placeholder", "root=/dev/sda1", "console=ttyS0,115200", "quiet", "acpi=force",
            "noapic")


def _words():
    passed = "passed over: placeholder root=/dev/sda1"
    for platform in ("qemu", "microvm", "grub", "uefi"):
        yield Row(f"foreign words, {platform}", platform, words=_FOREIGN, prints=(passed,),
                  sample=platform == "qemu", **_SMALL)
    yield Row("an empty command line", without=("-append",))
    for length in (1500, 2040, 5000):
        def make(boot, length=length):
            line = " ".join(boot.words).encode()
            return launcher.make(boot, words=line + b" x=" + b"y" * (length - len(line) - 3))

        yield Row(f"a command line of {length} characters", launcher=make,
                  status="PASS" if length < 2048 else "ERROR",
                  prints=() if length < 2048 else ("command line: too long",),
                  **_SMALL)  # fmt: skip
    yield Row("GRUB, a command line of 1500 characters", "grub", tests="boot.*",
              grub_words=("x=" + "y" * 1300,))  # fmt: skip
    for name, line in (
        ("not ASCII", "naïve=ü €=☃".encode()),
        ("bytes that are not UTF-8", b"\xff\xfe=\x80"),
        ("tabs and control characters", b"\ta=1\t\tb\x01c=\x7f\r\n"),
        ("quotes", b"a=\"b c\" 'd e' \"\""),
        ("blanks at both ends", b"   "),
        ("signs of equality", b"= == =x a=b=c"),
    ):
        def make(boot, line=line):
            return launcher.make(boot, words=b" " + " ".join(boot.words).encode() + b" " + line)

        yield Row(f"words: {name}", launcher=make, **_SMALL)
    bad = {"cmdline_paddr": (1 << 64) - 16}
    yield Row("words: an unreadable line", launcher=_made(fields=bad), status="ERROR",
              prints=("command line",))


def _xen():
    for model in ("qemu64", "Nehalem", "phenom", "Haswell"):
        yield Row(f"Xen, cpu {model}", "xen-pv", cpu=model)
    yield Row("Xen, cpu -nx", "xen-pv", cpu="-nx", status="ERROR",
              prints=("refuses.*NX", "no backend can run"))
    yield Row("Xen, PVH, cpu phenom", "xen-pvh", cpu="phenom,+svm,+npt")
    yield Row("Xen, PVH, cpu -x2apic", "xen-pvh", cpu="-x2apic", smp=2)
    for cpus in (1, 2):
        yield Row(f"Xen, PVH, a guest without x2APIC, {cpus} CPUs", "xen-pvh",
                  xen=("dom0-cpuid=no-x2apic",), smp=cpus,
                  prints=("CPUID offers no x2APIC",))  # fmt: skip
    for platform in ("xen-pv", "xen-pvh"):
        passed = f"passed over: {re.escape(' '.join(_FOREIGN))}"
        yield Row(
            f"foreign words, {platform}", platform, words=_FOREIGN, prints=(passed,), **_SMALL
        )
        yield Row(f"32 MiB, {platform}", platform, mem=32, **_SMALL)
        yield Row(f"{platform}, q35", platform, machine="q35")
