/* SPDX-License-Identifier: MIT */
/* The search for tables, and the soft-off registers, of lib/acpi.h. */
#include "lib/acpi.h"
#include "lib/string.h"

enum {
    RSDP_V1_SIZE = 20,
    RSDP_V2_SIZE = 36,
    RSDP_RSDT = 16,
    RSDP_XSDT = 24,
    RSDP_REVISION = 15,

    FADT_DSDT = 40,
    FADT_PM1A_CNT = 64,
    FADT_PM1B_CNT = 68,
    FADT_FLAGS = 112,
    FADT_X_DSDT = 140,
    FADT_SLEEP_CONTROL = 244, /* a generic address: space id, width, offset, size, u64 address */

    FADT_FLAG_HW_REDUCED = 1 << 20,
    SPACE_MEMORY = 0,

    SLP_EN = 1 << 13,
    SLP_TYP_SHIFT = 10,
    SLP_TYP_MAX = 7,
    SLEEP_CONTROL_EN = 1 << 5,
    SLEEP_CONTROL_TYP_SHIFT = 2,

    AML_PACKAGE = 0x12,
    AML_BYTE = 0x0a,
    AML_ONE = 0x01,
};

#define TABLE_MAX MIB(16) /* a greater length is an error of the firmware */

static bool checksum_ok(const u8 *bytes, u64 len)
{
    u8 sum = 0;

    for (u64 i = 0; i < len; i++)
        sum = (u8)(sum + bytes[i]);
    return sum == 0;
}

/* Return the table at pa, or NULL if it is not wholly in the window or its checksum is wrong. */
static const struct acpi_header *table_at(const struct phys_window *w, u64 pa)
{
    const struct acpi_header *t = phys_window_get(w, pa, sizeof(*t));

    if (!t || t->length < sizeof(*t) || t->length > TABLE_MAX ||
        !phys_window_get(w, pa, t->length) || !checksum_ok((const u8 *)t, t->length))
        return NULL;
    return t;
}

/* Load an address of size bytes, 4 or 8. */
static u64 address_at(const u8 *at, u32 size)
{
    u64 address = 0;

    memcpy(&address, at, size);
    return address;
}

/*
 * Return the first intact table of this signature, or of any if that is NULL, in the RSDT or XSDT
 * at pa, which lists addresses of width bytes.
 */
static const struct acpi_header *find_in_root(const struct phys_window *w, u64 pa, u32 width,
                                              const char *signature)
{
    const struct acpi_header *const root = table_at(w, pa), *table;

    for (u32 at = sizeof(*root); root && at + width <= root->length; at += width) {
        table = table_at(w, address_at((const u8 *)root + at, width));
        if (table && (!signature || !memcmp(table->signature, signature, 4)))
            return table;
    }
    return NULL;
}

/* Use the XSDT; the RSDT only if the XSDT is damaged, or if it lists no intact table. */
const struct acpi_header *acpi_find_table(const struct phys_window *w, const struct boot_info *info,
                                          const char *signature)
{
    const u8 *rsdp = info->rsdp_size ? info->rsdp : phys_window_get(w, info->rsdp_pa, RSDP_V2_SIZE);
    u64 xsdt;

    if (!rsdp || memcmp(rsdp, "RSD PTR ", 8) || !checksum_ok(rsdp, RSDP_V1_SIZE))
        return NULL;
    xsdt = address_at(rsdp + RSDP_XSDT, 8);
    /* A copy of an old RSDP ends in zeros. */
    if (rsdp[RSDP_REVISION] >= 2 && checksum_ok(rsdp, RSDP_V2_SIZE) &&
        find_in_root(w, xsdt, 8, NULL))
        return find_in_root(w, xsdt, 8, signature);
    return find_in_root(w, address_at(rsdp + RSDP_RSDT, 4), 4, signature);
}

/*
 * Read a sleep type, 0 to 7: an integer constant of AML (section 20.2.3). Return false if it is
 * anything else.
 */
static bool aml_sleep_type(const u8 **p, const u8 *end, u8 *type)
{
    const bool prefixed = *p < end && **p == AML_BYTE;

    *p += prefixed;
    if (*p >= end || **p > (prefixed ? SLP_TYP_MAX : AML_ONE))
        return false;
    *type = *(*p)++;
    return true;
}

/*
 * Find the sleep types of S5: Name(_S5_, Package() { PM1a's, PM1b's, … }). Firmware writes it as a
 * constant, so a search for its bytes replaces an interpreter.
 */
static bool find_s5(const struct acpi_header *dsdt, u8 *type_a, u8 *type_b)
{
    const u8 *p = (const u8 *)dsdt + sizeof(*dsdt), *end = (const u8 *)dsdt + dsdt->length;

    for (; end - p > 8; p++) {
        const u8 *q = p + 4;

        if (memcmp(p, "_S5_", 4) || *q++ != AML_PACKAGE)
            continue;
        q += 1 + (*q >> 6) + 1; /* the package's length, then its count of elements */
        if (q < end && aml_sleep_type(&q, end, type_a)) {
            if (!aml_sleep_type(&q, end, type_b))
                *type_b = *type_a;
            return true;
        }
    }
    return false;
}

/* Return the address at offset `at`, or 0 if the table is too short to have it. */
static u64 fadt_address(const struct acpi_header *fadt, u32 at)
{
    return fadt->length >= at + 8 ? load64((const u8 *)fadt + at) : 0;
}

struct acpi_soft_off acpi_find_soft_off(const struct phys_window *w, const struct boot_info *info)
{
    struct acpi_soft_off off = {0};
    const struct acpi_header *header = acpi_find_table(w, info, "FACP"), *dsdt;
    const u8 *fadt = (const u8 *)header;
    u64 pa;
    u8 a, b;

    if (!header || header->length < FADT_FLAGS + 4)
        return off;
    pa = fadt_address(header, FADT_X_DSDT);
    dsdt = table_at(w, pa ? pa : load32(fadt + FADT_DSDT));
    if (!dsdt || !find_s5(dsdt, &a, &b))
        return off;
    if (load32(fadt + FADT_FLAGS) & FADT_FLAG_HW_REDUCED) {
        pa = fadt_address(header, FADT_SLEEP_CONTROL + 4);
        if (pa && fadt[FADT_SLEEP_CONTROL] == SPACE_MEMORY && phys_window_get(w, pa, 1))
            off.sleep_control_pa = pa;
        off.sleep_control_value = (u8)(SLEEP_CONTROL_EN | a << SLEEP_CONTROL_TYP_SHIFT);
        return off;
    }
    off.pm1a_port = (u16)load32(fadt + FADT_PM1A_CNT);
    off.pm1b_port = (u16)load32(fadt + FADT_PM1B_CNT);
    off.pm1a_value = (u16)(SLP_EN | a << SLP_TYP_SHIFT);
    off.pm1b_value = (u16)(SLP_EN | b << SLP_TYP_SHIFT);
    return off;
}
