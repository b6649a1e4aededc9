/* SPDX-License-Identifier: MIT */
/* A program is one C file with a main(): copy this one. Run it by ./run.sh boot --run app:hello */
#include <stdio.h>

int main(int argc, char **argv)
{
    printf("hello from %s\n", argv[0]);
    for (int i = 1; i < argc; i++)
        printf("argument %d: %s\n", i, argv[i]);
    return 0;
}
