/* SPDX-License-Identifier: MIT */
/*
 * Transfer bytes by TCP, as lines of input ask: the same program for Paravane and for Linux
 * (tools/paravane/dom0/beside_linux.py). The other end is dom0.
 *
 *   send COUNT STEP, receive COUNT STEP    so many KiB, answered by "netbench: done STEP"
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DOM0         "10.0.0.1"
#define SEND_PORT    5001
#define RECEIVE_PORT 5002
#define BLOCK        65536

static char block[BLOCK];

static int connection(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);

    inet_pton(AF_INET, DOM0, &to.sin_addr);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Receive up to the end of the stream; return how many bytes there were. */
static unsigned long receive_all(int fd)
{
    unsigned long received = 0;
    ssize_t n;

    while ((n = read(fd, block, BLOCK)) > 0)
        received += (unsigned long)n;
    return received;
}

static int send_all(int fd, unsigned long left)
{
    while (left) {
        const ssize_t n = write(fd, block, left < BLOCK ? left : BLOCK);

        if (n <= 0)
            return 0;
        left -= (unsigned long)n;
    }
    return shutdown(fd, SHUT_WR) == 0 && receive_all(fd) == 0;
}

static int transfer(const char *what, unsigned long bytes)
{
    const int sends = !strcmp(what, "send");
    int fd, well;

    fd = connection(sends ? SEND_PORT : RECEIVE_PORT);
    if (fd < 0)
        return 0;
    well = sends ? send_all(fd, bytes) : receive_all(fd) == bytes;
    close(fd);
    return well;
}

int main(void)
{
    char line[80], what[8];
    unsigned long count, step;
    const int fd = socket(AF_INET, SOCK_STREAM, 0); /* the stack starts with the first */

    if (fd < 0) {
        perror("netbench: socket");
        return 1;
    }
    close(fd);
    printf("netbench: ready\n");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin)) {
        if (sscanf(line, "%7s %lu %lu", what, &count, &step) != 3)
            break;
        printf("netbench: %s %lu\n", transfer(what, count * 1024) ? "done" : "failed", step);
        fflush(stdout);
    }
    return 0;
}
