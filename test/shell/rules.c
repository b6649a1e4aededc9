/* SPDX-License-Identifier: MIT */
/*
 * Which calls of ops the kernel does not survive. An op that is not listed may be called with any
 * numbers, and with pointers to the monitor's buffers. A listed one is refused, with the reason,
 * unless its function finds the arguments harmless. ./run.sh shell --fuzz is the proof.
 */
#include "kernel/cpu.h"
#include "pv/x86.h"
#include "test/shell/shell.h"

struct rule {
    const char *reason;
    bool (*survives)(const struct shell_call *call); /* NULL: never */
    bool checks_pointers;                            /* survives does */
};

/* ---- Arguments that are harmless */

/* A run of count entries from slot on is among those of the monitor's pages. */
static bool are_own_slots(u64 slot, u64 count)
{
    const u64 first = (u64)shell_pages.slot;

    return slot >= first && slot % sizeof(pte_t) == 0 && count <= SHELL_PAGES &&
           slot + count * sizeof(pte_t) <= first + SHELL_PAGES * sizeof(pte_t);
}

/* Values that are not present, or map a run of the monitor's own frames. */
static bool are_own_frames(u64 value, u64 count)
{
    const u64 first = shell_pages.pfn.n, pfn = value_pfn(value).n;

    if (!(value & PTE_PRESENT))
        return true;
    return !(value & PTE_FOREIGN) && pfn >= first && count <= SHELL_PAGES &&
           pfn + count <= first + SHELL_PAGES;
}

static bool is_own_entry(u64 raw)
{
    return are_own_frames(pv_pte_val((pte_t){raw}), 1);
}

static bool slot_is_own(const struct shell_call *call)
{
    return are_own_slots(call->args[0], 1);
}

static bool set_pte_is_own(const struct shell_call *call)
{
    return slot_is_own(call) && is_own_entry(call->args[1]);
}

static bool set_ptes_are_own(const struct shell_call *call)
{
    return are_own_slots(call->args[0], call->args[2]) &&
           are_own_frames(call->args[1], call->args[2]);
}

static bool clear_ptes_are_own(const struct shell_call *call)
{
    return are_own_slots(call->args[0], call->args[1]);
}

static bool commit_is_own(const struct shell_call *call)
{
    return slot_is_own(call) && is_own_entry(call->args[1]) && is_own_entry(call->args[2]);
}

/* An array of the monitor's: so many elements of this size fit into the buffer. */
static bool fits(u64 address, u64 count, u64 size)
{
    return count <= PAGE_SIZE && count * size <= shell_buffer_room(address);
}

static bool entries_fit(const struct shell_call *call)
{
    return fits(call->args[0], call->args[2], sizeof(pte_t));
}

static bool text_fits(const struct shell_call *call)
{
    return fits(call->args[0], call->args[1], 1);
}

static bool description_fits(const struct shell_call *call)
{
    return fits(call->args[1], call->args[2], 1);
}

static bool entry_fits(const struct shell_call *call)
{
    return fits(call->args[0], call->args[1] + 1, sizeof(u64));
}

static bool bitmap_fits(const struct shell_call *call)
{
    return fits(call->args[0], (call->args[1] + 7) / 8, 1);
}

static bool table_is_empty(const struct shell_call *call)
{
    return !call->args[1];
}

static bool keeps_long_mode(const struct shell_call *call)
{
    return (call->args[0] & (CR0_PE | CR0_PG)) == (CR0_PE | CR0_PG);
}

static bool keeps_pae(const struct shell_call *call)
{
    return call->args[0] & CR4_PAE;
}

static bool breakpoints_are_off(const struct shell_call *call)
{
    return call->args[0] != 7 || !(call->args[1] & 0x20ff);
}

static bool is_own_port(const struct shell_call *call)
{
    return call->args[0] == 0x80; /* the display of the power-on self-test */
}

