/* SPDX-License-Identifier: MIT */
/* kernel/console.c, panic.c and registry.c: what the kernel prints, and how a run ends. */
#include <setjmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"

#define finish        end_run /* the kernel's; the harness has one too */
#define symtab_lookup name_address
#include "kernel/console.c"
#include "kernel/panic.c"
#include "kernel/registry.c"
#undef finish
#undef symtab_lookup

enum { ARCH_SET_GS = 0x1001 };

/* ---- The machine, and the rest of the kernel ----------------------------------------------- */

struct cmdline cmdline;
struct thread boot_thread = {.name = "boot"};
const struct program_traps *program_traps;
u64 boot_entry_tsc;

struct cpu cpus[PV_CPUS_MAX];
static struct cpu *const cpu = &cpus[0];

/* The image's data, for stack frames; and its registries, which are empty. */
__asm__(".data\n.balign 16\n"
        ".globl _data_start, frames\n_data_start: frames: .skip 1024\n"
        ".globl _image_end\n_image_end: .skip 64\n"
        ".globl _faults_start, _faults_end, _op_changes_start, _op_changes_end\n"
        "_faults_start:\n_faults_end:\n_op_changes_start:\n_op_changes_end:\n.text");
extern u64 frames[][2];

static struct {
    char console[8 * PRINT_MAX];
    char order[32]; /* one letter for each call: of print, stop, NMIs, shutdown */
    u32 writes, locked_writes;
    u64 bytes;
    bool alone;
    u32 online;
    int reason, code; /* of shutdown */
} machine;

const struct symtab kernel_symtab;

static jmp_buf ended;

static void note(char letter)
{
    machine.order[strlen(machine.order)] = letter;
}

static void console_op(const char *text, u64 len)
{
    strncat(machine.console, text, len);
    machine.writes++;
    machine.bytes += len;
    machine.locked_writes += cpu->area.spinlocks == 1;
    if (!strchr(machine.order, 'p'))
        note('p');
}

static void shutdown_op(enum pv_shutdown_reason reason, u8 code)
{
    note('s');
    machine.reason = reason;
    machine.code = code;
}

static void __noreturn halt_op(void)
{
    longjmp(ended, 1);
}

static u64 tsc_op(void)
{
    return 5000;
}

static u64 save_fl_op(void)
{
    return PV_FLAG_IF;
}

static void nop(void)
{
}

static void restore_fl_op(u64 flags)
{
    (void)flags;
}

bool smp_is_stopper(void)
{
    return machine.alone;
}

void smp_become_stopper(void)
{
    note('c');
    machine.alone = true;
}

void smp_stop_others(void)
{
    note('o');
    machine.alone = true;
    console_seize();
}

u32 smp_online_count(void)
{
    return machine.online;
}

void irq_report_nmis(void)
{
    note('n');
}

/* The code of the function g: it gets its frame in the middle. */
static const u8 g[] = {0x90, 0x90, 0x55, 0x90};

/* Addresses 0x100 to 0x1ff are the function f. */
bool name_address(const struct symtab *t, u64 addr, char name[SYMTAB_NAME_MAX], u64 *offset)
{
    (void)t;
    if (addr >= (u64)g && addr < (u64)g + sizeof(g)) {
        strcpy(name, "g");
        *offset = addr - (u64)g;
        return true;
    }
    strcpy(name, "f");
    *offset = addr - 0x100;
    return addr >= 0x100 && addr < 0x200;
}

const char *pv_backend_name(void)
{
    return "fake";
}

static void reset(void)
{
    memset(&machine, 0, sizeof(machine));
    memset(cpus, 0, sizeof(cpus));
    memset(&cmdline, 0, sizeof(cmdline));
    cpu->area.self = cpu;
    cpu->online = true;
    cpu->thread = &boot_thread;
    machine.online = 1;
    panicking = false;
    seizer = 0;
    mm_kernel.live = false;
    if (syscall(SYS_arch_prctl, ARCH_SET_GS, cpu))
        abort();
    pv_ops.setup.console_write = console_op;
    pv_ops.setup.shutdown = shutdown_op;
    pv_ops.cpu.halt = halt_op;
    pv_ops.flag.save_fl = save_fl_op;
    pv_ops.flag.restore_fl = restore_fl_op;
    pv_ops.flag.irq_disable = nop;
    pv_ops.cpu.read_tsc = tsc_op;
}

