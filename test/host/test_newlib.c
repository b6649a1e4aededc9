/* SPDX-License-Identifier: MIT */
/*
 * lib/newlib/: the parts that need few services of the kernel: time, the heap, arithmetic
 * and the arguments of main().
 */
#include <errno.h>
#include <setjmp.h>
#include <stddef.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#include "lib/newlib/cancel.h"
#include "lib/newlib/start.h"

#define S 1000000000ull /* nanoseconds */

typedef unsigned __int128 u128;
typedef __int128 s128;

u128 __udivti3(u128 n, u128 d);
u128 __umodti3(u128 n, u128 d);
s128 __divti3(s128 n, s128 d);
s128 __modti3(s128 n, s128 d);
u128 __udivmodti4(u128 n, u128 d, u128 *remainder);
s128 __divmodti4(s128 n, s128 d, s128 *remainder);

/* ---- Services that the port calls in the kernel -------------------------------------------- */

static struct {
    u64 now, wallclock, slept_until, wakes_at; /* wakes_at: when a signal ends a sleep, or 0 */
    u64 between; /* the time that passes before each reading of a clock */
    u8 *heap;
    size_t most, committed, refused_above;
    u32 commits;
} kernel;

static void pass_time(void)
{
    kernel.now += kernel.between;
    kernel.wallclock += kernel.between;
}

uint64_t libc_clock_ns(void)
{
    pass_time();
    return kernel.now;
}

uint64_t libc_wallclock_ns(void)
{
    pass_time();
    return kernel.wallclock;
}

bool sleep_cancellable(uint64_t deadline)
{
    kernel.slept_until = deadline;
    kernel.now = kernel.wakes_at ? kernel.wakes_at : kernel.now;
    return !kernel.wakes_at;
}

void *libc_heap_base(size_t *most)
{
    *most = kernel.most;
    return kernel.heap;
}

bool libc_heap_commit(size_t size)
{
    kernel.commits++;
    if (size > kernel.refused_above)
        return false;
    kernel.committed = MAX(kernel.committed, size);
    return true;
}

/* ---- Time ---------------------------------------------------------------------------------- */

static int sleep_for(time_t seconds, long ns)
{
    const struct timespec wanted = {.tv_sec = seconds, .tv_nsec = ns};
    struct timespec left = {1, 1};
    int result;

    kernel.slept_until = 0;
    errno = 0;
    result = nanosleep(&wanted, &left);
    CHECK(result || (!left.tv_sec && !left.tv_nsec));
    return result;
}

static void test_sleeps(void)
{
    kernel.now = 5 * S + 7;
    CHECK(sleep_for(2, 3) == 0 && kernel.slept_until == 7 * S + 10);
    CHECK(sleep_for(0, 999999999) == 0 && kernel.slept_until == 6 * S + 6);
    CHECK(sleep_for(0, 0) == 0 && kernel.slept_until == 5 * S + 7);
    CHECK(sleep_for(0, 1000000000) == -1 && errno == EINVAL && !kernel.slept_until);
    CHECK(sleep_for(0, -1) == -1 && errno == EINVAL && !kernel.slept_until);
    CHECK(sleep_for(-1, 0) == -1 && errno == EINVAL && !kernel.slept_until);
    /* What the clock cannot reach is never reached. */
    CHECK(sleep_for(INT64_MAX, 999999999) == 0 && kernel.slept_until == UINT64_MAX);
    CHECK(sleep_for((time_t)(UINT64_MAX / S), 0) == 0 && kernel.slept_until == UINT64_MAX);
    CHECK(sleep(3) == 0 && kernel.slept_until == 8 * S + 7);
    CHECK(usleep(2000003) == 0 && kernel.slept_until == 7 * S + 3007);
}

/* A thread may be stopped between its readings of two clocks. */
static void test_sleeps_end_at_their_time_at_the_earliest(void)
{
    const u64 ahead = 1000 * S;

    kernel.now = 5 * S;
    kernel.wallclock = kernel.now + ahead;
    kernel.between = S / 10;
    CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &(struct timespec){1008, 0}, NULL) == 0);
    CHECK(kernel.slept_until >= 1008 * S - ahead && kernel.slept_until < 1009 * S - ahead);
    kernel.between = 0;
}

