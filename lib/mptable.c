/* SPDX-License-Identifier: MIT */
/* The search for the MP table and its parser (lib/mptable.h). */
#include "lib/mptable.h"
#include "lib/string.h"

enum {
    /* The BIOS data area: words. */
    BDA_EBDA_SEGMENT = 0x40e,
    BDA_BASE_MEMORY_KIB = 0x413,

    /* The floating pointer structure, section 4.1. */
    POINTER_SIZE = 16,
    POINTER_TABLE = 4,
    POINTER_LENGTH = 8, /* in units of 16 bytes */
    POINTER_DEFAULT = 11,
    POINTER_FEATURES = 12,
    FEATURE_IMCR = 0x80,

    /* The configuration table's header, section 4.2. */
    HEADER_SIZE = 44,
    HEADER_LENGTH = 4,

    /* Entries, section 4.3: all but the processor's have the same size. */
    ENTRY_PROCESSOR = 0,
    PROCESSOR_SIZE = 20,
    PROCESSOR_ID = 1,
    PROCESSOR_FLAGS = 3,
    PROCESSOR_ENABLED = 1,

    ENTRY_SIZE = 8,
    ENTRY_BUS = 1,
    BUS_ID = 1,
    BUS_TYPE = 2,
    BUS_TYPE_SIZE = 6,

    ENTRY_IOAPIC = 2,
    IOAPIC_ID = 1,
    IOAPIC_FLAGS = 3,
    IOAPIC_ENABLED = 1,
    IOAPIC_ADDRESS = 4,

    ENTRY_IO_INTERRUPT = 3,
    ENTRY_LOCAL_INTERRUPT = 4,
    INTERRUPT_KIND = 1,
    KIND_VECTORED = 0,
    INTERRUPT_FLAGS = 2,
    POLARITY_MASK = 3,
    POLARITY_LOW = 3,
    TRIGGER_MASK = 0xc,
    TRIGGER_LEVEL = 0xc,
    INTERRUPT_BUS = 4,
    INTERRUPT_IRQ = 5,
    INTERRUPT_IOAPIC = 6,
    EVERY_IOAPIC = 0xff,
    INTERRUPT_PIN = 7,

    /* Chapter 5: configurations without a table. */
    DEFAULT_LAST = 7,
    DEFAULT_EISA_ONLY = 2, /* does not connect the timer, nor IRQ 13 */
    DEFAULT_IOAPIC_PA = 0xfec00000,
};

#define KIB_START(kib) ((u64)(kib) << 10)
#define BIOS_ROM       0xf0000
#define BIOS_ROM_SIZE  0x10000
#define BASE_MEMORY    640 /* KiB, at most */

/* What interrupt entries refer to: gathered in a first pass over the table. */
struct references {
    bool isa_bus[256];        /* by the bus's id */
    u8 ids[APIC_IOAPICS_MAX]; /* of apic_config's I/O APICs */
};

static bool sum_is_zero(const u8 *bytes, u32 size)
{
    u8 sum = 0;

    for (u32 i = 0; i < size; i++)
        sum = (u8)(sum + bytes[i]);
    return sum == 0;
}

static u32 load_word(const u8 *at)
{
    return at[0] | (u32)at[1] << 8;
}

static void parse_device(const u8 *entry, struct apic_config *config, struct references *refs)
{
    const u32 n = config->nr_ioapics;

    if (entry[0] == ENTRY_PROCESSOR && entry[PROCESSOR_FLAGS] & PROCESSOR_ENABLED &&
        entry[PROCESSOR_ID] != 0xff)
        apic_config_add_cpu(config, entry[PROCESSOR_ID]);
    if (entry[0] == ENTRY_BUS)
        refs->isa_bus[entry[BUS_ID]] = !memcmp(entry + BUS_TYPE, "ISA   ", BUS_TYPE_SIZE) ||
                                       !memcmp(entry + BUS_TYPE, "EISA  ", BUS_TYPE_SIZE);
    if (entry[0] == ENTRY_IOAPIC && entry[IOAPIC_FLAGS] & IOAPIC_ENABLED) {
        apic_config_add_ioapic(config, load32(entry + IOAPIC_ADDRESS), n * MPTABLE_GSI_STEP);
        if (config->nr_ioapics > n)
            refs->ids[n] = entry[IOAPIC_ID];
    }
}

/* Return the index of the I/O APIC with this id; nr_ioapics if it is not listed. */
static u32 ioapic_of(u8 id, const struct apic_config *config, const struct references *refs)
{
    u32 n = 0;

    while (id != EVERY_IOAPIC && n < config->nr_ioapics && refs->ids[n] != id)
        n++;
    return n;
}

