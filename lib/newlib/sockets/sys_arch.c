/* SPDX-License-Identifier: MIT */
/*
 * What lwIP wants of a system: semaphores, mutexes, mailboxes, threads, time (lwip/sys.h, which
 * specifies each function). All waits run handlers of signals that arrive in the meantime.
 */
#include "lib/newlib/sockets/stack.h"

#include <lwip/sys.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/newlib/signals.h"

#define NS_PER_MS 1000000u

/* Return when a wait of so many milliseconds ends, in terms of libc_clock_ns; 0: it does not. */
static uint64_t deadline_after(u32_t ms)
{
    return ms ? libc_clock_ns() + (uint64_t)ms * NS_PER_MS : UINT64_MAX;
}

u32_t sys_now(void)
{
    return (u32_t)(libc_clock_ns() / NS_PER_MS);
}

u32_t sys_jiffies(void)
{
    return sys_now();
}

void sys_init(void)
{
}

unsigned sys_random(void)
{
    unsigned value;

    libc_random(&value, sizeof(value));
    return value;
}

void sys_assertion_failed(const char *what, const char *file, int line)
{
    char why[160];

    snprintf(why, sizeof(why), "a failed assertion of lwIP: %s (%s:%d)", what, file, line);
    libc_killed(why);
}

/* ---- Semaphores and mutexes ------------------------------------------------------------------ */

err_t sys_sem_new(sys_sem_t *sem, u8_t count)
{
    *sem = (sys_sem_t){.value = count, .valid = true};
    return ERR_OK;
}

void sys_sem_free(sys_sem_t *sem)
{
    (void)sem;
}

void sys_sem_signal(sys_sem_t *sem)
{
    __atomic_add_fetch(&sem->value, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&sem->waiters, __ATOMIC_SEQ_CST))
        libc_wake(&sem->value, 1);
}

