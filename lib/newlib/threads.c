/* SPDX-License-Identifier: MIT */
/*
 * POSIX threads (IEEE Std 1003.1-2017, pthread.h) on the kernel's threads: how they start and end,
 * and what each has of its own.
 *
 * One piece of memory for each thread, from libc_pages:
 *
 *     low                                                          high
 *    | guard | stack, grows down | __thread variables | struct pthread | guard |
 *                                                     ^
 *                                                     %fs: the thread's base
 *
 * The compiler addresses __thread variables below %fs, and %fs:0 holds %fs itself (x86-64 ABI, TLS
 * variant II), which is how this_pthread() finds the struct. main()'s thread has the stack on which
 * libc_enter starts the program, so its piece has none.
 *
 * A pthread_t is an index into table[] plus THREADS_MAX times how often that element was used, so
 * an old id does not name the thread that uses the element now. pthread_create fills an element,
 * and thread_release empties it when the thread has ended and its memory is not in use.
 *
 * The end of a thread: pthread_exit runs the cleanup handlers and the destructors, sets done, wakes
 * pthread_join, and leaves through libc_thread_exit. Its memory cannot be freed by itself, because
 * it runs on that stack: pthread_join does it, and for detached threads the next pthread_create
 * (threads_reap). main()'s end is the end of the program only if it returns or calls exit; after
 * pthread_exit in main() the program ends when its last thread has ended.
 *
 * Next: mutex.c.
 */
#include "lib/newlib/signals.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/lock.h>

enum joinable { JOINABLE, JOINED, DETACHED };

/* linker.ld: what a new thread's __thread variables hold. The sizes are the symbols' addresses. */
extern const char _tls_start[], _tls_data_size[], _tls_size[];

bool threads_started;

/* Guarded by: table_lock. */
static struct {
    struct pthread *thread; /* NULL: free */
    uint32_t uses;
} table[THREADS_MAX];
static struct __lock table_lock;
static uint32_t running; /* threads, main()'s included. Atomic; end_main waits on it (libc_wait) */
static struct pthread *main_thread;

static struct {
    bool used;
    void (*destructor)(void *);
} keys[KEYS_MAX];

struct _reent *__getreent(void)
{
    return this_pthread()->reent;
}

/* Allocate a thread's memory, as above, and fill what does not depend on its kind. */
static struct pthread *thread_create(size_t stack_size)
{
    const size_t variables = (size_t)_tls_size;
    char *pages = libc_pages(stack_size + variables + sizeof(struct pthread));
    struct pthread *t;

    if (!pages)
        return NULL;
    memset(pages + stack_size, 0, variables + sizeof(*t));
    memcpy(pages + stack_size, _tls_start, (size_t)_tls_data_size);
    t = (struct pthread *)(pages + stack_size + variables);
    t->self = t;
    t->pages = pages;
    return t;
}

/* Put a thread into the table, and give it its id. Return false if it is full. The lock is held. */
static bool table_add(struct pthread *t)
{
    for (uint32_t i = 0; i < THREADS_MAX; i++)
        if (!table[i].thread) {
            table[i].thread = t;
            t->id = ++table[i].uses * THREADS_MAX + i;
            return true;
        }
    return false;
}

/* Return the thread with this id, or NULL. The lock is held. */
static struct pthread *table_find(pthread_t id)
{
    struct pthread *t = table[id % THREADS_MAX].thread;

    return t && t->id == id ? t : NULL;
}

void thread_lock(void)
{
    __retarget_lock_acquire(&table_lock);
}

struct pthread *thread_get(pthread_t id)
{
    thread_lock();
    return table_find(id);
}

struct pthread *thread_at(int i)
{
    return table[i].thread;
}

void thread_put(void)
{
    __retarget_lock_release(&table_lock);
}

/* Make main()'s thread a struct pthread. Called by the kernel's thread that runs the program. */
static void attach(void)
{
    if (!main_thread) {
        main_thread = thread_create(0);
        if (!main_thread)
            libc_killed("lack of memory for its first thread");
        main_thread->reent = _impure_ptr;
        table_add(main_thread);
        running = 1;
    }
    libc_set_storage(main_thread);
    main_thread->kernel = libc_thread_self();
    signals_attach();
}

