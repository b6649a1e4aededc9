/* SPDX-License-Identifier: MIT */
/* Types of parameters and results (test/shell/signature.h). */
#include "test/shell/signature.h"
#include "lib/string.h"

static const struct {
    const char *text;
    u32 bits;
    bool is_signed;
} plain[] = {
    {"void", 0, false},   {"bool", 1, false},   {"_Bool", 1, false},   {"u8", 8, false},
    {"u16", 16, false},   {"u32", 32, false},   {"int", 32, true},     {"s32", 32, true},
    {"u64", 64, false},   {"s64", 64, true},    {"size_t", 64, false}, {"pfn_t", 64, false},
    {"mfn_t", 64, false}, {"pte_t", 64, false}, {"pmd_t", 64, false},  {"pud_t", 64, false},
    {"pgd_t", 64, false},
};

bool signature_type(const char *text, size_t len, struct signature_type *type)
{
    while (len && text[len - 1] == ' ')
        len--;
    if (!len || len >= sizeof(type->text))
        return false;
    memcpy(type->text, text, len);
    type->text[len] = '\0';
    type->is_pointer = text[len - 1] == '*';
    type->is_signed = false;
    type->bits = type->is_pointer ? 64 : 32;
    if (type->is_pointer || !strncmp(type->text, "enum ", 5))
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
        if (!strcmp(plain[i].text, type->text)) {
            type->bits = plain[i].bits;
            type->is_signed = plain[i].is_signed;
            return true;
        }
    return false;
}

/* Return the first c in len characters, or NULL. */
static const char *find_char(const char *text, size_t len, char c)
{
    for (; len; len--, text++)
        if (*text == c)
            return text;
    return NULL;
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Turn an array's type into the pointer that it is as a parameter. */
static bool make_pointer(struct signature_type *type)
{
    const size_t len = strlen(type->text);

    if (len + 3 > sizeof(type->text))
        return false;
    memcpy(type->text + len, " *", 3);
    type->is_pointer = true;
    type->is_signed = false;
    type->bits = 64;
    return true;
}

/* Read "TYPE NAME" or "TYPE NAME[N]". */
static bool parse_param(const char *text, size_t len, struct signature_param *param)
{
    const char *bracket = find_char(text, len, '[');
    size_t end = bracket ? (size_t)(bracket - text) : len, start;

    for (start = end; start && is_name(text[start - 1]);)
        start--;
    if (start == end || !start || end - start >= sizeof(param->name))
        return false;
    memcpy(param->name, text + start, end - start);
    param->name[end - start] = '\0';
    if (!bracket)
        return signature_type(text, start, &param->type);
    while (start && text[start - 1] == ' ')
        start--;
    if (!start || start >= sizeof(param->type.text))
        return false;
    memcpy(param->type.text, text, start);
    param->type.text[start] = '\0';
    return make_pointer(&param->type);
}

bool signature_parse(const char *text, struct signature *signature)
{
    const char *at = text + 1, *end = text + strlen(text) - 1;

    signature->count = 0;
    if (*text != '(' || end < at || *end != ')')
        return false;
    if (!strcmp(text, "(void)"))
        return true;
    while (at < end) {
        const char *comma = find_char(at, (size_t)(end - at), ',');
        const char *stop = comma ? comma : end;

        if (signature->count == SIGNATURE_PARAMS_MAX ||
            !parse_param(at, (size_t)(stop - at), &signature->params[signature->count++]))
            return false;
        if (!comma)
            return true;
        for (at = comma + 1; *at == ' ';)
            at++;
    }
    return false;
}

bool signature_fits(const struct signature_type *type, u64 value)
{
    const u64 top = type->bits < 64 ? ~0ull << type->bits : 0;

    if (type->is_signed && type->bits < 64)
        return !(value & top) || (value | ~(top | top >> 1)) == ~0ull;
    return !(value & top);
}

u64 signature_result(const struct signature_type *type, u64 word)
{
    const u64 mask = type->bits < 64 ? (1ull << type->bits) - 1 : ~0ull;

    word &= mask;
    if (type->is_signed && type->bits && word >> (type->bits - 1))
        word |= ~mask;
    return word;
}
