/*
 * boot/multiboot2.c: the info block of a Multiboot2 loader (GRUB), specification 2.0, section 3.6.
 *
 * A tag is first cut out as a window of its own, so no reader of a tag can look beyond its end,
 * whatever the lengths and strings in it say.
 */
#include "boot/multiboot2.h"

#include "boot/boot_info.h"
#include "lib/string.h"

#define RSDP_OLD_SIZE 20 /* ACPI 6.4, section 5.2.5.3: the fields of ACPI 1.0 */

/* What follows the head of one tag. Its addresses begin at 1, as 0 means "no string" to modules. */
#define CONTENT_START 1

static const char *parse_cmdline(const struct phys_window *content, struct boot_info *bi)
{
    if (!phys_window_string(content, CONTENT_START, bi->cmdline, sizeof(bi->cmdline)))
        return "multiboot2: the command line is too long or has no end";
    return NULL;
}

/* A loader's name is for people: it may be cut, but it must end inside of its tag. */
static const char *parse_loader_name(const struct phys_window *content, struct boot_info *bi)
{
    if (strnlen((const char *)content->base, content->size) == content->size)
        return "multiboot2: the loader's name has no end";
    str_copy(bi->loader, (const char *)content->base, sizeof(bi->loader));
    return NULL;
}

static const char *parse_module(const struct phys_window *content, struct boot_info *bi)
{
    struct multiboot2_module m;

    if (content->size < sizeof(m))
        return "multiboot2: a module tag is too short";
    memcpy(&m, content->base, sizeof(m));
    if (m.end < m.start)
        return "multiboot2: a module ends before it starts";
    return boot_add_module(bi, m.start, m.end - m.start, content, CONTENT_START + sizeof(m));
}

static const char *parse_mmap(const struct phys_window *content, struct boot_info *bi)
{
    struct multiboot2_mmap head;
    struct multiboot2_mmap_entry e;
    const char *error = NULL;

    if (content->size < sizeof(head))
        return "multiboot2: the memory map tag is too short";
    memcpy(&head, content->base, sizeof(head));
    if (head.entry_size < sizeof(e) || head.entry_size % MULTIBOOT2_ALIGN)
        return "multiboot2: the memory map's entry size is wrong";
    if ((content->size - sizeof(head)) % head.entry_size)
        return "multiboot2: the memory map ends in the middle of an entry";
    for (u64 at = sizeof(head); at < content->size && !error; at += head.entry_size) {
        memcpy(&e, content->base + at, sizeof(e));
        error = boot_add_region(bi, e.base, e.size, e.type);
    }
    return error;
}

/* The newer RSDP holds all that the older does: of two the longer is kept. */
static const char *parse_rsdp(const struct phys_window *content, u32 min_size, struct boot_info *bi)
{
    if (content->size < min_size)
        return "multiboot2: an ACPI tag is too short";
    if (bi->rsdp_size < min_size) {
        bi->rsdp_size = min_size;
        memcpy(bi->rsdp, content->base, min_size);
    }
    return NULL;
}

static const char *parse_tag(u32 type, const struct phys_window *content, struct boot_info *bi)
{
    switch (type) {
    case MULTIBOOT2_TAG_CMDLINE:
        return parse_cmdline(content, bi);
    case MULTIBOOT2_TAG_LOADER_NAME:
        return parse_loader_name(content, bi);
    case MULTIBOOT2_TAG_MODULE:
        return parse_module(content, bi);
    case MULTIBOOT2_TAG_MMAP:
        return parse_mmap(content, bi);
    case MULTIBOOT2_TAG_ACPI_OLD:
        return parse_rsdp(content, RSDP_OLD_SIZE, bi);
    case MULTIBOOT2_TAG_ACPI_NEW:
        return parse_rsdp(content, BOOT_RSDP_MAX, bi);
    default:
        return NULL; /* the specification has many more, and may get others */
    }
}

static const char *parse_tags(const u8 *info, u64 total_size, struct boot_info *bi)
{
    u64 at = sizeof(struct multiboot2_info);
    struct multiboot2_tag tag;
    struct phys_window content;
    const char *error;

    for (;;) {
        if (at > total_size || total_size - at < sizeof(tag))
            return "multiboot2: the info block has no end tag";
        memcpy(&tag, info + at, sizeof(tag));
        if (tag.size < sizeof(tag))
            return "multiboot2: a tag is shorter than its own head";
        if (tag.size > total_size - at)
            return "multiboot2: a tag ends beyond the info block";
        if (tag.type == MULTIBOOT2_TAG_END)
            return NULL;
        content =
            (struct phys_window){info + at + sizeof(tag), CONTENT_START, tag.size - sizeof(tag)};
        error = parse_tag(tag.type, &content, bi);
        if (error)
            return error;
        at += ALIGN_UP((u64)tag.size, MULTIBOOT2_ALIGN);
    }
}

const char *multiboot2_parse(const struct phys_window *w, u64 info_pa, u64 image_end_pa,
                             struct boot_info *bi)
{
    struct multiboot2_info head;
    const u8 *info = phys_window_get(w, info_pa, sizeof(head));
    const char *error;

    memset(bi, 0, sizeof(*bi));
    bi->protocol = BOOT_MULTIBOOT2;
    if (info_pa % MULTIBOOT2_ALIGN)
        return "multiboot2: the info block is not on an 8-byte boundary";
    if (!info)
        return "multiboot2: the info block lies outside of the memory that can be read";
    memcpy(&head, info, sizeof(head));
    if (head.total_size < sizeof(head) + sizeof(struct multiboot2_tag))
        return "multiboot2: the info block's size leaves no room for a tag";
    info = phys_window_get(w, info_pa, head.total_size);
    if (!info)
        return "multiboot2: the info block ends beyond the memory that can be read";
    error = parse_tags(info, head.total_size, bi);
    if (error)
        return error;
    boot_set_first_free(bi, image_end_pa);
    return NULL;
}
