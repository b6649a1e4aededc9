/* SPDX-License-Identifier: MIT */
/*
 * The kit: everything that a reproduction of a hypervisor bug needs. A repro is one file,
 *
 *     #include "repro/kit.h"
 *
 *     REPRO("name-of-the-file")
 *     {
 *         kit_needs(KIT_XEN_PV | KIT_XEN_PVH);
 *         STEP result = hc_sched_op(SCHEDOP_poll, &poll);
 *         EVIDENCE(result != KIT_NOT_MADE);
 *         if (result == -EINVAL)
 *             good("the port was refused");
 *         bad("the result was %ld", result);
 *     }
 *
 * Besides this header a repro may use the whole kernel:
 *
 * - the op table, pv_NAME(...), pv/ops.def. Ops check what they are given, and return what the
 *   platform refuses: pv_write_cr0 does not fault. To see what an instruction does, write it as
 *   inline assembly inside of PV_TRY.
 * - PV_TRY(fault) of kernel/trap.h runs a block and catches its exception.
 * - debug_hook, nmi_hook and failsafe_hook of kernel/trap.h take #DB, NMI, the failsafe callback.
 * - irq_request of kernel/irq.h handles events; irq_frame() is what was interrupted.
 * - xen_shared_info and xen_vcpu_info() of pv/xen/xen.h are what Xen shares with this guest.
 * - smp_call and more of kernel/smp.h, once kit_cpus has started the other CPUs.
 *
 * The first comment has lines that `run.sh list --repros` prints (docs/repro.md). Context of all
 * here: thread, on the boot CPU. A function that needs Xen ends the run as "cannot tell" elsewhere.
 */
#ifndef REPRO_KIT_H
#define REPRO_KIT_H

#include "kernel/console.h"
#include "kernel/trap.h"
#include "lib/string.h"
#include "pv/mmu_types.h"
#include "pv/pv.h"
#include "repro/kit/hypercalls.h"
#include "repro/kit/repro.h"

/* ---- Verdicts: each ends the run ------------------------------------------------------------- */

/* The hypervisor behaves correctly. Counts only after exercised(), else it is "cannot tell". */
void good(const char *fmt, ...) __printf(1, 2) __noreturn;
/* The hypervisor has the bug. */
void bad(const char *fmt, ...) __printf(1, 2) __noreturn;
/* Neither was shown; give the reason. */
void cannot_tell(const char *fmt, ...) __printf(1, 2) __noreturn;

/*
 * Record that the path in question was reached. The line is printed at once, so that it counts
 * even if the guest dies later. Call it after the step, once the guest has seen evidence.
 */
void exercised(void);

/*
 * Declare that from here on the death of this guest is the bug: Xen kills the domain, the machine
 * resets, or the kernel panics. The verdict is then bad, with why. Without this call a guest that
 * dies is "cannot tell", because the repro itself may be wrong. dying_is_bad(NULL) ends the
 * section. Both print, which on Xen is a hypercall that lets events in. For a step that may not
 * end see kit_deadline.
 */
void dying_is_bad(const char *why);

/*
 * STEP marks the statement or block under test. With inject=skip_step it is left out, and the repro
 * must then end as "cannot tell" (./run.sh repro --skipped). So initialise the step's result with a
 * value that no hypervisor returns, KIT_NOT_MADE or KIT_NOT_RUN, and check it before exercised().
 * EVIDENCE does both: exercised() if the condition holds, else "cannot tell".
 *
 *     long result = KIT_NOT_MADE;
 *
 *     STEP result = hc_sched_op(SCHEDOP_poll, &poll);
 *     EVIDENCE(result != KIT_NOT_MADE);
 */
bool kit_step(void);
#define STEP \
    if (!kit_step()) { \
    } else
