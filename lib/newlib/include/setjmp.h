/* SPDX-License-Identifier: MIT */
/* newlib's setjmp.h, and the functions that save and restore the mask of signals. */
#ifndef LIB_NEWLIB_SETJMP_H
#define LIB_NEWLIB_SETJMP_H

#include_next <setjmp.h>
#include <sys/_sigset.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
    jmp_buf __registers;
    int __has_mask;
    __sigset_t __mask;
} sigjmp_buf[1];

/* Save the mask if save is not 0. */
void __sigjmp_save(sigjmp_buf env, int save);
void siglongjmp(sigjmp_buf env, int value) __attribute__((__noreturn__));

#define sigsetjmp(env, save) (__sigjmp_save((env), (save)), setjmp((env)->__registers))

#define _setjmp(env)         setjmp(env)
#define _longjmp(env, value) longjmp((env), (value))

#ifdef __cplusplus
}
#endif

#endif
