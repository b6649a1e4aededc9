/* SPDX-License-Identifier: MIT */
/* The list of cases, which tools/paravane/programs/posix.py writes. */
#ifndef CASES_H
#define CASES_H

struct posix_case {
    const char *name;
    int (*main)(int argc, char **argv);
};

extern const struct posix_case cases[];
extern const int nr_cases;

#endif
