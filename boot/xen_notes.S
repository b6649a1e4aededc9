/* SPDX-License-Identifier: MIT */
/*
 * The ELF notes by which loaders find out how to start this image. xen/elfnote.h describes each.
 *
 * Xen reads them for a PV guest and for a PVH guest, and QEMU reads PHYS32_ENTRY for PVH too. The
 * entry addresses are those of xen_pv_entry (entry_xen_pv.S) and pvh_entry (entry32.S).
 */
#include "lib/address_map.h"
#include <xen/elfnote.h>
#include <xen/features.h>

	.macro	note type, desc:vararg
	.pushsection .note.Xen, "a", @note
	.balign	4
	.long	4, 2f - 1f, \type
	.asciz	"Xen"
1:	\desc
2:	.balign	4
	.popsection
	.endm

	note	XEN_ELFNOTE_GUEST_OS, .asciz "Paravane"
	note	XEN_ELFNOTE_GUEST_VERSION, .asciz PARAVANE_VERSION
	note	XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
	note	XEN_ELFNOTE_LOADER, .asciz "generic"
	note	XEN_ELFNOTE_PAE_MODE, .asciz "yes"
	note	XEN_ELFNOTE_VIRT_BASE, .quad VIRT_BASE
	note	XEN_ELFNOTE_PADDR_OFFSET, .quad 0
	note	XEN_ELFNOTE_ENTRY, .quad xen_pv_entry
	note	XEN_ELFNOTE_HYPERCALL_PAGE, .quad hypercall_page
	note	XEN_ELFNOTE_HV_START_LOW, .quad 0xffff800000000000
	note	XEN_ELFNOTE_PHYS32_ENTRY, .quad pvh_entry - VIRT_BASE
	note	XEN_ELFNOTE_FEATURES, .asciz "!writable_page_tables|pae_pgdir_above_4gb"
	note	XEN_ELFNOTE_SUSPEND_CANCEL, .long 1
	note	XEN_ELFNOTE_SUPPORTED_FEATURES, .long 1 << XENFEAT_dom0
