/* SPDX-License-Identifier: MIT */
/*
 * How a program reaches the kernel: all that lib/newlib, the runtime of programs, may call.
 *
 * A program is C code on newlib, linked into the image and started by run=app:NAME. It is a
 * unikernel: it runs in the kernel's address space and at its privilege, so a service is a plain
 * function call, and there are no system calls. The way of one printf:
 *
 *   app/hello.c        printf
 *   newlib's libc.a    printf, ... _write_r
 *   lib/newlib/        write (files.c): descriptors, errno, POSIX's rules
 *   kernel/app.c       libc_console_write: the service, declared here
 *
 * The layers stay apart although they are linked into one image. Programs, newlib and lib/newlib
 * are first linked into one object in which every name is local (tools/build/programs.mk), so
 * newlib's memcpy does not meet the kernel's. That object includes and calls this header and
 * nothing else of the kernel. The kernel finds programs by linker sections: .apps holds a struct
 * libc_app for each, .libc the function that attaches a thread to libc.
 *
 * The types here are the compiler's own, because this header is read beside newlib's headers and
 * beside the kernel's, and these two define the same names differently.
 *
 * Context of all: a thread, interrupts enabled, no spinlock held. They may sleep.
 */
#ifndef KERNEL_SERVICES_H
#define KERNEL_SERVICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/named.h"

/* ---- Programs ------------------------------------------------------------------------------- */

typedef void libc_function(void);

/* A program's constructors or destructors, in the order in which constructors run. */
struct libc_functions {
    libc_function *const *first, *const *end;
};

/* A program in the image; lib/newlib/entry.c is compiled once for each. */
struct libc_app {
    struct named named;
    int (*main)(int argc, char **argv, char **environment);
    /* libc_start (lib/newlib/start.c). words: what follows "--" on the command line. */
    void (*start)(const struct libc_app *app, const char *words);
    /* libc_enter: this reference is what makes the linker include the services in the image. */
    void (*enter)(const struct libc_app *app);
    struct libc_functions constructors, destructors;
};

/* Call app->start on a stack of the program's own. Never returns. */
void libc_enter(const struct libc_app *app);

/* Make the thread that calls it first able to use libc (lib/newlib/threads.c; section .libc). */
typedef void libc_attach_fn(void);

/* End the program with its exit status; 0 is a pass. */
_Noreturn void libc_exit(int status);

/* End the program as a crash, with a backtrace. why completes the sentence "killed by ...". */
_Noreturn void libc_killed(const char *why);

/* Return the bytes of the boot module, which is the root file system, or NULL. */
const void *libc_module(size_t *size);

/* ---- Console, time, random numbers ---------------------------------------------------------- */

/* Write len bytes to the console. */
void libc_console_write(const void *bytes, size_t len);

/* What is at the other end of the console's input: input= of the command line. */
enum libc_console {
    LIBC_CONSOLE_KEYS,  /* a person: each byte as it is typed, Ctrl-D included */
    LIBC_CONSOLE_LINES, /* ./run.sh at a terminal: edited lines, and the end of input */
    LIBC_CONSOLE_PIPE,  /* ./run.sh with a file or a pipe as its standard input: any bytes */
};
enum libc_console libc_console_kind(void);

/*
 * Wait for console input, and return how many bytes were read, 1 to len; 0 at the end of the input;
 * LIBC_CONSOLE_SILENT if the other end does not answer, which is reported once. One thread at a
 * time.
 */
#define LIBC_CONSOLE_SILENT (-1)
int libc_console_read(void *to, size_t len);

/* As libc_console_read, but return LIBC_CONSOLE_INTERRUPTED if *word has one of the bits first. */
struct libc_interrupt {
    const uint32_t *word;
    uint32_t bits;
};
#define LIBC_CONSOLE_INTERRUPTED (-2)
int libc_console_read_interruptible(void *to, size_t len, struct libc_interrupt interrupt);

/* Return nanoseconds: of a monotonic clock, and since 1970-01-01 00:00:00 UTC. */
uint64_t libc_clock_ns(void);
uint64_t libc_wallclock_ns(void);

/* Fill len bytes with random ones (kernel/random.h specifies their quality). */
void libc_random(void *to, size_t len);

/* ---- Disks ---------------------------------------------------------------------------------- */

/*
 * Disks by index, from 0 on. One that is detached keeps its index and its name, and has the size 0
 * until it is attached again.
 */
unsigned libc_disks(void);
const char *libc_disk_name(unsigned index);
uint64_t libc_disk_size(unsigned index); /* bytes */

/*
 * Read or write bytes of a disk, or make durable what was written. Return 0, or a negated errno:
 * -ENXIO if the disk is not attached or the range is not inside of it, -EROFS, -EIO.
 */
int libc_disk_read(unsigned index, uint64_t at, void *to, size_t len);
int libc_disk_write(unsigned index, uint64_t at, const void *from, size_t len);
int libc_disk_flush(unsigned index);

/* ---- Network interfaces --------------------------------------------------------------------- */

