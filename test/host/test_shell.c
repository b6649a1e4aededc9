/* SPDX-License-Identifier: MIT */
/* The pure code of the monitor: lines, words and values, and the types of the contract. */
#include "harness.h"

#include "pv/mmu_types.h"
#include "test/shell/edit.h"
#include "test/shell/signature.h"
#include "test/shell/words.h"

/* ---- Words */

static void commands_are_cut_at_semicolons_and_comments(void)
{
    char line[] = " ; a 1 ;; b;#c;d", hash[] = "x#y ; # z", blank[] = " \t ;; ", *at = line;

    CHECK_STR(words_command(&at), "a 1 ");
    CHECK_STR(words_command(&at), "b");
    CHECK_STR(words_command(&at), NULL);
    CHECK_STR(words_command(&at), NULL);
    at = hash;
    CHECK_STR(words_command(&at), "x#y ");
    CHECK_STR(words_command(&at), NULL);
    at = blank;
    CHECK_STR(words_command(&at), NULL);
}

static void words_are_split_and_joined(void)
{
    char command[] = "  one two\tthree  four ", many[] = "1 2 3 4 5 6 7 8 9 10 11 12 13";
    struct words w;

    CHECK(words_split(command, &w));
    CHECK_EQ(w.count, 4);
    CHECK_STR(w.word[0], "one");
    CHECK_STR(w.word[3], "four");
    CHECK_STR(words_rest(&w, 4), "");
    CHECK_STR(words_rest(&w, 2), "three  four");
    CHECK_EQ(w.count, 3);
    CHECK(!words_split(many, &w));
}

static bool lookup(const char *name, size_t len, u64 *value)
{
    *value = 100;
    return (len == 2 && (!memcmp(name, "$x", 2) || !memcmp(name, "&a", 2))) ||
           (len == 3 && !memcmp(name, "ABC", 3));
}

#define VALUE(word) \
    ({ \
        u64 value_ = 77; \
        CHECK_STR(words_value(word, lookup, &value_), NULL); \
        value_; \
    })
#define REFUSED(word) \
    do { \
        u64 value_ = 77; \
        CHECK(words_value(word, lookup, &value_)); \
        CHECK_EQ(value_, 77); \
    } while (0)

static void values_are_numbers_and_names_joined(void)
{
    CHECK_EQ(VALUE("0"), 0);
    CHECK_EQ(VALUE("0x1F"), 31);
    CHECK_EQ(VALUE("18446744073709551615"), ~0ull);
    CHECK_EQ(VALUE("0xffffffffffffffff"), ~0ull);
    CHECK_EQ(VALUE("-1"), ~0ull);
    CHECK_EQ(VALUE("$x+8"), 108);
    CHECK_EQ(VALUE("&a-1"), 99);
    CHECK_EQ(VALUE("ABC|0x1"), 101);
    CHECK_EQ(VALUE("1+2-4|8"), ~0ull);
    CHECK_EQ(VALUE("-ABC"), -100ull);
}

static void wrong_values_are_refused(void)
{
    static const char *const wrong[] = {
        "",     "+",   "-",    "1+",  "x",   "$",    "&",     "$y",
        "0x",   "0xg", "12a",  "1*2", "1 2", "ABCD", "A-BC",  "18446744073709551616",
        "\xff", "1%",  "$x++", "--1", "0x+", "$$x",  "1+$yy", "0x10000000000000000",
    };

    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        REFUSED(wrong[i]);
}

/* ---- Types */

static void every_op_of_the_contract_can_be_read(void)
{
    static const struct {
        const char *name, *returns, *params;
    } ops[] = {
#define PV_CLASS_BEGIN(class)
#define PV_CLASS_END(class)
#define PV_OP(class, ret, name, params, args) {#name, #ret, #params},
#include "pv/ops.def"
#undef PV_OP
    };

    for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
        struct signature_type type;
        struct signature s;

        if (!signature_parse(ops[i].params, &s))
            fail_at(__FILE__, __LINE__, "%s%s", ops[i].name, ops[i].params);
        CHECK(signature_type(ops[i].returns, strlen(ops[i].returns), &type));
    }
}

static void parameters_have_names_and_types(void)
{
    struct signature s;

    CHECK(signature_parse("(u32 leaf, struct cpuid_regs *regs, const u64 tls[3])", &s));
    CHECK_EQ(s.count, 3);
    CHECK_STR(s.params[0].name, "leaf");
    CHECK_EQ(s.params[0].type.bits, 32);
    CHECK_STR(s.params[1].name, "regs");
    CHECK_STR(s.params[1].type.text, "struct cpuid_regs *");
    CHECK(s.params[1].type.is_pointer);
    CHECK_STR(s.params[2].type.text, "const u64 *");
    CHECK(s.params[2].type.is_pointer);
    CHECK(signature_parse("(void)", &s));
    CHECK_EQ(s.count, 0);
}

static void wrong_lists_are_refused(void)
{
    static const char *const wrong[] = {
        "",
        "(",
        ")",
        "()",
        "(u32)",
        "(float x)",
        "(u32 a, u32 b, u32 c, u32 d)",
        "u32 a",
        "(u32 a",
        "( )",
        "(u32 a,)",
        "([3])",
        "(*)",
        "(u32 [3])",
        "(struct a_name_that_is_too_long_for_the_field_of_types *x)",
    };
    struct signature s;

    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        CHECK(!signature_parse(wrong[i], &s));
}

static bool fits(const char *type, u64 value)
{
    struct signature_type t;

    CHECK(signature_type(type, strlen(type), &t));
    return signature_fits(&t, value);
}

