/* SPDX-License-Identifier: MIT */
/*
 * Threads of programs, on newlib: creation, end and stacks as POSIX defines them, and each thread's
 * own data.
 */
#include "test/harness/test.h"
#include "test/libc/threads.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Create a thread, and repeat on EAGAIN: a thread that has ended counts until it has left its CPU.
 */
static int create_when_there_is_room(pthread_t *thread, const pthread_attr_t *attr,
                                     void *(*run)(void *), void *argument)
{
    int error;

    while ((error = pthread_create(thread, attr, run, argument)) == EAGAIN)
        sched_yield();
    return error;
}

uintptr_t run_all(void *(*run)(void *))
{
    pthread_t threads[THREADS];
    uintptr_t sum = 0;
    void *result;

    for (uintptr_t i = 0; i < THREADS; i++)
        if (!EXPECT_EQ(create_when_there_is_room(&threads[i], NULL, run, (void *)i), 0))
            return ~0ul;
    for (int i = 0; i < THREADS; i++) {
        EXPECT_EQ(pthread_join(threads[i], &result), 0);
        sum += (uintptr_t)result;
    }
    return sum;
}

struct timespec in_ms(clockid_t clock, long ms)
{
    struct timespec t;

    clock_gettime(clock, &t);
    t.tv_nsec += ms * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

bool is_over(const struct timespec *end)
{
    struct timespec now = in_ms(CLOCK_MONOTONIC, 0);

    return now.tv_sec > end->tv_sec || (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

static void *end_deep(void *argument)
{
    pthread_exit(argument);
}

static void *return_self(void *argument)
{
    (void)argument;
    return (void *)(uintptr_t)pthread_self();
}

static char cleaned[8];

static void note_cleaned(void *letter)
{
    strcat(cleaned, letter);
}

/* By the functions that the macros call: nested, the macros shadow their own variable. */
static void *end_inside(void *argument)
{
    static char letters[][2] = {"a", "b", "c", "d"};
    struct _pthread_cleanup_context contexts[4];

    _pthread_cleanup_push(&contexts[0], note_cleaned, letters[0]);
    _pthread_cleanup_push(&contexts[1], note_cleaned, letters[1]);
    _pthread_cleanup_push(&contexts[2], note_cleaned, letters[2]);
    _pthread_cleanup_pop(&contexts[2], 0);
    _pthread_cleanup_push(&contexts[3], note_cleaned, letters[3]);
    _pthread_cleanup_pop(&contexts[3], 1);
    pthread_exit(argument);
}

TEST(libc_threads, cleanup_is_done_from_the_last_to_the_first)
{
    pthread_t thread;

    cleaned[0] = '\0';
    REQUIRE(pthread_create(&thread, NULL, end_inside, NULL) == 0);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
    EXPECT(!strcmp(cleaned, "dba"));
}

TEST(libc_threads, join_returns_the_threads_result)
{
    pthread_t thread;
    void *result = NULL;

    EXPECT_EQ(run_all(end_deep), 0 + 1 + 2 + 3);
    REQUIRE(pthread_create(&thread, NULL, return_self, NULL) == 0);
    EXPECT_EQ(pthread_join(thread, &result), 0);
    EXPECT(pthread_equal(thread, (pthread_t)(uintptr_t)result));
    EXPECT(!pthread_equal(thread, pthread_self()));
    EXPECT_EQ(pthread_join(thread, NULL), ESRCH);
    EXPECT_EQ(pthread_detach(thread), ESRCH);
    EXPECT_EQ(pthread_join(pthread_self(), NULL), EDEADLK);
    EXPECT_EQ(pthread_join(12345, NULL), ESRCH);
    EXPECT_EQ(pthread_create(&thread, NULL, NULL, NULL), EINVAL);
}

/* A thread in the place of one that has ended has another id, so the old id names no thread. */
TEST(libc_threads, ids_are_not_used_again)
{
    pthread_t first, second;

    REQUIRE(pthread_create(&first, NULL, end_deep, NULL) == 0);
    EXPECT_EQ(pthread_join(first, NULL), 0);
    REQUIRE(pthread_create(&second, NULL, end_deep, NULL) == 0);
    EXPECT(!pthread_equal(first, second));
    EXPECT_EQ(pthread_detach(first), ESRCH);
    EXPECT_EQ(pthread_join(second, NULL), 0);
}

/* Create as many threads as the kernel allows; after they have ended it allows as many again. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *wait_at_gate(void *argument)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return argument;
}

TEST(libc_threads, too_many_fail_with_EAGAIN)
{
    static pthread_t threads[200];
    int count = 0, error = 0;

    for (int round = 0; round < 2; round++) {
        pthread_mutex_lock(&gate);
        for (count = 0; count < 200 && !error; count += !error)
            error = pthread_create(&threads[count], NULL, wait_at_gate, NULL);
        pthread_mutex_unlock(&gate);
        EXPECT_EQ(error, EAGAIN);
        EXPECT(count >= 64 && count < 200);
        while (count > 0)
            EXPECT_EQ(pthread_join(threads[--count], NULL), 0);
        error = 0;
    }
}

static void *detach_myself(void *done)
{
    __atomic_store_n((int *)done, pthread_detach(pthread_self()) == 0 ? 1 : 2, __ATOMIC_SEQ_CST);
    return NULL;
}

/* More threads than can exist at once: what they leave is freed. */
TEST(libc_threads, detached_threads_leave_nothing)
{
    pthread_attr_t attr;
    pthread_t thread;
    int state, done = 0;

    EXPECT_EQ(pthread_attr_init(&attr), 0);
    EXPECT_EQ(pthread_attr_setdetachstate(&attr, 7), EINVAL);
    EXPECT_EQ(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED), 0);
    EXPECT(!pthread_attr_getdetachstate(&attr, &state) && state == PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < 150; i++)
        REQUIRE(create_when_there_is_room(&thread, &attr, return_self, NULL) == 0);
    EXPECT(pthread_join(thread, NULL) != 0);
    REQUIRE(create_when_there_is_room(&thread, NULL, detach_myself, &done) == 0);
    while (!__atomic_load_n(&done, __ATOMIC_SEQ_CST))
        sched_yield();
    EXPECT_EQ(done, 1);
}

static void *use_stack(void *size)
{
    volatile char big[60000];

    memset((void *)(uintptr_t)big, 1, sizeof(big));
    return (void *)(uintptr_t)((uintptr_t)size == 0 ? 0 : (uintptr_t)big[59999]);
}

TEST(libc_threads, stack_has_the_requested_size)
{
    pthread_attr_t attr;
    pthread_t thread;
    void *result;
    size_t size;

    EXPECT_EQ(pthread_attr_init(&attr), 0);
    EXPECT_EQ(pthread_attr_setstacksize(&attr, 100), EINVAL);
    EXPECT_EQ(pthread_attr_setstacksize(&attr, 500000), 0);
    EXPECT(!pthread_attr_getstacksize(&attr, &size) && size >= 500000);
    REQUIRE(create_when_there_is_room(&thread, &attr, use_stack, &size) == 0);
    EXPECT_EQ(pthread_join(thread, &result), 0);
    EXPECT_EQ((uintptr_t)result, 1);
    EXPECT_EQ(pthread_attr_destroy(&attr), 0);
    EXPECT_EQ(pthread_create(&thread, &attr, use_stack, NULL), EINVAL);
}

static pthread_key_t key;
static unsigned destroyed;

static void destroy(void *value)
{
    __atomic_add_fetch(&destroyed, *(unsigned *)value, __ATOMIC_SEQ_CST);
    free(value);
}

static void *use_key(void *argument)
{
    unsigned *mine = malloc(sizeof(*mine));

    if (!mine || pthread_getspecific(key))
        return (void *)1;
    *mine = 1 + (unsigned)(uintptr_t)argument;
    pthread_setspecific(key, mine);
    sched_yield();
    return (void *)(uintptr_t)(pthread_getspecific(key) != mine);
}

TEST(libc_threads, keys_have_a_value_for_each_thread)
{
    REQUIRE(pthread_key_create(&key, destroy) == 0);
    EXPECT_EQ(pthread_setspecific(key, &key), 0);
    destroyed = 0;
    EXPECT_EQ(run_all(use_key), 0);
    EXPECT_EQ(destroyed, 1 + 2 + 3 + 4);
    EXPECT(pthread_getspecific(key) == &key);
    EXPECT_EQ(pthread_key_delete(key), 0);
    EXPECT_EQ(pthread_key_delete(key), EINVAL);
    EXPECT_EQ(pthread_setspecific(key, NULL), EINVAL);
}

static __thread unsigned tls_value = 0x1234;
static __thread char tls_zeros[100];
static __thread long tls_aligned __attribute__((aligned(64))) = -5;

static void *use_storage(void *argument)
{
    const unsigned mine = (unsigned)(uintptr_t)argument;
    uintptr_t wrong = tls_value != 0x1234 || tls_aligned != -5 || (uintptr_t)&tls_aligned % 64;

    for (size_t i = 0; i < sizeof(tls_zeros); i++)
        wrong += tls_zeros[i] != 0;
    for (unsigned i = 0; i < 20; i++) {
        tls_value = mine * 100 + i;
        memset(tls_zeros, (int)mine, sizeof(tls_zeros));
        errno = (int)(mine * 100 + i);
        sched_yield();
        wrong += tls_value != mine * 100 + i || tls_zeros[99] != (char)mine;
        wrong += errno != (int)(mine * 100 + i);
    }
    return (void *)wrong;
}

/* With one CPU the threads take turns; with several each has its own %fs base at the same time. */
TEST(libc_threads, thread_variables_and_errno_are_per_thread, write_fs_base)
{
    EXPECT_EQ(tls_value, 0x1234);
    errno = 77;
    EXPECT_EQ(run_all(use_storage), 0);
    EXPECT_EQ(errno, 77);
    EXPECT_EQ(tls_value, 0x1234);
    EXPECT_EQ(tls_aligned, -5);
}

static bool stacks_are_used_up;

/*
 * Spin where a program's check (kernel/stack_check.S) would be the last to pass, until the other
 * thread has had its turn several times: each time an interrupt ends this thread's.
 */
static void *spin_at_limit(void *turns)
{
    __asm__ volatile("movq %%rsp, %%rbx\n\t"
                     "movq %%gs:__fentry_limit, %%rsp\n\t"
                     "andq $-16, %%rsp\n"
                     "1:\tpause\n\t"
                     "cmpl $5, (%0)\n\t"
                     "jb 1b\n\t"
                     "movq %%rbx, %%rsp"
                     :
                     : "r"(turns)
                     : "rbx", "cc", "memory");
    __atomic_store_n(&stacks_are_used_up, true, __ATOMIC_RELEASE);
    return NULL;
}

static void *take_turns(void *turns)
{
    unsigned *const count = turns;

    while (!__atomic_load_n(&stacks_are_used_up, __ATOMIC_ACQUIRE)) {
        usleep(1000);
        __atomic_fetch_add(count, 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

TEST(libc_threads, interrupts_have_room_below_a_programs_limit)
{
    unsigned turns = 0;
    pthread_t spinner, other;

    stacks_are_used_up = false;
    REQUIRE(create_when_there_is_room(&other, NULL, take_turns, &turns) == 0);
    if (EXPECT_EQ(create_when_there_is_room(&spinner, NULL, spin_at_limit, &turns), 0))
        EXPECT_EQ(pthread_join(spinner, NULL), 0);
    stacks_are_used_up = true;
    EXPECT_EQ(pthread_join(other, NULL), 0);
    EXPECT(turns >= 5);
}