/* ---- Lines --------------------------------------------------------------------------------- */

/* Print a line of this length, including its end, and compare the output. */
static void check_line(u32 len)
{
    char text[2 * PRINT_MAX] = "", wanted[2 * PRINT_MAX];

    memset(text, 'x', len - 1);
    strcpy(wanted, text);
    if (len < PRINT_MAX)
        strcat(wanted, "\n");
    else
        strcpy(wanted + PRINT_MAX - sizeof("...\n"), "...\n");
    reset();
    print("%s\n", text);
    CHECK_STR(machine.console, wanted);
    CHECK_EQ(machine.bytes, strlen(wanted));
}

static void test_long_lines(void)
{
    for (u32 len = 1; len <= 3; len++)
        check_line(len);
    for (u32 len = PRINT_MAX - 6; len < PRINT_MAX + 6; len++)
        check_line(len);
}

static void test_levels(void)
{
    static const char *const wanted[] = {"[error] 0\n", "[warn] 1\n", "[info] 2\n", "[debug] 3\n"};

    for (u32 most = LOG_ERROR; most <= LOG_DEBUG; most++)
        for (u32 level = LOG_ERROR; level <= LOG_DEBUG; level++) {
            reset();
            cmdline.log = (enum log_level)most;
            log_line((enum log_level)level, "%u", level);
            CHECK_STR(machine.console, level <= most ? wanted[level] : "");
        }
}

/* A line is written under the console's lock, unless the lock's holder may have been stopped. */
static void test_lock(void)
{
    reset();
    print("one");
    CHECK(machine.writes == 1 && machine.locked_writes == 1 && !cpu->area.spinlocks);
    console_seize();
    print("two");
    CHECK(machine.writes == 2 && machine.locked_writes == 1 && !cpu->area.spinlocks);
}

/* ---- Ends ---------------------------------------------------------------------------------- */

static void test_verdicts(void)
{
    static const char *const words[] = {"PASS", "FAIL", "SKIP", "ERROR"};
    char wanted[100];

    for (int verdict = VERDICT_PASS; verdict <= VERDICT_ERROR; verdict++)
        for (int with_reason = 0; with_reason < 2; with_reason++) {
            reset();
            boot_entry_tsc = 1000;
            if (!setjmp(ended))
                end_run((enum verdict)verdict, "%s", with_reason ? "the reason" : "");
            snprintf(wanted, sizeof(wanted),
                     "# tsc 4000 ticks from entry to verdict\nparavane: verdict %s%s\n",
                     words[verdict], with_reason ? ": the reason" : "");
            CHECK_STR(machine.console, wanted);
            CHECK_STR(machine.order,
                      "nops"); /* others may neither print nor run after the verdict */
            CHECK(machine.code == verdict);
            CHECK_EQ(machine.reason,
                     verdict == VERDICT_FAIL || verdict == VERDICT_ERROR ? PV_CRASH : PV_POWEROFF);
        }
}

static void test_names(void)
{
    static const struct {
        struct named named;
        u64 value;
    } all[] = {{{"one"}, 1}, {{"two"}, 2}, {{"twos"}, 3}};
    const u64 size = sizeof(all[0]);
    const void *volatile found = NULL;

    reset();
    CHECK(find_named("thing", all, all + 3, size, "one") == &all[0]);
    CHECK(find_named("thing", all, all + 3, size, "two") == &all[1]);
    CHECK(find_named("thing", all, all + 3, size, "twos") == &all[2]);
    CHECK_STR(machine.console, "");
    if (!setjmp(ended))
        found = find_named("thing", all, all + 2, size, "twos");
    CHECK(!found && strstr(machine.console, "# known: one two\n"));
    CHECK(strstr(machine.console, "verdict ERROR: no thing is called \"twos\"\n"));
}

