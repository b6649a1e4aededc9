/* SPDX-License-Identifier: MIT */
/*
 * Call sites: every call of an op in the image, and what it becomes. patch.c explains how it works,
 * docs/patching.md how to look at it.
 */
#ifndef PV_PATCH_PATCH_H
#define PV_PATCH_PATCH_H

#include "pv/patch/lengths.h"

#define PV_CODE_MAX PV_TAIL_SIZE /* no site is longer than a tail */

/* What a site is now. */
#define PV_STATE_INDIRECT 0 /* a call through the table */
#define PV_STATE_DIRECT   1 /* a call straight to the backend's function */
#define PV_STATE_INLINE   2 /* the instructions of a template */
#define PV_STATE_NOTHING  3 /* a no-op: the function does nothing */
#define PV_STATE_TRAP     4 /* ud2: the backend has no function for the op */
#define PV_NR_STATES      5

#ifndef __ASSEMBLY__
#include "pv/pv.h"

enum pv_site_kind {
    PV_SITE_CALL,
    PV_SITE_JUMP, /* the call at the end of a function: inline code there ends with ret */
    PV_SITE_HOT,  /* a call of a hot op, lengthened (pv/patch/hot.h) */
    PV_SITE_TAIL, /* the same with a tail: the nth of these has the nth tail */
};

/* A site, as tools/build/sites.py found it in the linked image. The table is sorted by address. */
struct pv_site {
    u32 op : 8; /* the op's number, PV_INDEX */
    u32 kind : 2;
    u32 offset : 22; /* from the first byte of text */
};

/*
 * A patch template: code that can replace a call of function. templates.inc makes it. It belongs to
 * the function, not to the op, so if another function is put into the table its sites call that
 * one. Prefixes lengthen the first instruction to fill the site.
 *
 * The code of a template with a tail ends with the opcode of a jump to the tail. The bytes of a
 * test and the address of a helper follow it. The tail is: the test, a jump back to the site if the
 * test says "equal", a call of the helper, which keeps all registers, and a jump back.
 *
 * Addresses count from VIRT_BASE.
 */
struct pv_template {
    u32 function;
    u32 text; /* the instructions as a string, for listings */
    u32 code;
    u8 first, length; /* bytes of the first instruction; of all code */
    u8 test_length;   /* 0: no tail */
    u8 state : 4;     /* of the site: inline, nothing or trap */
    u8 pushes : 4;    /* bytes that the first instruction pushes and the second one pops */
};

/* Code, and the address for which it was made. */
struct pv_code {
    u8 *at;
    u32 length;
    u8 bytes[PV_CODE_MAX];
};

struct pv_site_code {
    u32 state;
    u32 pushes;         /* bytes on the stack at the second instruction, as the template has it */
    u32 second;         /* offset of the second instruction; 0: the site is a call */
    const char *text;   /* the template's, else "" */
    const void *target; /* a call's or jump's, else NULL */
    struct pv_code site, tail;
};

extern const struct pv_site pv_sites[], pv_sites_end[];
extern const char pv_op_names[]; /* strings in the order of the ops, empty if an op has no site */

/*
 * Rewrite all sites to what the table has (true), or back to calls through the table (false). Each
 * site is compared before it is written and verified afterwards; a difference is a panic.
 *
 * Context: the fixmap works; interrupts are disabled; until this returns no other CPU and no NMI
 * executes a site, and each other CPU calls pv_sync_core before its next site (Intel SDM vol. 3,
 * section 9.1.3). A CPU that starts later needs nothing: the text is shared, and the start of a CPU
 * serialises it.
 */
void pv_patch(bool patched);
bool pv_is_patched(void);
/* Execute a serialising instruction: no instruction that was fetched before is executed after. */
void pv_sync_core(void);

/*
 * Put another function into an op's slot; NULL empties it. If sites are patched, those of the op
 * are rewritten; the context is pv_patch's then, else any in which one CPU runs.
 */
void pv_set_op(u32 op, const void *function);

/*
 * Let the jump of 5 bytes at this address lead elsewhere. The jump is not in two pages, because
 * set_fixmap may execute it in between. Context: as pv_patch.
 */
void pv_retarget_jump(u8 *at, const void *from, const void *to);

/* What an empty slot holds: panics, and names the op by the site that called it. */
void pv_missing(void);

const char *pv_op_name(u32 op); /* "" if no site calls the op */

/*
 * Return a site's address; its length in bytes; what it should be now. pv_trap_at: if a site of an
 * op without a function is at this address, return the op's name, else NULL.
 */
u8 *pv_site_address(const struct pv_site *site);
u32 pv_site_length(const struct pv_site *site);
void pv_site_code(const struct pv_site *site, struct pv_site_code *code);
const char *pv_trap_at(u64 address);

/*
 * If the frame was interrupted inside a site, move its rip (and rsp) back to the start of the site.
 * Call this for every interrupted frame before sites are patched.
 */
void pv_restart_site(struct trap_frame *frame);

#endif
#endif
