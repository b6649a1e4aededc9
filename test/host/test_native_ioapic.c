/* SPDX-License-Identifier: MIT */
/*
 * pv/native/ioapic.c: its writes to I/O APICs, whose emulations are more lenient than the chips,
 * and to the 8259s.
 */
#include "fake_pc.h"

#include "lib/apic_config.h"
#include "pv/native/ioapic.h"
#include "pv/native/vectors.h"

enum { CHIPS = 2, PINS = 24, BASE = 0xfec00000, STRIDE = 0x1000 };

static struct {
    u32 index, version;
    u32 entries[0x100];
    u32 order[4], writes; /* registers of the last writes to entries */
} chips[CHIPS];

/* Each 8259: the initialization words that are still expected, and the values of the others. */
static struct {
    u32 words, vector, cascade, mode, mask;
} pics[2];
static u32 imcr_index, imcr;

/* A register that is written by a store takes effect at the next access. */
static void mmio_write32(u64 pa, u32 value)
{
    CHECK_EQ(pa % STRIDE, 0);
    chips[(pa - BASE) / STRIDE].index = value;
}

static volatile void *mmio_at(u64 pa)
{
    const u32 chip = (u32)((pa - BASE) / STRIDE), index = chips[chip].index;

    CHECK_EQ(pa % STRIDE, 0x10);
    if (index == 1)
        return &chips[chip].version;
    CHECK(index >= 0x10 && index < 0x10 + 2 * PINS);
    chips[chip].order[chips[chip].writes++ % 4] = index;
    return &chips[chip].entries[index];
}

static u32 port_read(u16 port)
{
    (void)port;
    return 0xff;
}

/* 8259A data sheet, figure 6. */
static void port_write(u16 port, u32 value)
{
    const u32 n = port >= 0xa0;

    if (port == 0x22) {
        imcr_index = value;
    } else if (port == 0x23) {
        imcr = imcr_index == 0x70 ? value : ~0u;
    } else if (!(port & 1)) {
        CHECK_EQ(value, 0x11);
        pics[n].words = 3;
        pics[n].mask = 0; /* initialization unmasks all pins */
    } else if (pics[n].words) {
        *(pics[n].words == 3   ? &pics[n].vector
          : pics[n].words == 2 ? &pics[n].cascade
                               : &pics[n].mode) = value;
        pics[n].words--;
    } else {
        pics[n].mask = value;
    }
}

#include "pv/native/ioapic.c"

static struct apic_config config;

static void start(u32 version0, u32 version1)
{
    memset(chips, 0, sizeof(chips));
    memset(pics, 0, sizeof(pics));
    memset(&config, 0, sizeof(config));
    for (u32 i = 0; i < CHIPS; i++)
        for (u32 pin = 0; pin < PINS; pin++)
            chips[i].entries[0x10 + 2 * pin] = 0x20 + pin; /* unmasked, as firmware may leave it */
    chips[0].version = version0;
    chips[1].version = version1;
    config.has_8259 = config.has_imcr = true;
    config.nr_ioapics = CHIPS;
    for (u32 i = 0; i < CHIPS; i++)
        config.ioapics[i] = (struct apic_ioapic){.pa = BASE + i * STRIDE, .gsi_base = i * PINS};
    imcr = 0;
    nr_ioapics = 0;
    warnings = 0;
    native_ioapic_init(&config);
}

static u32 low(u32 gsi)
{
    return chips[gsi / PINS].entries[0x10 + 2 * (gsi % PINS)];
}

static u32 high(u32 gsi)
{
    return chips[gsi / PINS].entries[0x11 + 2 * (gsi % PINS)];
}

static void the_8259s_are_silent_and_out_of_the_way(void)
{
    start(0x170011, 0x170011);
    CHECK_EQ(pics[0].vector, VECTOR_8259);
    CHECK_EQ(pics[1].vector, VECTOR_8259 + 8);
    CHECK_EQ(pics[0].cascade, 4);
    CHECK_EQ(pics[1].cascade, 2);
    CHECK_EQ(pics[0].mode & pics[1].mode, 1);
    CHECK_EQ(pics[0].mask, 0xff);
    CHECK_EQ(pics[1].mask, 0xff);
    CHECK_EQ(imcr, 1);
}

static void every_pin_starts_masked(void)
{
    start(0x170011, 0x170011);
    for (u32 gsi = 0; gsi < CHIPS * PINS; gsi++) {
        CHECK(native_ioapic_has(gsi));
        CHECK_EQ(low(gsi) & 0x10000, 0x10000);
    }
    CHECK(!native_ioapic_has(CHIPS * PINS));
    CHECK(!native_ioapic_has(~0u));
    CHECK_EQ(warnings, 0);
}

/*
 * An absent I/O APIC reads as ones or zeros; one with more pins than its index can address is
 * invalid.
 */
static void what_does_not_answer_is_left_out(void)
{
    static const u32 versions[] = {0xffffffff, 0, 0x780011, 0xff0011};

    for (u32 i = 0; i < ARRAY_SIZE(versions); i++) {
        start(versions[i], 0x170011);
        CHECK_EQ(warnings, 1);
        CHECK(!native_ioapic_has(0));
        CHECK(native_ioapic_has(PINS));
    }
}

static void a_pin_gets_what_its_line_is(void)
{
    start(0x170011, 0x170011);
    for (u32 gsi = 0; gsi < CHIPS * PINS; gsi++)
        for (u32 kind = 0; kind < 4; kind++) {
            const bool level = kind & 1, is_low = kind & 2;

            chips[gsi / PINS].writes = 0;
            native_ioapic_route(gsi, (u8)(0x30 + gsi), level, is_low, gsi + 1);
            CHECK_EQ(low(gsi), (0x30 + gsi) | (level ? 0x18000u : 0) | (is_low ? 0x2000u : 0));
            CHECK_EQ(high(gsi), (gsi + 1) << 24);
            CHECK_EQ(chips[gsi / PINS].order[2] & 1,
                     0); /* the half with the mask bit is written last */
            native_ioapic_mask(gsi, true);
            CHECK_EQ(low(gsi) & 0x1ffff,
                     (0x30 + gsi) | 0x10000 | (level ? 0x8000u : 0) | (is_low ? 0x2000u : 0));
            native_ioapic_mask(gsi, false);
            CHECK_EQ(low(gsi), (0x30 + gsi) | (level ? 0x8000u : 0) | (is_low ? 0x2000u : 0));
        }
}

int main(void)
{
    RUN(the_8259s_are_silent_and_out_of_the_way);
    RUN(every_pin_starts_masked);
    RUN(what_does_not_answer_is_left_out);
    RUN(a_pin_gets_what_its_line_is);
    return finish("native I/O APIC");
}
