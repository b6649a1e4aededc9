/*
 * The planted faults. Each shows that something which must not pass in silence doesn't: the
 * runner's own tests (tools/test/) run them and look at what is said.
 */
#include "kernel/panic.h"
#include "kernel/plant.h"
#include "pv/pv.h"
#include "test/test.h"

static void plant_fail(void)
{
    EXPECT(!"planted: this test fails");
}

static void plant_skip(void)
{
    SKIP("planted: this test is not applicable");
}

/* Unmapped on every platform: just below the kernel's window. */
static void wild_write(void)
{
    *(volatile u64 *)0xffffff7fdead0000 = 1;
}

/* Its fault's backtrace names the caller only if its frame is there before its first access. */
static __attribute__((noinline)) u64 leaf(const u64 *at, u64 x)
{
    return *at * x + x;
}

static void plant_leaf(void)
{
    print("%llu\n", (unsigned long long)leaf((const u64 *)0xffffff7fdead0000, boot_entry_tsc));
}

static void plant_divide(void)
{
    u32 high = 0, low = 1;

    __asm__ volatile("divl %2" : "+d"(high), "+a"(low) : "r"(0));
}

static void plant_opcode(void)
{
    __asm__ volatile("ud2");
}

static int recurse(volatile int depth)
{
    return depth < 0 ? 0 : recurse(depth + 1) + depth;
}

static void plant_stack(void)
{
    recurse(0);
}

static void plant_panic(void)
{
    panic("planted");
}

static void plant_loop(void)
{
    for (;;)
        barrier();
}

/* The machine goes away before the verdict. */
static void plant_silent(void)
{
    pv_shutdown(PV_REBOOT, 0);
}

PLANT(fail, PLANT_TEST, plant_fail);
PLANT(skip, PLANT_TEST, plant_skip);
PLANT(crash, PLANT_TEST, wild_write);
PLANT(leaf, PLANT_TEST, plant_leaf);
PLANT(divide, PLANT_TEST, plant_divide);
PLANT(opcode, PLANT_TEST, plant_opcode);
PLANT(stack, PLANT_TEST, plant_stack);
PLANT(panic, PLANT_TEST, plant_panic);
PLANT(loop, PLANT_TEST, plant_loop);
PLANT(silent, PLANT_TEST, plant_silent);
PLANT(early, PLANT_EARLY, wild_write);
