/* What became of the calls of ops (pv/patch/patch.h), for people and for the benchmark. */
#ifndef KERNEL_SITES_H
#define KERNEL_SITES_H

#include "kernel/symtab.h"
#include "pv/patch/patch.h"

/* Patches the sites, unless "nopatch" is said; lists them if "pv.sites" is. */
void sites_init(void);

/* The words for what a site is, and for its code: the form's text, or the name of what is called,
 * for which there is room. */
extern const char *const sites_states[PV_NR_STATES];
const char *sites_code_text(const struct pv_site_code *code, char room[SYMTAB_NAME_MAX]);

#endif