static void test_sleeps_that_a_signal_ends(void)
{
    struct timespec left = {0};

    kernel.now = 5 * S;
    kernel.wakes_at = 6 * S + 1;
    CHECK(nanosleep(&(struct timespec){.tv_sec = 3}, &left) == -1 && errno == EINTR);
    CHECK(left.tv_sec == 1 && left.tv_nsec == 999999999);
    kernel.now = 5 * S;
    CHECK(sleep(3) == 2);
    kernel.now = 5 * S;
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){8, 0}, NULL) == EINTR);
    kernel.wakes_at = 0;
}

static void test_clocks(void)
{
    struct timespec t;
    struct timeval v;
    struct tms used;
    clockid_t clock;

    kernel.now = 12 * S + 345678901;
    kernel.wallclock = 1700000000 * S + 999999999;
    CHECK(!clock_gettime(CLOCK_MONOTONIC, &t) && t.tv_sec == 12 && t.tv_nsec == 345678901);
    CHECK(!clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) && t.tv_sec == 12);
    CHECK(!clock_gettime(CLOCK_REALTIME, &t) && t.tv_sec == 1700000000 && t.tv_nsec == 999999999);
    CHECK(!gettimeofday(&v, NULL) && v.tv_sec == 1700000000 && v.tv_usec == 999999);
    CHECK(!clock_getres(CLOCK_REALTIME, &t) && t.tv_sec == 0 && t.tv_nsec == 1);
    CHECK(!clock_getres(CLOCK_MONOTONIC, NULL));
    errno = 0;
    CHECK(clock_gettime(99, &t) == -1 && errno == EINVAL);
    errno = 0;
    CHECK(clock_getres(99, &t) == -1 && errno == EINVAL);
    CHECK(!clock_getcpuclockid(0, &clock) && clock == CLOCK_PROCESS_CPUTIME_ID);
    CHECK_EQ(clock_getcpuclockid(getpid() + 1, &clock), ESRCH);
    CHECK(clock_settime(CLOCK_REALTIME, &(struct timespec){1, 0}) == -1 && errno == EPERM);
    CHECK(clock_settime(CLOCK_MONOTONIC, &(struct timespec){1, 0}) == -1 && errno == EINVAL);
    CHECK(clock_settime(CLOCK_REALTIME, &(struct timespec){1, S}) == -1 && errno == EINVAL);
    CHECK_EQ(times(&used), 12 * CLOCKS_PER_SEC + 345678901ull * CLOCKS_PER_SEC / S);
    CHECK_EQ(used.tms_utime, times(&used));
    CHECK(!used.tms_stime && !used.tms_cutime && !used.tms_cstime);
}

/* ---- The heap ------------------------------------------------------------------------------ */

static bool is_refused(ptrdiff_t by)
{
    errno = 0;
    return sbrk(by) == (void *)-1 && errno == ENOMEM;
}

static void test_heap(void)
{
    static u8 memory[KIB(768)];
    const size_t step = KIB(256);

    kernel.heap = memory;
    kernel.most = 5 * step / 2;
    kernel.refused_above = SIZE_MAX;
    CHECK(sbrk(0) == memory && !kernel.commits);
    CHECK(sbrk(10) == memory && kernel.committed == step);
    CHECK(sbrk((ptrdiff_t)step - 10) == memory + 10 && kernel.commits == 1);
    CHECK(sbrk(1) == memory + step && kernel.committed == 2 * step);
    CHECK(sbrk(-1) == memory + step + 1 && sbrk(0) == memory + step);
    /* Where a whole step does not fit, as much as is wanted may. */
    CHECK(sbrk((ptrdiff_t)step + 1) == memory + step && kernel.committed == 2 * step + 1);
    CHECK(is_refused((ptrdiff_t)step) && is_refused(PTRDIFF_MAX) && is_refused(PTRDIFF_MIN));
    CHECK(is_refused(-(ptrdiff_t)(2 * step + 2)));
    kernel.refused_above = 2 * step + 100;
    CHECK(sbrk(99) == memory + 2 * step + 1 && kernel.committed == 2 * step + 100);
    CHECK(is_refused(1));
    CHECK(sbrk(0) == memory + 2 * step + 100);
    CHECK(sbrk(-(ptrdiff_t)(2 * step + 100)) == memory + 2 * step + 100 && sbrk(0) == memory);
}

