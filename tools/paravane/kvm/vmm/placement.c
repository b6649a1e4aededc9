/* SPDX-License-Identifier: MIT */
/*
 * Choose the physical CPU that runs a virtual one. The thread of virtual CPU n is bound to physical
 * CPU n modulo their number, because QEMU may end otherwise if guests have hardware breakpoints
 * (docs/facts.md). With the option "move" one virtual CPU after another is moved to the next
 * physical CPU, all the time.
 */
#define _GNU_SOURCE
#include "vmm.h"
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define MOVE_US 5000

static pid_t threads[CPUS_MAX];
static uint32_t physical;

static void bind_thread(pid_t thread, uint32_t cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(thread, sizeof(set), &set))
        end(EXIT_FAULT, "sched_setaffinity of physical CPU %u: %s", cpu, strerror(errno));
}

void place_vcpu(uint32_t id)
{
    threads[id] = gettid();
    bind_thread(threads[id], id % physical);
}

void *move_vcpus(void *unused)
{
    (void)unused;
    for (uint32_t turn = 0;; turn++) {
        const uint32_t id = turn % machine.cpus;

        usleep(MOVE_US);
        if (threads[id])
            bind_thread(threads[id], (id + 1 + turn / machine.cpus) % physical);
        machine.moves++;
    }
}

void count_physical_cpus(void)
{
    physical = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
    if (options.move && physical < 2)
        end(EXIT_FAULT, "the option move, which needs two physical CPUs (--pcpus 2)");
}
