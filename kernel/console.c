/* See kernel/console.h. */
#include "kernel/console.h"
#include "kernel/kernel.h"
#include "kernel/smp.h"
#include "pv/spinlock.h"
#include "lib/format.h"
#include "lib/string.h"
#include "pv/pv.h"

/* A CPU that has stopped the others may have stopped the one that holds the lock. */
void console_write(const char *text, size_t len)
{
    /* Guarded by: itself. Keeps the lines of several CPUs apart. */
    static struct spinlock lock = SPINLOCK("console");
    u64 flags;

    if (smp_is_alone()) {
        pv_console_write(text, len);
        return;
    }
    flags = spin_lock_irqsave(&lock);
    pv_console_write(text, len);
    spin_unlock_irqrestore(&lock, flags);
}

void vprint(const char *fmt, va_list ap)
{
    static const char cut[] = "...\n";
    char text[PRINT_MAX];
    size_t len = (size_t)kvsnprintf(text, sizeof(text), fmt, ap);

    if (len >= sizeof(text)) {
        memcpy(text + sizeof(text) - sizeof(cut), cut, sizeof(cut));
        len = sizeof(text) - 1;
    }
    console_write(text, len);
}

void print(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprint(fmt, ap);
    va_end(ap);
}

void log_line(enum log_level level, const char *fmt, ...)
{
    char text[PRINT_MAX / 2];
    va_list ap;

    if (level > cmdline.log)
        return;
    va_start(ap, fmt);
    kvsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    print("[%s] %s\n", log_levels[level], text);
}
