/* SPDX-License-Identifier: MIT */
/* Addresses as text (IEEE Std 1003.1-2017). */
#ifndef LIB_NEWLIB_ARPA_INET_H
#define LIB_NEWLIB_ARPA_INET_H

#include <netinet/in.h>

in_addr_t inet_addr(const char *text);
int inet_aton(const char *text, struct in_addr *address);
char *inet_ntoa(struct in_addr address);

/* AF_INET only; another family is EAFNOSUPPORT. */
const char *inet_ntop(int family, const void *address, char *text, socklen_t size);
int inet_pton(int family, const char *text, void *address);

#endif
