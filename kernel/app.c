/*
 * The payload "app": run=app:NAME runs a program of the image, a unikernel. Here are also the
 * services that libc asks of the kernel (lib/newlib/services.h). From here the story goes on in
 * lib/newlib/start.c.
 */
#include "kernel/console.h"
#include "kernel/kernel.h"
#include "kernel/panic.h"
#include "kernel/random.h"
#include "kernel/thread.h"
#include "kernel/time.h"
#include "kernel/verdict.h"
#include "lib/newlib/services.h"
#include "lib/string.h"
#include "mm/frame.h"
#include "mm/mm.h"
#include "mm/space.h"
#include "pv/pv.h"

#define APP_STACK_SIZE KIB(256)

/* Functions of libc enter without a check of the stack: this much is theirs. */
#define APP_STACK_RESERVE KIB(16)

/* A program may have all memory but this much: page tables and the like. */
#define FRAMES_FOR_KERNEL 256

extern const struct libc_app _apps_start[], _apps_end[];

static u8 app_stack[APP_STACK_SIZE] __aligned(PAGE_SIZE);
GUARD_PAGE(app_stack, app_stack);

/* The kernel's own lines begin at the left edge, wherever the program left off. */
static bool in_line;

void libc_console_write(const void *bytes, size_t len)
{
    if (!len)
        return;
    pv_console_write(bytes, len);
    in_line = ((const char *)bytes)[len - 1] != '\n';
}

static const char *line_break(void)
{
    return in_line ? "\n" : "";
}

int libc_console_read(void)
{
    for (;;) {
        int c = pv_console_read();

        if (c >= 0)
            return c;
        sleep_until(pv_clock_ns() + NS_PER_MS);
    }
}

uint64_t libc_clock_ns(void)
{
    return pv_clock_ns();
}

/* The platform's clock may count whole seconds: it is read once, and the other goes on from there.
 */
uint64_t libc_wallclock_ns(void)
{
    static u64 offset;
    u64 now;

    if (!offset && !pv_get_wallclock(&now))
        offset = now - pv_clock_ns();
    return pv_clock_ns() + offset;
}

void libc_sleep_until(uint64_t deadline)
{
    sleep_until(deadline);
}

void libc_random(void *to, size_t len)
{
    random_fill(to, len);
}

/* Far behind where mm/vmap.c puts what it maps, from VMAP_BASE up, and before what is left to
 * tests. */
#define HEAP_BASE (VMAP_END - GIB(144))
#define HEAP_MAX  GIB(128)

void *libc_heap_base(size_t *most)
{
    *most = HEAP_MAX;
    return (void *)HEAP_BASE;
}

bool libc_heap_commit(size_t size)
{
    static u64 pages; /* mapped so far */
    const u64 wanted = ALIGN_UP(size, PAGE_SIZE) >> PAGE_SHIFT;

    if (wanted <= pages)
        return true;
    if (wanted - pages + FRAMES_FOR_KERNEL > frames_free())
        return false;
    if (mm_populate(&mm_kernel, HEAP_BASE + pages * PAGE_SIZE, wanted - pages, MM_WRITE))
        return false;
    pages = wanted;
    return true;
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

static const struct libc_app *find(const char *name)
{
    for (const struct libc_app *app = _apps_start; app < _apps_end; app++)
        if (!strcmp(app->name, name))
            return app;
    return NULL;
}

static void run_on_stack(const struct libc_app *app)
{
    this_thread()->stack_limit = (u64)app_stack + PAGE_SIZE + APP_STACK_RESERVE;
    pv_this_area()->stack_limit = this_thread()->stack_limit;
    app->start(app, cmdline.arguments);
    panic("the start of %s returned", app->name);
}

/* A frame pointer of 0 ends backtraces. */
static void __noreturn enter(const struct libc_app *app)
{
    print("paravane: program %s starts\n", payload_argument);
    this_thread()->stack_limit = pv_this_area()->stack_limit = 0;
    __asm__ volatile("movq %0, %%rsp\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "call *%1\n\t"
                     "ud2"
                     :
                     : "r"(app_stack + sizeof(app_stack)), "r"(run_on_stack), "D"(app)
                     : "memory");
    __builtin_unreachable();
}

static void app_run(void)
{
    const struct libc_app *app = find(payload_argument);

    if (&_apps_start[0] == &_apps_end[0])
        finish(VERDICT_ERROR, "this image holds no programs: it was built without newlib (install "
                              "newlib-source and build again)");
    if (app)
        enter(app);
    print("# run=app: knows:");
    for (app = _apps_start; app < _apps_end; app++)
        print(" %s", app->name);
    print("\n");
    finish(VERDICT_ERROR, "no program is called \"%s\"", payload_argument);
}

PAYLOAD(app, app_run);
