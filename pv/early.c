/* SPDX-License-Identifier: MIT */
/*
 * Reports before a backend works. No op can be called then, so a panic or an exception is reported
 * by the raw functions of struct pv_backend, and ends the machine.
 */
#include "lib/format.h"
#include "pv/early.h"

static const struct pv_backend *raw; /* Written: early, on one CPU */

void pv_early_use(const struct pv_backend *backend)
{
    raw = backend;
}

void pv_raw_print(const char *fmt, ...)
{
    char text[256];
    va_list ap;
    u32 len;

    va_start(ap, fmt);
    len = (u32)kvsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (raw)
        raw->raw_write(text, MIN(len, sizeof(text) - 1));
}

void pv_raw_end(u8 status)
{
    if (raw)
        raw->raw_end(status);
    for (;;)
        barrier();
}

static __noreturn void report_fail_and_end(const char *what)
{
    pv_raw_print("paravane: verdict FAIL: panic before a backend works: %s\n", what);
    pv_raw_end(PV_STATUS_FAIL);
}

__noreturn void pv_early_panic(const char *op, const char *what)
{
    pv_raw_print("\nparavane: PANIC: op %s: %s\n", op, what);
    report_fail_and_end(what);
}

static void on_exception(struct trap_frame *frame, u64 fault_address)
{
    pv_raw_print("\nparavane: PANIC: exception (vector %lu), error %lx, before a backend works\n"
                 "  rip %016lx  rsp %016lx  fault address %016llx\n"
                 "  #0 %016lx\n",
                 frame->vector, frame->error, frame->rip, frame->rsp,
                 (unsigned long long)fault_address, frame->rip);
    report_fail_and_end("an exception");
}

/* Count it: firmware may have left a source of NMIs unmasked. */
static void on_nmi(struct trap_frame *frame)
{
    (void)frame;
    boot_early_nmis++;
}

const struct pv_callbacks pv_early_callbacks = {.exception = on_exception, .nmi = on_nmi};
