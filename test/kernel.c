/* The kernel's own ground: its sections, its names, its backtraces. */
#include "boot/layout.h"
#include "kernel/stack.h"
#include "kernel/symtab.h"
#include "lib/format.h"
#include "lib/string.h"
#include "pv/pv.h"
#include "test/test.h"

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

TEST(kernel, format_prints_what_the_log_needs)
{
    char text[64];

    ksnprintf(text, sizeof(text), "%s %d %u %x %016llx %c%%", "a", -7, 7u, 0xabcu, 0x1234ull, 'z');
    EXPECT(!strcmp(text, "a -7 7 abc 0000000000001234 z%"));
    EXPECT_EQ(ksnprintf(text, 4, "%s", "abcdef"), 6);
    EXPECT(!strcmp(text, "abc"));
}
