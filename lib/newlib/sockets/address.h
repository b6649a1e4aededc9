/* SPDX-License-Identifier: MIT */
/* The addresses that the word NET= of a program's environment gives to the interface net0. */
#ifndef LIB_NEWLIB_SOCKETS_ADDRESS_H
#define LIB_NEWLIB_SOCKETS_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

enum address_source {
    ADDRESS_DHCP,     /* "dhcp", and no word */
    ADDRESS_STATIC,   /* ADDRESS/BITS[,GATEWAY[,NAMESERVER]] */
    ADDRESS_LOOPBACK, /* "loopback": 127.0.0.1 only, its nameserver too, without an interface */
};

/* Addresses have their first byte in the highest bits; 0: none. */
struct addresses {
    enum address_source source;
    uint32_t own, mask, gateway, nameserver;
};

/* Parse an address of four decimal numbers, and nothing else. */
bool address_parse(const char *text, uint32_t *address);

/* Parse the word after "NET=", which may be NULL. Return false if it is none of the above. */
bool addresses_parse(const char *word, struct addresses *addresses);

#endif
