/* SPDX-License-Identifier: MIT */
/* The ops as the contract defines them, and calls and results as text. */
#include "kernel/symtab.h"
#include "lib/format.h"
#include "lib/string.h"
#include "test/shell/shell.h"

#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#define PV_OP(class, ret, name, params, args)
#define PV_CONTEXT(name, rules) enum { RULES_##name = (rules) };
#include "pv/ops.def"
#undef PV_OP
#undef PV_CONTEXT

const struct shell_op shell_ops[PV_NR_OPS] = {
#define PV_OP(class, ret, name, params, args) \
    {#name, #ret, #params, RULES_##name, false, RULES_##name & PV_UNCHECKED},
#define PV_STATUS(class, ret, name, params, args, most, ...) \
    {#name, #ret, #params, RULES_##name, true, false},
#include "pv/ops.def"
#undef PV_OP
};
#undef PV_CLASS_BEGIN
#undef PV_CLASS_END

u32 shell_find_op(const char *name)
{
    u32 op = 0;

    if (!strncmp(name, "pv_", 3))
        name += 3;
    while (op < PV_NR_OPS && strcmp(shell_ops[op].name, name))
        op++;
    return op;
}

void shell_signature(u32 op, struct signature *s, struct signature_type *result)
{
    const struct shell_op *o = &shell_ops[op];

    if (!signature_parse(o->params, s) || !signature_type(o->returns, strlen(o->returns), result))
        pv_panic("shell", "the types of %s cannot be read", o->name);
}

const char *shell_error_name(u64 number)
{
#define ERROR(ident) \
    case ident: \
        return "-" #ident
    switch (number) {
        ERROR(EPERM);
        ERROR(ENOENT);
        ERROR(EIO);
        ERROR(E2BIG);
        ERROR(EAGAIN);
        ERROR(ENOMEM);
        ERROR(EACCES);
        ERROR(EFAULT);
        ERROR(EBUSY);
        ERROR(EEXIST);
        ERROR(ENODEV);
        ERROR(EISDIR);
        ERROR(EINVAL);
        ERROR(ENOSPC);
        ERROR(EROFS);
        ERROR(ENOSYS);
        ERROR(ENOTEMPTY);
        ERROR(ETIME);
        ERROR(EOPNOTSUPP);
        ERROR(EISCONN);
    default:
        return NULL;
    }
}

const char *shell_symbol(u64 address, char room[96])
{
    char name[SYMTAB_NAME_MAX];
    u64 offset;

    if (symtab_lookup(&kernel_symtab, address, name, &offset))
        ksnprintf(room, 96, "%s+%#llx", name, (unsigned long long)offset);
    else
        ksnprintf(room, 96, "%#llx", (unsigned long long)address);
    return room;
}

static void print_argument(const struct signature_param *param, u64 value)
{
    if (param->type.is_pointer && shell_buffer_room(value)) {
        const u64 offset = value - (u64)shell_buffers;

        print("%s=&%c", param->name, (char)('a' + offset / PAGE_SIZE));
        if (offset % PAGE_SIZE)
            print("+%llu", (unsigned long long)(offset % PAGE_SIZE));
    } else {
        print("%s=%#llx", param->name, (unsigned long long)value);
    }
}

void shell_print_call(u32 op, const u64 *args)
{
    struct signature_type result;
    struct signature s;

    shell_signature(op, &s, &result);
    print("pv_%s(", shell_ops[op].name);
    for (u32 i = 0; i < s.count; i++) {
        print("%s", i ? ", " : "");
        print_argument(&s.params[i], args[i]);
    }
    print(")");
}

static void print_status(s64 status)
{
    const char *name = status < 0 ? shell_error_name((u64)-status) : NULL;

    print(" = %lld", (long long)status);
    if (name)
        print(" (%s)", name);
}

void shell_print_result(u32 op, u64 result)
{
    struct signature_type type;
    struct signature s;

    shell_signature(op, &s, &type);
    if (!type.bits)
        return;
    result = signature_result(&type, result);
    if (shell_ops[op].is_status)
        print_status((s64)result);
    else if (!strcmp(type.text, "const char *"))
        print(" = \"%s\"", result ? (const char *)result : "");
    else
        print(" = %#llx", (unsigned long long)result);
}
