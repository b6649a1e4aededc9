/*
 * All that the port of newlib asks of the kernel, and all that the kernel knows of the port.
 * kernel/app.c keeps the promises; nothing else of the kernel is called by what stands on libc. The
 * types are the compiler's own: this header is read beside newlib's headers and beside the
 * kernel's, which disagree about names.
 */
#ifndef LIB_NEWLIB_SERVICES_H
#define LIB_NEWLIB_SERVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A program in the image; the linker gathers them (lib/newlib/entry.c makes one a program). */
struct libc_app {
    const char *name;
    int (*main)(int argc, char **argv, char **environment);
    /* start.c. words: what follows "--" on the command line. Never returns. */
    void (*start)(const struct libc_app *app, const char *words);
};

/* Writes len bytes to the console. */
void libc_console_write(const void *bytes, size_t len);

/* Waits for a byte of console input. */
int libc_console_read(void);

/* Nanoseconds: of a clock that never goes back, and since 1970. */
uint64_t libc_clock_ns(void);
uint64_t libc_wallclock_ns(void);

/* Returns when libc_clock_ns has reached the deadline. */
void libc_sleep_until(uint64_t deadline);

/* Fills with random bytes (kernel/random.h says how random). */
void libc_random(void *to, size_t len);

/*
 * The heap is one range of addresses: libc_heap_base tells its start and the most that it can hold.
 * libc_heap_commit makes its first size bytes memory, zeroed when they become so for the first
 * time; false if there is not that much. It never takes any back.
 */
void *libc_heap_base(size_t *most);
bool libc_heap_commit(size_t size);

/* The boot module's bytes, or NULL. */
const void *libc_module(size_t *size);

/* Ends the program with its exit status: 0 is a pass. */
_Noreturn void libc_exit(int status);

/* Ends the program as a crash, with a backtrace. */
_Noreturn void libc_killed(const char *why);

#endif
