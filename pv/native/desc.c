/* SPDX-License-Identifier: MIT */
/*
 * Native descriptor tables, task state and I/O rights (pv/ops/desc.def). The IDT is in
 * trap.c, the entries of system calls in syscall.c.
 *
 * The task state segment (TSS) holds what the CPU loads or checks by itself: the stack for entries
 * from user mode, the stacks of IST, and the bitmap of ports that user mode may use (Intel SDM vol.
 * 3, section 7.7). Each CPU has one, and a descriptor for it in the GDT that it uses.
 */
#include "lib/string.h"
#include "pv/native/io.h"
#include "pv/native/native.h"
#include "pv/selectors.h"

enum {
    IO_BITMAP_BYTES = 8192,

    TYPE_LDT = 0x82,
    TYPE_TSS = 0x89,
};

/* Intel SDM vol. 3, figure 7-11. A byte of ones MUST follow the bitmap. */
struct tss {
    u32 reserved0;
    u64 rsp[3];
    u64 reserved1;
    u64 *ist[7];
    u64 reserved2;
    u16 reserved3;
    u16 io_bitmap_offset;
    u8 io_bitmap[IO_BITMAP_BYTES + 1];
} __packed;

/* What area->backend points to (pv/cpu_start.h). cpu_up fills another CPU's before that starts. */
struct cpu_desc {
    struct tss tss __aligned(16);
    u64 *gdt; /* in use */
};
_Static_assert(sizeof(struct cpu_desc) <= PV_BACKEND_AREA_SIZE, "the kernel allocates as much");

static struct cpu_desc boot_cpu_desc; /* Per CPU: CPU 0's */

static struct cpu_desc *this_cpu_desc(void)
{
    return pv_this_backend_area();
}

void native_use_boot_cpu_desc(void)
{
    pv_this_area()->backend = &boot_cpu_desc;
}

bool descriptor_fits(u32 index, u32 first, u64 descriptor)
{
    return index >= first && index < GDT_MAX_COUNT && IS_SEGMENT(descriptor);
}

bool tls_fits(const u64 tls[3])
{
    for (u32 i = 0; i < 3; i++)
        if (!descriptor_fits(GDT_TLS, 0, tls[i]))
            return false;
    return true;
}

bool table_fits(const u64 *table, u32 count, u32 least)
{
    return (u64)table % PAGE_SIZE == 0 && count >= least && count <= GDT_MAX_COUNT &&
           (table || !count);
}

void fill_gdt(u64 *gdt, u64 kernel_code, u64 kernel_data)
{
    gdt[0] = 0;
    gdt[GDT_KERNEL_CODE] = kernel_code;
    gdt[GDT_KERNEL_DATA] = kernel_data;
    gdt[GDT_USER_CODE32] = DESCRIPTOR_USER_CODE32;
    gdt[GDT_USER_DATA] = DESCRIPTOR_USER_DATA;
    gdt[GDT_USER_CODE64] = DESCRIPTOR_USER_CODE64;
}

/* Write a system descriptor, of two entries (Intel SDM vol. 3, figure 7-4), to this CPU's GDT. */
static void set_system_descriptor(u32 index, const void *table, u64 limit, u64 type)
{
    const u64 base = (u64)table;
    u64 *const entry = this_cpu_desc()->gdt + index;

    entry[0] = limit | (base & 0xffffff) << 16 | type << 40 | (base >> 24 & 0xff) << 56;
    entry[1] = base >> 32;
}

void native_set_ist(struct pv_cpu_area *area, u32 i, u64 *top)
{
    struct cpu_desc *desc = area->backend;

    desc->tss.ist[i] = top;
}

void native_write_stack_tops(u64 value)
{
    const struct tss *tss = &this_cpu_desc()->tss;

    for (u32 i = 0; i < PV_EXCEPTION_STACKS; i++)
        *tss->ist[i] = value;
}