static void panic_with(const struct trap_frame *frame)
{
    if (!setjmp(ended))
        panic_frame(frame, "the %s", "cause");
}

static void test_panic(void)
{
    const struct trap_frame frame = {.r15 = 0xa0,
                                     .r14 = 0xa1,
                                     .r13 = 0xa2,
                                     .r12 = 0xa3,
                                     .rbp = 0xa4,
                                     .rbx = 0xa5,
                                     .r11 = 0xa6,
                                     .r10 = 0xa7,
                                     .r9 = 0xa8,
                                     .r8 = 0xa9,
                                     .rax = 0xaa,
                                     .rcx = 0xab,
                                     .rdx = 0xac,
                                     .rsi = 0xad,
                                     .rdi = 0xae,
                                     .rip = 0x111,
                                     .rsp = 0x222,
                                     .rflags = 0x333,
                                     .cs = 0x44,
                                     .ss = 0x55,
                                     .error = 0x66};

    reset();
    cpu->area.stack_limit = 77;
    panic_with(&frame);
    CHECK(strstr(machine.console, "\nparavane: PANIC: the cause\n  r15 00000000000000a0"));
    CHECK(strstr(machine.console, "rbp 00000000000000a4  rbx 00000000000000a5\n"));
    CHECK(strstr(machine.console, "rsi 00000000000000ad  rdi 00000000000000ae\n"));
    CHECK(strstr(machine.console,
                 "rip 0000000000000111  rsp 0000000000000222  efl 0000000000000333\n"));
    CHECK(strstr(machine.console, "cs 0044  ss 0055  error 66  backend fake\n  #0 f+0x11\n"));
    CHECK(strstr(machine.console, "verdict FAIL: panic: the cause\n"));
    CHECK(!strstr(machine.console, "thread")); /* one CPU in its boot thread is not named */
    CHECK_STR(machine.order, "copnos");
    CHECK(machine.code == VERDICT_FAIL && panic_is_on());
    CHECK_EQ(cpu->area.stack_limit, 0);
}

static void test_panic_of_a_thread(void)
{
    static struct thread other = {.name = "other"};

    reset();
    CHECK(!panic_is_on());
    cpu->thread = &other;
    panic_with(NULL);
    CHECK(strstr(machine.console, "PANIC: the cause\nCPU 0, thread other:\n  #0 "));
    reset();
    machine.online = 2;
    panic_with(NULL);
    CHECK(strstr(machine.console, "PANIC: the cause\nCPU 0, thread boot:\n  #0 "));
}

/* What fails while a panic is reported is reported too, once; a panic of another CPU waits. */
static void test_second_panic(void)
{
    reset();
    panicking = true;
    machine.alone = true;
    strcpy(panic_reason, "the first cause");
    panic_with(NULL);
    CHECK(strstr(machine.console,
                 "paravane: verdict FAIL: panic: the first cause; then: the cause\n"));
    CHECK_STR(machine.order, "ps");
    CHECK_EQ(machine.locked_writes, 0); /* a CPU that was stopped may hold the console */
    CHECK_EQ(machine.code, VERDICT_FAIL);
    CHECK_EQ(machine.reason, PV_CRASH);
    reset();
    panicking = true;
    machine.alone = true;
    panic_with(NULL);
    CHECK_STR(machine.order, "s"); /* the third */
    reset();
    panicking = true;
    panic_with(NULL);
    CHECK_EQ(machine.order[0], 'c');
}

/* ---- Backtraces ---------------------------------------------------------------------------- */

static u64 *frame_at(u32 i)
{
    return frames[i];
}

static void link_frames(u32 from, u32 to, u64 return_address)
{
    frame_at(from)[0] = (u64)frame_at(to);
    frame_at(from)[1] = return_address;
}

