/*
 * The payload run=hostile:seed=N,first=N,cases=N,show and the suite's sample of it. Without an
 * argument a fixed sample runs. With show each case's outcome is a line, and a single one is
 * decoded.
 *
 *     # hostile digest FIRST HEX             of GROUP cases, all platforms' the same
 *     # hostile case NUMBER HEX …            with show
 *     # hostile cases N … failures N         at the end
 */
#include "kernel/app.h"
#include "kernel/kernel.h"
#include "kernel/time.h"
#include "kernel/trap.h"
#include "kernel/verdict.h"
#include "lib/format.h"
#include "lib/string.h"
#include "test/hostile.h"
#include "test/lines.h"
#include "test/test.h"

#define GROUP 4096

static struct {
    u64 seed, first, cases;
    bool show;
} wanted;

static const char *const places[NR_PLACES] = {
    "middle of a page",         "from page to page",
    "ends with the page",       "reaches into an absent page",
    "reaches into a data page", "ends with the lower half",
};

static void print_frame(const char *what, const struct trap_frame *f)
{
    const union sandbox_regs regs = {.frame = *f};
    static const char names[15][4] = {"r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10",
                                      "r9",  "r8",  "rax", "rcx", "rdx", "rsi", "rdi"};

    print("# %s: rip %llx cs %llx rflags %llx rsp %llx ss %llx\n", what, (unsigned long long)f->rip,
          (unsigned long long)f->cs, (unsigned long long)f->rflags, (unsigned long long)f->rsp,
          (unsigned long long)f->ss);
    for (u32 i = 0; i < 15; i += 3)
        print("#   %s %016llx  %s %016llx  %s %016llx\n", names[i],
              (unsigned long long)regs.words[i], names[i + 1],
              (unsigned long long)regs.words[i + 1], names[i + 2],
              (unsigned long long)regs.words[i + 2]);
}

void hostile_print(const struct hostile_case *c, const struct hostile_outcome *o)
{
    char bytes[3 * HOSTILE_BYTES_MAX + 1];
    size_t len = 0;

    bytes[0] = '\0';
    for (u32 i = 0; i < c->code.length; i++)
        len += ksnprintf(bytes + len, sizeof(bytes) - len, " %02x", c->code.bytes[i]);
    print("# code %u-bit at %llx, %s, %s:%s\n", c->is_32bit ? 32 : 64, (unsigned long long)c->start,
          places[c->place], c->code.name, bytes);
    print("# entered by %s, fs base %llx, gs base %llx\n",
          c->entry == USER_BY_IRET ? "iret" : "sysret", (unsigned long long)c->fs_base,
          (unsigned long long)c->gs_base);
    print_frame("entered", &c->frame);
    print("# stack %llx %llx %llx %llx %llx %llx\n", (unsigned long long)c->words[0],
          (unsigned long long)c->words[1], (unsigned long long)c->words[2],
          (unsigned long long)c->words[3], (unsigned long long)c->words[4],
          (unsigned long long)c->words[5]);
    print_frame("left", &o->frame);
    print("# left by vector %llx %s, error %llx, fault address %llx%s%s; ds %x es %x fs %x gs %x\n",
          (unsigned long long)o->frame.vector, exception_name(o->frame.vector),
          (unsigned long long)o->frame.error, (unsigned long long)o->fault_address,
          o->refused ? ", frame refused" : "", o->stopped ? ", stopped" : "", o->ds, o->es, o->fs,
          o->gs);
}

/* Runs a case; those of its block that come before it have run. Returns its digest. */
static u64 run_case(u64 seed, u64 number, bool show)
{
    static struct hostile_case c;
    static struct hostile_outcome o;
    const char *rule;
    u64 digest;

    hostile_make(seed, number, &c);
    hostile_run(&c, &o);
    digest = hostile_digest(&c, &o, &rule);
    if (!show)
        return digest;
    print("# hostile case %llu %016llx v %llx e %llx %s%s%s\n", (unsigned long long)number,
          (unsigned long long)digest, (unsigned long long)o.frame.vector,
          (unsigned long long)o.frame.error, c.code.name, rule ? ", rule " : "", rule ? rule : "");
    if (wanted.cases == 1)
        hostile_print(&c, &o);
    return digest;
}

static u64 run_cases(void)
{
    const u64 end = wanted.first + wanted.cases;
    u64 digest = 0;

    for (u64 n = wanted.first - wanted.first % HOSTILE_BLOCK; n < end; n++) {
        digest = digest * 3 + run_case(wanted.seed, n, wanted.show && n >= wanted.first);
        if (n % GROUP == GROUP - 1 || n == end - 1) {
            print("# hostile digest %llu %016llx\n", (unsigned long long)(n - n % GROUP),
                  (unsigned long long)digest);
            digest = 0;
        }
    }
    return end;
}

/* KEY=NUMBER, or show; commas between them. */
static bool parse_argument(const char *text)
{
    static const struct {
        const char *key;
        u64 *to;
    } keys[] = {{"seed=", &wanted.seed}, {"first=", &wanted.first}, {"cases=", &wanted.cases}};
    char word[32];

    while (*text) {
        const char *const comma = strchr(text, ',');
        const size_t len = comma ? (size_t)(comma - text) : strlen(text);
        bool known = false;

        if (len >= sizeof(word))
            return false;
        memcpy(word, text, len);
        word[len] = '\0';
        if (!strcmp(word, "show"))
            known = wanted.show = true;
        for (u32 i = 0; i < ARRAY_SIZE(keys); i++)
            if (!strncmp(word, keys[i].key, strlen(keys[i].key)))
                known = parse_u64(word + strlen(keys[i].key), keys[i].to);
        if (!known)
            return false;
        text += len + !!comma;
    }
    return true;
}

static void hostile_payload(void)
{
    u64 begun, ns;

    wanted.seed = 1;
    wanted.cases = 100000;
    if (!parse_argument(payload_argument) || !wanted.cases || wanted.first > 1ull << 60 ||
        wanted.cases > 1ull << 60)
        finish(VERDICT_ERROR,
               "run=hostile:%s: wants seed=N,first=N,cases=N,show with commas, each optional",
               payload_argument);
    if (!hostile_begin())
        finish(VERDICT_ERROR, "no memory for the user's space");
    begun = pv_clock_ns();
    run_cases();
    ns = pv_clock_ns() - begun;
    hostile_end();
    hostile_print_rules();
    print("# hostile cases %llu seed %llu ns %llu failures %llu\n",
          (unsigned long long)wanted.cases, (unsigned long long)wanted.seed, (unsigned long long)ns,
          (unsigned long long)hostile_failures);
    if (hostile_failures)
        finish(VERDICT_FAIL, "%llu of %llu cases left the kernel other than it must be",
               (unsigned long long)hostile_failures, (unsigned long long)wanted.cases);
    finish(VERDICT_PASS, "%s", "");
}

PAYLOAD(hostile, hostile_payload);

/* A sample, the same each time; with soak= another one, whose seed is printed. */
SOAK_TEST(entry, random_user_code, iret, sysret, syscall_init, load_sp0, write_fs_base,
          write_user_gs_base, load_gs_index)
{
    struct storm storm = {.normal = 8192};
    const u64 seed = soak_share_ns ? pv_read_tsc() : 1;
    u64 failures = hostile_failures, number = 0;

    REQUIRE(hostile_begin());
    while (storm_goes_on(&storm))
        run_case(seed, number++, false);
    hostile_end();
    EXPECT_EQ(hostile_failures, failures);
    print("# %u cases of seed %llu\n", storm.done, (unsigned long long)seed);
}
