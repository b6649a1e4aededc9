/* SPDX-License-Identifier: MIT */
/*
 * Print the checksum and the size of the standard input, as POSIX's cksum does:
 *
 *   ./run.sh boot --run app:cksum <FILE
 *
 * and "cksum <FILE" on this machine print the same two numbers.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define POLYNOMIAL 0x04c11db7u

static uint32_t table[256];

static void make_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i << 24;
        for (int bit = 0; bit < 8; bit++)
            table[i] = table[i] << 1 ^ (table[i] >> 31 ? POLYNOMIAL : 0);
    }
}

static uint32_t add_byte(uint32_t crc, unsigned char byte)
{
    return crc << 8 ^ table[crc >> 24 ^ byte];
}

int main(void)
{
    static unsigned char bytes[16384];
    unsigned long long size = 0;
    uint32_t crc = 0;
    int got;

    make_table();
    if (isatty(0))
        puts("type lines, and end them by Ctrl-D");
    while ((got = read(0, bytes, sizeof(bytes))) > 0) {
        for (int i = 0; i < got; i++)
            crc = add_byte(crc, bytes[i]);
        size += (unsigned)got;
    }
    if (got < 0) {
        printf("standard input: %s\n", strerror(errno));
        return 1;
    }
    for (unsigned long long left = size; left; left >>= 8)
        crc = add_byte(crc, (unsigned char)left);
    printf("%lu %llu\n", (unsigned long)~crc & 0xffffffff, size);
    return 0;
}
