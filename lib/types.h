/* SPDX-License-Identifier: MIT */
/* The fixed-width types and the few macros that every layer uses. */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;
typedef int32_t s32;

#define ARRAY_SIZE(a)    (sizeof(a) / sizeof((a)[0]))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a)-1))
#define ALIGN_UP(x, a)   ALIGN_DOWN((x) + (a)-1, a)
#define MIN(a, b)        ((a) < (b) ? (a) : (b))
#define MAX(a, b)        ((a) > (b) ? (a) : (b))
#define KIB(n)           ((u64)(n) << 10)
#define MIB(n)           ((u64)(n) << 20)
#define GIB(n)           ((u64)(n) << 30)

/* The struct of this type whose member is at ptr. */
#define container_of(ptr, type, member) ((type *)((uintptr_t)(ptr)-offsetof(type, member)))

#define PAGE_SHIFT 12
#define PAGE_SIZE  4096ul

#define __noreturn       __attribute__((noreturn))
#define __noinline       __attribute__((noinline))
#define __printf(f, a)   __attribute__((format(printf, f, a)))
#define __section(s)     __attribute__((section(s)))
#define __weak           __attribute__((weak))
#define __used           __attribute__((used))
#define __unused         __attribute__((unused))
#define __packed         __attribute__((packed))
#define __aligned(n)     __attribute__((aligned(n)))
#define __must_check     __attribute__((warn_unused_result))
#define barrier()        __asm__ volatile("" ::: "memory")
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)(uintptr_t) & (x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)(uintptr_t) & (x) = (v))

#endif
