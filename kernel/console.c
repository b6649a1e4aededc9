/* SPDX-License-Identifier: MIT */
/* Text on the console (kernel/console.h): formatting, levels, and a lock for whole lines. */
#include "kernel/console.h"
#include "kernel/kernel.h"
#include "lib/format.h"
#include "lib/string.h"
#include "pv/pv.h"
#include "pv/spinlock.h"

/* The CPU that writes without the lock, plus 1; 0: none. Atomic: one word, stored once. */
static u32 seizer;

void console_seize(void)
{
    WRITE_ONCE(seizer, pv_this_cpu() + 1);
}

void console_write(const char *text, size_t len)
{
    /* Guarded by: itself. Keeps the lines of several CPUs apart. */
    static struct spinlock lock = SPINLOCK("console");
    u64 flags;

    if (READ_ONCE(seizer) == pv_this_cpu() + 1) {
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
