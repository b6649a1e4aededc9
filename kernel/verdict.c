/* See kernel/verdict.h. */
#include "kernel/verdict.h"
#include "kernel/console.h"
#include "kernel/irq.h"
#include "kernel/kernel.h"
#include "kernel/smp.h"
#include "lib/format.h"
#include "pv/pv.h"

void finish(enum verdict verdict, const char *fmt, ...)
{
    static const char names[][6] = {"PASS", "FAIL", "SKIP", "ERROR"};
    char reason[PRINT_MAX / 2];
    va_list ap;

    irq_report_nmis();
    va_start(ap, fmt);
    smp_stop_others();
    kvsnprintf(reason, sizeof(reason), fmt, ap);
    va_end(ap);
    print("# tsc %llu ticks from entry to verdict\n",
          (unsigned long long)(pv_read_tsc() - boot_entry_tsc));
    print("paravane: verdict %s%s%s\n", names[verdict], reason[0] ? ": " : "", reason);
    pv_shutdown(PV_POWEROFF, (u8)verdict);
    pv_halt();
    __builtin_unreachable();
}