/* Record where an ISA interrupt arrives. If it has several entries, the first counts. */
static void parse_interrupt(const u8 *entry, struct apic_config *config,
                            const struct references *refs)
{
    const u32 ioapic = ioapic_of(entry[INTERRUPT_IOAPIC], config, refs);
    struct apic_isa_irq *isa = &config->isa[entry[INTERRUPT_IRQ] % NR_ISA_IRQS];

    if (entry[0] != ENTRY_IO_INTERRUPT || entry[INTERRUPT_KIND] != KIND_VECTORED ||
        !refs->isa_bus[entry[INTERRUPT_BUS]] || entry[INTERRUPT_IRQ] >= NR_ISA_IRQS ||
        ioapic >= config->nr_ioapics || isa->gsi != GSI_NONE)
        return;
    *isa = (struct apic_isa_irq){
        .gsi = config->ioapics[ioapic].gsi_base + entry[INTERRUPT_PIN],
        .active_low = (entry[INTERRUPT_FLAGS] & POLARITY_MASK) == POLARITY_LOW,
        .level = (entry[INTERRUPT_FLAGS] & TRIGGER_MASK) == TRIGGER_LEVEL,
    };
}

/* Return the entry at *at, and advance *at. NULL at the end, or at an entry of unknown size. */
static const u8 *next_entry(const u8 *table, u32 *at)
{
    const u32 left = load_word(table + HEADER_LENGTH) - *at;
    const u8 *entry = table + *at;
    const u32 size = left && *entry == ENTRY_PROCESSOR ? PROCESSOR_SIZE : ENTRY_SIZE;

    if (left < size || *entry > ENTRY_LOCAL_INTERRUPT)
        return NULL;
    *at += size;
    return entry;
}

/* Read the interrupts in a second pass, because they refer to buses and I/O APICs. */
static void parse_table(const u8 *table, struct apic_config *config)
{
    struct references refs = {0};
    const u8 *entry;

    for (u32 irq = 0; irq < NR_ISA_IRQS; irq++)
        config->isa[irq].gsi = GSI_NONE;
    for (u32 at = HEADER_SIZE; (entry = next_entry(table, &at));)
        parse_device(entry, config, &refs);
    for (u32 at = HEADER_SIZE; (entry = next_entry(table, &at));)
        parse_interrupt(entry, config, &refs);
}

/* Fill in a default configuration: two CPUs, and one I/O APIC with the timer at pin 2. */
static void set_default(u8 number, struct apic_config *config)
{
    apic_config_add_cpu(config, 0);
    apic_config_add_cpu(config, 1);
    apic_config_add_ioapic(config, DEFAULT_IOAPIC_PA, 0);
    config->isa[0].gsi = number == DEFAULT_EISA_ONLY ? GSI_NONE : 2;
    config->isa[2].gsi = GSI_NONE; /* the second 8259 */
    if (number == DEFAULT_EISA_ONLY)
        config->isa[13].gsi = GSI_NONE;
}

static bool parse_pointer(const struct phys_window *w, const u8 *pointer,
                          struct apic_config *config)
{
    const u64 pa = load32(pointer + POINTER_TABLE);
    const u8 *table = phys_window_get(w, pa, HEADER_SIZE);

    config->has_imcr = pointer[POINTER_FEATURES] & FEATURE_IMCR;
    if (pointer[POINTER_DEFAULT]) {
        if (pointer[POINTER_DEFAULT] > DEFAULT_LAST)
            return false;
        set_default(pointer[POINTER_DEFAULT], config);
        return true;
    }
    if (!table || memcmp(table, "PCMP", 4) || load_word(table + HEADER_LENGTH) < HEADER_SIZE ||
        !phys_window_get(w, pa, load_word(table + HEADER_LENGTH)) ||
        !sum_is_zero(table, load_word(table + HEADER_LENGTH)))
        return false;
    parse_table(table, config);
    return true;
}

/* Search [start, start + size) for the floating pointer, which is on a 16-byte boundary. */
static bool search_pointer(const struct phys_window *w, u64 start, u64 size,
                           struct apic_config *config)
{
    for (u64 pa = start; pa < start + size; pa += POINTER_SIZE) {
        const u8 *p = phys_window_get(w, pa, POINTER_SIZE);

        if (!p || memcmp(p, "_MP_", 4) || p[POINTER_LENGTH] != 1 || !sum_is_zero(p, POINTER_SIZE))
            continue;
        apic_config_init(config);
        if (parse_pointer(w, p, config))
            return true;
    }
    return false;
}

static u32 bios_word(const struct phys_window *w, u64 pa)
{
    const u8 *at = phys_window_get(w, pa, 2);

    return at ? load_word(at) : 0;
}

/*
 * Search where section 4 names: in the first KiB of the extended BIOS data area; in the last KiB of
 * base memory, whose end is what the BIOS reports, or 640 KiB; in the BIOS's ROM.
 */
bool mptable_parse(const struct phys_window *w, struct apic_config *config)
{
    const u64 ebda = (u64)bios_word(w, BDA_EBDA_SEGMENT) << 4;
    const u32 kib = bios_word(w, BDA_BASE_MEMORY_KIB);

    if (ebda >= PAGE_SIZE && ebda < KIB_START(BASE_MEMORY) &&
        search_pointer(w, ebda, KIB_START(1), config))
        return true;
    if (kib > 1 && kib < BASE_MEMORY && search_pointer(w, KIB_START(kib - 1), KIB_START(1), config))
        return true;
    if (search_pointer(w, KIB_START(BASE_MEMORY - 1), KIB_START(1), config) ||
        search_pointer(w, BIOS_ROM, BIOS_ROM_SIZE, config))
        return true;
    apic_config_init(config);
    return false;
}
