/* SPDX-License-Identifier: MIT */
/*
 * How a CPU other than the first starts. A start-up IPI puts it in real mode at the beginning of a
 * page below 1 MiB (Intel SDM vol. 3, section 9.4.4), to which smp.c has copied native_trampoline.
 * From there it takes the steps of boot/entry32.S: protected mode, the boot's page tables, long
 * mode. Then it loads what cpu_up has put into native_start: the kernel's page tables, its area,
 * its stack and where to continue.
 */
#include <asm-offsets.h>
#include "pv/native/long_mode.inc"

	.section .rodata
	.code16
	.globl	native_trampoline, native_trampoline_end
native_trampoline:
	cli
	cld
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	gdt_pointer - native_trampoline
	movl	%cr0, %eax
	orl	$CR0_PE, %eax
	movl	%eax, %cr0
	ljmpl	$BOOT_CS32, $PHYS(start32)
	.balign	4
gdt_pointer:
	.short	4 * 8 - 1
	.long	PHYS(boot_gdt)
native_trampoline_end:

	.text
	.code32
start32:
	movl	$KERNEL_DS, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	enter_long_mode
	movq	native_start + NATIVE_START_CR3(%rip), %rax
	movq	%rax, %cr3
	movq	native_start + NATIVE_START_CR4(%rip), %rax
	movq	%rax, %cr4
	movq	native_start + NATIVE_START_AREA(%rip), %rdi
	movq	native_start + NATIVE_START_STACK_TOP(%rip), %rsp
	movq	native_start + NATIVE_START_ENTRY(%rip), %rsi

/*
 * In 64-bit mode, on the kernel's tables: %rdi = area, %rsp = top of the stack, %rsi = entry. PVH
 * starts here.
 */
	.globl	native_ap_entry64
native_ap_entry64:
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	set_gs_base %rdi
	xorl	%ebp, %ebp			/* ends the chain of frames */
	pushq	$0
	jmp	*%rsi

/*
 * void native_restart_on_stack(u64 stack_top, void (*entry)(void)): not privileged, so Xen PV uses
 * it, too.
 */
	.globl	native_restart_on_stack
native_restart_on_stack:
	movq	%rdi, %rsp
	xorl	%ebp, %ebp
	pushq	$0
	jmp	*%rsi
