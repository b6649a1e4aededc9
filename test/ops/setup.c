/* SPDX-License-Identifier: MIT */
/* Setup: the chosen backend, its banner, the console, exceptions and the end of a run. */
#include "kernel/trap.h"
#include "lib/format.h"
#include "lib/string.h"
#include "pv/pv.h"
#include "test/harness/test.h"

TEST(setup, backend_is_the_expected_one, early_init)
{
    static const struct {
        const char *platform, *backend;
    } expected[] = {
        {"qemu", "native"},       {"microvm", "native"}, {"grub", "native"},
        {"uefi", "native"},       {"xen-pv", "xen-pv"},  {"xen-grub", "xen-pv"},
        {"xen-pvh", "xen-pvh"},   {"bochs", "native"},   {"domu-pv", "xen-pv"},
        {"domu-pvh", "xen-pvh"},  {"vmware", "vmware"},  {"rom", "rom"},
        {"kvm-vmware", "vmware"}, {"kvm", "kvm"},        {"kvm-hyperv", "hyperv"},
    };

    if (!cmdline.platform[0])
        SKIP("the command line has no platform= to compare with");
    if (cmdline.pv[0])
        SKIP("pv=%s forces a backend", cmdline.pv);
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
        if (!strcmp(expected[i].platform, cmdline.platform)) {
            EXPECT(!strcmp(expected[i].backend, pv_backend_name()));
            return;
        }
    EXPECT(!"platform= names a platform of this test's table");
}

/* Xen's CPUID leaves report its version as major << 16 | minor (xen/arch-x86/cpuid.h). */
static void expect_version_of_xen(const char *text)
{
    const u32 signature = 0x566e6558; /* "XenV" */
    struct cpuid_regs r;
    char wanted[24];

    pv_cpuid(0x40000000, 0, &r);
    if (r.ebx != signature)
        return;
    pv_cpuid(0x40000001, 0, &r);
    ksnprintf(wanted, sizeof(wanted), "Xen %u.%u", r.eax >> 16, r.eax & 0xffff);
    EXPECT(!strncmp(text, wanted, strlen(wanted)));
}

/* A native banner begins with the CPU's vendor, whose three registers CPUID has in this order. */
static void expect_vendor(const char *text)
{
    struct cpuid_regs r;
    u32 vendor[3];

    pv_cpuid(0, 0, &r);
    vendor[0] = r.ebx;
    vendor[1] = r.edx;
    vendor[2] = r.ecx;
    EXPECT(!strncmp(text, (const char *)vendor, sizeof(vendor)));
}

TEST(setup, banner_names_version_and_platform, banner)
{
    char text[64], cut[6] = "?????";

    memset(text, '\n', sizeof(text));
    pv_banner(text, sizeof(text));
    REQUIRE(strnlen(text, sizeof(text)) < sizeof(text));
    EXPECT(strlen(text) >= 4);
    EXPECT(!strchr(text, '\n'));
    EXPECT(!strchr(text, '%')); /* an unknown conversion of the kernel's formatter */
    EXPECT_EQ(glob_match("Xen ?*", text), glob_match("xen*", pv_backend_name()));
    if (glob_match("xen*", pv_backend_name()))
        expect_version_of_xen(text);
    if (!strcmp(pv_backend_name(), "native"))
        expect_vendor(text);
    pv_banner(cut, sizeof(cut) - 1);
    EXPECT(!strncmp(cut, text, 4) && !cut[4]);
}

/* Read a line of input and store it without its end, truncated to cap bytes including the NUL. */
static void read_line(char *line, size_t cap)
{
    size_t len = 0;

    for (;;) {
        int c = pv_console_read();

        if (c == '\n' || c == '\r')
            break;
        if (c >= 0 && len + 1 < cap)
            line[len++] = (char)c;
    }
    line[len] = '\0';
}

/* With echo=WORD the runner types WORD when the test prints it. */
TEST(setup, console_reads_what_was_typed, console_write, console_read)
{
    char line[CMDLINE_VALUE_MAX];

    if (!cmdline.echo[0])
        SKIP("no input: the command line has no echo=");
    print("paravane: echo %s\n", cmdline.echo);
    read_line(line, sizeof(line));
    if (!EXPECT(!strcmp(line, cmdline.echo)))
        print("# came back as \"%s\"\n", line);
    EXPECT(pv_console_read() == -1 || pv_console_read() == -1);
}

/*
 * One byte too many, and the line of this test's result would not start with a word that the runner
 * matches.
 */
TEST(setup, console_writes_the_given_number_of_bytes, console_write)
{
    pv_console_write("# a line of 20 bytes\nnot ok", 21);
    pv_console_write("not ok", 0);
}

TEST(setup, tsc_moves_forward, read_tsc)
{
    u64 before = pv_read_tsc();

    EXPECT(before > boot_entry_tsc);
    for (int i = 0; i < 1000; i++) {
        u64 after = pv_read_tsc();

        REQUIRE(after >= before);
        before = after;
    }
    EXPECT(before > boot_entry_tsc + 1000);
}

static bool inner_block_catches(void)
{
    struct fault inner = {0};

    PV_TRY(inner)
    {
        __asm__ volatile("ud2");
    }
    return inner.caught;
}

TEST(setup, exceptions_are_caught_and_survived, trap_init)
{
    struct fault fault = {0};
    volatile int after = 0;

    PV_TRY(fault)
    {
        __asm__ volatile("ud2");
        after = 1;
    }
    EXPECT(fault.caught);
    EXPECT_EQ(after, 0);
    EXPECT_EQ(fault.vector, VECTOR_UD);

    PV_TRY(fault)
    {
        *(volatile u32 *)0xffffff7fdead0004 = 1;
        after = 1;
    }
    EXPECT(fault.caught);
    EXPECT_EQ(fault.vector, VECTOR_PF);
    EXPECT_EQ(fault.address, 0xffffff7fdead0004);
    EXPECT_EQ(fault.error & 3, 2);
    EXPECT_EQ(after, 0);

    PV_TRY(fault)
    {
        after = 1;
    }
    EXPECT(!fault.caught);
    EXPECT_EQ(after, 1);

    PV_TRY(fault)
    {
        after = inner_block_catches() ? 2 : 3;
        __asm__ volatile("ud2");
    }
    EXPECT(fault.caught);
    EXPECT_EQ(after, 2);
}

/*
 * Every run ends with this op. The runner compares the status with the verdict; injected faults use
 * it too.
 */
TEST(setup, shutdown_is_how_this_run_ends, shutdown, halt)
{
    EXPECT(pv_ops.setup.shutdown && pv_ops.cpu.halt);
}