static void test_aligned_memory(void)
{
    void *p = NULL;

    errno = 17;
    for (size_t alignment = sizeof(void *); alignment <= 4096; alignment *= 2) {
        CHECK_EQ(posix_memalign(&p, alignment, 10), 0);
        CHECK_EQ((u64)p % alignment, 0);
        free(p);
    }
    CHECK_EQ(posix_memalign(&p, 0, 10), EINVAL);
    CHECK_EQ(posix_memalign(&p, 4, 10), EINVAL);
    CHECK_EQ(posix_memalign(&p, 24, 10), EINVAL);
    CHECK_EQ(errno, 17); /* it returns its errors, and leaves errno alone */
}

/* ---- Arithmetic ---------------------------------------------------------------------------- */

static u128 random_u128(void)
{
    const u32 shift = random_u64() % 128;

    return ((u128)random_u64() << 64 | random_u64()) >> shift;
}

static void check_division(u128 n, u128 d)
{
    u128 rest;
    s128 signed_rest;

    CHECK(__udivti3(n, d) == n / d && __umodti3(n, d) == n % d);
    CHECK(__udivmodti4(n, d, &rest) == n / d && rest == n % d);
    if ((s128)d == -1 && n == (u128)1 << 127) /* overflows */
        return;
    CHECK(__divti3((s128)n, (s128)d) == (s128)n / (s128)d);
    CHECK(__modti3((s128)n, (s128)d) == (s128)n % (s128)d);
    CHECK(__divmodti4((s128)n, (s128)d, &signed_rest) == (s128)n / (s128)d);
    CHECK(signed_rest == (s128)n % (s128)d);
}

static void test_arithmetic(void)
{
    const u128 top = (u128)1 << 127;

    for (u32 i = 0; i < 20000; i++) {
        const u128 n = random_u128(), d = random_u128();

        if (!d)
            continue;
        check_division(n, d);
        check_division(-n, d);
        check_division(n, -d);
        check_division(n, n ? n : 1);
    }
    check_division(~(u128)0, top);
    check_division(~(u128)0, top + 1);
    check_division(top, top - 1);
    check_division(top, 1);
}

/* ---- The arguments of main() --------------------------------------------------------------- */

static jmp_buf left_main;
static int status;
static char said[4096];

/* exit() as called by start.c, which is compiled with this name. */
_Noreturn void port_exit(int value);

void port_exit(int value)
{
    status = value;
    longjmp(left_main, 1);
}

static int say_all(int argc, char **argv, char **environment)
{
    said[0] = '\0';
    CHECK(!argv[argc]);
    for (int i = 0; i < argc; i++)
        strcat(strcat(said, argv[i]), ",");
    for (; *environment; environment++)
        strcat(strcat(said, " "), *environment);
    return argc;
}

static const char *start_with(const char *words)
{
    static const struct libc_app app = {.named = {"program"}, .main = say_all};
    char **const mine = environ;

    if (!setjmp(left_main))
        libc_start(&app, words);
    environ = mine;
    return said;
}

static void test_words(void)
{
    char many[201] = "A=1";

    for (int i = 3; i < 200; i++)
        many[i] = i % 2 ? ' ' : 'x';
    CHECK_STR(start_with(""), "program,");
    CHECK_STR(start_with("  one\ttwo "), "program,one,two,");
    CHECK_EQ(status, 3);
    CHECK_STR(start_with("A=1 one B=2"), "program,one,B=2, A=1");
    CHECK_EQ(strlen(start_with(many)), strlen("program,") + 62 * strlen("x,") + strlen(" A=1"));
    CHECK_EQ(status, 63); /* what does not fit is left off */
}

int main(void)
{
    RUN(test_sleeps);
    RUN(test_sleeps_end_at_their_time_at_the_earliest);
    RUN(test_sleeps_that_a_signal_ends);
    RUN(test_clocks);
    RUN(test_heap);
    RUN(test_aligned_memory);
    RUN(test_arithmetic);
    RUN(test_words);
    return finish("newlib");
}
