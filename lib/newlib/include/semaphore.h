/* SPDX-License-Identifier: MIT */
/* Semaphores (IEEE Std 1003.1-2017): newlib has no semaphore.h of its own. */
#ifndef LIB_NEWLIB_SEMAPHORE_H
#define LIB_NEWLIB_SEMAPHORE_H

#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SEM_VALUE_MAX 0x7fffffff

typedef struct {
    unsigned __value, __waiters, __initialised;
} sem_t;

int sem_init(sem_t *sem, int shared, unsigned value);
int sem_destroy(sem_t *sem);
int sem_wait(sem_t *sem);
int sem_trywait(sem_t *sem);
int sem_timedwait(sem_t *__restrict sem, const struct timespec *__restrict time);
int sem_clockwait(sem_t *__restrict sem, clockid_t clock, const struct timespec *__restrict time);
int sem_post(sem_t *sem);
int sem_getvalue(sem_t *__restrict sem, int *__restrict value);

#define SEM_FAILED ((sem_t *)0)

sem_t *sem_open(const char *name, int flags, ...); /* with O_CREAT: mode, unsigned value */
int sem_close(sem_t *sem);
int sem_unlink(const char *name);

#ifdef __cplusplus
}
#endif

#endif
