/* SPDX-License-Identifier: MIT */
/*
 * Names of hosts (IEEE Std 1003.1-2017), by DNS: the servers are those of NET= or of DHCP. The name
 * of a service is its number. One address is found for a name.
 */
#ifndef LIB_NEWLIB_NETDB_H
#define LIB_NEWLIB_NETDB_H

#include <netinet/in.h>
#include <sys/socket.h>

struct addrinfo {
    int ai_flags, ai_family, ai_socktype, ai_protocol;
    socklen_t ai_addrlen;
    struct sockaddr *ai_addr;
    char *ai_canonname;
    struct addrinfo *ai_next;
};

struct hostent {
    char *h_name;
    char **h_aliases;
    int h_addrtype, h_length;
    char **h_addr_list;
};

#define h_addr h_addr_list[0]

#define AI_PASSIVE     0x01
#define AI_CANONNAME   0x02
#define AI_NUMERICHOST 0x04
#define AI_NUMERICSERV 0x08
#define AI_V4MAPPED    0x10
#define AI_ALL         0x20
#define AI_ADDRCONFIG  0x40

#define EAI_NONAME   200
#define EAI_SERVICE  201
#define EAI_FAIL     202
#define EAI_MEMORY   203
#define EAI_FAMILY   204
#define EAI_OVERFLOW 205
#define EAI_SYSTEM   206 /* errno has the error: sockets do not work here (socket()) */

#define NI_NUMERICHOST 0x01 /* always so: no address is looked up */
#define NI_NUMERICSERV 0x02 /* always so */
#define NI_NAMEREQD    0x04 /* EAI_NONAME */
#define NI_DGRAM       0x08
#define NI_MAXHOST     256
#define NI_MAXSERV     8

#define HOST_NOT_FOUND 210
#define NO_DATA        211
#define NO_RECOVERY    212
#define TRY_AGAIN      213

extern int h_errno;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **result);
void freeaddrinfo(struct addrinfo *list);
const char *gai_strerror(int error);
int getnameinfo(const struct sockaddr *address, socklen_t len, char *host, socklen_t hostlen,
                char *service, socklen_t servicelen, int flags);
struct hostent *gethostbyname(const char *name);

#endif
