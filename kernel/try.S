/* SPDX-License-Identifier: MIT */
/*
 * fault_try(struct fault *): save the registers that the caller relies on, and return true. An
 * exception before fault_end makes kernel/trap.c load them again with 0 in %eax, so that fault_try
 * returns a second time: false.
 */
#include "lib/registers.inc"

	.text
	.globl	fault_try
fault_try:
	save_for_caller
	pushq	%rbp
	movq	%rsp, %rbp
	call	fault_begin
	popq	%rbp
	movl	$1, %eax
	ret
