/* SPDX-License-Identifier: MIT */
/*
 * The page that the hypervisor fills with the code of a hypercall, because the instruction differs:
 * vmcall on Intel's CPUs, vmmcall on AMD's (calls.c).
 */
	.section .hypercall_page, "ax", @nobits
	.balign	4096
	.globl	hyperv_hypercall_page
hyperv_hypercall_page:
	.skip	4096
