/* SPDX-License-Identifier: MIT */
/*
 * Helpers for the tests of the three boot parsers.
 *
 * A test describes a loader's data as one C struct, the image, whose first byte is at IMAGE_PA; no
 * memory before or after it can be read. The test parses the good image, then the image truncated
 * at each length, then each "lie": the good image with one field changed. Good images and lies are
 * also the seeds of the fuzzers.
 */
#ifndef TEST_HOST_IMAGE_H
#define TEST_HOST_IMAGE_H

#include "harness.h"

#include "boot/parse.h"
#include "lib/memory_map.h"

#define IMAGE_PA        0x200000ul
#define IMAGE_END_PA    0x180123ul /* end of the kernel */
#define IMAGE_VIRT_BASE 0xffffffff80000000ul

typedef const char *(*image_parser)(const struct phys_window *w, struct boot_info *bi);

/*
 * One changed field. message is the error that the parser must return, or NULL if it must accept
 * the value.
 */
struct lie {
    size_t offset;
    size_t width;
    u64 value;
    const char *message;
};

#define LIE(image, field, value, message) \
    { \
        offsetof(struct image, field), sizeof(((struct image *)0)->field), value, message \
    }

struct image {
    const char *name; /* name of its seed */
    const void *bytes;
    size_t size;
    const struct lie *lies;
    size_t nr_lies;
};

static struct boot_info bi;

/* Parse a copy of size bytes, so that the sanitizer detects reads after its end. */
static const char *parse_bytes(image_parser parse, const void *bytes, size_t size)
{
    u8 *copy = malloc(size);
    static struct phys_window w;
    const char *error;

    w = (struct phys_window){copy, IMAGE_PA, size};
    memcpy(copy, bytes, size);
    error = parse(&w, &bi);
    free(copy);
    return error;
}

/* Return a copy of the image with one lie applied; the caller frees it. */
static u8 *with_lie(const struct image *image, const struct lie *lie)
{
    u8 *bytes = malloc(image->size);

    memcpy(bytes, image->bytes, image->size);
    memcpy(bytes + lie->offset, &lie->value, lie->width);
    return bytes;
}

static void check_image(image_parser parse, const struct image *image)
{
    for (size_t size = 0; size < image->size; size++) {
        if (!parse_bytes(parse, image->bytes, size))
            fail_at(__FILE__, __LINE__, "%s, cut to %zu bytes, is refused", image->name, size);
    }
    for (size_t i = 0; i < image->nr_lies; i++) {
        const struct lie *lie = &image->lies[i];
        u8 *bytes = with_lie(image, lie);
        const char *error = parse_bytes(parse, bytes, image->size);

        CHECK_STR(error, lie->message);
        if ((error ? strcmp(error, lie->message ? lie->message : "") : 0) != 0)
            fprintf(stderr, "    in %s, lie %zu: %#lx at %zu\n", image->name, i, lie->value,
                    lie->offset);
        free(bytes);
    }
    CHECK_STR(parse_bytes(parse, image->bytes, image->size), NULL);
}

static void write_seed(const char *dir, const char *name, const void *bytes, size_t size)
{
    char path[4096];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f)) {
        perror(path);
        exit(1);
    }
}

static void write_seeds(const char *dir, const struct image *image)
{
    char name[64];

    write_seed(dir, image->name, image->bytes, image->size);
    for (size_t i = 0; i < image->nr_lies; i++) {
        u8 *bytes = with_lie(image, &image->lies[i]);

        snprintf(name, sizeof(name), "%s-lie-%02zu", image->name, i);
        write_seed(dir, name, bytes, image->size);
        free(bytes);
    }
}

#endif
