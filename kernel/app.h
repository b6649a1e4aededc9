/* SPDX-License-Identifier: MIT */
/* Programs on newlib: kernel/app.c, and kernel/app_wait.c for their threads. */
#ifndef KERNEL_APP_H
#define KERNEL_APP_H

/*
 * Let the calling thread use libc. Call it always in the same thread; call it again after %fs was
 * used for something else. Does nothing in an image without newlib.
 */
void app_attach_libc(void);

#endif
