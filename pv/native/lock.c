/* Waiting for a lock natively: every CPU runs, so its holder will be done soon. */
#include "pv/native/native.h"

void native_lock_wait(const u8 *byte, u8 value)
{
    (void)byte, (void)value;
    __asm__ volatile("pause" ::: "memory");
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

const struct pv_lock_ops native_lock_ops = {
    .lock_wait = native_lock_wait,
    .lock_kick = native_lock_kick,
    .vcpu_is_preempted = native_vcpu_is_preempted,
};
