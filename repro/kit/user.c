/* SPDX-License-Identifier: MIT */
/* Code bytes in ring 3: see repro/kit.h. */
#include "kernel/user.h"
#include "lib/format.h"
#include "mm/space.h"
#include "pv/selectors.h"
#include "pv/trap_frame.h"
#include "pv/x86.h"
#include "repro/kit.h"

static struct mm_space space;
static u8 *code_page, *stack_page;

/* The kernel's view of a page of the space. */
static void *populate(u64 va, u32 prot)
{
    struct mm_mapping mapping = {0};

    MUST(mm_populate(&space, va, 1, prot));
    mm_query(&space, va, &mapping);
    return pfn_to_va(mapping.pfn);
}

static void make_space(void)
{
    if (code_page)
        return;
    MUST(mm_space_create(&space));
    code_page = populate(KIT_USER_CODE, MM_EXEC);
    stack_page = populate(KIT_USER_STACK, MM_WRITE);
}

void *kit_user_stack(void)
{
    make_space();
    return stack_page;
}

static void to_frame(const struct kit_regs *r, struct trap_frame *f)
{
    *f = (struct trap_frame){.rax = r->rax,
                             .rbx = r->rbx,
                             .rcx = r->rcx,
                             .rdx = r->rdx,
                             .rsi = r->rsi,
                             .rdi = r->rdi,
                             .rbp = r->rbp,
                             .r8 = r->r8,
                             .r9 = r->r9,
                             .r10 = r->r10,
                             .r11 = r->r11,
                             .r12 = r->r12,
                             .r13 = r->r13,
                             .r14 = r->r14,
                             .r15 = r->r15};
}

static void from_frame(const struct trap_frame *f, struct kit_regs *r)
{
    *r = (struct kit_regs){.rax = f->rax,
                           .rbx = f->rbx,
                           .rcx = f->rcx,
                           .rdx = f->rdx,
                           .rsi = f->rsi,
                           .rdi = f->rdi,
                           .rbp = f->rbp,
                           .r8 = f->r8,
                           .r9 = f->r9,
                           .r10 = f->r10,
                           .r11 = f->r11,
                           .r12 = f->r12,
                           .r13 = f->r13,
                           .r14 = f->r14,
                           .r15 = f->r15};
}

static struct kit_exit run_user_code(const void *code, size_t size, struct kit_regs *regs,
                                     u64 rflags, u16 cs)
{
    struct trap_frame frame;
    struct user_exit left;

    if (size > PAGE_SIZE)
        cannot_tell("%zu bytes of code are too many", size);
    make_space();
    memcpy(code_page, code, size);
    MUST(mm_space_activate(&space));
    to_frame(regs, &frame);
    frame.rip = KIT_USER_CODE;
    frame.cs = cs;
    frame.ss = USER_DS;
    frame.rsp = KIT_USER_STACK + PAGE_SIZE - 64;
    frame.rflags = RFLAGS_FIXED | RFLAGS_IF | rflags;
    left = user_run(&frame, USER_BY_IRET);
    MUST(mm_space_activate(&mm_kernel));
    from_frame(&frame, regs);
    return (struct kit_exit){.vector = frame.vector,
                             .error = frame.error,
                             .address = left.fault_address,
                             .offset = frame.rip - KIT_USER_CODE,
                             .rflags = frame.rflags,
                             .refused = left.refused};
}

struct kit_exit kit_user64(const void *code, size_t size, struct kit_regs *regs, u64 rflags)
{
    return run_user_code(code, size, regs, rflags, USER_CS);
}

struct kit_exit kit_user32(const void *code, size_t size, struct kit_regs *regs, u64 rflags)
{
    return run_user_code(code, size, regs, rflags, USER_CS32);
}

/* A trap gate for ring 3. Events are masked, as for every other vector of the kernel's. */
static struct trap_info int_gate(u8 vector)
{
    return (struct trap_info){vector, 3 | 4, FLAT_KERNEL_CS, (u64)pv_vector_stubs[vector]};
}

void kit_int_gate(u8 vector)
{
    struct trap_info table[3] = {int_gate(vector), int_gate((u8)(vector * 2))};

    kit_needs(KIT_XEN_PV);
    MUST(hc_set_trap_table(table));
}

bool kit_is_int(const struct kit_exit *left, u8 vector)
{
    return left->vector == vector || left->vector == vector * 2u;
}

const char *kit_exit_text(const struct kit_exit *left)
{
    static char text[96];
    static const char *const calls[] = {"syscall", "32-bit syscall", "sysenter", "failsafe"};

    if (left->vector >= VECTOR_SYSCALL && left->vector - VECTOR_SYSCALL < ARRAY_SIZE(calls))
        ksnprintf(text, sizeof(text), "%s", calls[left->vector - VECTOR_SYSCALL]);
    else if (left->vector >= 32)
        ksnprintf(text, sizeof(text), "vector 0x%llx", (unsigned long long)left->vector);
    else if (left->vector == VECTOR_PF)
        ksnprintf(text, sizeof(text), "#PF(0x%llx) at 0x%llx%s", (unsigned long long)left->error,
                  (unsigned long long)left->address, left->refused ? " in the kernel" : "");
    else
        ksnprintf(text, sizeof(text), "%s(0x%llx)%s", exception_name(left->vector),
                  (unsigned long long)left->error, left->refused ? " in the kernel" : "");
    return text;
}
