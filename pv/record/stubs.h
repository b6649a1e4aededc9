/* SPDX-License-Identifier: MIT */
/* What the stubs of recording share with C. */
#ifndef PV_RECORD_STUBS_H
#define PV_RECORD_STUBS_H

#define RECORD_STUB_SIZE  16
#define RECORD_HYPERCALLS 64 /* numbers of hypercalls with a stub */

#endif
