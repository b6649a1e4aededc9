/* SPDX-License-Identifier: MIT */
/* The call sites of ops (pv/patch/patch.h): patched at boot, and described for people. */
#ifndef KERNEL_SITES_H
#define KERNEL_SITES_H

#include "kernel/symtab.h"
#include "pv/patch/patch.h"

/*
 * Start recording if the command line has record=, which changes what the sites are to be. Then
 * patch the sites, unless it has "nopatch"; list them if it has "pv.sites".
 */
void sites_init(void);

/* Print one line: a site's address, op and state, its bytes, and what they do. */
void sites_print(const struct pv_site *site, const struct pv_site_code *code);

/* The name of each state. */
extern const char *const sites_states[PV_NR_STATES];

/*
 * Return what a site executes, as text: its template's instructions, or the name of the function
 * that it calls, which is written to room.
 */
const char *sites_code_text(const struct pv_site_code *code, char room[SYMTAB_NAME_MAX]);

#endif
