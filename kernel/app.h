/* Programs on newlib: kernel/app.c, and for their threads kernel/app_wait.c. */
#ifndef KERNEL_APP_H
#define KERNEL_APP_H

/*
 * Makes the calling thread, always the same one, able to use libc, again if %fs was put to another
 * use. Does nothing without newlib.
 */
void app_attach_libc(void);

#endif