static const char *trace(u64 rip, u64 rbp)
{
    reset();
    backtrace_print(rip, rbp);
    return machine.console;
}

static void test_backtraces(void)
{
    const u64 first = (u64)frame_at(0);

    link_frames(0, 2, 0x151);
    link_frames(2, 3, 0x999);
    link_frames(3, 3, 0x200); /* the first byte after f: f called it, and never returns */
    CHECK_STR(trace(0x110, first),
              "  #0 f+0x10\n  #1 f+0x50\n  #2 0000000000000998\n  #3 f+0xff\n");
    link_frames(3, 2, 0x161); /* a frame below */
    CHECK_STR(trace(0x110, (u64)frame_at(3)), "  #0 f+0x10\n  #1 f+0x60\n");
    link_frames(3, 4, 0); /* the last frame */
    CHECK_STR(trace(0x110, (u64)frame_at(3)), "  #0 f+0x10\n");
    frame_at(1)[0] = 0x131; /* the return address of a frame that is not aligned */
    CHECK_STR(trace(0x110, first + 8), "  #0 f+0x10\n");
    CHECK_STR(trace(0x110, first - 16), "  #0 f+0x10\n");
    CHECK_STR(trace(0x110, (u64)_image_end), "  #0 f+0x10\n");
    frame_at(63)[1] = 0x171; /* the last that is whole */
    CHECK_STR(trace(0x110, (u64)frame_at(63)), "  #0 f+0x10\n  #1 f+0x70\n");
}

static const char *trace_interrupted(u64 offset, const u64 *rsp)
{
    const struct trap_frame frame = {
        .rip = (u64)g + offset, .rsp = (u64)rsp, .rbp = (u64)frame_at(0)};

    reset();
    print_interrupted(&frame);
    return machine.console;
}

static void test_caller_of_a_function_without_frame(void)
{
    u64 *const rsp = &frame_at(5)[1];

    link_frames(0, 2, 0x151);
    link_frames(2, 3, 0);
    *rsp = 0x181;
    CHECK_STR(trace_interrupted(0, rsp), "  #0 g+0x0\n  #1 f+0x80\n  #2 f+0x50\n");
    CHECK_STR(trace_interrupted(2, rsp), "  #0 g+0x2\n  #1 f+0x80\n  #2 f+0x50\n");
    CHECK_STR(trace_interrupted(3, rsp), "  #0 g+0x3\n  #1 f+0x50\n");
    *rsp = 0x999;
    CHECK_STR(trace_interrupted(2, rsp), "  #0 g+0x2\n  #1 f+0x50\n");
    CHECK_STR(trace_interrupted(2, NULL), "  #0 g+0x2\n  #1 f+0x50\n");
}

static void test_long_backtraces(void)
{
    char wanted[BACKTRACE_MAX * 32] = "";

    for (u32 i = 0; i < 60; i++)
        link_frames(i, i + 1, i < 40 ? 0x101 + i : 0x101);
    for (u32 i = 0; i < BACKTRACE_MAX; i++)
        sprintf(wanted + strlen(wanted), "  #%u f+0x%x\n", i, i ? i - 1 : 0x80);
    CHECK_STR(trace(0x180, (u64)frame_at(0)), wanted);
    frame_at(60)[0] = 0;
    frame_at(60)[1] = 0x191;
    CHECK_STR(trace(0x100, (u64)frame_at(40)),
              "  #0 f+0x0\n  ... the same, 20 more times\n  #21 f+0x90\n");
}

int main(void)
{
    RUN(test_long_lines);
    RUN(test_levels);
    RUN(test_lock);
    RUN(test_verdicts);
    RUN(test_names);
    RUN(test_panic);
    RUN(test_panic_of_a_thread);
    RUN(test_second_panic);
    RUN(test_backtraces);
    RUN(test_caller_of_a_function_without_frame);
    RUN(test_long_backtraces);
    return finish("console");
}