/*
 * Interfaces by index, from 0 on. One that is detached keeps its index and its name, and is down
 * until it is attached again.
 */
unsigned libc_nets(void);
const char *libc_net_name(unsigned index);

struct libc_net_properties {
    uint8_t mac[6];
    bool up;
    bool sends_blank, sends_segments; /* what a struct libc_net_frame may ask for */
    uint32_t mtu;                     /* bytes of a frame's payload */
    uint32_t ups;                     /* how often it came up */
};
void libc_net_properties(unsigned index, struct libc_net_properties *properties);

/* What is known of the TCP or UDP checksum in a frame (kernel/net.h). */
enum libc_net_checksum {
    LIBC_NET_CHECKSUM_WHOLE,
    LIBC_NET_CHECKSUM_VALID,
    LIBC_NET_CHECKSUM_BLANK,
};

/* As struct netif_frame (kernel/net.h). */
struct libc_net_frame {
    uint32_t len;
    enum libc_net_checksum checksum;
    uint16_t segment;
};

/*
 * Have an interface's frames, send and receive them (kernel/net.h, netif_open and the like). Return
 * 0 or a negated errno: -EBUSY if it is open, -ENXIO if it is down; -EINVAL for a frame that cannot
 * be sent; -ETIME.
 */
int libc_net_open(unsigned index);
void libc_net_close(unsigned index);
int libc_net_send(unsigned index, const void *bytes, const struct libc_net_frame *frame);
int libc_net_receive(unsigned index, void *bytes, struct libc_net_frame *frame, uint64_t ns);

/* ---- Memory --------------------------------------------------------------------------------- */

/*
 * The heap is one range of addresses. libc_heap_base returns its start, and its size in *most.
 * libc_heap_commit makes the first size bytes of it usable: memory, zeroed when it is added. It
 * returns false without memory, and never removes any.
 */
void *libc_heap_base(size_t *most);
bool libc_heap_commit(size_t size);

/* Return size bytes in whole pages, with an unmapped page below and above, or NULL. */
void *libc_pages(size_t size);
void libc_pages_free(void *pages);

/* ---- Threads -------------------------------------------------------------------------------- */

/*
 * Start run(arg) in a new thread, on any CPU, on this stack (of libc_pages), with storage as the
 * base of %fs, where its thread-local storage ends. Return NULL if there are too many threads. run
 * must end by libc_thread_exit. Each thread must be joined once; after that its stack is unused.
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

/* Set the base of %fs of a thread that libc_thread_start has not made: that of main(). */
void libc_set_storage(void *base);

/* Return how many CPUs run threads, and the number of the one that runs this thread. */
unsigned libc_cpus(void);
unsigned libc_cpu(void);

/*
 * Wait on a word of memory (Linux: futex): sleep while *word is value, until libc_wake of the same
 * address or until the deadline, in terms of libc_clock_ns; UINT64_MAX for none. Return false only
 * if the deadline passed. libc_wake wakes up to count waiters, the longest waiting first.
 */
bool libc_wait(const uint32_t *word, uint32_t value, uint64_t deadline);

/*
 * As libc_wait, but sleep only while *interrupt has none of these bits, too. libc_wake of either
 * address wakes the thread, so it does not miss a store to either word that is followed by
 * libc_wake.
 */
bool libc_wait_interruptible(const uint32_t *word, uint32_t value, struct libc_interrupt interrupt,
                             uint64_t deadline);
void libc_wake(const uint32_t *word, unsigned count);

/* ---- Signals -------------------------------------------------------------------------------- */

/* The registers of interrupted code of the program, and why it was interrupted. */
struct libc_context {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint64_t rip, rflags, rsp;
    uint64_t vector, error, address;               /* of an exception; address: of a page fault */
    uint8_t fpu[512] __attribute__((aligned(16))); /* as fxsave64 stores it */
};

/*
 * What the kernel calls in the program, on the stack that it has interrupted, or on the alternate
 * one if the stack has overflowed. The FPU is in its default state. exception returns false if the
 * program does not handle the exception, which then ends the run. Otherwise, and after interrupt,
 * the program continues as the context then says. Both may also leave by longjmp. interrupt is the
 * consequence of libc_interrupt; libc_wait also returns for signals, so it is not called there.
 */
struct libc_hooks {
    bool (*exception)(struct libc_context *context);
    void (*interrupt)(struct libc_context *context);
};
void libc_set_hooks(const struct libc_hooks *hooks);

/* Return what libc_thread_start has returned for the calling thread; main()'s thread has one too.
 */
void *libc_thread_self(void);

/* Have another thread call hooks->interrupt soon. */
void libc_interrupt(void *thread);

/*
 * The calling thread's alternate stack; size 0: none. libc_call_on_alternate calls run(arg) on it.
 * To leave run by longjmp, call libc_leave_alternate first, and then, on the thread's own stack,
 * libc_on_own_stack.
 */
void libc_set_alternate(void *base, size_t size);
void libc_call_on_alternate(void (*run)(void *arg), void *arg);
void libc_leave_alternate(void);
void libc_on_own_stack(void);

#endif
