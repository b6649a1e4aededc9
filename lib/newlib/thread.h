/* SPDX-License-Identifier: MIT */
/* Threads of programs (lib/newlib/threads.c): what the rest of the port uses of them. */
#ifndef LIB_NEWLIB_THREAD_H
#define LIB_NEWLIB_THREAD_H

#include <pthread.h>
#include <reent.h>

#include <signal.h>

#include "kernel/services.h"
#include "lib/newlib/cancel.h"
#include "lib/newlib/thread_offsets.h"

#define THREADS_MAX        100 /* of a program; the kernel has 128 in all, its own included */
#define KEYS_MAX           128 /* what POSIX asks for */
#define STACK_SIZE_DEFAULT ((size_t)128 << 10)
#define STACK_SIZE_MIN     ((size_t)32 << 10)

/* Located at %fs:0, after the thread's __thread variables (x86-64 ABI, TLS variant II). */
struct pthread {
    struct pthread *self;
    uint64_t on_alternate; /* it runs a handler of a signal on its alternate stack */
    struct _reent *reent;
    pthread_t id;
    uint32_t done;  /* it has ended; pthread_join waits on it (libc_wait) */
    uint32_t state; /* enum joinable */
    void *kernel;   /* what libc_thread_start returned */
    void *pages;    /* the memory of stack, variables and this struct */
    void *(*run)(void *argument);
    void *argument, *result;
    struct _pthread_cleanup_context *cleanup;
    int cancel_state, cancel_type; /* PTHREAD_CANCEL_...; written by the thread itself */
    uint32_t interrupts;           /* INTERRUPT_ bits, which interrupt libc_wait. Atomic */
    bool exiting;                  /* pthread_exit has started: it is not cancelled again */
    volatile bool deferred;        /* when hold is 0, signals_point is to be called */
    volatile uint32_t hold;        /* locks and such for which handlers of signals are deferred */
    sigset_t mask, wanted;         /* blocked signals; those that sigwait waits for */
    uint32_t handled;              /* how often it has called a handler of a signal */
    uint32_t interrupting;         /* of these, those without SA_RESTART */
    stack_t alternate;             /* ss_size 0: none */
    const void *values[KEYS_MAX];
    struct _reent own_reent;
};

_Static_assert(offsetof(struct pthread, on_alternate) == PTHREAD_ON_ALTERNATE, "for setjmp.S");
_Static_assert(offsetof(struct pthread, reent) == PTHREAD_REENT, "for malloc.S");

/* pthread_cancel was called; a signal is pending that the thread does not block or waits for. */
#define INTERRUPT_CANCEL 1u
#define INTERRUPT_SIGNAL 2u

static inline struct pthread *this_pthread(void)
{
    struct pthread *self;

    __asm__("movq %%fs:0, %0" : "=r"(self));
    return self;
}

/* Whether there ever was a second thread. Until then locks need not be atomic. */
extern bool threads_started;

/* A recursive lock. Zeroed, it is free. state: 0 free; 1 held; 2 held, and a thread may wait. */
struct __lock {
    uint32_t state;
    pthread_t owner;
    uint32_t depth;
};

/*
 * Set *deadline to the value of libc_clock_ns at which this clock shows *time. Return false if
 * tv_nsec is not below 10^9.
 */
bool deadline_of(clockid_t clock, const struct timespec *time, uint64_t *deadline);

/* Return the thread with this id, or NULL. thread_put() ends its use, until which it is not freed.
 */
struct pthread *thread_get(pthread_t id);
void thread_put(void);

/* Lock the table of threads, until thread_put(). Return element i of it, or NULL. */
void thread_lock(void);
struct pthread *thread_at(int i);

/* Do not count the thread among those for which the program's end waits. */
void thread_hide(void);

/* Run the handlers of signals that are pending for the calling thread (signals.c). */
void signals_point(void);

/* End what `hold` was incremented for. */
static inline void thread_unhold(struct pthread *t)
{
    if (t->hold && !--t->hold && t->deferred)
        signals_point();
}

/* Whether pthread_attr_init was called and pthread_attr_destroy was not. */
bool is_attr(const pthread_attr_t *attr);

/* newlib 3.3.0 does not declare these. */
int pthread_mutex_clocklock(pthread_mutex_t *mutex, clockid_t clock, const struct timespec *time);
int pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t clock,
                           const struct timespec *time);
int pthread_rwlock_clockrdlock(pthread_rwlock_t *lock, clockid_t clock,
                               const struct timespec *time);
int pthread_rwlock_clockwrlock(pthread_rwlock_t *lock, clockid_t clock,
                               const struct timespec *time);

#endif
