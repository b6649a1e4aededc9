/* Threads of programs (lib/newlib/threads.c), as the rest of the port knows them. */
#ifndef LIB_NEWLIB_THREAD_H
#define LIB_NEWLIB_THREAD_H

#include <pthread.h>
#include <reent.h>

#include "kernel/services.h"

#define THREADS_MAX        100 /* of a program; the kernel has 128, those of its own included */
#define KEYS_MAX           128 /* what POSIX asks for */
#define STACK_SIZE_DEFAULT ((size_t)128 << 10)
#define STACK_SIZE_MIN     ((size_t)32 << 10)

/* Lies at %fs:0, behind the thread's __thread variables (the x86-64 ABI, TLS variant II). */
struct pthread {
    struct pthread *self;
    struct _reent *reent;
    pthread_t id;
    uint32_t done;  /* libc_wait: it has ended */
    uint32_t state; /* enum joinable */
    void *kernel;   /* what libc_thread_start returned */
    void *pages;    /* stack, variables and this, in one */
    void *(*run)(void *argument);
    void *argument, *result;
    struct _pthread_cleanup_context *cleanup;
    const void *values[KEYS_MAX];
    struct _reent own_reent;
};

static inline struct pthread *this_pthread(void)
{
    struct pthread *self;

    __asm__("movq %%fs:0, %0" : "=r"(self));
    return self;
}

/* False as long as there was never a second thread: then locks need not be atomic. */
extern bool threads_started;

/*
 * A lock whose holder may take it again. Zeroed, it is free. state: 0 free, 1 held, 2 held and
 * somebody may wait.
 */
struct __lock {
    uint32_t state;
    pthread_t owner;
    uint32_t depth;
};

/* From here on a deadline of libc_clock_ns; time of another clock's comes with that clock. */
bool deadline_of(clockid_t clock, const struct timespec *time, uint64_t *deadline);

#endif
