/* SPDX-License-Identifier: MIT */
/* A second vCPU, raw, and a deadline: see repro/kit.h. */
#include "kernel/thread.h"
#include "kernel/time.h"
#include "pv/xen/xen.h"
#include "repro/kit.h"

#define STACK_PAGES 2

/* What the kernel's functions want to find at %gs: any stack will do, and this is CPU 1. */
static struct cpu second = {.area = {.self = &second, .number = 1}, .thread = &boot_thread};

static void (*job)(void *data);
static void *job_data;
static bool done;

/* The entry of vCPU 1: run the job once each time that the vCPU is started. */
static void __noreturn vcpu_main(void)
{
    for (;;) {
        job(job_data);
        WRITE_ONCE(done, true);
        hc_vcpu_op(VCPUOP_down, 1, NULL);
    }
}

void kit_vcpu_start(void (*fn)(void *data), void *data)
{
    static struct vcpu_guest_context *context;
    const u64 cr3 = kit_mfn(pfn_to_va(pv_read_cr3()));

    kit_needs(KIT_XEN_PV);
    if (hc_vcpu_op(VCPUOP_is_up, 1, NULL))
        cannot_tell("there is no second vCPU that is down (smp=2)");
    job = fn;
    job_data = data;
    WRITE_ONCE(done, false);
    if (!context) {
        const u64 stack = (u64)kit_pages(STACK_PAGES) + STACK_PAGES * PAGE_SIZE;

        context = kit_pages(2);
        context->flags = VGCF_in_kernel;
        context->user_regs.rip = (u64)vcpu_main;
        context->user_regs.rsp = stack - 8;
        context->user_regs.cs = FLAT_KERNEL_CS;
        context->user_regs.ss = FLAT_KERNEL_SS;
        context->user_regs.rflags = 0x1000; /* I/O privilege level 1 */
        context->gs_base_kernel = (u64)&second;
        context->kernel_ss = FLAT_KERNEL_SS;
        context->kernel_sp = stack - 8;
        context->ctrlreg[3] = xen_pfn_to_cr3(cr3);
        MUST(hc_vcpu_op(VCPUOP_initialise, 1, context));
        xen_shared_info->vcpu_info[1].evtchn_upcall_mask = 1;
    }
    MUST(hc_vcpu_op(VCPUOP_up, 1, NULL));
}

bool kit_vcpu_wait(u64 ms)
{
    const u64 end = kit_now() + ms * NS_PER_MS;

    while (!READ_ONCE(done) && kit_now() < end)
        hc_sched_op(SCHEDOP_yield, NULL);
    return READ_ONCE(done);
}

static struct timer deadline;
static const char *deadline_step;
static u64 deadline_ms;

static void on_deadline(struct timer *timer)
{
    (void)timer;
    exercised();
    bad("%s did not end within %llu ms", deadline_step, (unsigned long long)deadline_ms);
}

void kit_deadline(u64 ms, const char *what)
{
    timer_stop(&deadline);
    if (!ms)
        return;
    deadline_step = what;
    deadline_ms = ms;
    timer_start(&deadline, pv_clock_ns() + ms * NS_PER_MS, on_deadline);
}
