/* SPDX-License-Identifier: MIT */
#ifndef PART_H
#define PART_H

int from_c(int n);
int from_assembly(int n);

#endif
