/* SPDX-License-Identifier: MIT */
/* What the files of the native backend share. PVH uses most of it, PV and the stub some. */
#ifndef PV_NATIVE_NATIVE_H
#define PV_NATIVE_NATIVE_H

#include "lib/acpi.h"
#include "lib/apic_config.h"
#include "pv/pv.h"

/* The class tables, and the function of each op, native_NAME. */
#define PV_CLASS_BEGIN(class) extern const struct pv_##class##_ops native_##class##_ops;

#define PV_OP(class, ret, name, params, args) ret native_##name params;
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END

/* setup.c: the memory that the boot's page tables map, for the parsers of firmware's tables. */
extern const struct phys_window native_low_memory;

/* exception_stack.c: use CPU 0's stacks, which are in the image; set those of a CPU to start. */
void native_use_boot_exception_stacks(void);
void native_set_exception_stacks(const struct pv_cpu_start *start);

/* desc.c: CPU 0's task state, which is in the image; the first GDT, and its task. */
void native_use_boot_cpu_desc(void);
void native_load_boot_gdt(void);

/* syscall.c: end a #DB that is user mode's single step into a system call; false for another. */
bool native_end_user_step(struct trap_frame *frame);

/* trap.c */

/* From now on call owner for each interrupt at this vector, 32 to 255, with interrupts disabled. */
void native_set_vector_handler(u8 vector, void (*owner)(struct trap_frame *frame));
extern u64 native_ignored_interrupts; /* entry.S counts them, for tests */

/*
 * unclaimed.c. If an interrupt at this vector is in service in the local APIC, end it, report it
 * and return true.
 */
bool native_end_unclaimed(u8 vector);
/* Report an interrupt that is not in service in the local APIC, and end it if an 8259 sent it. */
void native_end_spurious(u8 vector);
/* End and report every interrupt that is in service on this CPU. Context: interrupts disabled. */
void native_end_left_over(void);

/* console.c */
void native_console_init(void);
void native_console_drain(void);
/* Let the UART interrupt when it has input. Return its ISA interrupt, or 0 without a UART. */
u32 native_console_listen(void);
void native_raw_write(const char *text, size_t len); /* see struct pv_backend */

/* cpu.c */
extern u64 native_dr7[PV_CPUS_MAX];
u64 native_cr4_bits(void); /* the bits of CR4 that this CPU has */

/* Fill *features from CPUID, which is read by the given function. */
void read_cpu_features(struct pv_features *features,
                       void (*read)(u32 leaf, u32 subleaf, struct cpuid_regs *regs));

/* desc.c */

/* Set the top of a CPU's exception stack i; store a value on top of each of this CPU's. */
void native_set_ist(struct pv_cpu_area *area, u32 i, u64 *top);
void native_write_stack_tops(u64 value);

/* mmu.c: CR4.SMAP is set on every CPU, so the kernel needs AC clear (entry.S). */
extern bool native_have_smap;

/* tlb.c: the handler of the shoot-down's IPI; and the same without the IPI, for cpu_enter. */
void native_on_flush(struct trap_frame *frame);
void native_tlb_flush_if_requested(void);

/* without_nx.c */
void native_mmu_without_nx(void);

/* entry.S: where system calls arrive (syscall.c). */
extern const u8 native_syscall_entry[], native_syscall32_entry[], native_sysenter_entry[],
    native_sysenter_flags_saved[];

/* clock.c */
void native_clock_acpi_init(const struct acpi_header *fadt);
/*
 * Have time_init use the rates of the TSC and of the local APIC's timer that a hypervisor reports,
 * and measure neither. by names the report for clock_source. Return false, with nothing changed, if
 * a rate cannot be right. Context: before native_time_init.
 */
bool native_set_rates(u64 tsc_khz, u32 apic_hz, const char *by);

/* firmware.c: called by the op memory_map; adds to *info the registers that have to be mapped. */
void native_find_apics(struct boot_info *info);

/*
 * Add a page of registers to the memory map, where a table of the firmware says that they are. what
 * names them. Return false, with a warning, if registers cannot be there. Context: memory_map.
 */
bool native_add_registers(struct boot_info *info, const char *what, u64 pa);
const struct apic_config *native_apic_config(void);
const char *native_why_one_cpu(void); /* why firmware lists one CPU only; NULL if it has only one */

/* rtc.c */
void native_rtc_acpi_init(const struct acpi_header *fadt);

/* entry.S */
extern const u8 native_hlt[]; /* the hlt of safe_halt, one byte (entry.S) */

/* shutdown.c */
void native_shutdown_init(struct boot_info *info);
void native_raw_end(u8 status) __noreturn; /* see struct pv_backend */

/* smp.c */
/* Choose the page in which other CPUs start, from the memory map. */
void native_smp_init_memory(const struct boot_info *info);

/* smp.c: what start.S loads on a CPU that starts. */
extern struct native_start {
    u64 cr3, cr4;
    struct pv_cpu_start how;
} native_start;

/*
 * start.S: the first 64-bit instructions of another CPU; and a jump to entry on another stack,
 * which forgets the current one.
 */
void native_ap_entry64(void);
void native_restart_on_stack(u64 stack_top, void (*entry)(void)) __noreturn;

#endif
