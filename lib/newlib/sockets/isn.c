/* SPDX-License-Identifier: MIT */
/*
 * First sequence numbers (RFC 6528). Each is the sum of a clock and a secret offset. The clock
 * makes a connection begin above the previous one between the same addresses and ports. The offset
 * is SipHash-2-4 of these addresses and ports.
 */
#include "lib/newlib/sockets/isn.h"

#define ROTATE(x, n) ((x) << (n) | (x) >> (64 - (n)))

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = ROTATE(v[1], 13) ^ v[0];
    v[3] = ROTATE(v[3], 16) ^ v[2];
    v[0] = ROTATE(v[0], 32) + v[3];
    v[2] += v[1];
    v[1] = ROTATE(v[1], 17) ^ v[2];
    v[3] = ROTATE(v[3], 21) ^ v[0];
    v[2] = ROTATE(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

uint64_t isn_hash(const uint64_t key[2], const uint64_t words[2])
{
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                     key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};

    sip_word(v, words[0]);
    sip_word(v, words[1]);
    sip_word(v, 16ull << 56); /* the number of bytes */
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
