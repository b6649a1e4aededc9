/* SPDX-License-Identifier: MIT */
/* A backend, and how one is selected (pv/pv.c). */
#ifndef PV_BACKEND_H
#define PV_BACKEND_H

#include "pv/pv.h"

struct pv_backend {
    const char *name; /* as in pv=NAME */
    /*
     * Return NULL if this backend could run on a machine that was entered by this protocol, else
     * the reason, in words. MUST have no effect on the machine.
     */
    const char *(*probe)(enum boot_protocol protocol);
    /*
     * Write to every output that this backend can find, and end the machine with the status, or
     * halt it. Both work before early_init on a machine that probe accepts: they are for a kernel
     * that stops before it has a backend.
     */
    void (*raw_write)(const char *text, size_t len);
    __noreturn void (*raw_end)(u8 status);
    u16 kernel_cs, kernel_ss; /* as a trap frame of kernel mode has them */
    /* A table for each class: setup, irq and so on. */
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
/* Without its folder in the image (make WITHOUT=pv/vmware) a weak backend's address is NULL. */
extern const struct pv_backend pv_backend_vmware __weak;
extern const struct pv_backend pv_backend_rom __weak;
extern const struct pv_backend pv_backend_kvm __weak;
extern const struct pv_backend pv_backend_hyperv __weak;

/*
 * Register a backend that only pv=NAME selects, for example one under construction (pv/stub/). The
 * image has it if its folder was built.
 */
#define PV_BACKEND_BY_NAME(backend) \
    static const struct pv_backend *const backend##_entry __used __section(".backends_by_name") = \
        &(backend)

/*
 * Select the first backend whose probe and early_init succeed, fill pv_ops, and return it. If every
 * backend refuses, write each one's reason to the raw console and return NULL; the caller can then
 * only call pv_raw_end. An exception in the meantime is reported on the raw console, too. Context:
 * early.
 */
const struct pv_backend *pv_select(enum boot_protocol protocol, u64 loader_info);

/* Return the backend of this name, or NULL if the image has none. */
const struct pv_backend *pv_backend_named(const char *name);

/*
 * Select the backend of this name instead (pv=NAME). Return NULL, or one line with the reason why
 * it cannot be selected; the previous backend then remains. Context: early.
 */
const char *pv_select_forced(const char *name);

/* The status of a run that failed: the kernel's VERDICT_FAIL. */
enum { PV_STATUS_FAIL = 1 };

/*
 * For a kernel without a backend (early.c): write to the outputs of the first backend whose probe
 * accepts this machine, and end the machine with the status.
 */
void pv_raw_print(const char *fmt, ...) __printf(1, 2);
__noreturn void pv_raw_end(u8 status);

#endif
