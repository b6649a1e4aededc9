/* SPDX-License-Identifier: MIT */
/*
 * Wait for the end of a domain, and print it in the words of `xl create -F`: domain_end [-r] DOMID
 *
 * With -r, first resume the domain after a suspend: SCHEDOP_shutdown returns 1 there, which means
 * that the suspend was cancelled. xl of Xen 4.17 has no command for that, and the process of
 * `xl create -F` ends with the first suspend.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenctrl.h>
#include <xenguest.h>

enum { LOOK_US = 100000, INFO_MAX = 1024 };

static int wait_for_end(xc_interface *xc, uint32_t domid)
{
    /* The structure has more at its end in some releases of Xen. */
    union {
        xc_domaininfo_t info;
        char room[INFO_MAX];
    } got;
    unsigned int flags;

    for (;; usleep(LOOK_US)) {
        if (xc_domain_getinfolist(xc, domid, 1, &got.info) != 1 || got.info.domain != domid ||
            got.info.flags & XEN_DOMINF_dying) {
            printf("Domain %u has been destroyed.\n", domid);
            return EXIT_SUCCESS;
        }
        flags = got.info.flags;
        if (flags & XEN_DOMINF_shutdown) {
            printf("Domain %u has shut down, reason code %u\n", domid,
                   flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask);
            return EXIT_SUCCESS;
        }
    }
}

int main(int argc, char **argv)
{
    const bool resume = argc > 1 && !strcmp(argv[1], "-r");
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    uint32_t domid;

    if (argc != 2 + resume || !xc) {
        fprintf(stderr, "domain_end: error: no DOMID, or no access to Xen\n");
        return EXIT_FAILURE;
    }
    domid = strtoul(argv[1 + resume], NULL, 10);
    if (resume && xc_domain_resume(xc, domid, 1)) {
        fprintf(stderr, "domain_end: error: Xen does not resume domain %u\n", domid);
        return EXIT_FAILURE;
    }
    return wait_for_end(xc, domid);
}
