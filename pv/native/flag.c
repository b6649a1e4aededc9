/* SPDX-License-Identifier: MIT */
/*
 * The native interrupt flag: RFLAGS.IF, read by pushf and changed by popf, cli and sti. The fifth
 * op of the class, safe_halt, is in entry.S.
 */
#include "pv/native/native.h"

u64 native_save_fl(void)
{
    u64 flags;

    __asm__ volatile("pushfq; popq %0" : "=r"(flags) : : "memory");
    return flags;
}

void native_restore_fl(u64 flags)
{
    __asm__ volatile("pushq %0; popfq" : : "r"(flags) : "memory", "cc");
}

void native_irq_disable(void)
{
    __asm__ volatile("cli" : : : "memory");
}

void native_irq_enable(void)
{
    __asm__ volatile("sti" : : : "memory");
}
