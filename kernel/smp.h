/* SPDX-License-Identifier: MIT */
/*
 * The other CPUs: to start them and take them offline (kernel/smp.c, kernel/smp_boot.c), to call
 * functions on them (kernel/smp_call.c), to stop them for a panic (kernel/smp.c).
 */
#ifndef KERNEL_SMP_H
#define KERNEL_SMP_H

#include "kernel/cpu.h"

/* A CPU that has not answered within this time_limit (kernel/time.h) is taken to be stuck. */
#define ANSWER_LIMIT_NS (10 * NS_PER_S)

/* Start every CPU that the platform lists. Warn about each that does not, and continue. */
void smp_init(void);

/* Return why the platform offers only CPU 0 although more may exist; NULL if that is not so. */
const char *smp_why_alone(void);

static inline bool smp_is_online(u32 cpu)
{
    return cpu < PV_CPUS_MAX && cpu_is_online(&cpus[cpu]);
}
u32 smp_online_count(void);

/*
 * Take a CPU offline; its threads and timers move to other CPUs. Return 0, or
 *   -EINVAL  CPU 0, this CPU, or one that is not online;
 *   -EBUSY   a thread is still bound to it after 100 ms, in which no thread could be bound to it
 *            (thread_start and thread_bind refuse);
 *   -ETIME   it did not answer within ANSWER_LIMIT_NS, and stays online.
 * Context: thread, no spinlock held. Calls of smp_up and smp_down MUST NOT overlap: a caller beside
 * which smp_set_available or machine_suspend may run holds cpu_mutex (kernel/hotplug.h).
 */
int smp_down(u32 cpu);

/*
 * The same for a short time, after which the caller starts the CPU again: threads that are bound to
 * the CPU do not prevent it, and stop until then. Never returns -EBUSY.
 */
int smp_down_keeping_threads(u32 cpu);

/*
 * Start a CPU, the first time or again. Return 0; -EINVAL for a CPU that does not exist or is
 * online; -ENOMEM without memory for its tables and stacks; -ENOSPC without a thread for it to idle
 * in; -ETIME if it did not answer within ANSWER_LIMIT_NS, or limit_ns; or the error of cpu_up.
 * Context: as smp_down.
 */
int smp_up(u32 cpu);
int smp_up_within(u32 cpu, u64 limit_ns);

enum call_state {
    CALL_DONE,
    CALL_PENDING,
    CALL_WAITED, /* pending, and a CPU is halted until it is done */
};

/* A function to be called on another CPU. Its owner may free it once state is CALL_DONE. */
struct call {
    void (*fn)(void *arg);
    void *arg;
    struct call *next;
    union {
        struct {
            u16 state;  /* enum call_state */
            u16 waiter; /* CALL_WAITED: the number of the CPU that is halted */
        };
        u32 word; /* both, changed by one atomic instruction */
    };
};

/*
 * Call fn(arg) on a CPU, with interrupts disabled, in the context of an interrupt handler; on this
 * CPU directly. smp_call returns when fn has returned, smp_call_async when the call is listed. Both
 * return 0, or -EINVAL for a CPU that is not online. Context of smp_call and smp_call_wait: thread,
 * no spinlock held, interrupts enabled (they panic otherwise). Context of smp_call_async: any but
 * NMI.
 */
int smp_call(u32 cpu, void (*fn)(void *arg), void *arg);
int smp_call_async(u32 cpu, struct call *call);
void smp_call_wait(struct call *call);

/*
 * Call fn(arg) on each online CPU of the set (bit n: CPU n), this one included if it is in the set.
 * Return the number of CPUs called. Context: as smp_call.
 */
u32 smp_call_many(u64 set, void (*fn)(void *arg), void *arg);

/*
 * Be the CPU that stops the others. If two CPUs call this, only the first one's call returns: the
 * other waits to be stopped. Context: any.
 */
void smp_become_stopper(void);
bool smp_is_stopper(void);

/*
 * Become the stopper, and stop all other CPUs permanently, by NMI, even those that have interrupts
 * disabled. Context: any.
 */
void smp_stop_others(void);

/* For kernel/irq.c and kernel/trap.c. smp_stop_nmi returns false if the NMI was not sent to stop
 * this CPU, and does not return otherwise. */
void smp_on_call(void);
bool smp_stop_nmi(const struct trap_frame *frame);

/* For the idle loop of a CPU with leave_wanted: go offline, or refuse and return. Interrupts
 * disabled. */
void smp_leave(void);

#endif
