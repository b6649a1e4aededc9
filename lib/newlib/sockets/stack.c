/* SPDX-License-Identifier: MIT */
/*
 * The start of the stack, by the first call that needs it: lwIP's own thread, the interface with
 * its addresses, and DHCP. A start that failed is tried again by the next call.
 */
#include "lib/newlib/sockets/stack.h"

#include <errno.h>
#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/netif.h>
#include <lwip/tcpip.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/services.h"
#include "lib/newlib/sockets/address.h"
#include "lib/newlib/sockets/interface.h"
#include "lib/newlib/sockets/isn.h"
#include "lib/newlib/sockets/pause.h"

#define DHCP_PATIENCE_MS 10000
#define DHCP_LOOK_MS     20
#define DHCP_MTU_MIN     576 /* RFC 2131, 2 */

/* Held while the stack is being started, by the thread that does so. */
static struct __lock lock;
static bool started; /* Guarded by: lock */
static bool core_started;
static struct netif netif;

void stack_report(const char *format, ...)
{
    static const char name[] = "sockets: ";
    char line[200] = "sockets: ";
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(line + sizeof(name) - 1, sizeof(line) - sizeof(name), format, arguments);
    va_end(arguments);
    if (n > (int)(sizeof(line) - sizeof(name) - 1))
        n = (int)(sizeof(line) - sizeof(name) - 1);
    line[sizeof(name) - 1 + (size_t)n] = '\n';
    libc_console_write(line, sizeof(name) + (size_t)n);
}

static int report_failure(int error, const char *interface, const char *word)
{
    if (error == EINVAL)
        stack_report("NET=%s is neither dhcp, loopback nor ADDRESS/BITS[,GATEWAY[,NAMESERVER]]",
                     word);
    else if (error == ENETDOWN)
        stack_report("this machine has no network interface; --net gives one to a domU");
    else if (error == EMSGSIZE)
        stack_report("%s has an MTU of %u, and DHCP takes %u; NET=ADDRESS/BITS does without DHCP",
                     interface, netif.mtu, DHCP_MTU_MIN);
    else
        stack_report("%s cannot be used: %s", interface, strerror(error));
    return error;
}

/* ---- Addresses ------------------------------------------------------------------------------- */

static void set_static(const struct addresses *a)
{
    const ip4_addr_t own = {htonl(a->own)}, mask = {htonl(a->mask)}, gateway = {htonl(a->gateway)};

    netif_set_addr(&netif, &own, &mask, &gateway);
}

static void set_nameserver(const struct addresses *a)
{
    const ip_addr_t nameserver = {htonl(a->nameserver)};

    if (a->nameserver)
        dns_setserver(0, &nameserver);
}

/* Wait for an address, but not without end: the search continues without the caller. */
static void wait_for_address(void)
{
    char own[INET_ADDRSTRLEN], gateway[INET_ADDRSTRLEN];

    for (int ms = 0; ms < DHCP_PATIENCE_MS; ms += DHCP_LOOK_MS) {
        if (dhcp_supplied_address(&netif)) {
            ip4addr_ntoa_r(netif_ip4_addr(&netif), own, sizeof(own));
            ip4addr_ntoa_r(netif_ip4_gw(&netif), gateway, sizeof(gateway));
            stack_report("%s has the address %s by DHCP, gateway %s", INTERFACE_NAME, own, gateway);
            return;
        }
        sys_msleep(DHCP_LOOK_MS);
    }
    stack_report("no DHCP server gave %s an address in %u s; the search continues", INTERFACE_NAME,
                 DHCP_PATIENCE_MS / 1000);
}

/* ---- The start ------------------------------------------------------------------------------- */

static void core_is_ready(void *argument)
{
    sys_sem_signal(argument);
}

/* Start lwIP's thread, and 127.0.0.1 with it. Return 0, or EAGAIN if there are too many threads. */
static int core_start(void)
{
    const unsigned threads = sys_threads;
    sys_sem_t ready;

    if (core_started)
        return 0;
    sys_sem_new(&ready, 0);
    tcpip_init(core_is_ready, &ready);
    if (sys_threads == threads)
        return EAGAIN;
    sys_arch_sem_wait(&ready, 0);
    core_started = true;
    return 0;
}

/* Ask for an address. The core's lock is held. Return 0 or an errno. */
static int start_dhcp(void)
{
    if (netif.mtu < DHCP_MTU_MIN)
        return EMSGSIZE;
    if (dhcp_start(&netif) == ERR_OK)
        return 0;
    dhcp_cleanup(&netif);
    return ENOMEM;
}

/* Return 0 or an errno. Use the interface as the addresses say, or close it again. */
static int start_interface(const char *name, const struct addresses *a)
{
    int error;

    LOCK_TCPIP_CORE();
    error = interface_start(&netif, name);
    if (error) {
        UNLOCK_TCPIP_CORE();
        return error;
    }
    if (a->source == ADDRESS_STATIC)
        set_static(a);
    else
        error = start_dhcp();
    UNLOCK_TCPIP_CORE();
    if (error)
        interface_stop();
    else if (a->source == ADDRESS_DHCP)
        wait_for_address();
    return error;
}

static int start_with(const char *interface, const struct addresses *a)
{
    const int error = core_start();

    if (error)
        return error;
    LOCK_TCPIP_CORE();
    set_nameserver(a);
    UNLOCK_TCPIP_CORE();
    return a->source == ADDRESS_LOOPBACK ? 0 : start_interface(interface, a);
}

int stack_start_on(const char *interface, const char *word)
{
    struct addresses a;
    const int error = addresses_parse(word, &a) ? start_with(interface, &a) : EINVAL;

    return error ? report_failure(error, interface, word) : 0;
}

int stack_start(void)
{
    int error = 0;

    if (__atomic_load_n(&started, __ATOMIC_ACQUIRE))
        return 0;
    __retarget_lock_acquire(&lock);
    if (!started) {
        error = stack_start_on(INTERFACE_NAME, getenv("NET"));
        __atomic_store_n(&started, !error, __ATOMIC_RELEASE);
    }
    __retarget_lock_release(&lock);
    return error;
}

/* LWIP_HOOK_TCP_ISN. The core's lock is held. */
unsigned stack_isn(unsigned own, unsigned own_port, unsigned other, unsigned other_port)
{
    static uint64_t key[2];
    const uint64_t words[2] = {(uint64_t)own << 32 | other, (uint64_t)own_port << 32 | other_port};

    if (!(key[0] | key[1]))
        libc_random(key, sizeof(key));
    return (unsigned)(isn_hash(key, words) + libc_clock_ns() / ISN_TICK_NS);
}

/* ---- Tests ----------------------------------------------------------------------------------- */

static sys_sem_t paused = {.valid = true}, continued = {.valid = true};

static void pause_here(void *argument)
{
    sys_sem_signal(argument);
    sys_arch_sem_wait(&continued, 0);
}

/* The sockets' tests call both, and no other thread uses sockets in the meantime. */
void stack_pause(void)
{
    if (!core_started)
        return;
    if (tcpip_callback(pause_here, &paused) == ERR_OK)
        sys_arch_sem_wait(&paused, 0);
}

void stack_continue(void)
{
    if (core_started)
        sys_sem_signal(&continued);
}
