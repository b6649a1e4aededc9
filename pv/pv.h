/*
 * The table of paravirtual ops, and the calls that go through it. ops.def is the contract; this
 * file turns it into C. A backend (struct pv_backend) is a set of class tables; pv_select copies
 * one set into the flat pv_ops, and from then on pv_NAME(…) is a call through its slot. Later each
 * call site is rewritten to be what its op is here (pv/patch/patch.h).
 */
#ifndef PV_PV_H
#define PV_PV_H

#include "boot/boot_info.h"
#include "pv/cpu_area.h"
#include "pv/cpuid.h"
#include "pv/features.h"
#include "pv/mmu_types.h"
#include "pv/callbacks.h"

/* The few error numbers that ops return, negated; the values are Xen's and POSIX's (xen/errno.h).
 */
enum {
    EPERM = 1,
    ENOENT = 2,
    EIO = 5,
    ENOMEM = 12,
    EFAULT = 14,
    EBUSY = 16,
    EEXIST = 17,
    ENODEV = 19,
    EINVAL = 22,
    ENOSPC = 28,
    ETIME = 62,
    EOPNOTSUPP = 95,
};

/* save_fl: interrupts are enabled (the bit of RFLAGS). */
#define PV_FLAG_IF 0x200ull

/* set_wallclock takes times from 1970 up to 2100 only, in nanoseconds. */
static inline bool wallclock_valid(u64 ns)
{
    return ns < 4102444800ull * 1000000000;
}

/* cpu_up: how a CPU is to start. */
#define PV_EXCEPTION_STACKS     4
#define PV_EXCEPTION_STACK_SIZE 8192
struct pv_cpu_start {
    struct pv_cpu_area *area;
    u64 stack_top;
    void (*entry)(void); /* does not return */
    /* Memory, each with a guard page below it, for exceptions that want a stack of their own. */
    void *exception_stacks[PV_EXCEPTION_STACKS];
};

/* irq_bind: see there. */
enum pv_irq_source {
    PV_IRQ_SOFT,
    PV_IRQ_ISA,
    PV_IRQ_GSI,
};

/* One struct of function pointers a class: struct pv_setup_ops and so on. */
#define PV_CLASS_BEGIN(class) \
    struct pv_##class##_ops \
    {
#define PV_OP(class, ret, name, params, args) ret(*name) params;
#define PV_CLASS_END(class) \
    } \
    ;
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END

/* The ops' numbers, in the order of the contract: PV_NR_OPS is how many there are. */
enum {
#define PV_CLASS_BEGIN(class)
#define PV_OP(class, ret, name, params, args) PV_NUMBER_##name,
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END
    PV_NR_OPS
};

/*
 * The flat table: all classes in one. pv_ops.irq.irq_mask is a typed slot; slot[n] is op n's, for
 * code that treats all ops alike (pv.c, pv/patch/). That code compares and copies addresses and
 * never calls through slot, so its elements have no function type.
 */
struct pv_ops {
    union {
        struct {
#define PV_CLASS_BEGIN(class) struct pv_##class##_ops class;
#define PV_OP(class, ret, name, params, args)
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END
        };
        const void *slot[PV_NR_OPS];
    };
};
_Static_assert(sizeof(struct pv_ops) == PV_NR_OPS * sizeof(void *), "a class holds only its ops");

extern struct pv_ops pv_ops; /* changed by pv_set_op only (pv/patch/patch.h) */

/* The number of an op, by its field: PV_INDEX(cpu.iret). */
#define PV_INDEX(field) ((u32)(offsetof(struct pv_ops, field) / sizeof(void *)))

/* The typed calls. The host's tests have no sites, only the table. */
#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#ifdef PV_NO_SITES
#define PV_OP(class, ret, name, params, args) \
    static inline ret pv_##name params \
    { \
        return pv_ops.class.name args; \
    }
#else
#define PV_OP(class, ret, name, params, args) ret pv_##name params;
#define PV_HOT(class, ret, name, params, args)
#endif
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END

#ifndef PV_NO_SITES
#include "pv/patch/hot.h"
#endif

/* Disables interrupts; pv_restore_fl of what it returns makes them what they were. */
static inline u64 pv_irq_save(void)
{
    const u64 flags = pv_save_fl();

    pv_irq_disable();
    return flags;
}

struct pv_backend {
    const char *name; /* as in pv=NAME */
    /*
     * Could this backend run on a machine entered by this protocol? NULL if so, else why not, in
     * words. MUST have no effect on the machine.
     */
    const char *(*probe)(enum boot_protocol protocol);
    /*
     * What works before early_init, on a machine that probe accepts: write to every output that
     * this backend can find, and end the machine with the status, or halt it. For a kernel that
     * stops before it has a backend.
     */
    void (*raw_write)(const char *text, size_t len);
    __noreturn void (*raw_end)(u8 status);
    u16 kernel_cs, kernel_ss; /* as frames of kernel mode have them */
    /* The class tables, in the order of ops.def. */
#define PV_CLASS_BEGIN(class) const struct pv_##class##_ops *class;
#define PV_OP(class, ret, name, params, args)
#define PV_CLASS_END(class)
#include "pv/ops.def"
#undef PV_CLASS_BEGIN
#undef PV_OP
#undef PV_CLASS_END
};

extern const struct pv_backend pv_backend_native;
extern const struct pv_backend pv_backend_xen_pv;
extern const struct pv_backend pv_backend_xen_pvh;
extern const struct pv_backend pv_backend_stub;

bool pv_cpus_are_up(u64 cpus); /* all of them */

/*
 * Select the first backend whose probe and early_init succeed, fill pv_ops, and return it. If every
 * backend refuses, write each one's reason to the raw console and return NULL; the caller can then
 * only call pv_raw_end. An exception meanwhile is reported on the raw console too. Context: early.
 */
const struct pv_backend *pv_select(enum boot_protocol protocol, u64 loader_info);

/*
 * Selects the backend of this name instead (pv=NAME). Returns NULL, or one line that says why it
 * cannot be; the backend that was selected is then still in place. Context: early.
 */
const char *pv_select_forced(const char *name);

/* The selected backend's name, for messages: nothing above pv/ may depend on it. */
const char *pv_backend_name(void);

/* The selectors that a frame must have to lead to kernel mode on this backend. */
u16 pv_kernel_cs(void);
u16 pv_kernel_ss(void);

/*
 * early.c: what a kernel without a backend can do. pv_raw_print writes to the outputs that the
 * first backend finds whose probe accepts this machine; pv_raw_end ends the machine with the
 * status.
 */
void pv_raw_print(const char *fmt, ...) __printf(1, 2);
__noreturn void pv_raw_end(u8 status);

/*
 * How pv/ and mm/ end a run: an op that a backend left empty, or one that was called out of its
 * contract. The kernel sets it to a panic; until then it writes to the raw console.
 */
extern __noreturn void (*pv_panic_handler)(const char *op, const char *what);
__noreturn void pv_panic(const char *op, const char *fmt, ...) __printf(2, 3);

/*
 * How pv/ reports, in one line, what this machine lacks or got wrong and the run can do without.
 * The kernel sets it to a line of its log; until then the line is lost.
 */
extern void (*pv_warn_handler)(const char *what);
void pv_warn(const char *fmt, ...) __printf(1, 2);

#endif
