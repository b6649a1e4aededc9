/* SPDX-License-Identifier: MIT */
/*
 * For tools/paravane/selftest/programs.py: a program that lacks what APP_CFLAGS names.
 * -DNO_MAIN: main(); -DHLT: privileges; -DWORDS: processes, for wordexp(); otherwise two functions,
 * one of them needed twice.
 */
#include <wordexp.h>

__attribute__((weak)) int nowhere_but_weak(int n);
int nowhere(int n);
int nowhere_either(int n);

#ifdef NO_MAIN
#define main not_main
#endif

int main(void)
{
#ifdef HLT
    __asm__ volatile("hlt");
    return 0;
#elif defined(WORDS)
    wordexp_t words;

    return wordexp("$HOME", &words, 0);
#else
    return (nowhere_but_weak ? 1 : 0) + nowhere(1) + nowhere_either(2) + nowhere(3);
#endif
}
