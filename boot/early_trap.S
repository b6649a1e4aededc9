/* SPDX-License-Identifier: MIT */
/*
 * Exceptions between the entry to 64-bit mode and trap_init (kernel/trap.c). None is expected
 * there, so one means that the CPU, the hypervisor or the loader does not behave as this kernel
 * assumes: print one line and end the machine. An NMI is counted instead.
 */
#include "boot/early_text.inc"
#include "boot/machine_end.h"
#include "lib/address_map.h"
#include "pv/selectors.h"
#include "pv/trap_frame.h"

#define NR_EXCEPTIONS   32
#define STUB_SIZE       8
#define GATE_SIZE       16
/* Present, privilege level 0 (Intel SDM vol. 3, section 6.14.1). */
#define GATE_INTERRUPT	0x8e00

	.section .boot.text, "ax"
	.code64
	.globl	early_trap_init
/*
 * void early_trap_init(void): load a table that sends all exceptions to the stubs. Clobbers %rax,
 * %rcx, %rdx, %rdi.
 */
early_trap_init:
	movq	$early_stubs, %rax
	movq	$early_idt, %rdi
	movl	$NR_EXCEPTIONS, %ecx
1:	movw	%ax, (%rdi)
	movw	$KERNEL_CS, 2(%rdi)
	movw	$GATE_INTERRUPT, 4(%rdi)
	movq	%rax, %rdx
	shrq	$16, %rdx
	movw	%dx, 6(%rdi)
	shrq	$16, %rdx
	movl	%edx, 8(%rdi)
	addq	$STUB_SIZE, %rax
	addq	$GATE_SIZE, %rdi
	decl	%ecx
	jnz	1b
	lidt	early_idt_pointer(%rip)
	ret

	.balign	STUB_SIZE
early_stubs:
	.set	vector, 0
	.rept	NR_EXCEPTIONS
	pushq	$vector
	jmp	early_trap
	.balign	STUB_SIZE
	.set	vector, vector + 1
	.endr

/*
 * The stub has pushed the vector. Count an NMI and return, because firmware may have left a source
 * of NMIs enabled.
 *
 * For other vectors report the vector, RIP and CR2. The CPU has aligned the stack pointer to 16
 * bytes and pushed five words, and for some vectors an error code after them (Intel SDM vol. 3,
 * section 6.14.2). Whether there is an error code follows from the pointer: with the vector popped
 * it is a multiple of 16 only if there is one.
 */
early_trap:
	cmpb	$VECTOR_NMI, (%rsp)
	jne	1f
	addq	$8, %rsp
	incl	boot_early_nmis(%rip)
	iretq
1:	popq	%rax
	movq	$panic_vector_end, %rdi
	movl	$2, %ecx
	call	write_hex
	testb	$8, %spl
	jnz	1f
	popq	%rax
1:	popq	%rax
	movq	$panic_rip_end, %rdi
	movl	$16, %ecx
	call	write_hex
	movq	%cr2, %rax
	movq	$panic_cr2_end, %rdi
	movl	$16, %ecx
	call	write_hex
	movl	$(panic_text - VIRT_BASE), %esi
	call	early_text64
	movb	$MACHINE_END_FAIL, %al
	outb	%al, $DEBUG_EXIT_PORT
2:	cli
	hlt
	jmp	2b

/*
 * Write the low %ecx hexadecimal digits of %rax so that they end before %rdi. Clobbers %rax, %rcx,
 * %rdx, %rdi.
 */
write_hex:
	movl	%eax, %edx
	andl	$15, %edx
	movb	hex_digits(%rdx), %dl
	decq	%rdi
	movb	%dl, (%rdi)
	shrq	$4, %rax
	decl	%ecx
	jnz	write_hex
	ret

	define_early_text early_text64, rsi, rdi

	.section .rodata
hex_digits:
	.ascii	"0123456789abcdef"
early_idt_pointer:
	.short	NR_EXCEPTIONS * GATE_SIZE - 1
	.quad	early_idt

	.data
panic_text:
	.ascii	"\r\nparavane: PANIC: exception 0x.."
panic_vector_end:
	.ascii	" at 0x................"
panic_rip_end:
	.ascii	", CR2 0x................"
panic_cr2_end:
	.ascii	", before the kernel handles exceptions\r\n"
	.asciz	"paravane: verdict FAIL: panic: early exception\r\n"

	.section .bss
	.balign	16
early_idt:
	.skip	NR_EXCEPTIONS * GATE_SIZE
