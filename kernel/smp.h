/*
 * The other CPUs: bringing them up and down, calling functions on them, stopping them
 * (kernel/smp.c, kernel/smp_call.c).
 */
#ifndef KERNEL_SMP_H
#define KERNEL_SMP_H

#include "kernel/cpu.h"

/* A CPU that has not come up, or gone down, by then will not: a time_limit. */
#define ANSWER_LIMIT_NS (10 * NS_PER_S)

/* Bring up every CPU that the platform lists. Leave off those that do not start, with a warning. */
void smp_init(void);

/* Why the platform offers CPU 0 only, if it has a reason other than that no more exist; or NULL. */
const char *smp_why_alone(void);

static inline bool smp_is_online(u32 cpu)
{
    return cpu < PV_CPUS_MAX && cpu_is_online(&cpus[cpu]);
}
u32 smp_online_count(void);

/*
 * Take a CPU offline; its threads move to other CPUs. Return 0; -EINVAL for CPU 0, this one, and
 * one that is not online; -EBUSY if a thread is still bound to it after 100 ms, in which no thread
 * could be bound to it (thread_start and thread_bind refuse); -ETIME if it did not answer within 10
 * s, and then it stays. smp_up starts it again: 0, -EINVAL, or -ETIME if it does not answer within
 * 10 s. These times are time_limits (kernel/time.h), longer by the clock where CPUs wait for the
 * host. Context: thread, no spinlock held, one call of the two at a time.
 */
int smp_down(u32 cpu);
int smp_up(u32 cpu);
int smp_up_within(u32 cpu, u64 limit_ns); /* instead of 10 s */

enum {
    CALL_DONE,
    CALL_ASKED,
    CALL_WAITER, /* and those that follow: that CPU halts until it is done */
};

/* A function that is to run on another CPU. The caller's once state is CALL_DONE. */
struct call {
    void (*fn)(void *arg);
    void *arg;
    struct call *next;
    u32 state;
};

/*
 * Runs fn(arg) on a CPU, with interrupts disabled, as an interrupt's handler; on this CPU at once.
 * The first form waits until it has returned, the second does not. Return 0, or -EINVAL for a CPU
 * that is not online. Context: thread, no spinlock held, interrupts enabled (else a panic, since
 * who waits must answer others); of smp_call_async: any but NMI.
 */
int smp_call(u32 cpu, void (*fn)(void *arg), void *arg);
int smp_call_async(u32 cpu, struct call *call);
void smp_call_wait(struct call *call);

/* On all CPUs of the set (bit n: CPU n) that are online, this one too if it is in it; returns how
 * many that were.
 */
u32 smp_call_many(u64 set, void (*fn)(void *arg), void *arg);

/*
 * Stops all other CPUs for good, also with their interrupts disabled; of two that want to, one does
 * not return. Afterwards smp_print_stopped tells where each was. Context: any.
 */
void smp_stop_others(void);
bool smp_is_alone(void); /* this CPU has stopped the others */
void smp_print_stopped(void);

/* The callbacks. The second is true if the NMI came to stop this CPU: then it does not return. */
void smp_on_call(void);
bool smp_stop_nmi(const struct trap_frame *frame);

#endif
