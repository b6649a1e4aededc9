/* What the files of the native backend share. */
#ifndef PV_NATIVE_NATIVE_H
#define PV_NATIVE_NATIVE_H

#include "lib/acpi.h"
#include "pv/pv.h"

/* setup.c */
const char *native_memory_map(struct boot_info *info);
void native_platform_init(const struct boot_info *info);

/* trap.c: also PVH's, whose exceptions are the CPU's own. */
void native_trap_init(void);
void native_take_exception_stacks(u32 cpu, const struct pv_cpu_start *start);
void native_init_exception_stacks(void); /* in this CPU's task state */
int native_write_idt_entry(u8 vector, u8 dpl);
void native_load_idt(void);
int native_write_kernel_gs_base(u64 base);

/* Interrupts at this vector (32 to 255) go to owner from now on, with interrupts disabled. */
void native_own_vector(u8 vector, void (*owner)(struct trap_frame *frame));
extern u64 native_unclaimed_interrupts;

/* console.c */
bool native_console_init(void);
void native_console_write(const char *text, size_t len);
int native_console_read(void);

/* cpu.c */
extern u64 native_dr7[PV_CPUS_MAX];
void native_cpuid(u32 leaf, u32 subleaf, struct cpuid_regs *regs);
void native_cpu_features(struct pv_features *features);
u64 native_read_cr0(void);
u64 native_read_cr3(void);
u64 native_read_cr4(void);
u64 native_write_cr0(u64 value);
u64 native_write_cr4(u64 value);
u64 native_read_cr2(void);
void native_write_cr2(u64 value);
u64 native_get_debugreg(u32 number);
int native_set_debugreg(u32 number, u64 value);
u64 native_read_msr(u32 index);
void native_write_msr(u32 index, u64 value);
int native_read_msr_safe(u32 index, u64 *value);
int native_write_msr_safe(u32 index, u64 value);
int native_read_pmc(u32 number, u64 *value);
void native_set_fpu_trap(void);
void native_clear_fpu_trap(void);
void native_wbinvd(void);
int native_port_in(u16 port, u32 width, u32 *value);
int native_port_out(u16 port, u32 width, u32 value);
void native_io_delay(void);
u64 native_read_fs_base(void);
int native_write_fs_base(u64 base);
u64 native_read_user_gs_base(void);
int native_write_user_gs_base(u64 base);
int native_load_gs_index(u16 selector);
void native_swapgs(void);

/* Fills *features from CPUID as read shows it. */
void read_cpu_features(struct pv_features *features,
                       void (*read)(u32 leaf, u32 subleaf, struct cpuid_regs *regs));

/* desc.c */
void native_set_ist(u32 number, u64 stack_top);
int native_load_gdt(u64 *gdt, u32 count);
int native_write_gdt_entry(u64 *gdt, u32 index, u64 descriptor);
int native_load_ldt(u64 *ldt, u32 count);
int native_write_ldt_entry(u64 *ldt, u32 index, u64 descriptor);
int native_load_tls(const u64 tls[3]);
void native_load_tr(void);
u16 native_store_tr(void);
void native_load_sp0(u64 sp);
int native_set_iopl(u32 level);
int native_set_io_bitmap(const u8 *bitmap, u32 count);
void native_syscall_init(void);

/* mmu.c: of a shoot-down, on the CPU that is asked; and on one that has just come up. */
void native_on_flush(struct trap_frame *frame);
void native_flush_if_asked(void);

/* entry.S */
extern const char native_entry_start[], native_entry_end[];
void native_iret(struct trap_frame *frame);
void native_sysret(struct trap_frame *frame);

/* time.c */
int native_get_wallclock(u64 *ns);
int native_set_wallclock(u64 ns);

/* clock.c */
u64 native_read_tsc(void);
void native_clock_learn(const struct acpi_header *hpet, const struct acpi_header *fadt);
u64 native_clock_ns(void);
void native_setup_clock(void);

/* irq.c */
void native_irq_learn(const struct acpi_header *madt);
u64 native_save_fl(void);
void native_restore_fl(u64 flags);
void native_irq_disable(void);
void native_irq_enable(void);
void native_safe_halt(void);
extern const u8 native_hlt[]; /* its hlt, one byte */

/* lock.c */
void native_lock_wait(const u8 *byte, u8 value);
void native_lock_kick(u32 cpu);
bool native_vcpu_is_preempted(u32 cpu);

/* shutdown.c */
void native_shutdown_init(const struct boot_info *info);
void native_shutdown(enum pv_shutdown_reason reason, u8 status);
void native_halt(void);

/* smp.c */
struct madt_info;
void native_smp_learn(const struct madt_info *madt);
bool native_cpu_is_up(u32 cpu);
int native_send_vector(u32 cpu, u32 vector);
void native_smp_learn_memory(const struct boot_info *info);

/* start.S: the first instructions of another CPU, in 64-bit mode; and a new start on a new stack.
 */
void native_start_here(void);
void native_start_again(u64 stack_top, void (*entry)(void)) __noreturn;

extern const struct pv_irq_ops native_irq_ops;
extern const struct pv_time_ops native_time_ops;
extern const struct pv_cpu_ops native_cpu_ops;
extern const struct pv_mmu_ops native_mmu_ops;
extern const struct pv_flag_ops native_flag_ops;
extern const struct pv_apic_ops native_apic_ops;
extern const struct pv_lock_ops native_lock_ops;
extern const struct pv_smp_ops native_smp_ops;

#endif
