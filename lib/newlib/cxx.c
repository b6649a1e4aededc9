/* SPDX-License-Identifier: MIT */
/*
 * What programs in C++ need of a library (Itanium C++ ABI, and the functions of libstdc++'s headers
 * that are compiled in its library): operators new and delete, the guards of static objects in
 * functions, and the ends of a program that has no exceptions. The names are the mangled ones,
 * because the port is built without a C++ compiler. Destructors of static objects are registered
 * with newlib's __cxa_atexit.
 */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/newlib/thread.h"

/* ---- new and delete ------------------------------------------------------------------------- */

#define DEFINE(type, name, parameters, body) \
    type name parameters; \
    type name parameters \
    { \
        body; \
    }

static void *new_or_null(size_t size, size_t alignment)
{
    void *memory = NULL;

    if (!alignment)
        return malloc(size ? size : 1);
    return posix_memalign(&memory, alignment, size) ? NULL : memory;
}

static void *new_or_die(size_t size, size_t alignment)
{
    void *memory = new_or_null(size, alignment);
    char why[64];

    if (!memory) {
        snprintf(why, sizeof(why), "operator new: no memory for %zu bytes", size);
        libc_killed(why);
    }
    return memory;
}

/* m and a at the end of a name are a size and an alignment; RKSt9nothrow_t is std::nothrow. */
DEFINE(void *, _Znwm, (size_t size), return new_or_die(size, 0))
DEFINE(void *, _Znam, (size_t size), return new_or_die(size, 0))
DEFINE(void *, _ZnwmSt11align_val_t, (size_t size, size_t to), return new_or_die(size, to))
DEFINE(void *, _ZnamSt11align_val_t, (size_t size, size_t to), return new_or_die(size, to))
DEFINE(void *, _ZnwmRKSt9nothrow_t, (size_t size), return new_or_null(size, 0))
DEFINE(void *, _ZnamRKSt9nothrow_t, (size_t size), return new_or_null(size, 0))
DEFINE(void, _ZdlPv, (void *memory), free(memory))
DEFINE(void, _ZdaPv, (void *memory), free(memory))
DEFINE(void, _ZdlPvm, (void *memory), free(memory))
DEFINE(void, _ZdaPvm, (void *memory), free(memory))
DEFINE(void, _ZdlPvSt11align_val_t, (void *memory), free(memory))
DEFINE(void, _ZdaPvSt11align_val_t, (void *memory), free(memory))
DEFINE(void, _ZdlPvmSt11align_val_t, (void *memory), free(memory))
DEFINE(void, _ZdaPvmSt11align_val_t, (void *memory), free(memory))
DEFINE(void, _ZdlPvRKSt9nothrow_t, (void *memory), free(memory))
DEFINE(void, _ZdaPvRKSt9nothrow_t, (void *memory), free(memory))

const char _ZSt7nothrow = 0; /* std::nothrow, of which only the type matters */

/* ---- Static objects ------------------------------------------------------------------------- */

void *__dso_handle = &__dso_handle; /* what __cxa_atexit wants: there is one program */

/* The ABI defines 64 bits, of which the first byte says that the object is constructed. */
struct guard {
    uint8_t done;
    uint32_t owner; /* the thread that constructs it, or 0; libc_wait */
};

_Static_assert(sizeof(struct guard) == 8 && sizeof(pthread_t) == 4, "the ABI's guard");

int __cxa_guard_acquire(struct guard *guard);
void __cxa_guard_release(struct guard *guard);
void __cxa_guard_abort(struct guard *guard);

static void guard_put(struct guard *guard)
{
    __atomic_store_n(&guard->owner, 0, __ATOMIC_SEQ_CST);
    libc_wake(&guard->owner, UINT_MAX);
}

/* Return 1 if the caller is to construct the object, and 0 if it is constructed. */
int __cxa_guard_acquire(struct guard *guard)
{
    const uint32_t me = this_pthread()->id;
    uint32_t owner = 0;

    while (!__atomic_compare_exchange_n(&guard->owner, &owner, me, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
        if (owner == me)
            libc_killed("a static object whose constructor needs the object itself");
        libc_wait(&guard->owner, owner, UINT64_MAX);
        owner = 0;
    }
    if (!__atomic_load_n(&guard->done, __ATOMIC_SEQ_CST))
        return 1;
    guard_put(guard);
    return 0;
}

void __cxa_guard_release(struct guard *guard)
{
    __atomic_store_n(&guard->done, 1, __ATOMIC_SEQ_CST);
    guard_put(guard);
}

void __cxa_guard_abort(struct guard *guard)
{
    guard_put(guard);
}

/* ---- Ends ----------------------------------------------------------------------------------- */

DEFINE(void, __cxa_pure_virtual, (void), libc_killed("a call of a pure virtual function"))
DEFINE(void, __cxa_deleted_virtual, (void), libc_killed("a call of a deleted virtual function"))

static void __attribute__((noreturn)) die_of(const char *exception, const char *what)
{
    char why[160];

    snprintf(why, sizeof(why), "std::%s%s%s", exception, what ? ": " : "", what ? what : "");
    libc_killed(why);
}

/* What libstdc++'s headers call in the place of "throw". The number is the name's length. */
#define THROWS(length, name) \
    DEFINE(void, _ZSt##length##__throw_##name##PKc, (const char *what), die_of(#name, what))
#define THROWS_WITHOUT_REASON(length, name) \
    DEFINE(void, _ZSt##length##__throw_##name##v, (void), die_of(#name, NULL))

THROWS(19, logic_error)
THROWS(20, domain_error)
THROWS(24, invalid_argument)
THROWS(20, length_error)
THROWS(20, out_of_range)
THROWS(21, runtime_error)
THROWS(19, range_error)
THROWS(22, overflow_error)
THROWS(23, underflow_error)
THROWS_WITHOUT_REASON(17, bad_alloc)
THROWS_WITHOUT_REASON(28, bad_array_new_length)
THROWS_WITHOUT_REASON(16, bad_cast)
THROWS_WITHOUT_REASON(25, bad_function_call)

void _ZSt24__throw_out_of_range_fmtPKcz(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
void _ZSt24__throw_out_of_range_fmtPKcz(const char *format, ...)
{
    va_list arguments;
    char what[128];

    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    die_of("out_of_range", what);
}
