/* SPDX-License-Identifier: MIT */
/* The objects on which lwIP's threads wait for each other (sys_arch.c). */
#ifndef ARCH_SYS_ARCH_H
#define ARCH_SYS_ARCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/lock.h>

#include "lib/newlib/thread.h"

typedef struct {
    uint32_t value;   /* on which waiters sleep while it is 0 */
    uint32_t waiters; /* how many threads may be sleeping */
    bool valid;
} sys_sem_t;

#define sys_sem_valid(sem)       ((sem)->valid)
#define sys_sem_set_invalid(sem) ((sem)->valid = false)

typedef struct __lock sys_mutex_t;

struct sys_mbox;
typedef struct sys_mbox *sys_mbox_t;

#define sys_mbox_valid(mbox)       (*(mbox) != NULL)
#define sys_mbox_set_invalid(mbox) (*(mbox) = NULL)

typedef pthread_t sys_thread_t;

/* Return the calling thread's own semaphore, which is 0 outside of lwIP. */
sys_sem_t *sys_thread_sem(void);

#endif
