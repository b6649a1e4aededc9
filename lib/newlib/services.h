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

#include "lib/named.h"

/* A program in the image; the linker gathers them (lib/newlib/entry.c makes one a program). */
struct libc_app {
    struct named named;
    int (*main)(int argc, char **argv, char **environment);
    /* start.c. words: what follows "--" on the command line. Never returns. */
    void (*start)(const struct libc_app *app, const char *words);
    /* libc_enter: that a program names it is what links the services into the image. */
    void (*enter)(const struct libc_app *app);
};

/* Calls start on a stack of the program's own. Never returns. */
void libc_enter(const struct libc_app *app);

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

/* Memory of whole pages, with an unmapped one below and above it; NULL if there is none. */
void *libc_pages(size_t size);
void libc_pages_free(void *pages);

/*
 * Starts run(arg) in a new thread, on any CPU, with a stack of its own, and the base of its
 * thread-local storage in %fs. NULL if there are too many. run ends by libc_thread_exit. Joined
 * once, from when on its stack is not in use.
 */
struct libc_thread {
    const char *name;
    void *stack;
    size_t stack_size;
    void *storage;
    void (*run)(void *arg);
    void *arg;
};
void *libc_thread_start(const struct libc_thread *thread);
void libc_thread_join(void *thread);
_Noreturn void libc_thread_exit(void);
void libc_thread_yield(void);

/* The calling thread's, for one that libc_thread_start has not made. */
void libc_set_storage(void *base);

/* CPUs that run threads, and the one that runs this. */
unsigned libc_cpus(void);
unsigned libc_cpu(void);

/*
 * Waits as long as *word is value, until libc_wake of the word, or until the deadline (of
 * libc_clock_ns; UINT64_MAX: none). False if it was the deadline. libc_wake wakes up to count
 * waiters, those first that came first.
 */
bool libc_wait(const uint32_t *word, uint32_t value, uint64_t deadline);
void libc_wake(const uint32_t *word, unsigned count);

/* threads.c: makes the thread that calls first able to use libc. The linker gathers it in .libc. */
typedef void libc_attach_fn(void);

/* The boot module's bytes, or NULL. */
const void *libc_module(size_t *size);

/* Ends the program with its exit status: 0 is a pass. */
_Noreturn void libc_exit(int status);

/* Ends the program as a crash, with a backtrace. */
_Noreturn void libc_killed(const char *why);

#endif
