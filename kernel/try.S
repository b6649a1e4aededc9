/*
 * fault_try: saves what a caller may rely on and returns true. If an exception comes before fault_end,
 * kernel/trap.c resumes at the saved place with these registers and 0 in %eax: fault_try returns a second
 * time, false.
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
