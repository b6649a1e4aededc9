/* SPDX-License-Identifier: MIT */
/*
 * Wait until the console daemon has written to its log all that a domain has printed:
 * console_taken DOMID FRAME PID
 *
 * FRAME: of the domain's console ring; PID: the daemon's. The daemon advances out_cons before it
 * writes to the log, so the ring being empty is not enough: the daemon must sleep after that.
 * It may leave a ring that has many events alone for 200 ms.
 */
#define XC_WANT_COMPAT_MAP_FOREIGN_API /* xc_map_foreign_range */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xen/io/console.h>

enum { LOOK_US = 5000, LOOKS_MAX = 1000 };

static bool sleeps(const char *pid)
{
    char path[32], text[128] = "";
    const char *end;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%.16s/stat", pid);
    file = fopen(path, "r");
    if (!file)
        return false;
    if (!fgets(text, sizeof(text), file))
        text[0] = '\0';
    fclose(file);
    end = strrchr(text, ')');
    return end && end[1] == ' ' && end[2] == 'S';
}

static bool is_taken(const volatile struct xencons_interface *ring, const char *pid)
{
    return ring->out_cons == ring->out_prod && sleeps(pid);
}

int main(int argc, char **argv)
{
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    const volatile struct xencons_interface *ring;

    if (argc != 4 || !xc) {
        fprintf(stderr, "console_taken: error: no DOMID FRAME PID, or no access to Xen\n");
        return EXIT_FAILURE;
    }
    ring = xc_map_foreign_range(xc, strtoul(argv[1], NULL, 10), XC_PAGE_SIZE, PROT_READ,
                                strtoul(argv[2], NULL, 10));
    if (!ring) {
        fprintf(stderr, "console_taken: error: domain %s has no ring at %s\n", argv[1], argv[2]);
        return EXIT_FAILURE;
    }
    for (int look = 0; look < LOOKS_MAX && !is_taken(ring, argv[3]); look++)
        usleep(LOOK_US);
    return is_taken(ring, argv[3]) ? EXIT_SUCCESS : EXIT_FAILURE;
}
