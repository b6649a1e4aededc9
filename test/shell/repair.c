/* SPDX-License-Identifier: MIT */
/*
 * What ops may leave behind that the kernel does not expect: the interrupt flag, CR0 and CR4, the
 * platform's deadline, a section of user access, a lazy section. The monitor restores each after
 * the call, or at the end of the line, and says so.
 */
#include "kernel/cpu.h"
#include "kernel/time.h"
#include "lib/string.h"
#include "test/shell/shell.h"

static bool changes_registers(u32 op)
{
    return op == PV_INDEX(cpu.write_cr0) || op == PV_INDEX(cpu.write_cr4) ||
           op == PV_INDEX(cpu.stts) || op == PV_INDEX(cpu.clts);
}

static bool changes_deadline(u32 op)
{
    return op == PV_INDEX(time.timer_set) || op == PV_INDEX(time.timer_stop) ||
           op == PV_INDEX(apic.setup_boot_clock);
}

void shell_state_save(struct shell_state *s, u32 op)
{
    memset(s, 0, sizeof(*s));
    s->flags = s->flags_after = pv_save_fl();
    if (changes_registers(op)) {
        s->cr0 = s->cr0_after = pv_read_cr0();
        s->cr4 = s->cr4_after = pv_read_cr4();
    }
}

/* The thread must not be switched away from before CR0.TS is as the kernel's switch needs it. */
void shell_state_restore(struct shell_state *s, const struct shell_call *call)
{
    pv_irq_disable();
    if (shell_ops[call->op].rules & PV_SETS_IF)
        s->flags_after = call->flags;
    if (call->op == PV_INDEX(mmu.user_access_begin))
        pv_user_access_end();
    if (changes_registers(call->op)) {
        s->cr0_after = pv_read_cr0();
        s->cr4_after = pv_read_cr4();
        if (s->cr0_after != s->cr0)
            pv_write_cr0(s->cr0);
        if (s->cr4_after != s->cr4)
            pv_write_cr4(s->cr4);
    }
    if (changes_deadline(call->op))
        timer_fire_due();
    pv_restore_fl(s->flags);
}

static void print_register(const char *name, u64 was, u64 now)
{
    if (now != was)
        print("  %s was %#llx and is %#llx after it; restored\n", name, (unsigned long long)was,
              (unsigned long long)now);
}

void shell_state_print(const struct shell_state *s, u32 op)
{
    print_register("CR0", s->cr0, s->cr0_after);
    print_register("CR4", s->cr4, s->cr4_after);
    if (shell_ops[op].rules & PV_SETS_IF)
        print("  interrupts are %s after it; restored\n",
              s->flags_after & PV_FLAG_IF ? "enabled" : "disabled");
    if (changes_deadline(op))
        print("  the kernel's own deadline is set again\n");
}

static u32 depth;

static void close_section(void *arg)
{
    (void)arg;
    pv_irq_disable();
    depth = pv_context_switch_start();
    pv_irq_enable();
}

/* context_switch_start flushes what is delayed, sets the depth to 0, and returns what it was. */
void shell_repair_line(void)
{
    struct shell_trial t;

    depth = 0;
    if (!shell_try(&t, close_section, NULL)) {
        print("  at the end of the line, the delayed changes: ");
        shell_print_trial(&t);
        shell_try(&t, close_section, NULL);
    }
    if (depth)
        print("  the line ends inside of a lazy section: the section is closed\n");
}
