/* SPDX-License-Identifier: MIT */
/*
 * The parser of a Multiboot2 loader's (GRUB's) info block: specification 2.0, section 3.6.
 *
 * The block is a list of tags, each with a type and a size. The block is cut out as a window of its
 * own first, and each tag's content after it, so no reader can go beyond its end, whatever the
 * lengths and strings inside are.
 */
#include "boot/multiboot2.h"

#include "boot/parse.h"
#include "lib/memory_map.h"
#include "lib/string.h"

#define RSDP_OLD_SIZE 20 /* ACPI 6.4, section 5.2.5.3: the fields of ACPI 1.0 */

static const char too_short[] = "tag: too short for its type";

static void parse_module(const struct phys_window *content, struct boot_info *bi)
{
    const struct multiboot2_module *m = phys_window_get(content, content->start, sizeof(*m));

    if (!m)
        bi->modules_left_off++;
    else
        boot_add_module(bi, m->start, (u64)m->end - m->start, content, content->start + sizeof(*m));
}

static const char *parse_mmap(const struct phys_window *content, struct boot_info *bi)
{
    const struct multiboot2_mmap *head = phys_window_get(content, content->start, sizeof(*head));
    const struct multiboot2_mmap_entry *e;

    if (!head)
        return too_short;
    if (head->entry_size < sizeof(*e) || head->entry_size % MULTIBOOT2_ALIGN ||
        (content->size - sizeof(*head)) % head->entry_size)
        return "memory map: wrong entry size";
    if ((content->size - sizeof(*head)) / head->entry_size > BOOT_MAP_ENTRIES_MAX)
        return boot_map_too_long;
    for (u64 at = sizeof(*head); at < content->size; at += head->entry_size) {
        e = phys_window_get(content, content->start + at, sizeof(*e));
        boot_add_region(bi, e->base, e->size, e->type);
    }
    return NULL;
}

/*
 * Copy the RSDP. A loader may give an old and a new one; keep the longer, because it has all fields
 * of the other. Ignore one that is cut off: the kernel then reports that it has no ACPI tables.
 */
static void parse_rsdp(const struct phys_window *content, u32 size, struct boot_info *bi)
{
    if (content->size >= size && bi->rsdp_size < size) {
        bi->rsdp_size = size;
        memcpy(bi->rsdp, content->base, size);
    }
}

static const char *parse_tag(u32 type, const struct phys_window *content, struct boot_info *bi)
{
    switch (type) {
    case MULTIBOOT2_TAG_CMDLINE:
        return phys_window_string(content, content->start, bi->cmdline, sizeof(bi->cmdline));
    case MULTIBOOT2_TAG_LOADER_NAME: /* only printed, so it may be cut off */
        phys_window_string(content, content->start, bi->loader, sizeof(bi->loader));
        return NULL;
    case MULTIBOOT2_TAG_MODULE:
        parse_module(content, bi);
        return NULL;
    case MULTIBOOT2_TAG_MMAP:
        return parse_mmap(content, bi);
    case MULTIBOOT2_TAG_ACPI_OLD:
        parse_rsdp(content, RSDP_OLD_SIZE, bi);
        return NULL;
    case MULTIBOOT2_TAG_ACPI_NEW:
        parse_rsdp(content, BOOT_RSDP_MAX, bi);
        return NULL;
    default:
        return NULL; /* other tags are allowed, and not needed */
    }
}

const char *multiboot2_parse(const struct phys_window *w, u64 info_pa, struct boot_info *bi)
{
    const struct multiboot2_info *info = phys_window_get(w, info_pa, sizeof(*info));
    const struct multiboot2_tag *tag;
    struct phys_window block, content;
    const char *error = NULL;

    if (!info || info_pa % MULTIBOOT2_ALIGN ||
        !phys_window_cut(w, info_pa, info->total_size, &block))
        return "info block: unreadable, or not on an 8-byte boundary";
    for (u64 pa = info_pa + sizeof(*info); !error;
         pa += ALIGN_UP((u64)tag->size, MULTIBOOT2_ALIGN)) {
        tag = phys_window_get(&block, pa, sizeof(*tag));
        if (!tag)
            return "info block: no end tag";
        if (!phys_window_cut(&block, pa + sizeof(*tag), (u64)tag->size - sizeof(*tag), &content))
            return "tag: ends before its content, or beyond the info block";
        if (tag->type == MULTIBOOT2_TAG_END)
            return NULL;
        error = parse_tag(tag->type, &content, bi);
    }
    return error;
}
