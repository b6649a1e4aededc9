/* SPDX-License-Identifier: MIT */
/* Basic services of the kernel: its sections, symbols, backtraces, formatting and random bytes. */
#include "boot/boot_stack.h"
#include "kernel/panic.h"
#include "kernel/random.h"
#include "kernel/symtab.h"
#include "kernel/thread.h"
#include "kernel/trap.h"
#include "lib/format.h"
#include "lib/string.h"
#include "mm/vmap.h"
#include "pv/pv.h"
#include "test/harness/test.h"

extern const char boot_stack[];

static u64 zeroed[64];
static u64 initialised = 0x1122334455667788;

TEST(kernel, loader_zeroed_bss_and_filled_data)
{
    for (size_t i = 0; i < ARRAY_SIZE(zeroed); i++)
        EXPECT_EQ(READ_ONCE(zeroed[i]), 0);
    EXPECT_EQ(READ_ONCE(initialised), 0x1122334455667788);
}

TEST(kernel, symbol_table_names_functions)
{
    char name[SYMTAB_NAME_MAX] = "";
    u64 offset = 1;

    REQUIRE(symtab_lookup(&kernel_symtab, (u64)kernel_main, name, &offset));
    EXPECT(!strcmp(name, "kernel_main"));
    EXPECT_EQ(offset, 0);
    EXPECT(symtab_lookup(&kernel_symtab, (u64)kernel_main + 5, name, &offset));
    EXPECT(!strcmp(name, "kernel_main"));
    EXPECT_EQ(offset, 5);
    EXPECT(!symtab_lookup(&kernel_symtab, VIRT_BASE, name, &offset));
    EXPECT(!symtab_lookup(&kernel_symtab, (u64)&zeroed, name, &offset));
}

TEST(kernel, runs_on_the_boot_stack_within_its_limit)
{
    const u64 here = (u64)__builtin_frame_address(0);

    EXPECT_EQ(pv_this_area()->stack_limit, (u64)boot_stack + STACK_RESERVE);
    EXPECT(here > pv_this_area()->stack_limit);
    EXPECT(here < (u64)boot_stack + BOOT_STACK_SIZE);
    EXPECT_EQ(here % 16, 0);
}

TEST(kernel, exceptions_have_the_names_of_the_manual)
{
    static const char names[32][4] = {"#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM",
                                      "#DF", "",    "#TS", "#NP", "#SS", "#GP", "#PF", "",
                                      "#MF", "#AC", "#MC", "#XM", "#VE", "#CP", "",    "",
                                      "",    "",    "",    "",    "#HV", "#VC", "#SX", ""};

    for (u32 i = 0; i < ARRAY_SIZE(names); i++)
        EXPECT(!strcmp(exception_name(i), names[i][0] ? names[i] : "reserved vector"));
    EXPECT(!strcmp(exception_name(VECTOR_SYSCALL), "system call"));
}

TEST(kernel, format_prints_what_the_log_needs)
{
    char text[64];

    ksnprintf(text, sizeof(text), "%s %d %u %x %016llx %c%%", "a", -7, 7u, 0xabcu, 0x1234ull, 'z');
    EXPECT(!strcmp(text, "a -7 7 abc 0000000000001234 z%"));
    EXPECT_EQ(ksnprintf(text, 4, "%s", "abcdef"), 6);
    EXPECT(!strcmp(text, "abc"));
}

/*
 * Each chain of frames here is broken: backtrace_print must end and must not touch an unmapped
 * address.
 */
TEST(kernel, backtraces_terminate)
{
    static u64 frames[4] __aligned(16);
    const u64 rip = (u64)kernel_main + 4;
    u8 *page = vmalloc(PAGE_SIZE);

    REQUIRE(page);
    print("# backtraces of frames that lead nowhere:\n");
    frames[0] = (u64)frames; /* a frame that is its own caller */
    frames[1] = rip + 1;
    backtrace_print(rip, (u64)frames);
    frames[0] = (u64)(frames + 2); /* two frames that call each other */
    frames[2] = (u64)frames;
    frames[3] = rip + 1;
    backtrace_print(rip, (u64)frames);
    backtrace_print(rip, (u64)(page + PAGE_SIZE)); /* a guard page */
    backtrace_print(rip, (u64)(page + PAGE_SIZE - 8));
    backtrace_print(rip, 0x1000);
    vfree(page);
}

TEST(kernel, random_fills_the_given_number_of_bytes)
{
    enum { MOST = 24, ROOM = 8 };
    u8 bytes[ROOM + MOST + ROOM];
    u64 words[4];

    for (u32 len = 0; len <= MOST; len++) {
        memset(bytes, 0xa5, sizeof(bytes));
        random_fill(bytes + ROOM, len);
        for (u32 i = 0; i < sizeof(bytes); i++)
            if (i < ROOM || i >= ROOM + len)
                EXPECT_EQ(bytes[i], 0xa5);
    }
    random_fill(words, sizeof(words));
    for (u32 i = 0; i < ARRAY_SIZE(words); i++)
        for (u32 k = 0; k < i; k++)
            EXPECT(words[i] != words[k]);
}