#define EVIDENCE(condition) \
    do { \
        if (!(condition)) \
            cannot_tell("there is no evidence that the step was made: %s", #condition); \
        exercised(); \
    } while (0)
#define KIT_NOT_MADE (-0x5eed5eedl)
#define KIT_NOT_RUN  ((struct kit_exit){.vector = ~0ull})

/*
 * For a fact about an ABI: call exercised(), then good() if answer equals expected, else bad(). An
 * answer of KIT_NOT_MADE is "cannot tell".
 */
void expect(const char *what, long answer, long expected) __noreturn;

/* Name the places where the steps make sense; elsewhere the run ends as "cannot tell". */
enum kit_place {
    KIT_NATIVE = 1,
    KIT_XEN_PV = 2,
    KIT_XEN_PVH = 4,
    KIT_XEN = KIT_XEN_PV | KIT_XEN_PVH,
    KIT_ANYWHERE = KIT_NATIVE | KIT_XEN,
};
enum kit_place kit_place(void);
void kit_needs(unsigned int places);

/* Return Xen's version as XENVER_version has it, major << 16 | minor; 0 without Xen. */
u32 kit_xen_version(void);
#define XEN_VERSION(major, minor) ((major) << 16 | (minor))

/* A preparation that must not fail; on a negative result the run ends as "cannot tell". */
#define MUST(step) \
    ({ \
        const long must_ = (step); \
        if (must_ < 0) \
            cannot_tell("%s: %ld", #step, must_); \
        must_; \
    })

/* "#GP(0x0)", "#PF(0x2) at 0x1000" or "no fault", for a reason's text. */
const char *kit_fault_text(const struct fault *fault);

/* ---- Registers, hypercalls, code ------------------------------------------------------------- */

struct kit_regs {
    u64 rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
};

/* Make a hypercall with all registers as given, and store the registers as they come back. */
void kit_hypercall_regs(struct kit_regs *regs);

/*
 * Run code bytes in ring 0 and return from their end, in 64-bit or in compatibility mode; the high
 * halves of regs are kept in both directions. No stack is provided: the code MUST NOT push. Not on
 * Xen PV, where ring 0 is Xen's.
 */
void kit_run64(const void *code, size_t size, struct kit_regs *regs);
void kit_run32(const void *code, size_t size, struct kit_regs *regs);

/* Return the hypercall instruction of this platform: syscall, vmcall or vmmcall and a nop. */
void kit_hypercall_insn(u8 insn[3]);

/*
 * Run code bytes in ring 3, in an address space of their own, until they leave it by syscall,
 * sysenter, int or an exception; in 64-bit or in compatibility mode. regs are loaded before and
 * stored after. The code has a page of stack. rflags is added to the fixed bits.
 */
struct kit_exit {
    u64 vector; /* an exception's, or VECTOR_SYSCALL… (pv/trap_frame.h) */
    u64 error, address;
    u64 offset; /* of the instruction pointer in the code */
    u64 rflags;
    bool refused; /* ring 3 was not entered: this happened to the kernel on the way */
};
struct kit_exit kit_user64(const void *code, size_t size, struct kit_regs *regs, u64 rflags);
struct kit_exit kit_user32(const void *code, size_t size, struct kit_regs *regs, u64 rflags);
const char *kit_exit_text(const struct kit_exit *exit);

/*
 * Let ring 3 raise a vector by int, on Xen PV. Under QEMU before 8.0 Xen takes it for vector * 2
 * (docs/facts.md), so that must be a vector too. kit_is_int returns whether ring 3 ended by it.
 */
void kit_int_gate(u8 vector);
bool kit_is_int(const struct kit_exit *exit, u8 vector);

/*
 * The pages of that address space, as ring 3 addresses them. Each run copies the code to the first.
 * The last 64 bytes of the stack's page are in use at the start, the rest is the repro's.
 * kit_user_stack returns the kernel's address of the stack's page.
 */
#define KIT_USER_CODE  0x400000ull
#define KIT_USER_STACK 0x600000ull
void *kit_user_stack(void);

/* ---- Memory ---------------------------------------------------------------------------------- */

/* Return zeroed pages of the image, each at most once. There are KIT_PAGES. */
#define KIT_PAGES 12
void *kit_page(void);
void *kit_pages(u32 count); /* contiguous */

/* Return the frame of a page of the image or direct map: the guest's number, the machine's. */
u64 kit_gfn(const void *va);
u64 kit_mfn(const void *va);

/* Return a zeroed frame of RAM in the direct map; kit_table: one without a writable mapping. */
void *kit_frame(void);
void *kit_table(void);

/*
 * The page tables in use, raw. Level 1 has the leaves, 4 is the root. kit_entry returns the entry
 * that translates va, with machine frames; kit_entry_address returns its machine address, for
 * hypercalls. kit_set_entry makes an mmu_update on Xen PV and returns its result; elsewhere it
 * stores the entry and flushes.
 */
u64 kit_entry(u64 va, int level);
u64 kit_entry_address(u64 va, int level);
long kit_set_entry(u64 va, int level, u64 raw);
#define KIT_RAW(va, flags) (kit_mfn(va) << PAGE_SHIFT | (flags))

/*
 * Set a descriptor of the GDT in use, unchecked: by update_descriptor on Xen PV, whose result is
 * returned; by a plain store elsewhere. KIT_GDT_FREE and the next three entries are unused.
 */
#define KIT_GDT_FREE 32
long kit_set_descriptor(u32 index, u64 descriptor);
u64 kit_descriptor(u32 index);

/*
 * Return 2 MiB of addresses with their own level 1 table; the first page is mapped writable. They
 * are in the repros' area of lib/address_map.h, so no mapping of mm/ can collide with them.
 */
u64 kit_region(void);

/* Return the mapping of a device's registers below 4 GiB. Not on Xen PV. */
volatile void *kit_device(u32 address);

/* ---- Events, grants, time -------------------------------------------------------------------- */

/* Return an unbound event channel's port. */
evtchn_port_t kit_new_port(void);
void kit_close_port(evtchn_port_t port);

/* Map the first frame of the grant table, version 1: KIT_GRANTS entries. */
#define KIT_GRANTS (PAGE_SIZE / sizeof(struct grant_entry_v1))
struct grant_entry_v1 *kit_grant_table(void);

/* Grant domain access to a page, as grant ref. */
void kit_grant(u32 ref, const void *page, domid_t domain);

/* Return nanoseconds since Xen started. */
u64 kit_now(void);

/*
 * Set a deadline for a step that may not end: unless kit_deadline(0, NULL) is called within ms
 * milliseconds, the run ends as bad, with the reason what. Works only where interrupts are
 * delivered, for example between the restarts of a hypercall that Xen continues indefinitely. The
 * runner finds a hypervisor that hangs.
 */
void kit_deadline(u64 ms, const char *what);

/* ---- Other CPUs ------------------------------------------------------------------------------ */

/*
 * On every platform: start the kernel's other CPUs, as many as the machine has (@needs smp=N), or
 * end as "cannot tell" if there are fewer than count. Then run fn(data) on one of them, as an
 * interrupt's handler with interrupts off, and wait for its return, at most ms; false if it is
 * late.
 */
void kit_cpus(u32 count);
void kit_cpu_start(u32 cpu, void (*fn)(void *data), void *data);
bool kit_cpu_wait(u32 cpu, u64 ms);

/*
 * On Xen PV, a vCPU without the kernel: start vCPU 1, which runs fn(data) once, with interrupts
 * off, and then stops. Needs smp=2; ends as "cannot tell" elsewhere, and after kit_cpus. fn MUST
 * NOT print, fault, or use the kernel: hypercalls and memory only. kit_vcpu_wait waits for its end,
 * at most ms; false if it is late.
 */
void kit_vcpu_start(void (*fn)(void *data), void *data);
bool kit_vcpu_wait(u64 ms);

#endif
