/* SPDX-License-Identifier: MIT */
/* Names and addresses of hosts (netdb.h, arpa/inet.h). */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/newlib/sockets/address.h"
#include "lib/newlib/sockets/stack.h"

#include <lwip/ip_addr.h>
#include <lwip/netdb.h>

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    if (stack_start())
        return EAI_SYSTEM;
    return lwip_getaddrinfo(name, service, hints, result);
}

void freeaddrinfo(struct addrinfo *list)
{
    lwip_freeaddrinfo(list);
}

const char *gai_strerror(int error)
{
    switch (error) {
    case EAI_NONAME:
        return "the name is not known";
    case EAI_SERVICE:
        return "the service is not a number of a port";
    case EAI_FAIL:
        return "the name server does not answer, or there is no such name";
    case EAI_MEMORY:
        return "out of memory";
    case EAI_FAMILY:
        return "the family of addresses is not IPv4";
    case EAI_OVERFLOW:
        return "the buffer is too small";
    case EAI_SYSTEM:
        return "sockets do not work here";
    default:
        return "no error";
    }
}

int getnameinfo(const struct sockaddr *address, socklen_t len, char *host, socklen_t hostlen,
                char *service, socklen_t servicelen, int flags)
{
    const struct sockaddr_in *in = (const void *)address;

    if (len < sizeof(*in) || in->sin_family != AF_INET)
        return EAI_FAMILY;
    if (flags & NI_NAMEREQD)
        return EAI_NONAME;
    if (host && hostlen && !inet_ntop(AF_INET, &in->sin_addr, host, hostlen))
        return EAI_OVERFLOW;
    if (service && servicelen &&
        snprintf(service, servicelen, "%u", ntohs(in->sin_port)) >= (int)servicelen)
        return EAI_OVERFLOW;
    return 0;
}

struct hostent *gethostbyname(const char *name)
{
    if (!stack_start())
        return lwip_gethostbyname(name);
    h_errno = NO_RECOVERY;
    return NULL;
}

in_addr_t inet_addr(const char *text)
{
    return ipaddr_addr(text);
}

int inet_aton(const char *text, struct in_addr *address)
{
    ip4_addr_t parsed;

    if (!ip4addr_aton(text, &parsed))
        return 0;
    address->s_addr = ip4_addr_get_u32(&parsed);
    return 1;
}

char *inet_ntoa(struct in_addr address)
{
    static __thread char text[INET_ADDRSTRLEN];
    const ip4_addr_t a = {address.s_addr};

    return ip4addr_ntoa_r(&a, text, sizeof(text));
}

const char *inet_ntop(int family, const void *address, char *text, socklen_t size)
{
    return lwip_inet_ntop(family, address, text, size);
}

int inet_pton(int family, const char *text, void *address)
{
    uint32_t parsed;

    if (family != AF_INET) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    if (!address_parse(text, &parsed))
        return 0;
    *(in_addr_t *)address = htonl(parsed);
    return 1;
}
