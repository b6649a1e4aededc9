/* SPDX-License-Identifier: MIT */
/*
 * The payload "app": run=app:NAME runs a program of the image, a unikernel. Also the services that
 * newlib's port needs of the kernel (kernel/services.h), each a few lines on the kernel's own
 * functions. app_run finds the program; its first function is libc_start (lib/newlib/start.c),
 * which calls main().
 */
#include "kernel/app.h"
#include "kernel/app_input.h"
#include "kernel/console.h"
#include "kernel/kernel.h"
#include "kernel/panic.h"
#include "kernel/random.h"
#include "kernel/registry.h"
#include "kernel/services.h"
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "lib/input_frame.h"
#include "lib/scale.h"
#include "mm/frame.h"
#include "mm/mm.h"
#include "mm/space.h"
#include "mm/vmap.h"
#include "pv/pv.h"

extern const struct libc_app _apps_start[], _apps_end[];
extern libc_attach_fn *const _libc_start[], *const _libc_end[];

/*
 * The program's last output did not end with a newline; the kernel's next line must be preceded by
 * one. Atomic: a flag; a line of another CPU in between costs an empty line, or a missing one.
 */
static bool in_line;

/*
 * With input= the program's output must not contain the byte that starts a request for input
 * (lib/input_frame.h). It is left out; terminals ignore it, too.
 */
static size_t length_to_request_start(const char *bytes, size_t len)
{
    size_t n = 0;

    if (libc_console_kind() == LIBC_CONSOLE_KEYS)
        return len;
    while (n < len && bytes[n] != INPUT_REQUEST_START)
        n++;
    return n;
}

void libc_console_write(const void *bytes, size_t len)
{
    const char *text = bytes;

    if (!len)
        return;
    in_line = text[len - 1] != '\n';
    for (size_t n; len; text += n, len -= n) {
        n = length_to_request_start(text, len);
        console_write(text, n);
        n += n < len;
    }
}

static const char *line_break(void)
{
    return in_line ? "\n" : "";
}

uint64_t libc_clock_ns(void)
{
    return pv_clock_ns();
}

/*
 * Read the platform's wallclock once, and add the time that has passed on clock_ns since then: some
 * platforms' wallclocks count whole seconds.
 */
uint64_t libc_wallclock_ns(void)
{
    static u64 offset; /* Atomic: the first value stored stays */
    u64 now, known = __atomic_load_n(&offset, __ATOMIC_RELAXED);

    if (!known && !pv_get_wallclock(&now))
        known = first_value(&offset, now - pv_clock_ns());
    return pv_clock_ns() + known;
}

void libc_random(void *to, size_t len)
{
    random_fill(to, len);
}

void *libc_heap_base(size_t *most)
{
    *most = PROGRAM_STACK_BASE - PROGRAM_HEAP_BASE;
    return (void *)PROGRAM_HEAP_BASE;
}

bool libc_heap_commit(size_t size)
{
    /* Mapped so far. Guarded by: newlib's malloc lock, which callers of sbrk hold. */
    static u64 pages;
    const u64 wanted = ALIGN_UP(size, PAGE_SIZE) >> PAGE_SHIFT;

    if (wanted <= pages)
        return true;
    if (wanted - pages + FRAMES_FOR_KERNEL > frames_free())
        return false;
    if (mm_populate(&mm_kernel, PROGRAM_HEAP_BASE + pages * PAGE_SIZE, wanted - pages, MM_WRITE))
        return false;
    pages = wanted;
    return true;
}

void *libc_pages(size_t size)
{
    return vmalloc(size);
}

void libc_pages_free(void *pages)
{
    vfree(pages);
}

const void *libc_module(size_t *size)
{
    const struct boot_module *m = &boot_info_ptr->modules[0];

    if (!boot_info_ptr->nr_modules)
        return NULL;
    *size = m->size;
    return phys_to_va(m->base, m->size);
}

