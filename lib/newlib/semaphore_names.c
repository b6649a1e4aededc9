/* SPDX-License-Identifier: MIT */
/*
 * Semaphores with a name (sem_open, sem_close, sem_unlink): a list of those that exist. There is
 * one process, so they are ordinary semaphores in its memory, and gone at its end. A semaphore is
 * freed when it has neither a name nor a sem_open that was not closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "lib/newlib/thread.h"

struct named_sem {
    struct named_sem *next;
    sem_t sem;
    unsigned opened; /* times that it was opened and not closed */
    bool has_name;
    char name[];
};

static struct __lock list_lock;
static struct named_sem *list; /* Guarded by: list_lock. */

/* Return 0, or why it cannot be a name. */
static int name_error(const char *name)
{
    const char *const rest = name[0] == '/' ? name + 1 : name;

    if (!rest[0] || strchr(rest, '/'))
        return EINVAL;
    return strlen(rest) > NAME_MAX ? ENAMETOOLONG : 0;
}

static struct named_sem *find(const char *name)
{
    struct named_sem *n = list;

    while (n && !(n->has_name && !strcmp(n->name, name)))
        n = n->next;
    return n;
}

static struct named_sem *create(const char *name, unsigned value, int *error)
{
    struct named_sem *const n = malloc(sizeof(*n) + strlen(name) + 1);

    *error = ENOMEM;
    if (!n)
        return NULL;
    if (sem_init(&n->sem, 0, value)) {
        *error = errno;
        free(n);
        return NULL;
    }
    strcpy(n->name, name);
    n->has_name = true;
    n->opened = 0;
    n->next = list;
    list = n;
    return n;
}

/* Free a semaphore that cannot be reached any more. */
static void free_unused(struct named_sem *n)
{
    struct named_sem **at = &list;

    if (n->opened || n->has_name)
        return;
    while (*at != n)
        at = &(*at)->next;
    *at = n->next;
    free(n);
}

sem_t *sem_open(const char *name, int flags, ...)
{
    int error = name_error(name);
    struct named_sem *n;
    unsigned value = 0;
    va_list arguments;

    if (flags & O_CREAT) {
        va_start(arguments, flags);
        (void)va_arg(arguments, unsigned); /* the mode: there is one user */
        value = va_arg(arguments, unsigned);
        va_end(arguments);
    }
    if (error) {
        errno = error;
        return SEM_FAILED;
    }
    __retarget_lock_acquire(&list_lock);
    n = find(name);
    if (n && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) {
        error = EEXIST;
        n = NULL;
    } else if (!n && !(flags & O_CREAT)) {
        error = ENOENT;
    } else if (!n) {
        n = create(name, value, &error);
    }
    if (n)
        n->opened++;
    __retarget_lock_release(&list_lock);
    if (n)
        return &n->sem;
    errno = error;
    return SEM_FAILED;
}

int sem_close(sem_t *sem)
{
    struct named_sem *n;

    __retarget_lock_acquire(&list_lock);
    for (n = list; n && !(&n->sem == sem && n->opened); n = n->next)
        continue;
    if (n) {
        n->opened--;
        free_unused(n);
    }
    __retarget_lock_release(&list_lock);
    if (n)
        return 0;
    errno = EINVAL;
    return -1;
}

int sem_unlink(const char *name)
{
    int error = name_error(name);
    struct named_sem *n = NULL;

    if (!error) {
        __retarget_lock_acquire(&list_lock);
        n = find(name);
        if (n) {
            n->has_name = false;
            free_unused(n);
        }
        __retarget_lock_release(&list_lock);
    }
    if (n)
        return 0;
    errno = error == ENAMETOOLONG ? error : ENOENT;
    return -1;
}
