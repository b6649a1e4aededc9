/* SPDX-License-Identifier: MIT */
/*
 * Devices that backends in other domains serve: which there are, and how a driver's half comes
 * together with the other (drivers/xenbus_state.h). The toolstack lists a guest's devices in
 * xenstore, device/CLASS/NUMBER, with the path of the backend's half; a driver serves one class.
 *
 * One thread, bound to CPU 0, reads all of that and calls the drivers: one call at a time, so that
 * a driver's functions need not expect each other. They may sleep, and ask xenstore.
 */
#ifndef DRIVERS_XENBUS_H
#define DRIVERS_XENBUS_H

#include "drivers/xenbus_state.h"
#include "drivers/xenstore.h"

#define XENBUS_PATH_MAX 128

struct xenbus_device {
    const struct xenbus_driver *driver;
    void *data; /* the driver's own */
    u64 number;
    char path[XENBUS_PATH_MAX];    /* of the frontend's nodes: device/CLASS/NUMBER */
    char backend[XENBUS_PATH_MAX]; /* of the backend's; empty if not known */
    u32 domain;                    /* the backend's */
    enum xenbus_state front;
    u64 back;     /* the backend's state when it was last read */
    bool refused; /* by the driver: not an error of the connection, and not tried again */
    bool broken;  /* set by the driver in any context: the backend breaks its protocol */
    /* ---- xenbus.c */
    struct xenbus_device *next;
    struct xenstore_watch watch;
    char watch_path[XENBUS_PATH_MAX];
    bool watched, present, unreleased, expected; /* expected: restored, and not connected yet */
    enum xenbus_state asked; /* what was published to have the backend change its state, or 0 */
};

struct xenbus_driver {
    const char *class;
    /*
     * What the frontend publishes after connect: XENBUS_INITIALISED, or XENBUS_CONNECTED for a
     * class whose backends connect only after the frontend.
     */
    enum xenbus_state published;
    /* Make the driver's part of a new device. Return false if it cannot serve it, and report it. */
    bool (*add)(struct xenbus_device *d);
    /* The backend is there: publish what it needs. Return 0 or an error. */
    int (*connect)(struct xenbus_device *d);
    /* The backend is connected: read the device's properties. Return 0 or an error. */
    int (*finish)(struct xenbus_device *d);
    /*
     * End the connection: let the backend finish what is outstanding, unless lost, and listen to it
     * no more. Also called after an error of connect or finish.
     */
    void (*disconnect)(struct xenbus_device *d, bool lost);
    /*
     * Take back the grants that the backend does not use any more. Return whether all are taken
     * back. Called after disconnect, at each change of the backend's state until it returns true.
     */
    bool (*release)(struct xenbus_device *d);
    /* Before a suspend: let the backend finish what is outstanding, and begin nothing. */
    void (*hold)(struct xenbus_device *d);
    /* After a suspend that was cancelled: continue. */
    void (*resume)(struct xenbus_device *d);
    /* After a restore: forget lines and grants. connect is called when the new backend is there. */
    void (*restored)(struct xenbus_device *d);
};

/* Add the driver of a class. Context: its start (kernel/driver.h). */
struct xenbus_class {
    const struct xenbus_driver *driver;
    struct xenbus_class *next;
};
void xenbus_register(struct xenbus_class *class);

/* Have the thread look at all devices, because the driver has set broken. Context: any but NMI. */
void xenbus_kick(void);

/* Read a number of the backend's; absent if it is missing or not a number. */
u64 xenbus_backend_number(const struct xenbus_device *d, const char *name, u64 absent);

/* Write a number below the device's own path. */
int xenbus_write(u32 tx, const struct xenbus_device *d, const char *name, u64 number);

#endif
