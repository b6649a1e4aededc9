# SPDX-License-Identifier: MIT
"""Make a launcher: an ELF file that QEMU's PVH loader boots in place of the image. It passes the
image a struct hvm_start_info (xen/arch-x86/hvm/start_info.h) and ACPI tables that no loader or
firmware here produces.

QEMU boots the launcher and loads the image beside it (its device "loader"). The launcher's few
instructions may first leave a CPU or a local APIC as some firmware does. They run in 32-bit
protected mode without paging, as PVH has it, with ebx pointing at QEMU's own start_info.
"""

import struct

BASE = 0x3000000  # in RAM, far above the image
_PVH_NOTE = 18  # XEN_ELFNOTE_PHYS32_ENTRY
_MAGIC = 0x336EC578  # XEN_HVM_START_MAGIC_VALUE
_RSDP_FIELD = 32  # offset of rsdp_paddr in struct hvm_start_info
_PAGE = 4096

RAM, RESERVED, ACPI, NVS, UNUSABLE = 1, 2, 3, 4, 5  # XEN_HVM_MEMMAP_TYPE_*

# RAM of a q35 with 256 MiB, without what its firmware keeps.
MEMORY = ((0, 0x9F000, RAM), (0x9F000, 0x61000, RESERVED), (0x100000, 0xFD00000, RAM),
          (0xFE00000, 0x200000, RESERVED))


def write_cr(number, value):
    """mov $value, %eax; mov %eax, %crN"""
    return b"\xb8" + struct.pack("<I", value) + b"\x0f\x22" + bytes([0xC0 + 8 * number])


def write_msr(index, value):
    """mov $index, %ecx; mov $low, %eax; mov $high, %edx; wrmsr"""
    low, high = value & 0xFFFFFFFF, value >> 32
    return (
        b"\xb9"
        + struct.pack("<I", index)
        + b"\xb8"
        + struct.pack("<I", low)
        + b"\xba"
        + struct.pack("<I", high)
        + b"\x0f\x30"
    )


def store(address, value):
    """movl $value, address"""
    return b"\xc7\x05" + struct.pack("<II", address, value)


def out(port, value):
    """mov $value, %al; mov $port, %dx; out %al, %dx"""
    return b"\xb0" + bytes([value]) + b"\x66\xba" + struct.pack("<H", port) + b"\xee"


def ignore_nmis():
    """Load an IDT whose NMI handler only returns. Firmware has a handler, too, until the image
    loads an IDT: without one an NMI between the launcher's last instructions resets the machine."""
    idt, handler, pointer = 0x8000, 0x8100, 0x8200
    # Vector 2, the loader's code segment
    gate = store(idt + 16, 8 << 16 | handler) + store(idt + 20, 0x8E00)
    iret, limit = 0xCF, 0x17
    return (
        gate + store(handler, iret) + store(pointer, idt << 16 | limit) + store(pointer + 4, 0)
        + b"\x0f\x01\x1d" + struct.pack("<I", pointer)
    )  # fmt: skip


def write_dr(number, value):
    """mov $value, %eax; mov %eax, %drN"""
    return b"\xb8" + struct.pack("<I", value) + b"\x0f\x23" + bytes([0xC0 + 8 * number])


def break_on_gdt(boot):
    """Set a breakpoint on data: each access to the descriptor of 64-bit code in the image's first
    GDT."""
    data = boot.image.read_bytes()
    at = data.index(struct.pack("<QQ", 0x00AF9B000000FFFF, 0x00CF93000000FFFF))
    (start,), (size, count) = struct.unpack_from("<Q", data, 32), struct.unpack_from(
        "<HH", data, 54
    )
    for header in range(start, start + size * count, size):
        kind, offset, _, address, length = struct.unpack_from("<I4xQQQQ", data, header)
        if kind == 1 and offset <= at < offset + length:  # PT_LOAD
            return write_dr(0, address + at - offset) + write_dr(7, 0xB0401)
    raise ValueError("no segment holds the GDT")


def _keep_rsdp(field):
    """mov rsdp_paddr(%ebx), %eax; mov %eax, field"""
    return b"\x8b\x43" + bytes([_RSDP_FIELD]) + b"\xa3" + struct.pack("<I", field)


def _jump(entry, start_info):
    """mov $start_info, %ebx; mov $entry, %eax; jmp *%eax"""
    return (
        b"\xbb" + struct.pack("<I", start_info) + b"\xb8" + struct.pack("<I", entry) + b"\xff\xe0"
    )


class _Blob:
    """Bytes that will be in memory from BASE on."""

    def __init__(self):
        self.data = bytearray()

    def add(self, data, align=16):
        """Append data; return its address."""
        self.data += bytes(-len(self.data) % align)
        address = BASE + len(self.data)
        self.data += data
        return address


