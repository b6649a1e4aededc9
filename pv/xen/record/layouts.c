/* SPDX-License-Identifier: MIT */
/*
 * layouts.def and the contract as a table for the runner, which finds it in the image by its first
 * entry (tools/paravane/trace/layouts.py). The kernel does not read it. So what is recorded is
 * decoded by what the compiler made of Xen's headers, and no second table can differ from them.
 */
#include "pv/xen/record/layouts.h"

enum layout_kind {
    LAYOUT_END,
    LAYOUT_HEAD,
    LAYOUT_CALL,     /* number */
    LAYOUT_VALUE,    /* value */
    LAYOUT_ARG,      /* number, value: the command; argument, size, count, direction */
    LAYOUT_LIST,     /* number, value; pointer's offset, count's, size of an element, direction */
    LAYOUT_FIELD,    /* offset, size */
    LAYOUT_OP,       /* number */
    LAYOUT_CALLBACK, /* number */
};

struct layout {
    u32 kind, number;
    u64 value;
    u32 a, b, c, d;
    char text[128];
};

#define SIZE_OF(type, field) sizeof(((type *)NULL)->field)

/* The runner reads the image's file up to LAYOUT_END. */
static const struct layout layouts[] __used __section(".record_layouts") = {
    {LAYOUT_HEAD, RECORD_VERSION, sizeof(struct layout), 0, 0, 0, 0, "paravane record layouts"},
#define RECORD_CALL(number, text) {LAYOUT_CALL, number, 0, 0, 0, 0, 0, text},
#define RECORD_VALUE(kind, name)  {LAYOUT_VALUE, 0, (u32)name, 0, 0, 0, 0, #kind " " #name},
#define RECORD_ARG(number, command, argument, type, count, direction) \
    {LAYOUT_ARG, number, command, argument, sizeof(type), count, direction, #type},
#define RECORD_LIST(number, command, type, pointer, count, element, direction) \
    {LAYOUT_LIST,           number,          command,   offsetof(type, pointer), \
     offsetof(type, count), sizeof(element), direction, #pointer " " #count " " #element},
#define RECORD_FIELD(type, field, kind) \
    {LAYOUT_FIELD,         0, 0, offsetof(type, field), \
     SIZE_OF(type, field), 0, 0, #type " : " #field " : " #kind},
#include "pv/xen/record/layouts.def"
#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#define PV_OP(class, ret, name, params, args) \
    {LAYOUT_OP, PV_NUMBER_##name, 0, 0, 0, 0, 0, #ret " : " #name " : " #params},
#include "pv/ops.def"
#undef PV_OP
    {LAYOUT_CALLBACK, RECORD_EXCEPTION, 0, 0, 0, 0, 0, "exception vector error rip address"},
    {LAYOUT_CALLBACK, RECORD_NMI, 0, 0, 0, 0, 0, "nmi rip"},
    {LAYOUT_CALLBACK, RECORD_SYSCALL, 0, 0, 0, 0, 0, "syscall vector rip rax"},
    {LAYOUT_CALLBACK, RECORD_FAILSAFE, 0, 0, 0, 0, 0, "failsafe rip"},
    {LAYOUT_CALLBACK, RECORD_INTERRUPT, 0, 0, 0, 0, 0, "interrupt line rip"},
    {LAYOUT_CALLBACK, RECORD_TIMER, 0, 0, 0, 0, 0, "timer rip"},
    {LAYOUT_CALLBACK, RECORD_IPI, 0, 0, 0, 0, 0, "ipi kind rip"},
    {LAYOUT_CALLBACK, RECORD_UNCLAIMED, 0, 0, 0, 0, 0, "unclaimed vector"},
    {LAYOUT_CALLBACK, RECORD_SUSPEND, 0, 0, 0, 0, 0, "suspend"},
    {LAYOUT_CALLBACK, RECORD_RESUME, 0, 0, 0, 0, 0, "resume cancelled"},
    {LAYOUT_END, 0, 0, 0, 0, 0, 0, ""},
};
