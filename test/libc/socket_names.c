/* SPDX-License-Identifier: MIT */
/* Names and addresses of hosts (lib/newlib/sockets/names.c). */
#include "test/harness/test.h"
#include "test/libc/sockets.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <string.h>

TEST(libc_sockets, addresses_are_read_and_written)
{
    struct in_addr a;
    char text[INET_ADDRSTRLEN];

    EXPECT_EQ(inet_pton(AF_INET, "10.0.0.1", &a), 1);
    EXPECT_EQ(a.s_addr, htonl(0x0a000001));
    EXPECT(inet_ntop(AF_INET, &a, text, sizeof(text)) && !strcmp(text, "10.0.0.1"));
    EXPECT(!inet_ntop(AF_INET, &a, text, 4) && errno == ENOSPC);
    EXPECT_EQ(inet_pton(AF_INET, "10.0.1", &a), 0);
    EXPECT_EQ(inet_pton(AF_INET, "10.0.0.256", &a), 0);
    EXPECT(fails_with(inet_pton(AF_INET6, "::1", &a), EAFNOSUPPORT));
    EXPECT_EQ(inet_aton("10.1", &a), 1);
    EXPECT_EQ(a.s_addr, htonl(0x0a000001));
    EXPECT(!strcmp(inet_ntoa(a), "10.0.0.1"));
    EXPECT_EQ(inet_addr("1.2.3.4"), htonl(0x01020304));
}

/* Answer one question about a host's address: with the address 10.9.8.7. */
static void *serve_name(void *argument)
{
    static const unsigned char answer[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 9, 8, 7};
    unsigned char message[512];
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    const int fd = *(const int *)argument;
    ssize_t n =
        recvfrom(fd, message, sizeof(message) - sizeof(answer), 0, (struct sockaddr *)&from, &len);

    if (n < 12)
        return (void *)1;
    message[2] |= 0x80; /* it is an answer */
    message[3] = 0x80;
    message[7] = 1; /* with one address */
    memcpy(message + n, answer, sizeof(answer));
    n += (ssize_t)sizeof(answer);
    return sendto(fd, message, (size_t)n, 0, (struct sockaddr *)&from, len) == n ? NULL : (void *)2;
}

TEST(libc_sockets, the_name_server_is_asked_for_names)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char host[NI_MAXHOST], service[NI_MAXSERV];
    pthread_t thread;
    void *result;

    STACK;
    SOCKET(fd, SOCK_DGRAM);
    EXPECT_EQ(bind_to(fd, 53), 0);
    REQUIRE(pthread_create(&thread, NULL, serve_name, (void *)(uintptr_t)&fd) == 0);
    EXPECT_EQ(getaddrinfo("minesweeper.example", "80", &hints, &found), 0);
    EXPECT_EQ(pthread_join(thread, &result), 0);
    EXPECT(!result);
    REQUIRE(found);
    EXPECT_EQ(getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof(host), service,
                          sizeof(service), 0),
              0);
    EXPECT(!strcmp(host, "10.9.8.7"));
    EXPECT(!strcmp(service, "80"));
    EXPECT_EQ(found->ai_socktype, SOCK_STREAM);
    freeaddrinfo(found);
    EXPECT_EQ(getaddrinfo("10.0.0.1", "http", &hints, &found), EAI_SERVICE);
    EXPECT_EQ(getaddrinfo("2.example", "1", &(struct addrinfo){.ai_flags = AI_NUMERICHOST}, &found),
              EAI_NONAME);
    EXPECT_EQ(getaddrinfo("::1", "1", &(struct addrinfo){.ai_family = 77}, &found), EAI_FAMILY);
}
