/* SPDX-License-Identifier: MIT */
/*
 * A PC for host tests of pv/native: the functions of pv/native/io.h, mmio.h and cmos.h call
 * functions of the test instead of executing instructions, and time advances with each access. A
 * test includes this file first and then the sources under test.
 */
#ifndef TEST_HOST_FAKE_PC_H
#define TEST_HOST_FAKE_PC_H

#define PV_NATIVE_IO_H
#define PV_NATIVE_MMIO_H

#include "harness.h"

#include "lib/address_map.h"
#include "pv/cpuid.h"
#include "pv/pv.h"
#include "pv/x86.h"

#define NS_PER_PORT_ACCESS 700
#define NS_PER_TSC_READ    20

/* The time of the machine. */
static u64 now_ns;

/* The devices, which the test implements. */
static void port_write(u16 port, u32 value);
static u32 port_read(u16 port);

static inline __unused void outb(u16 port, u8 value)
{
    now_ns += NS_PER_PORT_ACCESS;
    port_write(port, value);
}

static inline __unused void outw(u16 port, u16 value)
{
    now_ns += NS_PER_PORT_ACCESS;
    port_write(port, value);
}

static inline __unused u8 inb(u16 port)
{
    now_ns += NS_PER_PORT_ACCESS;
    return (u8)port_read(port);
}

static inline __unused u32 inl(u16 port)
{
    now_ns += NS_PER_PORT_ACCESS;
    return port_read(port);
}

static inline __unused u64 irq_save(void)
{
    return 0;
}

static inline __unused void irq_restore(u64 flags)
{
    (void)flags;
}

/* Count of warnings, which a test may expect. */
static u32 warnings;
void pv_warn(const char *fmt, ...);
void pv_warn(const char *fmt, ...)
{
    (void)fmt;
    warnings++;
}

#endif