_Noreturn void libc_exit(int status)
{
    smp_stop_others(); /* so that other threads cannot print after this line */
    print("%sparavane: program %s exits with code %d\n", line_break(), payload_argument, status);
    if (status)
        finish(VERDICT_FAIL, "app:%s exited with code %d", payload_argument, status);
    finish(VERDICT_PASS, "%s", "");
}

_Noreturn void libc_killed(const char *why)
{
    print("%s", line_break());
    panic("app:%s was killed by %s", payload_argument, why);
}

/* Interrupts are disabled so that the thread is not moved between the stores. */
void app_set_stack_limits(u64 limit, u64 program_limit)
{
    const u64 flags = pv_irq_save();

    this_thread()->stack_limit = pv_this_area()->stack_limit = limit;
    this_thread()->program_stack_limit = pv_this_area()->program_stack_limit = program_limit;
    pv_restore_fl(flags);
}

static void begin_on_stack(const struct libc_thread *t)
{
    app_set_stack_limits((u64)t->stack + STACK_RESERVE, app_stack_program_limit((u64)t->stack));
    if (t->storage)
        libc_set_storage(t->storage);
    t->run(t->arg);
    panic("program thread %s: its first function returned", t->name);
}

/*
 * Continue in begin_on_stack on the program's own stack, below the struct libc_thread at its top. A
 * frame pointer of 0 ends backtraces.
 */
static void switch_stack(void *thread)
{
    app_set_stack_limits(0, 0);
    __asm__ volatile("movq %0, %%rsp\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "call *%1\n\t"
                     "ud2"
                     :
                     : "D"(thread), "r"(begin_on_stack)
                     : "memory");
    __builtin_unreachable();
}

/* Copy the description of a thread to the top of its stack. */
static struct libc_thread *copy_to_stack(const struct libc_thread *thread)
{
    struct libc_thread *t = (struct libc_thread *)((u64)thread->stack + thread->stack_size) - 1;

    _Static_assert(sizeof(*t) % 16 == 0, "the stack below it is aligned as the ABI requires");
    *t = *thread;
    return t;
}

void *libc_thread_start(const struct libc_thread *thread)
{
    return thread_start(thread->name, THREAD_ANY_CPU, switch_stack, copy_to_stack(thread));
}

void libc_thread_join(void *thread)
{
    thread_join(thread);
}

_Noreturn void libc_thread_exit(void)
{
    thread_exit();
}

void libc_thread_yield(void)
{
    thread_yield();
}

/* Thread-local storage is at %fs; user_switch_in loads the base again after each switch. */
void libc_set_storage(void *base)
{
    struct thread *t = this_thread();
    const u64 flags = pv_irq_save();

    t->fs_base = (u64)base;
    pv_write_fs_base(t->fs_base);
    pv_restore_fl(flags);
}

unsigned libc_cpus(void)
{
    return smp_online_count();
}

unsigned libc_cpu(void)
{
    return pv_this_cpu();
}

void app_attach_libc(void)
{
    for (libc_attach_fn *const *attach = _libc_start; attach < _libc_end; attach++)
        (*attach)();
}

static void run_main(void *arg)
{
    const struct libc_app *app = arg;

    app->start(app, cmdline.arguments);
}

void libc_enter(const struct libc_app *app)
{
    const struct libc_thread main_thread = {.name = app->named.name,
                                            .stack = (void *)app_stack_create(),
                                            .stack_size = APP_STACK_INITIAL,
                                            .run = run_main,
                                            .arg = (void *)(u64)app};

    app_input_init();
    print("paravane: program %s starts\n", payload_argument);
    app_attach_libc();
    switch_stack(copy_to_stack(&main_thread));
}

static void app_run(void)
{
    const struct libc_app *app = _apps_start;

    if (app == _apps_end)
        finish(VERDICT_ERROR, "this image has no programs: it was built without newlib (install "
                              "newlib-source and build again)");
    app = find_named("program", _apps_start, _apps_end, sizeof(*app), payload_argument);
    app->enter(app);
}

PAYLOAD(app, app_run);