def make(boot, memory=MEMORY, modules=None, words=None, tables=None, left=b"", fields=None, xsdt="",
         placed=None):  # fmt: skip
    """Return the launcher for a Boot. memory: (address, size, type) of each region, or None for a
    start_info of version 0, which has no map; modules: (bytes, command line) of each, by default
    the suite's; words: the command line as bytes, or None for the boot's own; tables: the bytes of
    each ACPI table, or None for the firmware's own; placed: (address, size) of each module,
    wherever that is, in place of modules; xsdt: what is wrong with an XSDT beside the RSDT; left:
    instructions that leave the machine as firmware does, or a function of the boot that returns
    them; fields: fields of start_info that are overridden."""
    blob = _Blob()
    if placed is not None:
        modules = []
    elif modules is None:
        modules = [(boot.module.read_bytes(), b"testmodule")]
    info = {"magic": _MAGIC, "version": 0 if memory is None else 1, "nr_modules": len(modules)}
    info["cmdline_paddr"] = blob.add(
        (" ".join(boot.words).encode() if words is None else words) + b"\0"
    )
    entries = [
        struct.pack("<QQQQ", blob.add(data, _PAGE), len(data), blob.add(line + b"\0"), 0)
        for data, line in modules
    ]
    if placed is not None:
        entries = [struct.pack("<QQQQ", address, size, 0, 0) for address, size in placed]
        info["nr_modules"] = len(placed)
    info["modlist_paddr"] = blob.add(b"".join(entries))
    if tables is not None:
        first = BASE + len(blob.data)
        info["rsdp_paddr"] = _add_tables(blob, tables, xsdt)
        # Without an entry of its own the kernel would take this for free RAM
        if memory is not None:
            memory = (*memory, (first, BASE + len(blob.data) - first, ACPI))
    info["memmap_paddr"] = blob.add(
        b"".join(struct.pack("<QQII", *region, 0) for region in memory or ())
    )
    info["memmap_entries"] = len(memory or ())
    start_info = blob.add(_start_info({**info, **(fields or {})}))
    keep = _keep_rsdp(start_info + _RSDP_FIELD) if tables is None else b""
    left = left(boot) if callable(left) else left
    entry = blob.add(left + keep + _jump(_entry_of(boot.image), start_info))
    return _elf(bytes(blob.data), entry)


def _start_info(info):
    order = ("magic", "version", "flags", "nr_modules", "modlist_paddr", "cmdline_paddr",
             "rsdp_paddr", "memmap_paddr",
             "memmap_entries", "reserved")  # fmt: skip
    return struct.pack("<IIIIQQQQII", *(info.get(name, 0) for name in order))


def _entry_of(image):
    """Return the image's PVH entry, from its ELF note."""
    data = image.read_bytes()
    head = struct.pack("<I4s", _PVH_NOTE, b"Xen\0")
    return struct.unpack_from("<I", data, data.index(head) + len(head))[0]


def _elf(data, entry):
    """Return an ELF file for QEMU: one segment, and the note that names the entry, of which QEMU
    reads 8 bytes."""
    note = struct.pack("<III4sQ", 4, 8, _PVH_NOTE, b"Xen\0", entry)
    start = _PAGE
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, entry, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    head += struct.pack("<IIQQQQQQ", 1, 7, start, BASE, BASE, len(data), len(data), _PAGE)
    head += struct.pack("<IIQQQQQQ", 4, 4, start + len(data), 0, 0, len(note), len(note), 4)
    return head.ljust(start, b"\0") + data + note


# --- ACPI ---


def table(signature, body, wrong=0):
    """Return an ACPI table with its checksum. wrong: a number added to the checksum."""
    head = signature + struct.pack(
        "<IBB6s8sI4sI", 36 + len(body), 3, 0, b"PARAVN", b"MACHINES", 1, b"PRVN", 1
    )
    data = bytearray(head + body)
    data[9] = (-sum(data) + wrong) & 0xFF
    return bytes(data)


def madt(*entries, flags=1, apic=0xFEE00000, wrong=0):
    """Return a MADT. flags: 1 if the machine has 8259s."""
    return table(b"APIC", struct.pack("<II", apic, flags) + b"".join(entries), wrong)


def cpu(apic_id, enabled=1):
    return struct.pack("<BBBBI", 0, 8, apic_id, apic_id, enabled)


def x2apic_cpu(apic_id, enabled=1):
    return struct.pack("<BBHIII", 9, 16, 0, apic_id, enabled, apic_id)


def ioapic(address=0xFEC00000, gsi=0, number=0):
    return struct.pack("<BBBBII", 1, 12, number, 0, address, gsi)


def override(irq, gsi, flags=0):
    return struct.pack("<BBBBIH", 2, 10, 0, irq, gsi, flags)


# The I/O APIC as a q35's own tables describe it.
IOAPIC = (ioapic(), override(0, 2), override(5, 5, 13), override(9, 9, 13), override(10, 10, 13),
          override(11, 11, 13))


def hpet(address, space=0):
    """Return an HPET's table. space: 0 if its registers are in memory."""
    return table(
        b"HPET", struct.pack("<IBBBBQBHB", 0x8086A201, space, 64, 0, 0, address, 0, 100, 0)
    )


def _add_tables(blob, tables, xsdt):
    """Add tables, the RSDT that lists them, and the RSDP; return its address. xsdt: "" for an RSDP
    of revision 0, else what is wrong with the XSDT of one of revision 2: "checksum", "nowhere",
    "empty", "narrow" (entries of 4 bytes), "none"."""
    addresses = [blob.add(data) for data in tables]
    narrow = struct.pack(f"<{len(addresses)}I", *addresses)
    rsdt = blob.add(table(b"RSDT", narrow))
    rsdp = bytearray(struct.pack("<8sB6sBI", b"RSD PTR ", 0, b"PARAVN", 2 if xsdt else 0, rsdt))
    rsdp[8] = -sum(rsdp) & 0xFF
    if xsdt:
        wide = {"narrow": narrow, "empty": b""}.get(
            xsdt, struct.pack(f"<{len(addresses)}Q", *addresses)
        )
        root = blob.add(table(b"XSDT", wide, wrong=xsdt == "checksum"))
        root = {"nowhere": 1 << 50, "none": 0}.get(xsdt, root)
        rsdp += struct.pack("<IQB3x", 36, root, 0)
        rsdp[32] = -sum(rsdp) & 0xFF
    return blob.add(bytes(rsdp))
