/* See kernel/fpu.h. */
#include "kernel/fpu.h"
#include "kernel/verdict.h"
#include "lib/types.h"
#include "pv/pv.h"

/* Intel SDM vol. 3, section 2.5. */
enum {
    CR0_MP = 1 << 1,
    CR0_EM = 1 << 2,
    CR4_OSFXSR = 1 << 9,
    CR4_OSXMMEXCPT = 1 << 10,
    CR4_OSXSAVE = 1 << 18,
};

#define MXCSR_DEFAULT 0x1f80 /* all exceptions masked, round to nearest */

void fpu_init(void)
{
    const u64 cr4 = (pv_read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT) & ~(u64)CR4_OSXSAVE;
    const u32 mxcsr = MXCSR_DEFAULT;

    if (pv_write_cr4(cr4) & (CR4_OSFXSR | CR4_OSXMMEXCPT))
        finish(VERDICT_ERROR, "the platform refuses SSE (CR4.OSFXSR, OSXMMEXCPT)");
    if (pv_write_cr0((pv_read_cr0() | CR0_MP) & ~(u64)CR0_EM) & CR0_EM)
        finish(VERDICT_ERROR, "the platform refuses the FPU (CR0.EM)");
    pv_clts();
    __asm__ volatile("fninit\n\tldmxcsr %0" : : "m"(mxcsr));
}