static u64 result(const char *type, u64 word)
{
    struct signature_type t;

    CHECK(signature_type(type, strlen(type), &t));
    return signature_result(&t, word);
}

static void values_fit_their_types(void)
{
    CHECK(fits("u8", 255) && !fits("u8", 256));
    CHECK(fits("bool", 1) && !fits("bool", 2));
    CHECK(fits("int", -1ull) && fits("int", 0x7fffffff) && !fits("int", 1ull << 32));
    CHECK(fits("int", -0x80000000ull) && !fits("int", -0x80000001ull));
    CHECK(fits("u64", ~0ull) && fits("pte_t", ~0ull) && fits("u8 *", ~0ull));
    CHECK(!fits("enum pv_ipi", 1ull << 32));
    CHECK_EQ(result("int", 0x12345678ffffffffull), ~0ull);
    CHECK_EQ(result("u32", 0x12345678ffffffffull), 0xffffffff);
    CHECK_EQ(result("bool", 0x100), 0);
    CHECK_EQ(result("void", ~0ull), 0);
    CHECK_EQ(result("s64", ~0ull), ~0ull);
}

/* ---- The editor */

static char shown[8192];

static void show(const char *text, size_t len)
{
    if (strlen(shown) + len < sizeof(shown))
        strncat(shown, text, len);
}

static const char *candidates(const char *line, u32 start, u32 len, u32 index)
{
    static const char *const names[] = {"read_cr0", "read_cr3", "walk"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (!strncmp(names[i], line + start, len) && !index--)
            return names[i];
    return NULL;
}

static struct editor editor;

/* Type keys on a new line; return the event of the last one. */
static enum edit_event type(const char *keys)
{
    enum edit_event event = EDIT_NONE;

    editor.prompt = "> ";
    editor.write = show;
    editor.complete = candidates;
    shown[0] = '\0';
    edit_begin(&editor);
    for (; *keys; keys++)
        event = edit_key(&editor, (u8)*keys);
    return event;
}

#define TYPED(keys, line_) \
    do { \
        type(keys); \
        CHECK_STR(editor.line, line_); \
    } while (0)

static void lines_are_edited(void)
{
    TYPED("abc", "abc");
    TYPED("abc\x7f\x08", "a");
    TYPED("ac\x1b[Db", "abc");
    TYPED("bc\x01"
          "a\x05"
          "d",
          "abcd");
    TYPED("abc\x1b[H\x1b[3~", "bc");
    TYPED("abc\x02\x02\x0b", "a");
    TYPED("abc\x02\x15", "c");
    TYPED("one two  \x17", "one ");
    TYPED("a\x1bOHb\x1b[Fc\x1b[1~d\x1b[4~e", "dbace");
    TYPED("\x1b[99~\x1b[200~a\xc3\xa9", "a");
    CHECK_EQ(type("abc\r"), EDIT_DONE);
    CHECK_EQ(type("\n"), EDIT_NONE); /* of CR LF */
    CHECK_EQ(type("\n"), EDIT_DONE);
    CHECK_EQ(type("abc\x03"), EDIT_CANCEL);
    CHECK_EQ(type("abc\x04"), EDIT_NONE);
    CHECK_EQ(type("\x04"), EDIT_END);
}

static void typing_at_the_end_only_echoes(void)
{
    type("ab");
    CHECK_STR(shown, "> ab");
    type("ab\x1b[D");
    CHECK_STR(shown, "> ab\r> ab\x1b[K\x1b[1D");
}

static void history_is_recalled(void)
{
    memset(&editor, 0, sizeof(editor));
    type("first\r");
    type("second\r");
    type("second\r"); /* remembered once */
    TYPED("\x1b[A", "second");
    TYPED("\x1b[A\x1b[A", "first");
    TYPED("\x1b[A\x1b[A\x1b[A", "first");
    TYPED("\x1b[A\x1b[A\x1b[B", "second");
    TYPED("\x1b[A\x1b[B", "");
    TYPED("x\x10", "second");
    for (char c = 'a'; c < 'a' + EDIT_HISTORY + 2; c++)
        type((char[]){c, '\r', '\0'});
    for (u32 i = 0; i < 2 * EDIT_HISTORY; i++)
        edit_key(&editor, 'P' & 0x1f);
    CHECK_STR(editor.line, "c");
}

static void words_are_completed(void)
{
    TYPED("w\t", "walk ");
    TYPED("re\t", "read_cr");
    TYPED("read_cr\t", "read_cr");
    CHECK(strstr(shown, "read_cr0  read_cr3"));
    TYPED("trace 5 wa\t", "trace 5 walk ");
    TYPED("a;wa\t", "a;walk ");
    TYPED("zz\t", "zz");
    CHECK(strchr(shown, '\a'));
}

static void a_line_has_a_limit(void)
{
    type("");
    for (u32 i = 0; i < 2 * EDIT_LINE_MAX; i++)
        edit_key(&editor, 'x');
    CHECK_EQ(editor.len, EDIT_LINE_MAX);
    CHECK_EQ(strlen(editor.line), EDIT_LINE_MAX);
}

int main(void)
{
    RUN(commands_are_cut_at_semicolons_and_comments);
    RUN(words_are_split_and_joined);
    RUN(values_are_numbers_and_names_joined);
    RUN(wrong_values_are_refused);
    RUN(every_op_of_the_contract_can_be_read);
    RUN(parameters_have_names_and_types);
    RUN(wrong_lists_are_refused);
    RUN(values_fit_their_types);
    RUN(lines_are_edited);
    RUN(typing_at_the_end_only_echoes);
    RUN(history_is_recalled);
    RUN(words_are_completed);
    RUN(a_line_has_a_limit);
    return finish("shell");
}