static bool is_current_root(const struct shell_call *call)
{
    return call->args[0] == pv_read_cr3().n;
}

static bool byte_differs(const struct shell_call *call)
{
    return shell_buffer_room(call->args[0]) && *(const u8 *)call->args[0] != call->args[1];
}

static bool is_fixmap_free(const struct shell_call *call)
{
    return call->args[0] == FIX_TEST && are_own_frames(call->args[1], 1);
}

static bool is_not_present(const struct shell_call *call)
{
    return !call->args[1];
}

static bool is_soft_line(const struct shell_call *call)
{
    return call->args[0] == PV_IRQ_SOFT;
}

/* ---- The list */

/* Never; only if the function returns true; and that function checks the pointers, too. */
#define RULE(field, text)              [PV_INDEX(field)] = {.reason = text}
#define RULE_IF(field, text, function) [PV_INDEX(field)] = {.reason = text, .survives = function}
#define RULE_POINTERS(field, text, function) \
    [PV_INDEX(field)] = {.reason = text, .survives = function, .checks_pointers = true}
static const char once[] = "the kernel has done this once, at boot, and relies on what it did";
static const char slot_text[] =
    "only entries of the monitor's pages may change ($slot to $slot+24), and only to its frames "
    "($pfn to $pfn+3): any other entry may map or unmap what the kernel uses";
static const char room_text[] = "the buffer is smaller than that";
static const char table_text[] = "the kernel's page tables would be wrong";
static const char frame_text[] = "the frames that it names may be the kernel's";
static const char msr_text[] = "an MSR may hold what the CPU needs at its next instruction";

