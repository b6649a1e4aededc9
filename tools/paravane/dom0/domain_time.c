/* SPDX-License-Identifier: MIT */
/*
 * Print how long each domain has run, a line "DOMID NANOSECONDS" each:
 * domain_time [-w FILE [TEXT...]]
 *
 * With -w, first wait until FILE, a guest's console log, holds something, or one of the texts. In a
 * machine that counts instructions a nanosecond is one instruction.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xenctrl.h>

enum { DOMAINS_MAX = 16, LOOK_US = 2000, LOG_MAX = 1 << 20 };

/* Return whether the file holds one of the texts, or, without texts, anything. */
static bool holds(const char *file, char **texts)
{
    static char log[LOG_MAX + 1];
    const int fd = open(file, O_RDONLY);
    const ssize_t len = fd < 0 ? 0 : read(fd, log, LOG_MAX);
    bool found = len > 0 && !*texts;

    close(fd);
    log[len > 0 ? len : 0] = 0;
    for (; *texts; texts++)
        found |= strstr(log, *texts) != NULL;
    return found;
}

int main(int argc, char **argv)
{
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    xc_dominfo_t infos[DOMAINS_MAX];
    int count;

    if (argc >= 3 && !strcmp(argv[1], "-w"))
        while (!holds(argv[2], argv + 3))
            usleep(LOOK_US);
    count = xc ? xc_domain_getinfo(xc, 0, DOMAINS_MAX, infos) : -1;
    for (int i = 0; i < count; i++)
        printf("%u %llu\n", infos[i].domid, (unsigned long long)infos[i].cpu_time);
    return count <= 0;
}
