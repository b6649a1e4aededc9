/* SPDX-License-Identifier: MIT */
/* The x86 instructions of the native backend, one typed inline function each (Intel SDM vol. 2). */
#ifndef PV_NATIVE_IO_H
#define PV_NATIVE_IO_H

#include "pv/cpuid.h"
#include "pv/x86.h"

static inline void outb(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outw(u16 port, u16 value)
{
    __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8 inb(u16 port)
{
    u8 value;

    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline u32 inl(u16 port)
{
    u32 value;

    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline u64 rdtsc(void)
{
    u32 low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return low | (u64)high << 32;
}

static inline u64 rdmsr(u32 index)
{
    u32 low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
    return low | (u64)high << 32;
}

static inline void wrmsr(u32 index, u64 value)
{
    __asm__ volatile("wrmsr" : : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

/* read_cr0, write_cr0 and so on. */
#define CONTROL_REGISTER(name) \
    static inline u64 read_##name(void) \
    { \
        u64 value; \
\
        __asm__ volatile("mov %%" #name ", %0" : "=r"(value) : : "memory"); \
        return value; \
    } \
    static inline void write_##name(u64 value) \
    { \
        __asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory"); \
    }
CONTROL_REGISTER(cr0)
CONTROL_REGISTER(cr2)
CONTROL_REGISTER(cr3)
CONTROL_REGISTER(cr4)
#undef CONTROL_REGISTER

static inline void invlpg(u64 va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

/* Disable interrupts; return RFLAGS. Enable them if these flags have IF set. */
static inline u64 irq_save(void)
{
    u64 flags;

    __asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
    return flags;
}

static inline void irq_restore(u64 flags)
{
    if (flags & RFLAGS_IF)
        __asm__ volatile("sti" : : : "memory");
}

static inline struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
    struct cpuid_regs r;

    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

/* The operand of lgdt and lidt. The limit is the size minus one. */
struct descriptor_pointer {
    u16 limit;
    u64 base;
} __packed;

#endif
