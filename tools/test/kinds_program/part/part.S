/* SPDX-License-Identifier: MIT */
    .text
    .globl from_assembly
from_assembly:
    leal (%rdi, %rdi), %eax
    ret
