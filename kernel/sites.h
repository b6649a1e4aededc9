/* What became of the calls of ops (pv/patch.h), for people and for the benchmark. */
#ifndef KERNEL_SITES_H
#define KERNEL_SITES_H

/* Patches the sites, unless "nopatch" is said; lists them if "pv.sites" is. */
void sites_init(void);

/* One line for each op and form: "# site OP FORM COUNT CODE". */
void sites_print_by_op(void);

#endif
