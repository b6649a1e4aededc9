/*
 * Call sites: every call of an op in the image, and what becomes of it (pv/patch.c,
 * docs/patching.md).
 */
#ifndef PV_PATCH_H
#define PV_PATCH_H

#define PV_SITE_MAX 24 /* no site is longer */
#define PV_TAIL_MAX 25 /* room for a tail, as pv/hot.h and forms.inc have it */

#ifndef __ASSEMBLY__
#include "pv/pv.h"

enum pv_site_kind {
    PV_SITE_CALL,
    PV_SITE_JUMP, /* a tail call: what it becomes ends with ret */
    PV_SITE_HOT,  /* pv/hot.h: lengthened by prefixes */
};

/* A site, as tools/sites.py found it in the linked image. The table is in the order of addresses.
 */
struct pv_site {
    u32 offset; /* from the first byte of text */
    u16 op;     /* its number, PV_INDEX */
    u16 tail;   /* which of the tails is its, if it has one */
    u8 kind, length;
    u16 has_tail;
};

/*
 * Code that may stand in place of a call of function: made by forms.inc, found by the function, so
 * that whoever puts another into the table gets a call of that one. The first instruction is
 * lengthened by prefixes to fill the site.
 *
 * A form with a tail ends with a jump there (link: the opcode). A tail is test, then a jump back if
 * that says "equal", then a call of helper, which keeps all registers, and a jump back.
 */
struct pv_form {
    const void *function;
    const char *text; /* the instructions, for people */
    const u8 *code, *test;
    const void *helper;
    u8 first, length; /* of the first instruction, of all */
    u8 link_length, test_length;
    u8 link[2];
    bool nothing; /* it does nothing at all */
    u8 pushes;    /* how many bytes the first instruction leaves on the stack */
};

/* What a site is now. */
enum pv_site_state {
    PV_STATE_INDIRECT, /* a call through the table */
    PV_STATE_DIRECT,   /* a call of the backend's function */
    PV_STATE_INLINE,   /* instructions in its place */
    PV_STATE_NOTHING,  /* a no-op */
    PV_STATE_TRAP,     /* the backend has no such op: ud2 */
    PV_NR_STATES,
};

/* The bytes of a site, and of its tail. */
struct pv_site_code {
    enum pv_site_state state;
    const char *text;   /* the form's, else "" */
    const void *target; /* a call's or jump's, else NULL */
    u8 bytes[PV_SITE_MAX], tail[PV_TAIL_MAX];
    u8 length, tail_length;
};

extern const struct pv_site pv_sites[], pv_sites_end[];

/*
 * Rewrites all sites to what the table says (true), or back to calls through it (false). Each is
 * compared before, and verified after. Context: the fixmap works; interrupts disabled; all other
 * CPUs execute no site meanwhile, nor does an NMI, and each calls pv_sync_core before its next one
 * (Intel SDM vol. 3, section 9.1.3). A CPU that comes up later need do nothing: text is shared, and
 * its start serialises.
 */
void pv_patch(bool patched);
bool pv_is_patched(void);
void pv_sync_core(void);

/*
 * Puts another function in place of an op's; NULL leaves it empty. Its sites follow, if they are
 * patched: then the context is pv_patch's, else any with one CPU.
 */
void pv_set_op(u32 op, const void *function);

const char *pv_op_name(u32 op);

/* The site's address, what it is to be now, and the op's name if a trap of a site is there, or
 * NULL. */
u8 *pv_site_address(const struct pv_site *site);
void pv_site_code(const struct pv_site *site, struct pv_site_code *code);
const char *pv_trap_at(u64 address);

/*
 * If the frame's code was interrupted in the midst of a site, it will begin the site anew. Sites
 * are patched under interrupted code only after this.
 */
void pv_restart_site(struct trap_frame *frame);

#endif
#endif
