/* SPDX-License-Identifier: MIT */
/*
 * Load the image by PVH (Xen, docs/misc/pvh.pandoc): its segments at their physical addresses, the
 * start info with the command line, the module and the memory map, and the tables of ACPI by which
 * the guest finds its CPUs and its I/O APIC.
 */
#include "vmm.h"
#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EXIT_LOAD = 3,
    PHYS32_ENTRY = 18, /* the type of the note with the entry */
    PAGE = 4096,
    RAM = 1,
    RESERVED = 2,
    EBDA = 0x9fc00,
    HIGH_RAM = 0x100000,
    IOAPIC = 0xfec00000,
    LOCAL_APIC = 0xfee00000,
};

struct start_info {
    uint32_t magic, version, flags, nr_modules;
    uint64_t modlist, cmdline, rsdp, memmap;
    uint32_t memmap_entries, reserved;
};

struct module {
    uint64_t base, size, words, reserved;
};

struct region {
    uint64_t base, size;
    uint32_t type, reserved;
};

/* What is at START_INFO. */
struct passed {
    struct start_info info;
    struct module module;
    struct region map[4];
    char words[2048];
};

static uint8_t *read_file(const char *path, uint64_t *size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data;

    if (!file)
        end(EXIT_LOAD, "open %s: %s", path, strerror(errno));
    fseek(file, 0, SEEK_END);
    *size = (uint64_t)ftell(file);
    rewind(file);
    data = malloc(*size + 1);
    if (!data || fread(data, 1, *size, file) != *size)
        end(EXIT_LOAD, "read %s: %s", path, strerror(errno));
    fclose(file);
    return data;
}

static uint64_t padded(uint64_t size)
{
    return (size + 3) & ~3ull;
}

/* Return the entry that the notes of a segment name, or 0. */
static uint64_t entry_in(const uint8_t *notes, uint64_t size)
{
    for (uint64_t at = 0; at + sizeof(Elf64_Nhdr) <= size;) {
        const Elf64_Nhdr *note = (const Elf64_Nhdr *)(notes + at);
        const uint8_t *name = notes + at + sizeof(*note), *text = name + padded(note->n_namesz);
        uint32_t entry;

        if (note->n_type == PHYS32_ENTRY && note->n_namesz == 4 && !memcmp(name, "Xen", 4)) {
            memcpy(&entry, text, sizeof(entry));
            return entry;
        }
        at += sizeof(*note) + padded(note->n_namesz) + padded(note->n_descsz);
    }
    return 0;
}

/* Load the segments; return the PVH entry, and in *last where the image ends. */
static uint64_t load_image(const char *path, uint64_t *last)
{
    uint64_t size, entry = 0;
    const uint8_t *data = read_file(path, &size);
    const Elf64_Ehdr *elf = (const Elf64_Ehdr *)data;
    const Elf64_Phdr *p;

    if (size < sizeof(*elf) || memcmp(elf->e_ident, ELFMAG, SELFMAG) ||
        elf->e_phoff + (uint64_t)elf->e_phnum * sizeof(*p) > size)
        end(EXIT_LOAD, "%s, which is not an ELF file", path);
    p = (const Elf64_Phdr *)(data + elf->e_phoff);
    for (uint32_t i = 0; i < elf->e_phnum; i++, p++) {
        if (p->p_offset + p->p_filesz > size)
            end(EXIT_LOAD, "%s, which is truncated", path);
        if (p->p_type == PT_NOTE && !entry)
            entry = entry_in(data + p->p_offset, p->p_filesz);
        if (p->p_type != PT_LOAD)
            continue;
        if (p->p_paddr < HIGH_RAM || p->p_paddr + p->p_memsz > machine.low)
            end(EXIT_LOAD, "%s, which does not fit into the guest's memory", path);
        memcpy(machine.ram + p->p_paddr, data + p->p_offset, p->p_filesz);
        if (p->p_paddr + p->p_memsz > *last)
            *last = p->p_paddr + p->p_memsz;
    }
    if (!entry)
        end(EXIT_LOAD, "%s, which has no PVH entry", path);
    return entry;
}

/* ---- ACPI ---- */

struct __attribute__((packed)) table {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[6], oem_table[8];
    uint32_t oem_revision, creator, creator_revision;
};