static libc_attach_fn *const attach_entry __attribute__((used, section(".libc"))) = attach;

/* ---- How a thread ends ---------------------------------------------------------------------- */

/* A destructor may set values again, so repeat until all are NULL, at most four times. */
static void destroy_values(struct pthread *t)
{
    bool again = true;

    for (int round = 0; round < 4 && again; round++) {
        again = false;
        for (int i = 0; i < KEYS_MAX; i++) {
            void *value = (void *)(uintptr_t)t->values[i];

            t->values[i] = NULL;
            if (!value || !keys[i].used || !keys[i].destructor)
                continue;
            keys[i].destructor(value);
            again = true;
        }
    }
}

void thread_hide(void)
{
    __atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
}

/* Wait for all other threads to end, then end the program as by exit(0). */
static void __attribute__((noreturn)) end_main(void)
{
    uint32_t left = __atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);

    while (left) {
        libc_wait(&running, left, UINT64_MAX);
        left = __atomic_load_n(&running, __ATOMIC_SEQ_CST);
    }
    exit(0);
}

void pthread_exit(void *result)
{
    struct pthread *t = this_pthread();

    t->exiting = true;
    while (t->cleanup) {
        struct _pthread_cleanup_context *c = t->cleanup;

        t->cleanup = c->_previous;
        c->_routine(c->_arg);
    }
    destroy_values(t);
    t->result = result;
    if (t == main_thread)
        end_main();
    signals_forget(t);
    _reclaim_reent(t->reent);
    __atomic_store_n(&t->done, 1, __ATOMIC_SEQ_CST);
    libc_wake(&t->done, UINT_MAX);
    __atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
    libc_wake(&running, 1);
    libc_thread_exit();
}

/* The function that the kernel's thread runs. */
static void thread_main(void *argument)
{
    struct pthread *t = argument;

    pthread_exit(t->run(t->argument));
}

/*
 * Free a thread that has ended. The caller has made it JOINED, or it is DETACHED, so no other
 * thread does the same.
 */
static void thread_release(struct pthread *t)
{
    libc_thread_join(t->kernel);
    __retarget_lock_acquire(&table_lock);
    table[t->id % THREADS_MAX].thread = NULL;
    __retarget_lock_release(&table_lock);
    libc_pages_free(t->pages);
}

/* Free all detached threads that have ended. The lock is held. */
static void threads_reap(void)
{
    for (int i = 0; i < THREADS_MAX; i++) {
        struct pthread *t = table[i].thread;

        if (t && t->state == DETACHED && __atomic_load_n(&t->done, __ATOMIC_SEQ_CST))
            thread_release(t);
    }
}

/* ---- How a thread starts -------------------------------------------------------------------- */

/* Add a thread to the table and start it. Return 0 or EAGAIN. The lock is held. */
static int thread_start(struct pthread *t, void *stack, size_t size, pthread_t *id)
{
    char name[16];

    if (!table_add(t))
        return EAGAIN;
    snprintf(name, sizeof(name), "pthread %u", (unsigned)(t->id % THREADS_MAX));
    *id = t->id;
    __atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
    t->kernel = libc_thread_start(&(struct libc_thread){name, stack, size, t, thread_main, t});
    if (t->kernel)
        return 0;
    __atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
    table[t->id % THREADS_MAX].thread = NULL;
    return EAGAIN;
}

/* Set *stack and *size to what the attributes ask for; *stack is NULL for one of the port's. */
static int stack_of(const pthread_attr_t *attr, void **stack, size_t *size)
{
    *stack = NULL;
    *size = STACK_SIZE_DEFAULT;
    if (!attr)
        return 0;
    if (!is_attr(attr))
        return EINVAL;
    if (attr->inheritsched == PTHREAD_EXPLICIT_SCHED && attr->schedpolicy != SCHED_OTHER)
        return EPERM; /* no thread has a priority */
    *stack = attr->stackaddr;
    *size = (size_t)attr->stacksize;
    return 0;
}

int pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*run)(void *), void *argument)
{
    struct pthread *t;
    size_t size;
    void *stack;
    int error = run ? stack_of(attr, &stack, &size) : EINVAL;

    if (error)
        return error;
    t = thread_create(stack ? 0 : size);
    if (!t)
        return EAGAIN;
    t->run = run;
    t->argument = argument;
    t->state = attr && attr->detachstate == PTHREAD_CREATE_DETACHED ? DETACHED : JOINABLE;
    t->mask = this_pthread()->mask;
    t->reent = &t->own_reent;
    _REENT_INIT_PTR(t->reent);
    threads_started = true;
    __retarget_lock_acquire(&table_lock);
    threads_reap();
    error = thread_start(t, stack ? stack : t->pages, size, id);
    __retarget_lock_release(&table_lock);
    if (error)
        libc_pages_free(t->pages);
    return error;
}

/*
 * Change a thread from JOINABLE to JOINED or DETACHED. Return 0 and the thread, or POSIX's error:
 * ESRCH without such a thread, EDEADLK to join oneself, EINVAL if it is not joinable any more.
 */
static int thread_claim(pthread_t id, uint32_t state, struct pthread **thread)
{
    uint32_t was = JOINABLE;
    int error = 0;

    __retarget_lock_acquire(&table_lock);
    *thread = table_find(id);
    if (!*thread)
        error = ESRCH;
    else if (state == JOINED && *thread == this_pthread())
        error = EDEADLK;
    else if (!__atomic_compare_exchange_n(&(*thread)->state, &was, state, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST))
        error = EINVAL;
    __retarget_lock_release(&table_lock);
    return error;
}

int pthread_join(pthread_t id, void **result)
{
    struct pthread *t;
    int error;

    pthread_testcancel();
    error = thread_claim(id, JOINED, &t);
    if (error)
        return error;
    while (!__atomic_load_n(&t->done, __ATOMIC_SEQ_CST)) {
        if (is_cancelled())
            __atomic_store_n(&t->state, JOINABLE,
                             __ATOMIC_SEQ_CST); /* another thread may join it */
        pthread_testcancel();
        wait_cancellable(&t->done, 0, UINT64_MAX);
    }
    if (result)
        *result = t->result;
    thread_release(t);
    return 0;
}

int pthread_detach(pthread_t id)
{
    struct pthread *t;

    return thread_claim(id, DETACHED, &t);
}

pthread_t pthread_self(void)
{
    return this_pthread()->id;
}

int pthread_equal(pthread_t a, pthread_t b)
{
    return a == b;
}

int sched_yield(void)
{
    libc_thread_yield();
    return 0;
}

/* newlib's sched.h does not declare it. */
int sched_getcpu(void);
int sched_getcpu(void)
{
    return (int)libc_cpu();
}

/* ---- Thread-specific data ------------------------------------------------------------------- */

int pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
    int i = 0;

    __retarget_lock_acquire(&table_lock);
    while (i < KEYS_MAX && keys[i].used)
        i++;
    if (i < KEYS_MAX) {
        keys[i].used = true;
        keys[i].destructor = destructor;
        for (int n = 0; n < THREADS_MAX; n++)
            if (table[n].thread)
                table[n].thread->values[i] = NULL;
        *key = (pthread_key_t)i;
    }
    __retarget_lock_release(&table_lock);
    return i < KEYS_MAX ? 0 : EAGAIN;
}

int pthread_key_delete(pthread_key_t key)
{
    if (key >= KEYS_MAX || !keys[key].used)
        return EINVAL;
    keys[key].used = false;
    return 0;
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
    if (key >= KEYS_MAX || !keys[key].used)
        return EINVAL;
    this_pthread()->values[key] = value;
    return 0;
}

void *pthread_getspecific(pthread_key_t key)
{
    return key < KEYS_MAX ? (void *)(uintptr_t)this_pthread()->values[key] : NULL;
}
