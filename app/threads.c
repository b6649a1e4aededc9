/* SPDX-License-Identifier: MIT */
/*
 * Threads on several CPUs. A range of numbers is cut into parts; each thread fetches the next part,
 * and adds the squares of its primes to a common checksum, which is the same however the parts were
 * distributed.
 *     ./run.sh boot --run app:threads --smp 4          on a host: cc -pthread app/threads.c
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS 8
#define PARTS   256
#define PART    400 /* numbers in a part */

#ifdef __paravane__
int sched_getcpu(void); /* newlib's sched.h does not declare it */
#endif

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_here = PTHREAD_COND_INITIALIZER;
static int here, next_part;
static unsigned long long checksum;
static int parts_on_cpu[64];
static __thread int my_parts;

static int is_prime(int n)
{
    for (int d = 2; d * d <= n; d++)
        if (n % d == 0)
            return 0;
    return n > 1;
}

/* Wait until all threads have arrived, so that they start together. */
static void wait_for_all(void)
{
    pthread_mutex_lock(&lock);
    here++;
    pthread_cond_broadcast(&all_here);
    while (here < THREADS)
        pthread_cond_wait(&all_here, &lock);
    pthread_mutex_unlock(&lock);
}

static int fetch_part(void)
{
    int part;

    pthread_mutex_lock(&lock);
    part = next_part < PARTS ? next_part++ : -1;
    pthread_mutex_unlock(&lock);
    return part;
}

static void *work(void *argument)
{
    int part;

    wait_for_all();
    while ((part = fetch_part()) >= 0) {
        unsigned long long sum = 0;

        for (int n = part * PART; n < (part + 1) * PART; n++)
            sum += is_prime(n) ? (unsigned long long)n * n : 0;
        my_parts++;
        pthread_mutex_lock(&lock);
        checksum = checksum + sum * (unsigned long long)(part + 1);
        parts_on_cpu[sched_getcpu() % 64]++;
        pthread_mutex_unlock(&lock);
    }
    *(int *)argument = my_parts;
    return argument;
}

int main(void)
{
    pthread_t threads[THREADS];
    int parts[THREADS], total = 0, cpus = 0;

    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, work, &parts[i])) {
            puts("cannot start a thread");
            return 1;
        }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        total += parts[i];
    }
    for (int cpu = 0; cpu < 64; cpu++)
        if (parts_on_cpu[cpu]) {
            printf("CPU %d: %d parts\n", cpu, parts_on_cpu[cpu]);
            cpus++;
        }
    printf("%d parts by %d threads on %d of %ld CPUs, checksum %016llx\n", total, THREADS, cpus,
           sysconf(_SC_NPROCESSORS_ONLN), checksum);
    return 0;
}
