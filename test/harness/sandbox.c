/* SPDX-License-Identifier: MIT */
/* The user address space of tests: see test/harness/sandbox.h. */
#include "test/harness/sandbox.h"
#include "lib/string.h"
#include "mm/space.h"
#include "pv/selectors.h"
#include "pv/x86.h"
#include "test/harness/test.h"

struct sandbox sandbox;
volatile u64 *sandbox_data;

static struct mm_space space;

static bool map_sandbox(void)
{
    struct mm_mapping m;

    if (mm_populate(&space, SANDBOX_CODE, 1, MM_EXEC) ||
        mm_populate(&space, SANDBOX_DATA, 1, MM_WRITE) ||
        mm_populate(&space, SANDBOX_STACK, 1, MM_WRITE))
        return false;
    if (!mm_query(&space, SANDBOX_CODE, &m))
        return false;
    memcpy(pfn_to_va(m.pfn), user_code_start, (u64)(user_code_end - user_code_start));
    if (!mm_query(&space, SANDBOX_DATA, &m))
        return false;
    sandbox_data = pfn_to_va(m.pfn);
    return true;
}

bool sandbox_enter(void)
{
    pv_irq_disable();
    if (!EXPECT(mm_space_create(&space) == 0))
        return false;
    if (EXPECT(map_sandbox()) && EXPECT(mm_space_activate(&space) == 0))
        return true;
    mm_space_destroy(&space);
    pv_irq_enable();
    return false;
}

void sandbox_leave(void)
{
    EXPECT_EQ(mm_space_activate(&mm_kernel), 0);
    EXPECT_EQ(mm_space_destroy(&space), 0);
    pv_irq_enable();
}

u64 sandbox_address(const char *piece)
{
    return SANDBOX_CODE + (u64)(piece - user_code_start);
}

void sandbox_prepare(const char *piece)
{
    sandbox.frame = (struct trap_frame){
        .rip = sandbox_address(piece),
        .cs = USER_CS,
        .rflags = RFLAGS_FIXED | RFLAGS_IF,
        .rsp = SANDBOX_SP,
        .ss = USER_DS,
    };
}

void sandbox_run(enum user_entry entry)
{
    sandbox.exit = user_run(&sandbox.frame, entry);
}