struct __attribute__((packed)) rsdp {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt, length;
    uint64_t xsdt;
    uint8_t checksum_all, reserved[3];
};

static uint8_t minus_sum(const void *data, uint32_t size)
{
    uint8_t sum = 0;

    for (uint32_t i = 0; i < size; i++)
        sum += ((const uint8_t *)data)[i];
    return (uint8_t)-sum;
}

static void finish_table(uint8_t *at, const char *signature, uint32_t length)
{
    struct table *t = (struct table *)at;

    memcpy(t->signature, signature, 4);
    t->length = length;
    t->revision = 3;
    memcpy(t->oem, "VMM   ", 6);
    memcpy(t->oem_table, "VMM     ", 8);
    t->checksum = minus_sum(at, length);
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, 4);
    return at + 4;
}

/* Write the MADT: each CPU's local APIC, and an I/O APIC whose first pins are ISA interrupts. */
static void make_madt(uint8_t *at)
{
    uint8_t *next = put32(put32(at + sizeof(struct table), LOCAL_APIC), 1);

    for (uint32_t id = 0; id < machine.cpus; id++) {
        const uint8_t local[] = {0, 8, (uint8_t)id, (uint8_t)id};

        memcpy(next, local, 4);
        next = put32(next + 4, 1);
    }
    memcpy(next, (const uint8_t[]){1, 12, 0, 0}, 4);
    next = put32(put32(next + 4, IOAPIC), 0);
    memcpy(next, (const uint8_t[]){2, 10, 0, 0}, 4); /* ISA interrupt 0 is at pin 2 */
    next = put32(next + 4, 2);
    next += 2;
    finish_table(at, "APIC", (uint32_t)(next - at));
}

static void make_tables(void)
{
    uint8_t *const ram = machine.ram;
    const uint64_t xsdt = TABLES + 0x40, madt = TABLES + 0x100;
    struct rsdp *rsdp = (struct rsdp *)(ram + TABLES);

    make_madt(ram + madt);
    memcpy(ram + xsdt + sizeof(struct table), &madt, 8);
    finish_table(ram + xsdt, "XSDT", sizeof(struct table) + 8);
    *rsdp = (struct rsdp){.revision = 2, .length = sizeof(*rsdp), .xsdt = xsdt};
    memcpy(rsdp->signature, "RSD PTR ", 8);
    memcpy(rsdp->oem, "VMM   ", 6);
    rsdp->checksum = minus_sum(rsdp, 20);
    rsdp->checksum_all = minus_sum(rsdp, sizeof(*rsdp));
}

/* ---- The start info ---- */

static void load_module(const char *path, uint64_t last, struct module *module)
{
    uint64_t size;
    const uint8_t *data = read_file(path, &size);

    module->base = (machine.low - size) & ~(uint64_t)(PAGE - 1);
    module->size = size;
    if (size > machine.low || module->base < last)
        end(EXIT_LOAD, "%s, which does not fit into the guest's memory", path);
    memcpy(machine.ram + module->base, data, size);
}

uint64_t load(const char *image, const char *module, const char *words)
{
    struct passed *passed = (struct passed *)(machine.ram + START_INFO);
    uint64_t last = 0, entry = load_image(image, &last);
    const struct region map[] = {
        {0, EBDA, RAM, 0},
        {EBDA, HIGH_RAM - EBDA, RESERVED, 0},
        {HIGH_RAM, machine.low - HIGH_RAM, RAM, 0},
        {HIGH_BASE, machine.high, RAM, 0},
    };

    if (strlen(words) >= sizeof(passed->words))
        end(EXIT_LOAD, "a command line of %zu characters", strlen(words));
    strcpy(passed->words, words);
    memcpy(passed->map, map, sizeof(map));
    load_module(module, last, &passed->module);
    passed->info = (struct start_info){
        .magic = 0x336ec578,
        .version = 1,
        .nr_modules = 1,
        .modlist = START_INFO + offsetof(struct passed, module),
        .cmdline = START_INFO + offsetof(struct passed, words),
        .rsdp = TABLES,
        .memmap = START_INFO + offsetof(struct passed, map),
        .memmap_entries = machine.high ? 4 : 3,
    };
    make_tables();
    return entry;
}
