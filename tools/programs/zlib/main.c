/* SPDX-License-Identifier: MIT */
/*
 * Run zlib's own tests and print one line for each: example (compression in memory and in files),
 * infcover (every branch of inflate) and minigzip, which packs and unpacks a file.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int example_main(int argc, char **argv);
int infcover_main(void);
int minigzip_main(int argc, char **argv);

#define TEXT_BYTES 200000

static char text[TEXT_BYTES], unpacked[TEXT_BYTES + 1];

static void report(const char *name, bool passed)
{
    printf("case %s: %s\n", name, passed ? "passed" : "failed");
}

static bool pack_and_unpack(void)
{
    char *pack[] = {"minigzip", "text", NULL}, *unpack[] = {"minigzip", "-d", "text.gz", NULL};
    size_t length = 0;
    FILE *file;

    for (unsigned int i = 0; i < TEXT_BYTES; i++)
        text[i] = (char)('a' + (i * i / 7 + i / 1000) % 26);
    if (!(file = fopen("text", "wb")) || fwrite(text, 1, TEXT_BYTES, file) != TEXT_BYTES ||
        fclose(file))
        return false;
    if (minigzip_main(2, pack) || !access("text", F_OK) || access("text.gz", F_OK))
        return false;
    if (minigzip_main(3, unpack) || !access("text.gz", F_OK))
        return false;
    if (!(file = fopen("text", "rb")))
        return false;
    length = fread(unpacked, 1, sizeof(unpacked), file);
    fclose(file);
    return length == TEXT_BYTES && !memcmp(text, unpacked, TEXT_BYTES);
}

int main(void)
{
    char *example[] = {"example", NULL};

    report("example", !example_main(1, example));
    report("infcover", !infcover_main());
    report("minigzip", pack_and_unpack());
    return EXIT_SUCCESS;
}