static bool sem_take(sys_sem_t *sem)
{
    uint32_t value = __atomic_load_n(&sem->value, __ATOMIC_SEQ_CST);

    while (value && !__atomic_compare_exchange_n(&sem->value, &value, value - 1, false,
                                                 __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        continue;
    return value != 0;
}

u32_t sys_arch_sem_wait(sys_sem_t *sem, u32_t ms)
{
    const uint64_t deadline = deadline_after(ms);
    bool in_time = true, taken;

    if (sem_take(sem))
        return 0;
    __atomic_add_fetch(&sem->waiters, 1, __ATOMIC_SEQ_CST);
    while (!(taken = sem_take(sem)) && in_time)
        in_time = wait_uncancellable(&sem->value, 0, deadline);
    __atomic_sub_fetch(&sem->waiters, 1, __ATOMIC_SEQ_CST);
    return taken ? 0 : SYS_ARCH_TIMEOUT;
}

sys_sem_t *sys_thread_sem(void)
{
    static __thread sys_sem_t own = {.valid = true};

    return &own;
}

err_t sys_mutex_new(sys_mutex_t *mutex)
{
    *mutex = (sys_mutex_t){.state = 0};
    return ERR_OK;
}

/* A handler of a signal may use sockets, too: it is deferred while its thread holds the lock. */
void sys_mutex_lock(sys_mutex_t *mutex)
{
    __retarget_lock_acquire(mutex);
}

void sys_mutex_unlock(sys_mutex_t *mutex)
{
    __retarget_lock_release(mutex);
}

void sys_mutex_free(sys_mutex_t *mutex)
{
    (void)mutex;
}

static struct __lock protection;

sys_prot_t sys_arch_protect(void)
{
    __retarget_lock_acquire(&protection);
    return 0;
}

void sys_arch_unprotect(sys_prot_t before)
{
    (void)before;
    __retarget_lock_release(&protection);
}

/* ---- Mailboxes ------------------------------------------------------------------------------- */

struct sys_mbox {
    struct __lock lock;
    uint32_t posted;  /* how many messages ever were; on which fetchers sleep */
    uint32_t fetched; /* of these; on which posters sleep */
    uint32_t size;
    uint32_t waiters; /* threads that may be sleeping on either */
    void *messages[];
};

err_t sys_mbox_new(sys_mbox_t *mbox, int size)
{
    *mbox = calloc(1, sizeof(**mbox) + (size_t)size * sizeof(void *));
    if (!*mbox)
        return ERR_MEM;
    (*mbox)->size = (uint32_t)size;
    return ERR_OK;
}

void sys_mbox_free(sys_mbox_t *mbox)
{
    free(*mbox);
}

static void mbox_wake(struct sys_mbox *m, const uint32_t *word)
{
    if (__atomic_load_n(&m->waiters, __ATOMIC_SEQ_CST))
        libc_wake(word, UINT32_MAX);
}

err_t sys_mbox_trypost(sys_mbox_t *mbox, void *message)
{
    struct sys_mbox *m = *mbox;
    bool fits;

    __retarget_lock_acquire(&m->lock);
    fits = m->posted - m->fetched < m->size;
    if (fits) {
        m->messages[m->posted % m->size] = message;
        __atomic_store_n(&m->posted, m->posted + 1, __ATOMIC_SEQ_CST);
    }
    __retarget_lock_release(&m->lock);
    if (!fits)
        return ERR_MEM;
    mbox_wake(m, &m->posted);
    return ERR_OK;
}

err_t sys_mbox_trypost_fromisr(sys_mbox_t *mbox, void *message)
{
    return sys_mbox_trypost(mbox, message);
}

u32_t sys_arch_mbox_tryfetch(sys_mbox_t *mbox, void **message)
{
    struct sys_mbox *m = *mbox;
    void *fetched = NULL;
    bool any;

    __retarget_lock_acquire(&m->lock);
    any = m->posted != m->fetched;
    if (any) {
        fetched = m->messages[m->fetched % m->size];
        __atomic_store_n(&m->fetched, m->fetched + 1, __ATOMIC_SEQ_CST);
    }
    __retarget_lock_release(&m->lock);
    if (!any)
        return SYS_MBOX_EMPTY;
    if (message)
        *message = fetched;
    mbox_wake(m, &m->fetched);
    return 0;
}

void sys_mbox_post(sys_mbox_t *mbox, void *message)
{
    struct sys_mbox *m = *mbox;

    __atomic_add_fetch(&m->waiters, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        const uint32_t before = __atomic_load_n(&m->fetched, __ATOMIC_SEQ_CST);

        if (sys_mbox_trypost(mbox, message) == ERR_OK)
            break;
        wait_uncancellable(&m->fetched, before, UINT64_MAX);
    }
    __atomic_sub_fetch(&m->waiters, 1, __ATOMIC_SEQ_CST);
}

/*
 * Return SYS_ARCH_TIMEOUT, too, if the thread is to be cancelled or a handler without SA_RESTART
 * has run: the calls of sockets make EINTR of it (calls.c).
 */
u32_t sys_arch_mbox_fetch(sys_mbox_t *mbox, void **message, u32_t ms)
{
    const struct pthread *t = this_pthread();
    const uint32_t interrupting = t->interrupting;
    const uint64_t deadline = deadline_after(ms);
    struct sys_mbox *m = *mbox;
    bool in_time = true;
    u32_t result;

    if (sys_arch_mbox_tryfetch(mbox, message) != SYS_MBOX_EMPTY)
        return 0;
    __atomic_add_fetch(&m->waiters, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        const uint32_t before = __atomic_load_n(&m->posted, __ATOMIC_SEQ_CST);

        result = sys_arch_mbox_tryfetch(mbox, message);
        if (result != SYS_MBOX_EMPTY || !in_time || t->interrupting != interrupting ||
            is_cancelled())
            break;
        in_time = wait_cancellable(&m->posted, before, deadline);
    }
    __atomic_sub_fetch(&m->waiters, 1, __ATOMIC_SEQ_CST);
    return result == SYS_MBOX_EMPTY ? SYS_ARCH_TIMEOUT : 0;
}

/* ---- Threads --------------------------------------------------------------------------------- */

unsigned sys_threads;

struct start {
    lwip_thread_fn run;
    void *argument;
};

static void *thread_run(void *argument)
{
    const struct start start = *(struct start *)argument;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    free(argument);
    start.run(start.argument);
    return NULL;
}

/*
 * Signals and cancellations are for the program's own threads, and its end does not wait for this
 * one.
 */
sys_thread_t sys_thread_new(const char *name, lwip_thread_fn run, void *argument, int stack,
                            int priority)
{
    struct start *start = malloc(sizeof(*start));
    sigset_t mask;
    pthread_t id = 0;

    (void)name, (void)stack, (void)priority;
    if (!start)
        return 0;
    *start = (struct start){run, argument};
    mask = signal_set_mask(~(sigset_t)0);
    if (pthread_create(&id, NULL, thread_run, start)) {
        free(start);
        id = 0;
    }
    signal_set_mask(mask);
    if (id) {
        pthread_detach(id);
        thread_hide();
        __atomic_add_fetch(&sys_threads, 1, __ATOMIC_RELAXED);
    }
    return id;
}
