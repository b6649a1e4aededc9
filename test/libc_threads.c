/* Threads of programs, on newlib: what POSIX says of them, and what each has of its own. */
#include "test/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4

/* Runs on THREADS threads at once; what each returns is summed. */
static uintptr_t run_all(void *(*run)(void *))
{
    pthread_t threads[THREADS];
    uintptr_t sum = 0;
    void *result;

    for (uintptr_t i = 0; i < THREADS; i++)
        if (!EXPECT_EQ(pthread_create(&threads[i], NULL, run, (void *)i), 0))
            return ~0ul;
    for (int i = 0; i < THREADS; i++) {
        EXPECT_EQ(pthread_join(threads[i], &result), 0);
        sum += (uintptr_t)result;
    }
    return sum;
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

TEST(libc_threads, create_join_exit)
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

/* As many as there is room for; when they have gone there is room again. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *wait_at_gate(void *argument)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return argument;
}

TEST(libc_threads, too_many_is_EAGAIN)
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

/* More of them than there is room for at once: what they leave is freed. */
TEST(libc_threads, detached_threads_leave_nothing)
{
    pthread_attr_t attr;
    pthread_t thread;
    int state, done = 0;

    EXPECT_EQ(pthread_attr_init(&attr), 0);
    EXPECT_EQ(pthread_attr_setdetachstate(&attr, 7), EINVAL);
    EXPECT_EQ(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED), 0);
    EXPECT(!pthread_attr_getdetachstate(&attr, &state) && state == PTHREAD_CREATE_DETACHED);
    for (int i = 0; i < 150; i++) {
        int error;

        while ((error = pthread_create(&thread, &attr, return_self, NULL)) == EAGAIN)
            sched_yield();
        REQUIRE(error == 0);
    }
    EXPECT(pthread_join(thread, NULL) != 0);
    REQUIRE(pthread_create(&thread, NULL, detach_myself, &done) == 0);
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

TEST(libc_threads, stack_size_is_as_asked_for)
{
    pthread_attr_t attr;
    pthread_t thread;
    void *result;
    size_t size;

    EXPECT_EQ(pthread_attr_init(&attr), 0);
    EXPECT_EQ(pthread_attr_setstacksize(&attr, 100), EINVAL);
    EXPECT_EQ(pthread_attr_setstacksize(&attr, 500000), 0);
    EXPECT(!pthread_attr_getstacksize(&attr, &size) && size >= 500000);
    REQUIRE(pthread_create(&thread, &attr, use_stack, &size) == 0);
    EXPECT_EQ(pthread_join(thread, &result), 0);
    EXPECT_EQ((uintptr_t)result, 1);
    EXPECT_EQ(pthread_attr_destroy(&attr), 0);
    EXPECT_EQ(pthread_create(&thread, &attr, use_stack, NULL), EINVAL);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned counter, inside, intrusions;

static void *count(void *argument)
{
    for (int i = 0; i < 1000; i++) {
        if (i % 3)
            pthread_mutex_lock(&mutex);
        else
            while (pthread_mutex_trylock(&mutex) == EBUSY)
                sched_yield();
        intrusions += inside++ != 0;
        counter++;
        inside--;
        pthread_mutex_unlock(&mutex);
    }
    return argument;
}

TEST(libc_threads, mutex_excludes)
{
    counter = intrusions = 0;
    run_all(count);
    EXPECT_EQ(counter, THREADS * 1000);
    EXPECT_EQ(intrusions, 0);
}

static pthread_mutex_t mutex_of(int kind)
{
    pthread_mutexattr_t attr;
    pthread_mutex_t made;
    int is;

    pthread_mutexattr_init(&attr);
    EXPECT_EQ(pthread_mutexattr_settype(&attr, kind), 0);
    EXPECT(!pthread_mutexattr_gettype(&attr, &is) && is == kind);
    EXPECT_EQ(pthread_mutex_init(&made, &attr), 0);
    EXPECT_EQ(pthread_mutexattr_settype(&attr, 17), EINVAL);
    pthread_mutexattr_destroy(&attr);
    return made;
}

/* As another thread than the holder. */
static void *try_and_unlock(void *m)
{
    const int locked = pthread_mutex_trylock(m), unlocked = pthread_mutex_unlock(m);

    return (void *)(uintptr_t)(locked == EBUSY && unlocked == EPERM);
}

static bool others_are_kept_out(pthread_mutex_t *m)
{
    pthread_t thread;
    void *result = NULL;

    return !pthread_create(&thread, NULL, try_and_unlock, m) && !pthread_join(thread, &result) &&
           result;
}

TEST(libc_threads, kinds_of_mutexes)
{
    pthread_mutex_t check = mutex_of(PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_t again = mutex_of(PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_t normal = mutex_of(PTHREAD_MUTEX_NORMAL), none = 0;

    EXPECT_EQ(pthread_mutex_lock(&check), 0);
    EXPECT_EQ(pthread_mutex_lock(&check), EDEADLK);
    EXPECT_EQ(pthread_mutex_trylock(&check), EBUSY);
    EXPECT(others_are_kept_out(&check));
    EXPECT_EQ(pthread_mutex_destroy(&check), EBUSY);
    EXPECT_EQ(pthread_mutex_unlock(&check), 0);
    EXPECT_EQ(pthread_mutex_unlock(&check), EPERM);
    for (int i = 0; i < 3; i++)
        EXPECT_EQ(i < 2 ? pthread_mutex_lock(&again) : pthread_mutex_trylock(&again), 0);
    for (int i = 0; i < 3; i++) {
        EXPECT(others_are_kept_out(&again));
        EXPECT_EQ(pthread_mutex_unlock(&again), 0);
    }
    EXPECT_EQ(pthread_mutex_unlock(&again), EPERM);
    EXPECT_EQ(pthread_mutex_lock(&normal), 0);
    EXPECT_EQ(pthread_mutex_trylock(&normal), EBUSY);
    EXPECT_EQ(pthread_mutex_unlock(&normal), 0);
    EXPECT_EQ(pthread_mutex_destroy(&normal), 0);
    EXPECT_EQ(pthread_mutex_lock(&normal), EINVAL);
    EXPECT_EQ(pthread_mutex_unlock(&none), EINVAL);
}

static struct timespec in_ms(clockid_t clock, long ms)
{
    struct timespec t;

    clock_gettime(clock, &t);
    t.tv_nsec += ms * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

static bool is_over(const struct timespec *end)
{
    struct timespec now = in_ms(CLOCK_MONOTONIC, 0);

    return now.tv_sec > end->tv_sec || (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

/*
 * A ball between the threads, in turn, for a while: a signal that is lost ends the game, and the
 * test does not. Each returns how often it had the ball.
 */
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static uintptr_t turn, game_over;
static struct timespec game_end;

static void *play(void *side)
{
    uintptr_t turns = 0;

    pthread_mutex_lock(&mutex);
    for (;;) {
        while (turn % THREADS != (uintptr_t)side && !game_over)
            pthread_cond_wait(&turned, &mutex);
        if (game_over)
            break;
        turns++;
        turn++;
        game_over = turn == 2000 || is_over(&game_end);
        pthread_cond_broadcast(&turned);
    }
    pthread_mutex_unlock(&mutex);
    return (void *)turns;
}

TEST(libc_threads, no_signal_is_lost)
{
    turn = game_over = 0;
    game_end = in_ms(CLOCK_MONOTONIC, 2000);
    EXPECT_EQ(run_all(play), turn);
    EXPECT(turn > 0);
}

static void *signal_once(void *argument)
{
    pthread_mutex_lock(&mutex);
    turn = 1;
    pthread_cond_signal(&turned);
    pthread_mutex_unlock(&mutex);
    return argument;
}

TEST(libc_threads, waits_with_a_deadline)
{
    const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
    struct timespec wrong = {.tv_nsec = 1000000000}, far, end;
    pthread_condattr_t attr;
    pthread_cond_t cond;
    pthread_t thread;
    int error = 0;

    pthread_mutex_lock(&mutex);
    for (int i = 0; i < 2; i++) {
        pthread_condattr_init(&attr);
        EXPECT_EQ(pthread_condattr_setclock(&attr, clocks[i]), 0);
        EXPECT_EQ(pthread_cond_init(&cond, &attr), 0);
        end = in_ms(clocks[i], 5);
        EXPECT_EQ(pthread_cond_timedwait(&cond, &mutex, &end), ETIMEDOUT);
        EXPECT(clocks[i] == CLOCK_REALTIME || is_over(&end));
        EXPECT_EQ(pthread_cond_timedwait(&cond, &mutex, &wrong), EINVAL);
        EXPECT_EQ(pthread_cond_destroy(&cond), 0);
    }
    EXPECT_EQ(pthread_condattr_setclock(&attr, (clockid_t)77), EINVAL);
    turn = 0;
    far = in_ms(CLOCK_REALTIME, 600000);
    REQUIRE(pthread_create(&thread, NULL, signal_once, NULL) == 0);
    while (!turn && !error)
        error = pthread_cond_timedwait(&turned, &mutex, &far);
    EXPECT_EQ(error, 0);
    pthread_mutex_unlock(&mutex);
    EXPECT_EQ(pthread_join(thread, NULL), 0);
}

static unsigned initialised;

static void initialise(void)
{
    sched_yield();
    initialised++;
}

static void *do_once(void *argument)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, initialise);
    (void)argument;
    return (void *)(uintptr_t)initialised;
}

TEST(libc_threads, once_is_once_and_done_for_all)
{
    initialised = 0;
    EXPECT_EQ(run_all(do_once), THREADS);
    EXPECT_EQ(initialised, 1);
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

/* On one CPU they take turns, on several each has another %fs base at the same time. */
TEST(libc_threads, thread_variables_and_errno_are_each_threads_own, write_fs_base)
{
    EXPECT_EQ(tls_value, 0x1234);
    errno = 77;
    EXPECT_EQ(run_all(use_storage), 0);
    EXPECT_EQ(errno, 77);
    EXPECT_EQ(tls_value, 0x1234);
    EXPECT_EQ(tls_aligned, -5);
}

static void *allocate(void *argument)
{
    unsigned char *blocks[32] = {NULL};
    size_t sizes[32];
    unsigned state = 1 + (unsigned)(uintptr_t)argument;
    uintptr_t wrong = 0;

    for (int round = 0; round < 1500; round++) {
        const int i = (state = state * 1664525 + 1013904223) >> 27;

        if (blocks[i]) {
            for (size_t n = 0; n < sizes[i]; n += 7)
                wrong += blocks[i][n] != (unsigned char)(i ^ (int)(uintptr_t)argument);
            free(blocks[i]);
            blocks[i] = NULL;
            continue;
        }
        sizes[i] = 1 + (state >> 8) % 3000;
        blocks[i] = malloc(sizes[i]);
        if (blocks[i])
            memset(blocks[i], i ^ (int)(uintptr_t)argument, sizes[i]);
    }
    for (int i = 0; i < 32; i++)
        free(blocks[i]);
    return (void *)wrong;
}

TEST(libc_threads, malloc_from_all)
{
    EXPECT_EQ(run_all(allocate), 0);
}

static FILE *book;

static void *write_lines(void *argument)
{
    for (int i = 0; i < 200; i++)
        fprintf(book, "thread %u wrote line %d of its own: %.3f\n", (unsigned)(uintptr_t)argument,
                i, i / 8.0);
    return NULL;
}

/* Each thread's lines are whole, and in its order. */
TEST(libc_threads, printf_from_all)
{
    int next[THREADS] = {0}, wrong = 0;
    char *text = NULL;
    size_t size = 0;

    book = open_memstream(&text, &size);
    REQUIRE(book);
    run_all(write_lines);
    EXPECT_EQ(fclose(book), 0);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char wanted[80];
        unsigned t = THREADS;

        sscanf(line, "thread %u", &t);
        if (t >= THREADS) {
            wrong++;
            continue;
        }
        snprintf(wanted, sizeof(wanted), "thread %u wrote line %d of its own: %.3f", t, next[t],
                 next[t] / 8.0);
        wrong += strcmp(line, wanted) != 0;
        next[t]++;
    }
    for (int i = 0; i < THREADS; i++)
        EXPECT_EQ(next[i], 200);
    EXPECT_EQ(wrong, 0);
    free(text);
}

static void *use_environment(void *argument)
{
    char name[20], value[20];
    uintptr_t wrong = 0;

    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof(name), "THREAD_%u_%d", (unsigned)(uintptr_t)argument, i);
        snprintf(value, sizeof(value), "%d", i * 3);
        wrong += setenv(name, value, 1) != 0;
    }
    return (void *)wrong;
}

TEST(libc_threads, setenv_from_all)
{
    unsigned found = 0;
    char name[20];

    EXPECT_EQ(run_all(use_environment), 0);
    for (unsigned t = 0; t < THREADS; t++)
        for (int i = 0; i < 50; i++) {
            snprintf(name, sizeof(name), "THREAD_%u_%d", t, i);
            found += getenv(name) && atoi(getenv(name)) == i * 3;
            unsetenv(name);
        }
    EXPECT_EQ(found, THREADS * 50);
}

static int holders[64], openers;

static void *use_files(void *argument)
{
    uintptr_t wrong = 0;

    (void)argument;
    __atomic_add_fetch(&openers, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&openers, __ATOMIC_SEQ_CST) < THREADS)
        sched_yield();
    for (int i = 0; i < 20000 && (i % 64 || !is_over(&game_end)); i++) {
        const int fd = open("/dev/null", O_RDWR);

        if (fd < 3 || fd >= 64)
            return (void *)1;
        wrong += __atomic_add_fetch(&holders[fd], 1, __ATOMIC_SEQ_CST) != 1;
        __atomic_sub_fetch(&holders[fd], 1, __ATOMIC_SEQ_CST);
        wrong += close(fd) != 0;
    }
    return (void *)wrong;
}

/* No descriptor is given to two at once. */
TEST(libc_threads, open_from_all)
{
    openers = 0;
    game_end = in_ms(CLOCK_MONOTONIC, 2000);
    EXPECT_EQ(run_all(use_files), 0);
}
