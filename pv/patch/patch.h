/*
 * Call sites: every call of an op in the image, and what becomes of it (pv/patch/patch.c,
 * docs/patching.md).
 */
#ifndef PV_PATCH_H
#define PV_PATCH_H

#include "pv/patch/lengths.h"

#define PV_TAIL_MAX 25 /* room for a tail, as pv/patch/hot.h has it */
#define PV_CODE_MAX 25 /* neither that nor a site is longer */
#define PV_HOT_SIZE 16 /* of a pv_hot_NAME (pv/patch/thunks.S) */

/* What a site is now. */
#define PV_STATE_INDIRECT 0 /* a call through the table */
#define PV_STATE_DIRECT   1 /* a call of the backend's function */
#define PV_STATE_INLINE   2 /* instructions in its place */
#define PV_STATE_NOTHING  3 /* a no-op */
#define PV_STATE_TRAP     4 /* the backend has no such op: ud2 */
#define PV_NR_STATES      5

#ifndef __ASSEMBLY__
#include "pv/pv.h"

enum pv_site_kind {
    PV_SITE_CALL,
    PV_SITE_JUMP, /* a tail call: what it becomes ends with ret */
    PV_SITE_HOT,  /* pv/patch/hot.h: lengthened by prefixes */
    PV_SITE_TAIL, /* the same with a tail: the nth of these has the nth tail */
};

/* A site, as tools/build/sites.py found it in the linked image. The table is in the order of
 * addresses.
 */
struct pv_site {
    u32 op : 8; /* its number, PV_INDEX */
    u32 kind : 2;
    u32 offset : 22; /* from the first byte of text */
};

/*
 * Code that may stand in place of a call of function: made by templates.inc, found by the function,
 * so that whoever puts another into the table gets a call of that one. The first instruction is
 * lengthened by prefixes to fill the site.
 *
 * The code of a template with a tail ends with the opcode of a jump there; after it come the bytes
 * of a test and, as an address, a helper. A tail is the test, then a jump back if that says
 * "equal", then a call of helper, which keeps all registers, and a jump back.
 *
 * Addresses count from VIRT_BASE.
 */
struct pv_template {
    u32 function;
    u32 text; /* the instructions, for people */
    u32 code;
    u8 first, length; /* of the first instruction, of all */
    u8 test_length;   /* 0: no tail */
    u8 state : 4;     /* of the site: inline, nothing or trap */
    u8 pushes : 4;    /* how many bytes the first instruction pushes, and the second one pops */
};

/* Code that is to be at an address. */
struct pv_code {
    u8 *at;
    u32 length;
    u8 bytes[PV_CODE_MAX];
};

struct pv_site_code {
    u32 state;
    u32 pushes;         /* as a template has it; on the stack at the second instruction only */
    u32 second;         /* offset of that instruction; 0: the site is one instruction */
    const char *text;   /* the template's, else "" */
    const void *target; /* a call's or jump's, else NULL */
    struct pv_code site, tail;
};

extern const struct pv_site pv_sites[], pv_sites_end[];
extern const char pv_op_names[]; /* one behind the other, empty where an op has no site */

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

/* What an empty slot holds: panics, and names the op by the site that called it. */
void pv_missing(void);

const char *pv_op_name(u32 op); /* of any that has a site */

/* The site's address, its bytes' count, what it is to be now, and the op's name if a trap of a site
 * is there, or NULL. */
u8 *pv_site_address(const struct pv_site *site);
u32 pv_site_length(const struct pv_site *site);
void pv_site_code(const struct pv_site *site, struct pv_site_code *code);
const char *pv_trap_at(u64 address);

/*
 * If the frame's code was interrupted in the midst of a site, it will begin the site anew. Sites
 * are patched under interrupted code only after this.
 */
void pv_restart_site(struct trap_frame *frame);

#endif
#endif
