/* SPDX-License-Identifier: MIT */
/* The word NET= (address.h). */
#include "lib/newlib/sockets/address.h"

#include <stddef.h>
#include <string.h>

/* Parse a number without leading zeros, and move *at to its end. */
static bool parse_number(const char **at, uint32_t max, uint32_t *value)
{
    const char *first = *at;

    for (*value = 0; **at >= '0' && **at <= '9' && *value <= max; ++*at)
        *value = *value * 10 + (uint32_t)(**at - '0');
    return *at != first && *value <= max && (*first != '0' || *at == first + 1);
}

static bool parse_address(const char **at, uint32_t *address)
{
    uint32_t part;

    *address = 0;
    for (int i = 0; i < 4; i++) {
        if (i && *(*at)++ != '.')
            return false;
        if (!parse_number(at, 255, &part))
            return false;
        *address = *address << 8 | part;
    }
    return true;
}

bool address_parse(const char *text, uint32_t *address)
{
    return parse_address(&text, address) && !*text;
}

/* An address of one machine: not 0.0.0.0 or 127.*, and not one of a group or for all. */
static bool is_of_a_machine(uint32_t address)
{
    const uint32_t first = address >> 24;

    return first > 0 && first < 224 && first != 127;
}

static bool parse_static(const char *at, struct addresses *a)
{
    uint32_t bits;

    if (!parse_address(&at, &a->own) || *at++ != '/' || !parse_number(&at, 32, &bits) || !bits)
        return false;
    a->source = ADDRESS_STATIC;
    a->mask = (uint32_t)(0xffffffffull << (32 - bits));
    if (*at == ',' && (at++, !parse_address(&at, &a->gateway) || !is_of_a_machine(a->gateway)))
        return false;
    if (*at == ',' &&
        (at++, !parse_address(&at, &a->nameserver) || !is_of_a_machine(a->nameserver)))
        return false;
    return !*at && is_of_a_machine(a->own);
}

bool addresses_parse(const char *word, struct addresses *a)
{
    *a = (struct addresses){.source = ADDRESS_DHCP};
    if (!word || !strcmp(word, "dhcp"))
        return true;
    if (!strcmp(word, "loopback")) {
        a->source = ADDRESS_LOOPBACK;
        a->nameserver = 0x7f000001;
        return true;
    }
    return parse_static(word, a);
}
