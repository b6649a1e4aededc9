/* SPDX-License-Identifier: MIT */
/* The memory to which a hypercall's arguments point, by layouts.def. */
#include "lib/string.h"
#include "pv/xen/record/layouts.h"

#define TRAPS_MAX     256
#define GDT_FRAME_MAX 16ull

#define RECORD_CALL(number, text)
#define RECORD_VALUE(kind, name)
#define RECORD_FIELD(type, field, kind)

static const struct arg {
    u32 number, command, size;
    u8 argument, count, direction;
} known_args[] = {
#define RECORD_ARG(number, command, argument, type, count, direction) \
    {number, command, sizeof(type), argument, count, direction},
#define RECORD_LIST(number, command, type, pointer, count, element, direction)
#include "pv/xen/record/layouts.def"
#undef RECORD_ARG
#undef RECORD_LIST
};

#define SIZE_OF(type, field) sizeof(((type *)NULL)->field)

static const struct list {
    u32 number, command, struct_size;
    u16 pointer, count, count_size, element;
    u8 direction;
} known_lists[] = {
#define RECORD_ARG(number, command, argument, type, count, direction)
#define RECORD_LIST(number, command, type, pointer, count, element, direction) \
    {number, \
     command, \
     sizeof(type), \
     offsetof(type, pointer), \
     offsetof(type, count), \
     SIZE_OF(type, count), \
     sizeof(element), \
     direction},
#include "pv/xen/record/layouts.def"
#undef RECORD_ARG
#undef RECORD_LIST
};

static bool is_of(u32 number, u32 command, u32 of_number, u32 of_command)
{
    return number == of_number && (of_command == RECORD_ANY || command == of_command);
}

/* Count the elements before the first one that is 0, of an array that may end unmapped. */
static u64 count_until_zero(u64 address, u32 size)
{
    u64 count = 0, element[4] = {0};

    while (count < TRAPS_MAX && size <= sizeof(element) &&
           !record_copy(element, (const void *)(address + count * size), size) &&
           (element[0] || element[1]))
        count++;
    return count;
}

static u64 elements(const struct arg *arg, const u64 args[6])
{
    switch (arg->count) {
    case RECORD_ONE:
        return 1;
    case RECORD_UNTIL_ZERO:
        return count_until_zero(args[arg->argument], arg->size);
    case RECORD_GDT_FRAMES:
        return MIN((args[1] + 511) / 512, GDT_FRAME_MAX);
    default:
        return (u32)args[arg->count];
    }
}

void record_add_piece(struct record_pieces *pieces, const struct record_piece *piece)
{
    struct record_piece *to = &pieces->piece[pieces->count];

    if (!piece->address || !piece->length || pieces->count == RECORD_CHUNKS_MAX)
        return;
    *to = *piece;
    if (to->length > RECORD_CHUNK_MAX) {
        to->length = RECORD_CHUNK_MAX;
        to->flags |= RECORD_CUT;
    }
    pieces->bytes += sizeof(struct record_chunk) + ALIGN_UP(to->length, 8);
    pieces->count++;
}

/* Add a list within the struct at address, which is not trusted to be mapped. */
static void add_list(struct record_pieces *found, const struct list *list, u8 argument, u8 number,
                     u64 address)
{
    u8 copy[128];
    u64 pointer, count = 0;

    if (list->struct_size > sizeof(copy) ||
        record_copy(copy, (const void *)address, list->struct_size))
        return;
    memcpy(&pointer, copy + list->pointer, sizeof(pointer));
    memcpy(&count, copy + list->count, list->count_size);
    if (count > RECORD_CHUNK_MAX)
        count = RECORD_CHUNK_MAX + 1; /* is cut, and the product does not overflow */
    record_add_piece(found,
                     &(struct record_piece){pointer, count * list->element, argument, number, 0});
}

static void add_lists(struct record_pieces *found, u32 number, const struct arg *arg,
                      const u64 args[6], u32 direction)
{
    u8 in_struct = 0;

    for (size_t i = 0; i < ARRAY_SIZE(known_lists); i++) {
        const struct list *list = &known_lists[i];

        if (!is_of(number, (u32)args[0], list->number, list->command))
            continue;
        in_struct++;
        if (list->direction & direction)
            add_list(found, list, arg->argument, in_struct, args[arg->argument]);
    }
}

u8 record_pointer_of(u32 number, u32 command)
{
    for (size_t i = 0; i < ARRAY_SIZE(known_args); i++)
        if (is_of(number, command, known_args[i].number, known_args[i].command))
            return known_args[i].argument;
    return RECORD_NO_POINTER;
}

void record_find_pieces(u32 number, const u64 args[6], u32 direction, struct record_pieces *found)
{
    found->count = 0;
    found->bytes = 0;
    for (size_t i = 0; i < ARRAY_SIZE(known_args); i++) {
        const struct arg *arg = &known_args[i];

        if (!is_of(number, (u32)args[0], arg->number, arg->command) || !args[arg->argument])
            continue;
        if (arg->direction & direction)
            record_add_piece(found, &(struct record_piece){args[arg->argument],
                                                           elements(arg, args) * arg->size,
                                                           arg->argument, 0, 0});
        if (arg->command != RECORD_ANY)
            add_lists(found, number, arg, args, direction);
    }
}

/* A chunk's size in a record, which is an array of words, without the bytes that follow it. */
#define CHUNK_WORDS (sizeof(struct record_chunk) / sizeof(u64))

void record_write_pieces(u64 *to, const struct record_pieces *pieces)
{
    for (u32 i = 0; i < pieces->count; i++) {
        const struct record_piece *piece = &pieces->piece[i];
        struct record_chunk chunk = {
            .address = piece->address,
            .length = (u32)piece->length,
            .argument = piece->argument,
            .list = piece->list,
            .flags = piece->flags,
        };

        if (record_copy(to + CHUNK_WORDS, (const void *)piece->address, piece->length))
            chunk.flags |= RECORD_UNREADABLE;
        memcpy(to, &chunk, sizeof(chunk));
        to += CHUNK_WORDS + ALIGN_UP(piece->length, 8) / sizeof(*to);
    }
}