static const struct rule rules[PV_NR_OPS] = {
    RULE(setup.early_init, once),
    RULE(setup.memory_map, once),
    RULE(setup.platform_init, once),
    RULE_POINTERS(setup.banner, room_text, text_fits),
    RULE_POINTERS(setup.console_write, room_text, text_fits),
    RULE(setup.shutdown, "it ends the machine"),
    RULE(setup.suspend, "the kernel has to be prepared for it (kernel/lifecycle.c)"),
    RULE(irq.irq_init, once),
    RULE_IF(irq.irq_bind, "a device's line without a handler may interrupt without end",
            is_soft_line),
    RULE(irq.irq_unbind, "the line may be the kernel's"),
    RULE(irq.irq_mask, "the line may be the kernel's"),
    RULE(irq.irq_unmask, "the line may have no handler, and interrupt without end"),
    RULE(time.time_init, once),
    RULE_IF(cpu.write_cr0, "without PE or PG an emulated CPU leaves 64-bit mode (docs/facts.md)",
            keeps_long_mode),
    RULE_IF(cpu.write_cr4, "without PAE an emulated CPU walks other page tables (docs/facts.md)",
            keeps_pae),
    RULE(cpu.write_msr, msr_text),
    RULE(cpu.write_msr_safe, msr_text),
    RULE_IF(cpu.set_debugreg, "an enabled breakpoint traps in the kernel (use the command watch)",
            breakpoints_are_off),
    RULE(cpu.halt, "it halts the CPU with interrupts disabled"),
    RULE_IF(cpu.port_out, "a device may reset the machine; only port 0x80 is harmless",
            is_own_port),
    RULE(cpu.load_gdt, "the CPU needs the kernel's descriptors"),
    RULE_POINTERS(cpu.write_gdt_entry, room_text, entry_fits),
    RULE_POINTERS(cpu.load_ldt, "the buffer would become read-only on some platforms",
                  table_is_empty),
    RULE_POINTERS(cpu.write_ldt_entry, room_text, entry_fits),
    RULE(cpu.write_kernel_gs_base, "the kernel finds the data of its CPU by this base"),
    RULE_POINTERS(cpu.set_io_bitmap, room_text, bitmap_fits),
    RULE(cpu.iret, "it continues where the frame says, and does not return"),
    RULE(cpu.sysret, "it continues in user mode, which the monitor does not have"),
    RULE(cpu.swapgs, "no function can run until it is called once more"),
    RULE(mmu.mmu_init, once),
    RULE(mmu.early_map, once),
    RULE(mmu.install_tables, once),
    RULE_POINTERS(mmu.set_pte, slot_text, set_pte_is_own),
    RULE(mmu.set_pmd, table_text),
    RULE(mmu.set_pud, table_text),
    RULE(mmu.set_pgd, table_text),
    RULE_POINTERS(mmu.set_ptes, slot_text, set_ptes_are_own),
    RULE_POINTERS(mmu.init_ptes, room_text, entries_fit),
    RULE_POINTERS(mmu.clear_ptes, slot_text, clear_ptes_are_own),
    RULE_POINTERS(mmu.ptep_get_and_clear, slot_text, slot_is_own),
    RULE_POINTERS(mmu.ptep_modify_prot_start, slot_text, slot_is_own),
    RULE_POINTERS(mmu.ptep_modify_prot_commit, slot_text, commit_is_own),
    RULE(mmu.announce_table, table_text),
    RULE(mmu.release_table, table_text),
    RULE(mmu.pin_root, table_text),
    RULE(mmu.unpin_root, table_text),
    RULE_IF(mmu.write_cr3, "with another root the next instruction may not be mapped",
            is_current_root),
    RULE_IF(mmu.set_fixmap, "only FIX_TEST is free, for the monitor's frames ($pfn to $pfn+3)",
            is_fixmap_free),
    RULE(mmu.make_contiguous, frame_text),
    RULE(host.balloon_adjust, frame_text),
    RULE(apic.apic_write, "the kernel's timer and its IPIs depend on these registers"),
    RULE(apic.apic_icr, "an INIT, or an interrupt that is not expected, ends a CPU"),
    RULE(apic.setup_secondary_clock, "it is for a CPU that has just started"),
    RULE_POINTERS(lock.lock_wait, "while the byte has the value, only lock_kick ends the wait",
                  byte_differs),
    RULE(smp.smp_prepare, once),
    RULE_POINTERS(smp.cpu_describe, room_text, description_fits),
    RULE(smp.cpu_up, "the kernel has to be prepared for the CPU (the command up)"),
    RULE(smp.cpu_enter, "it is for a CPU that has just started"),
    RULE(smp.cpu_leave, "it takes this CPU away"),
    RULE(smp.cpu_down, "the kernel would still use the CPU (the command down)"),
    RULE_IF(domain.grant_access, "another domain could then change a frame of the kernel",
            is_not_present),
    RULE(domain.grant_end, "a driver may need the grant"),
    RULE(domain.grant_map, frame_text),
    RULE(domain.grant_unmap, frame_text),
    RULE(domain.grant_copy, frame_text),
    RULE(domain.evtchn_notify, "a line of a driver may not expect it"),
    RULE(domain.xenstore_bind, "a driver may use the xenstore"),
};

static const char *pointer_rule(const struct shell_call *call)
{
    struct signature_type result;
    struct signature s;

    shell_signature(call->op, &s, &result);
    for (u32 i = 0; i < s.count; i++)
        if (s.params[i].type.is_pointer && call->args[i] &&
            shell_buffer_room(call->args[i]) < SHELL_BUFFER_FREE)
            return "a pointer must be 0, or point into a buffer, &a to &h, with 1024 bytes after "
                   "it: elsewhere the op might change the kernel";
    return NULL;
}

const char *shell_rule(const struct shell_call *call)
{
    const struct rule *rule = &rules[call->op];

    if (rule->reason && (!rule->survives || !rule->survives(call)))
        return rule->reason;
    return rule->checks_pointers ? NULL : pointer_rule(call);
}

const char *shell_rule_of(u32 op, bool *always)
{
    *always = !rules[op].survives;
    return rules[op].reason;
}
