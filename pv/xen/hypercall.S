/*
 * The hypercall page: 32 bytes for each hypercall, filled in by Xen (xen/xen.h). For a PV guest Xen does so
 * before the entry, since a note names the page; a PVH guest asks for it by an MSR (pvh/setup.c).
 */
	.section .hypercall_page, "ax", @nobits
	.balign	4096
	.globl	hypercall_page
hypercall_page:
	.skip	4096
