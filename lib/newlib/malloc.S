/* SPDX-License-Identifier: MIT */
/*
 * malloc and free in place of newlib's, which ask a function for the calling thread's struct _reent
 * (errno and other state of libc): here it is a load, because struct pthread is at %fs:0. And the
 * lock that newlib takes in both. It is needed only once there were two threads (locks.c): until
 * then no handler of a signal interrupts malloc, because signals are sent by the thread itself, by
 * another one, or by the thread of the timers. No thread is created while malloc has the lock, so
 * the lock is released exactly if it was taken.
 */
#include "lib/newlib/thread_offsets.h"

	.text
	.globl	malloc
	.type	malloc, @function
malloc:
	movq	%rdi, %rsi
	movq	%fs:PTHREAD_REENT, %rdi
	jmp	_malloc_r
	.size	malloc, . - malloc

	.globl	free
	.type	free, @function
free:
	movq	%rdi, %rsi
	movq	%fs:PTHREAD_REENT, %rdi
	jmp	_free_r
	.size	free, . - free

	.globl	__malloc_lock
	.type	__malloc_lock, @function
__malloc_lock:
	cmpb	$0, threads_started(%rip)
	jne	malloc_lock_shared
	ret
	.size	__malloc_lock, . - __malloc_lock

	.globl	__malloc_unlock
	.type	__malloc_unlock, @function
__malloc_unlock:
	cmpb	$0, threads_started(%rip)
	jne	malloc_unlock_shared
	ret
	.size	__malloc_unlock, . - __malloc_unlock

	.section .note.GNU-stack, "", @progbits