static void reload_segments(void)
{
    __asm__ volatile("pushq %0\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "mov %1, %%ds\n\t"
                     "mov %1, %%es\n\t"
                     "mov %1, %%ss"
                     :
                     : "i"(KERNEL_CS), "r"(KERNEL_DS)
                     : "rax", "memory");
}

int native_load_gdt(u64 *gdt, u32 count)
{
    const struct descriptor_pointer pointer = {(u16)(count * 8 - 1), (u64)gdt};
    struct tss *tss = &this_cpu_desc()->tss;

    if (!table_fits(gdt, count, GDT_MIN_COUNT))
        return -EINVAL;
    fill_gdt(gdt, DESCRIPTOR_KERNEL_CODE, DESCRIPTOR_KERNEL_DATA);
    if (!tss->io_bitmap_offset) {
        /* A reset leaves LDTR with base 0 and limit 0xffff (Intel SDM vol. 3, table 9-1). */
        __asm__ volatile("lldt %w0" : : "r"(0));
        tss->io_bitmap_offset = offsetof(struct tss, io_bitmap);
        native_set_io_bitmap(NULL, 0);
    }
    this_cpu_desc()->gdt = gdt;
    set_system_descriptor(GDT_TASK, tss, sizeof(*tss) - 1, TYPE_TSS);
    __asm__ volatile("lgdt %0" : : "m"(pointer));
    reload_segments();
    return 0;
}

int native_write_gdt_entry(u64 *gdt, u32 index, u64 descriptor)
{
    if (!descriptor_fits(index, GDT_FIRST_FREE, descriptor))
        return -EINVAL;
    gdt[index] = descriptor;
    return 0;
}

int native_load_ldt(u64 *ldt, u32 count)
{
    if (!table_fits(ldt, count, 0))
        return -EINVAL;
    if (count)
        set_system_descriptor(GDT_LDT, ldt, count * 8 - 1, TYPE_LDT);
    __asm__ volatile("lldt %w0" : : "r"(count ? GDT_LDT * 8 : 0));
    return 0;
}

int native_write_ldt_entry(u64 *ldt, u32 index, u64 descriptor)
{
    if (!descriptor_fits(index, 0, descriptor))
        return -EINVAL;
    ldt[index] = descriptor;
    return 0;
}

int native_load_tls(const u64 tls[3])
{
    if (!tls_fits(tls))
        return -EINVAL;
    memcpy(this_cpu_desc()->gdt + GDT_TLS, tls, 3 * sizeof(*tls));
    return 0;
}

/* ltr refuses a TSS that is marked busy, so write the descriptor again. */
void native_load_tr(void)
{
    set_system_descriptor(GDT_TASK, &this_cpu_desc()->tss, sizeof(struct tss) - 1, TYPE_TSS);
    __asm__ volatile("ltr %w0" : : "r"(TASK_SELECTOR));
}

void native_load_boot_gdt(void)
{
    static u64 gdt[GDT_MIN_COUNT] __aligned(PAGE_SIZE); /* Written: early, on one CPU */

    native_load_gdt(gdt, GDT_MIN_COUNT);
    native_load_tr();
}

u16 native_store_tr(void)
{
    u16 selector;

    __asm__ volatile("str %0" : "=r"(selector));
    return selector;
}

void native_load_sp0(u64 sp)
{
    this_cpu_desc()->tss.rsp[0] = sp;
    __asm__ volatile("movq %0, %%gs:%c1" : : "r"(sp), "i"(CPU_AREA(sp0)) : "memory");
}

int native_set_iopl(u32 level)
{
    if (level > 3)
        return -EINVAL;
    pv_this_area()->user_iopl = level << 12;
    return 0;
}

int native_set_io_bitmap(const u8 *bitmap, u32 count)
{
    u8 *const to = this_cpu_desc()->tss.io_bitmap;

    if (count > IO_BITMAP_BYTES * 8)
        return -EINVAL;
    memset(to, 0xff, IO_BITMAP_BYTES + 1);
    if (count)
        memcpy(to, bitmap, count / 8);
    if (count % 8)
        to[count / 8] = bitmap[count / 8] | (u8)(0xff << count % 8);
    return 0;
}
