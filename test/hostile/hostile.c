/* SPDX-License-Identifier: MIT */
/*
 * The payload run=hostile:seed=N,first=N,cases=N,show,shared,frames and the suite's sample of it.
 * Without arguments a fixed sample runs. `show` prints a line for each case's outcome, and decodes
 * a single case. With several CPUs each runs a share of the cases; with `shared` all do so in one
 * space. With `frames` the cases are frames of the kernel (test/hostile/frames.c), on one CPU.
 *
 *     # hostile digest FIRST HEX             of GROUP cases, equal on all platforms
 *     # hostile case NUMBER HEX …            with show
 *     # hostile cases N … failures N         at the end
 */
#include "kernel/app.h"
#include "kernel/kernel.h"
#include "kernel/panic.h"
#include "kernel/time.h"
#include "kernel/trap.h"
#include "lib/format.h"
#include "lib/string.h"
#include "test/harness/cpus.h"
#include "test/harness/lines.h"
#include "test/harness/test.h"
#include "test/hostile/hostile.h"

#define GROUP 1024

/* Written: by the payload or the test, before the cases run. */
static struct {
    u64 seed, first, cases;
    bool show, shared, frames;
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

/* Run a case, after the cases of its block that precede it. Return its digest. */
static u64 run_case(u64 seed, u64 number, bool show)
{
    struct hostile_case c;
    struct hostile_outcome o;
    const char *rule;
    u64 digest;

    hostile_make_case(seed, number, &c);
    hostile_run(&c, &o);
    digest = hostile_digest(&c, &o, &rule);
    if (!digest)
        hostile_refill();
    if (!show)
        return digest;
    print("# hostile case %llu %016llx v %llx e %llx %s%s%s\n", (unsigned long long)number,
          (unsigned long long)digest, (unsigned long long)o.frame.vector,
          (unsigned long long)o.frame.error, c.code.name, rule ? ", rule " : "", rule ? rule : "");
    if (wanted.cases == 1)
        hostile_print(&c, &o);
    return digest;
}

/* One CPU's share of the cases, in whole groups. */
struct share {
    u64 first, end;
};

static void run_share(void *arg)
{
    const struct share *const share = arg;
    u64 digest = 0;

    hostile_begin();
    for (u64 n = share->first - share->first % HOSTILE_BLOCK; n < share->end; n++) {
        digest = digest * 3 + run_case(wanted.seed, n, wanted.show && n >= share->first);
        if (wanted.shared || (n % GROUP != GROUP - 1 && n != share->end - 1))
            continue;
        print("# hostile digest %llu %016llx\n", (unsigned long long)(n - n % GROUP),
              (unsigned long long)digest);
        digest = 0;
    }
    hostile_end();
}

/* Run the selected cases on nr_cpus CPUs. Return false if memory is not sufficient. */
static bool run_on(u32 nr_cpus)
{
    const u64 end = wanted.first + wanted.cases;
    const u64 each = ALIGN_UP((wanted.cases + nr_cpus - 1) / nr_cpus, GROUP);
    struct share shares[STRESS_CPUS];
    struct hostile_noise noise;
    struct workers workers;

    for (u32 i = 0; i < nr_cpus; i++) {
        const u64 first = ALIGN_DOWN(wanted.first, GROUP) + i * each;

        shares[i] = (struct share){i ? first : wanted.first, MIN(first + each, end)};
        if (!hostile_make(i, wanted.shared))
            return false;
    }
    if (nr_cpus > 1)
        hostile_noise_begin(nr_cpus, wanted.shared);
    workers_start(&workers, 0, nr_cpus, run_share, shares, sizeof(*shares));
    workers_join(&workers);
    if (nr_cpus > 1) {
        noise = hostile_noise_end();
        print("# hostile noise: %llu timers, %llu calls, %llu NMIs, %llu changes of mappings\n",
              (unsigned long long)noise.timers, (unsigned long long)noise.calls,
              (unsigned long long)noise.nmis, (unsigned long long)noise.changes);
    }
    for (u32 i = nr_cpus; i--;)
        hostile_free(i);
    return true;
}

/* Parse the arguments: KEY=NUMBER or a flag, separated by commas. */
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
        if (!strcmp(word, "shared"))
            known = wanted.shared = true;
        if (!strcmp(word, "frames"))
            known = wanted.frames = true;
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
    u64 start_ns, ns;

    wanted.seed = 1;
    wanted.cases = 100000;
    if (!parse_argument(payload_argument) || !wanted.cases || wanted.first > 1ull << 60 ||
        wanted.cases > 1ull << 60)
        finish(VERDICT_ERROR,
               "run=hostile:%s: takes seed=N,first=N,cases=N,show,shared,frames, "
               "each optional, with commas between",
               payload_argument);
    start_ns = pv_clock_ns();
    if (wanted.frames)
        print("# hostile frames loaded: %llu\n",
              (unsigned long long)hostile_run_frames(wanted.seed, wanted.first, wanted.cases));
    else if (!run_on(stress_cpus()))
        finish(VERDICT_ERROR, "no memory for the user's space");
    ns = pv_clock_ns() - start_ns;
    if (!wanted.frames)
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

/* A fixed sample; with soak= a new seed, which is printed. */
SOAK_TEST(entry, random_user_code_cannot_harm_the_kernel, iret, sysret, syscall_init, load_sp0,
          write_fs_base, write_user_gs_base, load_gs_index)
{
    struct stress stress = {.normal = 8192};
    const u64 seed = soak_share_ns ? pv_read_tsc() : 1;
    u64 failures = hostile_failures, number = 0;

    REQUIRE(hostile_make(pv_this_cpu(), false));
    hostile_begin();
    while (stress_continues(&stress))
        run_case(seed, number++, false);
    hostile_end();
    hostile_free(pv_this_cpu());
    EXPECT_EQ(hostile_failures, failures);
    print("# %u cases of seed %llu\n", stress.done, (unsigned long long)seed);
}

/*
 * Run the sample on all CPUs at once, with disturbances (noise.c), in spaces of their own or all in
 * one.
 */
static void run_sample(bool shared)
{
    const u64 failures = hostile_failures;

    wanted.seed = soak_share_ns ? pv_read_tsc() : 1;
    wanted.first = 0;
    wanted.cases = soak_share_ns ? 65536 : stress_cpus() * GROUP / 2;
    wanted.show = false;
    wanted.shared = shared;
    REQUIRE(run_on(stress_cpus()));
    EXPECT_EQ(hostile_failures, failures);
    print("# seed %llu\n", (unsigned long long)wanted.seed);
}

TEST(entry, random_user_code_on_all_cpus_cannot_harm_it, iret, sysret, load_sp0, send_ipi, send_nmi)
{
    NEEDS_CPUS(2);
    run_sample(false);
}

TEST(entry, random_user_code_in_one_space_cannot_harm_it, iret, sysret, load_sp0, send_ipi,
     send_nmi)
{
    NEEDS_CPUS(2);
    run_sample(true);
}
