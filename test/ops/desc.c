/* SPDX-License-Identifier: MIT */
/*
 * Descriptor tables: a loaded segment has the attributes of its entry, and a refused change has no
 * effect.
 */
#include "kernel/cpu.h"
#include "kernel/trap.h"
#include "pv/pv.h"
#include "pv/selectors.h"
#include "test/harness/cpus.h"
#include "test/harness/test.h"

#define TEST_ENTRY (GDT_TLS + 4)
#define CALL_GATE  0x00008c0000080000

/*
 * Return the descriptor of a data segment of 64 KiB at base, below 4 GiB: DPL 3, present, writable,
 * accessed, 32-bit.
 */
static u64 data_segment(u64 base)
{
    return 0x0040f3000000ffff | (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
}

/* Return the limit of a segment, or 0 if the selector has no descriptor. */
static u32 segment_limit(u16 selector)
{
    u32 limit = 0;

    __asm__ volatile("lsl %1, %0" : "+r"(limit) : "r"((u32)selector) : "cc");
    return limit;
}

TEST(desc, gdt_entry_is_what_was_written, load_gdt, write_gdt_entry)
{
    const u16 selector = TEST_ENTRY * 8 + 3;

    EXPECT_EQ(pv_write_gdt_entry(cpu_gdt, TEST_ENTRY, data_segment(0x1000)), 0);
    EXPECT_EQ(cpu_gdt[TEST_ENTRY] | 1ull << 40, data_segment(0x1000));
    EXPECT_EQ(segment_limit(selector), 0xffff);
    EXPECT_EQ(pv_write_gdt_entry(cpu_gdt, TEST_ENTRY, 0), 0);
    EXPECT_EQ(segment_limit(selector), 0);
}

/* An entry of a table that another CPU has loaded can be changed. */
TEST(desc, entry_of_another_cpus_gdt_is_written, write_gdt_entry)
{
    u64 *const gdt = cpus[1].gdt;

    NEEDS_CPUS(2);
    EXPECT_EQ(pv_write_gdt_entry(gdt, TEST_ENTRY, data_segment(0x1000)), 0);
    EXPECT_EQ(gdt[TEST_ENTRY] | 1ull << 40, data_segment(0x1000));
    EXPECT_EQ(pv_write_gdt_entry(gdt, TEST_ENTRY, 0), 0);
}

TEST(desc, gdt_refuses_gates_and_the_backends_entries, write_gdt_entry, load_gdt)
{
    EXPECT_EQ(pv_write_gdt_entry(cpu_gdt, TEST_ENTRY, CALL_GATE), -EINVAL);
    EXPECT_EQ(cpu_gdt[TEST_ENTRY], 0);
    EXPECT_EQ(pv_write_gdt_entry(cpu_gdt, GDT_USER_DATA, 0), -EINVAL);
    EXPECT_EQ(pv_write_gdt_entry(cpu_gdt, GDT_MAX_COUNT, 0), -EINVAL);
    INTERRUPTS_OFF
    {
        EXPECT_EQ(pv_load_gdt(cpu_gdt + 1, GDT_MIN_COUNT), -EINVAL);
        EXPECT_EQ(pv_load_gdt(cpu_gdt, 1), -EINVAL);
        EXPECT_EQ(pv_load_gdt(cpu_gdt, GDT_MAX_COUNT + 1), -EINVAL);
    }
    EXPECT(segment_limit(USER_DS) != 0);
}

static u64 other_gdt[GDT_MAX_COUNT] __aligned(PAGE_SIZE);

/* Two tables differ in one entry: the segment comes from the table that was loaded last. */
TEST(desc, load_gdt_switches_tables, load_gdt, load_tr)
{
    const u16 selector = TEST_ENTRY * 8 + 3;

    EXPECT_EQ(pv_write_gdt_entry(other_gdt, TEST_ENTRY, data_segment(0)), 0);
    INTERRUPTS_OFF
    {
        EXPECT_EQ(pv_load_gdt(other_gdt, GDT_MAX_COUNT), 0);
        EXPECT_EQ(segment_limit(selector), 0xffff);
        EXPECT_EQ(pv_load_gdt(cpu_gdt, GDT_MAX_COUNT), 0);
    }
    EXPECT_EQ(segment_limit(selector), 0);
    EXPECT_EQ(pv_write_gdt_entry(other_gdt, TEST_ENTRY, 0), 0);
}

#define TYPE_BUSY_TASK 0xb

/*
 * ltr marks the descriptor busy in the loaded table, whatever was loaded before (Intel SDM vol. 3,
 * section 7.2.2).
 */
TEST(desc, task_register_is_the_backends_or_absent, load_tr, store_tr)
{
    if (on_xen_pv()) {
        EXPECT_EQ(pv_store_tr(), 0);
        SKIP("a Xen PV guest has no task register: store_tr returns 0");
    }
    INTERRUPTS_OFF
    {
        EXPECT_EQ(pv_load_gdt(cpu_gdt, GDT_MAX_COUNT),
                  0); /* rewrites the descriptor as available */
        pv_load_tr();
    }
    EXPECT_EQ(pv_store_tr(), TASK_SELECTOR);
    EXPECT_EQ(cpu_gdt[GDT_TASK] >> 40 & 0xf, TYPE_BUSY_TASK);
}

static u64 ldt[GDT_MAX_COUNT] __aligned(PAGE_SIZE);

TEST(desc, ldt_entries_are_written_and_removed, load_ldt, write_ldt_entry)
{
    const u16 selector = 5 * 8 + 4 + 3; /* table indicator: LDT */

    EXPECT_EQ(segment_limit(selector), 0);
    EXPECT_EQ(pv_write_ldt_entry(ldt, 5, data_segment(0)), 0);
    INTERRUPTS_OFF
    EXPECT_EQ(pv_load_ldt(ldt, 16), 0);
    EXPECT_EQ(segment_limit(selector), 0xffff);
    EXPECT_EQ(pv_write_ldt_entry(ldt, 5, 0), 0);
    EXPECT_EQ(segment_limit(selector), 0);
    EXPECT_EQ(pv_write_ldt_entry(ldt, 5, CALL_GATE), -EINVAL);
    EXPECT_EQ(pv_write_ldt_entry(ldt, 5, data_segment(0)), 0);
    EXPECT_EQ(segment_limit(selector), 0xffff);
    INTERRUPTS_OFF
    {
        EXPECT_EQ(pv_load_ldt(NULL, 0), 0);
        EXPECT_EQ(segment_limit(selector), 0);
        EXPECT_EQ(pv_load_ldt(ldt + 1, 4), -EINVAL);
    }
    ldt[5] = 0; /* writable again: it is plain memory */
}

static u32 seen_limit;

static void load_shared_ldt(void *arg)
{
    (void)arg;
    INTERRUPTS_OFF
    EXPECT_EQ(pv_load_ldt(ldt, 16), 0);
    seen_limit = segment_limit(5 * 8 + 4 + 3);
}

static void read_shared_ldt(void *arg)
{
    (void)arg;
    seen_limit = segment_limit(5 * 8 + 4 + 3);
}

static void unload_ldt(void *arg)
{
    (void)arg;
    INTERRUPTS_OFF
    EXPECT_EQ(pv_load_ldt(NULL, 0), 0);
}

/* The threads of one process share a table: it stays a table when one CPU unloads it. */
TEST(desc, ldt_is_shared_by_two_cpus, load_ldt)
{
    NEEDS_CPUS(2);
    EXPECT_EQ(pv_write_ldt_entry(ldt, 5, data_segment(0)), 0);
    run_on_cpu(1, load_shared_ldt, NULL);
    EXPECT_EQ(seen_limit, 0xffff);
    for (int i = 0; i < 3; i++) {
        run_on_cpu(0, load_shared_ldt, NULL);
        EXPECT_EQ(seen_limit, 0xffff);
        run_on_cpu(0, unload_ldt, NULL);
        run_on_cpu(1, read_shared_ldt, NULL);
        EXPECT_EQ(seen_limit, 0xffff);
    }
    EXPECT_EQ(pv_write_ldt_entry(ldt, 5, 0), 0); /* in use by another CPU */
    run_on_cpu(1, read_shared_ldt, NULL);
    EXPECT_EQ(seen_limit, 0);
    run_on_cpu(1, unload_ldt, NULL);
    ldt[5] = 0; /* writable, because no CPU uses it any more */
}

static void load_other_gdt(void *arg)
{
    (void)arg;
    INTERRUPTS_OFF
    EXPECT_EQ(pv_load_gdt(other_gdt, GDT_MAX_COUNT), 0);
    seen_limit = segment_limit(TEST_ENTRY * 8 + 3);
}

static void load_own_gdt(void *arg)
{
    (void)arg;
    INTERRUPTS_OFF
    EXPECT_EQ(pv_load_gdt(cpu_gdt, GDT_MAX_COUNT), 0);
}

TEST(desc, gdt_is_shared_by_two_cpus, load_gdt)
{
    NEEDS_CPUS(2);
    EXPECT_EQ(pv_write_gdt_entry(other_gdt, TEST_ENTRY, data_segment(0)), 0);
    for (u32 cpu = 0; cpu < 2; cpu++) {
        run_on_cpu(cpu, load_other_gdt, NULL);
        EXPECT_EQ(seen_limit, 0xffff);
    }
    for (u32 cpu = 0; cpu < 2; cpu++)
        run_on_cpu(cpu, load_own_gdt, NULL);
    EXPECT_EQ(pv_write_gdt_entry(other_gdt, TEST_ENTRY, 0), 0);
    other_gdt[TEST_ENTRY] = 0; /* writable, because no CPU uses it any more */
}

TEST(desc, tls_entries_are_loaded_together, load_tls)
{
    const u64 tls[3] = {data_segment(0), 0, data_segment(0x2000)};
    const u64 none[3] = {0, 0, 0}, bad[3] = {CALL_GATE, 0, 0};

    INTERRUPTS_OFF
    {
        EXPECT_EQ(pv_load_tls(tls), 0);
        EXPECT_EQ(segment_limit(GDT_TLS * 8 + 3), 0xffff);
        EXPECT_EQ(segment_limit((GDT_TLS + 1) * 8 + 3), 0);
        EXPECT_EQ(segment_limit((GDT_TLS + 2) * 8 + 3), 0xffff);
        EXPECT_EQ(pv_load_tls(bad), -EINVAL);
        EXPECT_EQ(segment_limit(GDT_TLS * 8 + 3), 0xffff);
        EXPECT_EQ(pv_load_tls(none), 0);
        EXPECT_EQ(segment_limit(GDT_TLS * 8 + 3), 0);
    }
}

/* Where the guest can load an IDT, load an empty one: load_idt must restore the kernel's. */
static void lose_idt(void)
{
    static const u8 none[10];

    if (!on_xen_pv())
        __asm__ volatile("lidt %0" : : "m"(none));
}

TEST(desc, idt_is_reloaded_and_refuses_intermediate_dpls, write_idt_entry, load_idt)
{
    struct fault fault;
    const u64 flags = pv_save_fl();

    pv_irq_disable();
    EXPECT_EQ(pv_write_idt_entry(0x80, 1), -EINVAL);
    lose_idt();
    pv_load_idt();
    pv_restore_fl(flags);
    PV_TRY(fault)
    __asm__ volatile("ud2");
    EXPECT(fault.caught);
    EXPECT_EQ(fault.vector, VECTOR_UD);
}

TEST(desc, gs_index_loads_what_exists, load_gs_index)
{
    EXPECT_EQ(pv_write_gdt_entry(cpu_gdt, TEST_ENTRY, data_segment(0x5000)), 0);
    pv_irq_disable();
    EXPECT_EQ(pv_load_gs_index(TEST_ENTRY * 8 + 3), 0);
    EXPECT_EQ(pv_read_user_gs_base(), 0x5000);
    EXPECT_EQ(pv_load_gs_index((TEST_ENTRY + 1) * 8 + 3), -EINVAL);
    EXPECT_EQ(pv_load_gs_index(0), 0);
    pv_irq_enable();
    EXPECT_EQ(pv_write_gdt_entry(cpu_gdt, TEST_ENTRY, 0), 0);
}

/*
 * The kernel's per-CPU area is at %gs and every function uses it on entry, so move the base to a
 * copy of it.
 */
TEST(desc, kernel_gs_base_moves, write_kernel_gs_base, swapgs)
{
    static struct cpu copy;
    u64 seen = 0;

    pv_irq_disable();
    copy = *this_cpu();
    copy.area.user_sp = 0x22222222;
    EXPECT_EQ(pv_write_kernel_gs_base(0x0000900000000000), -EINVAL);
    EXPECT_EQ(pv_write_user_gs_base((u64)&copy), 0);
    pv_swapgs();
    pv_swapgs();
    EXPECT_EQ(pv_read_user_gs_base(), (u64)&copy);
    pv_swapgs();
    if (pv_store_tr()) /* swapgs has an effect only where the kernel has a task register */
        __asm__ volatile("movq %%gs:%c1, %0" : "=r"(seen) : "i"(CPU_AREA(user_sp)));
    pv_swapgs();
    EXPECT(!pv_store_tr() || seen == 0x22222222);
    EXPECT_EQ(pv_write_kernel_gs_base((u64)&copy), 0);
    __asm__ volatile("movq %%gs:%c1, %0" : "=r"(seen) : "i"(CPU_AREA(user_sp)));
    EXPECT_EQ(pv_write_kernel_gs_base((u64)copy.area.self), 0);
    EXPECT_EQ(seen, 0x22222222);
    EXPECT_EQ(pv_write_user_gs_base(0), 0);
    pv_irq_enable();
}
