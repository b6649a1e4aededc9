/* SPDX-License-Identifier: MIT */
/*
 * Xenstore: a tree of names and values that the toolstack, its daemons and the guests of one host
 * share. A guest reads there what it was given (memory, CPUs, devices), and devices' two halves
 * find each other in it. docs/drivers.md is the introduction.
 *
 * A path that does not begin with a slash is below the guest's own folder, /local/domain/N. A value
 * is bytes, mostly text, at most XS_PAYLOAD_MAX.
 *
 * All functions return a negated error (xs_error_name prints it): the daemon's own, such as -ENOENT
 * and -EACCES; -ENODEV without a xenstore; -ETIME if a suspend did not end, or the daemon did not
 * answer, within XENSTORE_PATIENCE_NS; -EIO if it broke the protocol, after which no call works any
 * more. Context: thread, interrupts enabled, no spinlock held.
 */
#ifndef DRIVERS_XENSTORE_H
#define DRIVERS_XENSTORE_H

#include "drivers/xenstore_wire.h"
#include "kernel/thread.h"

#define XENSTORE_PATIENCE_NS (20 * NS_PER_S)

/* The transaction of calls that are not part of one. */
#define XENSTORE_NO_TRANSACTION 0

/* Return NULL if the daemon can be asked; otherwise the reason, in words. */
const char *xenstore_absence(void);

/*
 * Read a value and end it with a zero byte. Return its length without that; -E2BIG if it does not
 * fit into size bytes.
 */
s64 xenstore_read(u32 tx, const char *path, char *value, size_t size);

/* Read a decimal number. Return 0; -EINVAL if the value is another text. */
int xenstore_read_number(u32 tx, const char *path, u64 *number);

/* Write text to a node, which is made if it is missing. */
int xenstore_write(u32 tx, const char *path, const char *value);
int xenstore_write_bytes(u32 tx, const char *path, const void *value, size_t len);
int xenstore_printf(u32 tx, const char *path, const char *fmt, ...) __printf(3, 4);

/* Make a node without a value; 0 if it is there. */
int xenstore_mkdir(u32 tx, const char *path);

/* Remove a node and all below it. */
int xenstore_remove(u32 tx, const char *path);

/*
 * Store the names of a node's children, each with its zero byte (xs_next_string visits them).
 * Return how many bytes; -E2BIG if they do not fit into size bytes, or into a message.
 */
s64 xenstore_list(u32 tx, const char *path, char *names, size_t size);

/* Read up to most permissions, and return how many; or replace them. */
int xenstore_get_permissions(u32 tx, const char *path, struct xs_permission *p, u32 most);
int xenstore_set_permissions(u32 tx, const char *path, const struct xs_permission *p, u32 count);

/*
 * Call body(tx, arg), whose calls with tx take effect all together or not at all: all if body
 * returns 0 or more, which is then returned. body is called again if another client has changed
 * what it used, up to XENSTORE_ATTEMPTS times; after that return -EAGAIN.
 */
#define XENSTORE_ATTEMPTS 100
int xenstore_transaction(int (*body)(u32 tx, void *arg), void *arg);

/*
 * A watch: changed(watch) is called in xenstore's thread after a change of the node or of one below
 * it, once at the start, and once after each restore. Changes are merged, so look at the tree to
 * learn which there were. Zeroed but for path and changed at first; the owner keeps it until
 * xenstore_unwatch has returned.
 */
struct xenstore_watch {
    const char *path;
    void (*changed)(struct xenstore_watch *watch);
    u32 token;
    bool fired, renew; /* to be called, and to be asked for again, by xenstore's thread */
    struct xenstore_watch *next;
};
int xenstore_watch(struct xenstore_watch *watch);

/* When this returns, changed does not run, unless changed itself calls. */
int xenstore_unwatch(struct xenstore_watch *watch);

/* What has happened since the start, for tests and reports. */
struct xenstore_counts {
    u64 calls, events, timeouts;
    u64 strays;       /* answers and events that belong to nothing */
    u64 lost_watches; /* refused after a restore */
};
extern struct xenstore_counts xenstore_counts;

/* ---- xenstore.c, for xenstore_watch.c and xenstore_transaction.c */

/* A part of a request. */
struct xs_part {
    const void *bytes;
    size_t len;
};

/* Send a request; store up to size bytes of the answer. Return the answer's length or an error. */
s64 xenstore_call(enum xs_type type, u32 tx, const struct xs_part *parts, u32 count, void *answer,
                  size_t size);

/*
 * Begin to use the connection: a suspend waits until xenstore_end(). Return 0; -ENODEV; or -ETIME
 * if a suspend is in progress for too long.
 */
int xenstore_begin(void);
void xenstore_end(void);

/* xenstore_call() between these two. */
s64 xenstore_call_in_use(enum xs_type type, u32 tx, const struct xs_part *parts, u32 count,
                         void *answer, size_t size);

/* xenstore_watch.c: note an event; called with xenstore_queue's lock held. False: no such watch. */
bool xenstore_note_event(const char *token);
/* xenstore_watch.c: start the thread; ask a new daemon for all watches. */
bool xenstore_watches_start(void);
void xenstore_watches_renew(void);

/* All waiters of xenstore; its lock guards the connection and the watches. */
extern struct wait_queue xenstore_queue;

#endif
