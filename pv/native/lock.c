/* SPDX-License-Identifier: MIT */
/*
 * The native side of a spinlock's wait (pv/spinlock.c). The lock's holder runs on a CPU of its own,
 * so a wait is one PAUSE, which marks a spinning loop for the CPU (Intel SDM vol. 2).
 */
#include "pv/native/native.h"

void native_lock_wait(const u8 *byte, u8 value)
{
    (void)byte, (void)value;
    __asm__ volatile("pause" : : : "memory");
}

void native_lock_kick(u32 cpu)
{
    (void)cpu;
}

bool native_vcpu_is_preempted(u32 cpu)
{
    (void)cpu;
    return false;
}
