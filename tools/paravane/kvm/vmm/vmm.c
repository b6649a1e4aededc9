/* SPDX-License-Identifier: MIT */
/*
 * A small virtual machine monitor on /dev/kvm, which boots the image by PVH:
 *
 *     vmm MIB CPUS IMAGE MODULE WORDS [OPTION...]
 *
 * The machine has what a PC guest of KVM has in the kernel (local APICs, I/O APIC, 8259s, 8254),
 * and here a UART at COM1, whose other end is standard input and output, an RTC, a debug-exit port
 * as QEMU's, and the reset ports. It has no PCI and no disk. Firmware's tables are an RSDP, an XSDT
 * and an MADT.
 *
 * An OPTION changes what the guest sees of KVM:
 *
 *     offer=HEX    offer only these features of KVM (CPUID leaf 0x40000001, eax)
 *     claim=HEX    offer these features besides, whether KVM has them or not
 *     refuse=HEX   raise #GP at the MSRs of KVM, bit n for MSR 0x4b564d00 + n
 *     leaf=HEX     the largest leaf that leaf 0x40000000 reports
 *     hyperv       report Hyper-V's signature at 0x40000000, and KVM's at 0x40000100
 *     enlightened  report Hyper-V's leaves with all that KVM offers of them, in place of KVM's
 *     both         with "enlightened": report KVM's leaves too, at 0x40000100
 *     hide=3a:HEX  leave bits out of Hyper-V's leaf 0x40000003, eax; also 3b, 3d and 4a
 *     show=3a:HEX  offer bits there besides
 *     deny=HEX     raise #GP at this MSR of Hyper-V; may be repeated
 *     vp=HEX       the index of the first virtual processor; the others follow
 *     vmware       report VMware's signature in place of KVM's, and answer its backdoor
 *     move         move the virtual CPUs between the physical ones, all the time
 *     slow=HEX     provide a page of the RAM above 32 MiB so many milliseconds after the guest has
 *                  touched it
 *
 * The last line of standard error is "vmm: ended by WORDS"; one before it, if any, has counts. The
 * exit status is the debug-exit port's, or 0 for other ends of the guest, or 3 for a fault of this
 * program or of KVM.
 */
#define _GNU_SOURCE
#include "vmm.h"
#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <fcntl.h>

enum {
    DEBUG_EXIT = 0xf4,
    RESET_CONTROL = 0xcf9,
    KEYBOARD = 0x64,
    KEYBOARD_RESET = 0xfe,
    KVM_MSRS = 0x4b564d00,
    KVM_NR_MSRS = 9,
    CPUID_ENTRIES = 128,
    KVM_LEAVES = 0x40000000,
    SLOW_FROM = 32 << 20,
    MOVED_LEAVES = 0x40000100,
    TIMING_LEAF = 0x40000010,
    HV1 = 0x31237648, /* "Hv#1" */
};

struct options options = {.offer = ~0u, .leaf = 0};
struct machine machine;
static int vcpus[CPUS_MAX];

/* Print counts that show what a run has put to use. */
static void print_counts(void)
{
    const unsigned long long yields = sum_of_stats("directed_yield_successful");
    const unsigned long long attempts = sum_of_stats("directed_yield_attempted");

    if (options.move)
        fprintf(stderr, "vmm: virtual CPUs have moved %u times\n", machine.moves);
    if (options.slow)
        fprintf(stderr, "vmm: %u pages of slow memory were provided\n", machine.slow_pages);
    if (attempts)
        fprintf(stderr, "vmm: %llu of %llu yields had an effect\n", yields, attempts);
}

void end(int status, const char *fmt, ...)
{
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
    va_list ap;

    pthread_mutex_lock(&once);
    uart_flush();
    if (status != EXIT_FAULT)
        print_counts();
    va_start(ap, fmt);
    fprintf(stderr, "vmm: ended by ");
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\n");
    va_end(ap);
    _exit(status);
}

int must(int result, const char *what)
{
    if (result < 0)
        end(EXIT_FAULT, "%s: %s", what, strerror(errno));
    return result;
}

/* ---- The machine ---- */

static void add_slot(uint32_t slot, uint64_t pa, uint64_t size, void *memory)
{
    const struct kvm_userspace_memory_region region = {slot, 0, pa, size, (uint64_t)memory};

    must(ioctl(machine.vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
}

/*
 * Make the guest's memory. It begins where a large page does, so that KVM can map large pages: a
 * guest that touches all of 256 MiB exits 1,700 times then, and 66,000 times otherwise.
 */
static void make_memory(uint64_t size)
{
    uint8_t *got;

    machine.low = size < LOW_MAX ? size : LOW_MAX;
    machine.high = size - machine.low;
    got = mmap(NULL, size + LARGE_PAGE, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (got == MAP_FAILED)
        end(EXIT_FAULT, "mmap of %llu bytes: %s", (unsigned long long)size, strerror(errno));
    machine.ram = got + -(uint64_t)got % LARGE_PAGE;
    if (!options.slow)
        madvise(machine.ram, size, MADV_HUGEPAGE);
    else if (machine.low > SLOW_FROM)
        make_slow(machine.ram + SLOW_FROM, machine.low - SLOW_FROM);
    add_slot(0, 0, machine.low, machine.ram);
    if (machine.high)
        add_slot(1, HIGH_BASE, machine.high, machine.ram + machine.low);
}

static void make_machine(void)
{
    struct kvm_pit_config pit = {0};

    machine.kvm = must(open("/dev/kvm", O_RDWR), "open /dev/kvm");
    machine.vm = must(ioctl(machine.kvm, KVM_CREATE_VM, 0), "KVM_CREATE_VM");
    must(ioctl(machine.vm, KVM_SET_TSS_ADDR, 0xfffbd000), "KVM_SET_TSS_ADDR");
    must(ioctl(machine.vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
    must(ioctl(machine.vm, KVM_CREATE_PIT2, &pit), "KVM_CREATE_PIT2");
}

void set_irq(uint32_t irq, uint32_t level)
{
    const struct kvm_irq_level line = {.irq = irq, .level = level};

    must(ioctl(machine.vm, KVM_IRQ_LINE, &line), "KVM_IRQ_LINE");
}

/* Have KVM raise #GP at the MSRs that options.refuse names. */
static void filter_msrs(void)
{
    static uint8_t allowed[2];
    struct kvm_msr_filter filter = {
        .flags = KVM_MSR_FILTER_DEFAULT_ALLOW,
        .ranges[0] = {KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE, KVM_NR_MSRS, KVM_MSRS, allowed},
    };

    hyperv_filter(&filter.ranges[1]);

    allowed[0] = (uint8_t)~options.refuse;
    allowed[1] = (uint8_t)(~options.refuse >> 8);
    if (options.refuse || filter.ranges[1].nmsrs)
        must(ioctl(machine.vm, KVM_X86_SET_MSR_FILTER, &filter), "KVM_X86_SET_MSR_FILTER");
}

/* ---- CPUID ---- */

static struct kvm_cpuid_entry2 *find_leaf(struct kvm_cpuid2 *cpuid, uint32_t leaf)
{
    for (uint32_t i = 0; i < cpuid->nent; i++)
        if (cpuid->entries[i].function == leaf)
            return &cpuid->entries[i];
    return NULL;
}

static void set_leaf(struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t eax, const char *name)
{
    struct kvm_cpuid_entry2 *entry = find_leaf(cpuid, leaf);

    if (!entry)
        entry = &cpuid->entries[cpuid->nent++];
    memset(entry, 0, sizeof(*entry));
    entry->function = leaf;
    entry->eax = eax;
    memcpy(&entry->ebx, name, 4);
    memcpy(&entry->ecx, name + 4, 4);
    memcpy(&entry->edx, name + 8, 4);
}

static void set_timing(struct kvm_cpuid2 *cpuid, int vcpu)
{
    const int khz = ioctl(vcpu, KVM_GET_TSC_KHZ, 0);
    static const char apic_khz[12] = {0x40, 0x42, 0x0f}; /* 1,000,000 kHz, as KVM's APIC has */

    set_leaf(cpuid, TIMING_LEAF, khz > 0 ? (uint32_t)khz : 0, apic_khz);
}

/* Forget the leaves of KVM, which is to show another hypervisor's. */
static void drop_leaves(struct kvm_cpuid2 *cpuid, uint32_t first, uint32_t end)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < cpuid->nent; i++)
        if (cpuid->entries[i].function < first || cpuid->entries[i].function >= end)
            cpuid->entries[kept++] = cpuid->entries[i];
    cpuid->nent = kept;
}

/* Show KVM's leaves as the options say. */
static void set_kvm_leaves(int vcpu, struct kvm_cpuid2 *cpuid)
{
    static const char kvm[13] = "KVMKVMKVM", hyperv[13] = "Microsoft Hv", zeros[12];
    static const char vmware[13] = "VMwareVMware";
    struct kvm_cpuid_entry2 *entry = find_leaf(cpuid, KVM_LEAVES + 1);
    const uint32_t features = ((entry ? entry->eax : 0) & options.offer) | options.claim;
    uint32_t base = KVM_LEAVES;

    if (options.vmware) {
        set_leaf(cpuid, base, TIMING_LEAF, vmware);
        set_leaf(cpuid, base + 1, 0, zeros);
        return;
    }
    if (options.enlightened) {
        drop_leaves(cpuid, KVM_LEAVES, MOVED_LEAVES);
        hyperv_add_leaves(vcpu, cpuid);
        if (!options.both)
            return;
        base = MOVED_LEAVES;
    } else if (options.hyperv) {
        set_leaf(cpuid, KVM_LEAVES, options.leaf ? options.leaf : KVM_LEAVES + 5, hyperv);
        set_leaf(cpuid, KVM_LEAVES + 1, HV1, zeros);
        base = MOVED_LEAVES;
    }
    set_leaf(cpuid, base, base == KVM_LEAVES && options.has_leaf ? options.leaf : base + 0x10, kvm);
    set_leaf(cpuid, base + 1, features, zeros);
}

static void set_cpuid(int vcpu, uint32_t id)
{
    struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + CPUID_ENTRIES * sizeof(*cpuid->entries));

    cpuid->nent = CPUID_ENTRIES - 8;
    must(ioctl(machine.kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
    for (uint32_t i = 0; i < cpuid->nent; i++) {
        struct kvm_cpuid_entry2 *entry = &cpuid->entries[i];

        if (entry->function == 1) {
            entry->ecx |= 1u << 31 | 1u << 24; /* a hypervisor; the APIC timer's TSC deadline */
            entry->ebx = (entry->ebx & 0xffff) | machine.cpus << 16 | id << 24;
        } else if (entry->function == 0xb) {
            entry->edx = id;
        }
    }
    set_kvm_leaves(vcpu, cpuid);
    if (!options.enlightened)
        set_timing(cpuid, vcpu);
    must(ioctl(vcpu, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
    if (options.enlightened)
        hyperv_set_up(vcpu, id);
    free(cpuid);
}

/* ---- The virtual CPUs ---- */

static struct kvm_segment flat_segment(uint8_t type, uint16_t selector)
{
    return (struct kvm_segment){.limit = 0xffffffff,
                                .selector = selector,
                                .type = type,
                                .present = 1,
                                .db = 1,
                                .s = 1,
                                .g = 1};
}

/* Set the state of the first CPU as a PVH loader has to: 32-bit protected mode without paging. */
static void set_boot_state(int vcpu, uint64_t entry)
{
    struct kvm_regs regs = {.rip = entry, .rbx = START_INFO, .rflags = 2};
    struct kvm_sregs sregs;

    must(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
    sregs.cs = flat_segment(0xb, 0x8);
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = flat_segment(0x3, 0x10);
    sregs.tr = (struct kvm_segment){.limit = 0x67, .type = 0xb, .present = 1};
    sregs.cr0 = 1;
    must(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
    must(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static void on_port_write(uint16_t port, const uint8_t *data, uint32_t size)
{
    if (port == DEBUG_EXIT)
        end(*data << 1 | 1, "its debug-exit port");
    if ((port == RESET_CONTROL && *data & 4) || (port == KEYBOARD && *data == KEYBOARD_RESET))
        end(0, "a reset");
    if (port == RTC || port == RTC + 1)
        rtc_write(port, *data);
    if (port >= UART && port < UART + 8)
        for (uint32_t i = 0; i < size; i++)
            uart_write(port - UART + i, data[i]);
}

static void on_port_read(uint16_t port, uint8_t *data, uint32_t size)
{
    memset(data, 0xff, size);
    if (port == RTC || port == RTC + 1)
        *data = rtc_read(port);
    if (port >= UART && port < UART + 8)
        *data = uart_read(port - UART);
}

static void on_port(int vcpu, struct kvm_run *run)
{
    uint8_t *data = (uint8_t *)run + run->io.data_offset;

    if (options.vmware && run->io.port == BACKDOOR && run->io.direction == KVM_EXIT_IO_IN &&
        run->io.size == 4 && run->io.count == 1) {
        const uint32_t eax = vmware_backdoor(vcpu);

        memcpy(data, &eax, sizeof(eax));
        return;
    }
    for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size) {
        if (run->io.direction == KVM_EXIT_IO_OUT)
            on_port_write(run->io.port, data, run->io.size);
        else
            on_port_read(run->io.port, data, run->io.size);
    }
}

static void on_system_event(int vcpu, uint32_t type)
{
    if (type == KVM_SYSTEM_EVENT_RESET)
        end(0, "a reset");
    if (type != KVM_SYSTEM_EVENT_CRASH)
        end(0, "system event %u", type);
    hyperv_on_crash(vcpu);
}

/*
 * Of an instruction that KVM cannot emulate it passes flags, a length and 15 bytes, then the number
 * of the exit that led to it and what came with the exit.
 */
static void end_by_error(int vcpu, struct kvm_run *run)
{
    struct kvm_sregs sregs = {0};
    struct kvm_regs regs = {0};
    char words[17 * 17] = "";

    ioctl(vcpu, KVM_GET_REGS, &regs);
    ioctl(vcpu, KVM_GET_SREGS, &sregs);
    for (uint32_t i = 0; i < run->internal.ndata && i < 16; i++)
        snprintf(words + strlen(words), 18, " %llx", (unsigned long long)run->internal.data[i]);
    end(EXIT_FAULT, "KVM's internal error %u%s: cs 0x%x, rip 0x%llx%s%s", run->internal.suberror,
        run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION ? ", a failed emulation" : "",
        sregs.cs.selector, (unsigned long long)regs.rip, *words ? ", data" : "", words);
}

static void on_exit_of(int vcpu, struct kvm_run *run)
{
    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        on_port(vcpu, run);
        break;
    case KVM_EXIT_MMIO:
        if (!run->mmio.is_write)
            memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
        break;
    case KVM_EXIT_INTR:
    case KVM_EXIT_IRQ_WINDOW_OPEN:
        break;
    case KVM_EXIT_SHUTDOWN:
        end(0, "a triple fault");
    case KVM_EXIT_HYPERV:
        hyperv_on_exit(run);
        break;
    case KVM_EXIT_SYSTEM_EVENT:
        on_system_event(vcpu, run->system_event.type);
        break;
    case KVM_EXIT_FAIL_ENTRY:
        end(EXIT_FAULT, "a failed entry, reason 0x%llx",
            (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
    case KVM_EXIT_INTERNAL_ERROR:
        end_by_error(vcpu, run);
    default:
        end(EXIT_FAULT, "an exit of reason %u", run->exit_reason);
    }
}

static void *run_vcpu(void *arg)
{
    const int vcpu = vcpus[(uintptr_t)arg];
    const int size = must(ioctl(machine.kvm, KVM_GET_VCPU_MMAP_SIZE, 0), "KVM_GET_VCPU_MMAP_SIZE");
    struct kvm_run *run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);

    if (run == MAP_FAILED)
        end(EXIT_FAULT, "mmap of a vCPU: %s", strerror(errno));
    place_vcpu((uint32_t)(uintptr_t)arg);
    for (;;) {
        vmware_update_steal_clock();
        if (!ioctl(vcpu, KVM_RUN, 0))
            on_exit_of(vcpu, run);
        else if (errno != EINTR && errno != EAGAIN) /* EAGAIN: the vCPU has just been started */
            end(EXIT_FAULT, "KVM_RUN: %s", strerror(errno));
    }
}

static void make_vcpus(uint64_t entry)
{
    for (uint32_t id = 0; id < machine.cpus; id++) {
        vcpus[id] = must(ioctl(machine.vm, KVM_CREATE_VCPU, id), "KVM_CREATE_VCPU");
        set_cpuid(vcpus[id], id);
        open_stats(id, vcpus[id]);
    }
    set_boot_state(vcpus[0], entry);
}

void start_thread(void *(*run)(void *), uintptr_t arg)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, run, (void *)arg))
        end(EXIT_FAULT, "a thread that cannot be made");
}

static void read_option(const char *word)
{
    const char *value = strchr(word, '=');
    const uint32_t number = value ? (uint32_t)strtoul(value + 1, NULL, 16) : 0;

    if (!strncmp(word, "offer=", 6))
        options.offer = number;
    else if (!strncmp(word, "claim=", 6))
        options.claim = number;
    else if (!strncmp(word, "refuse=", 7))
        options.refuse = number;
    else if (!strncmp(word, "leaf=", 5))
        options.leaf = number, options.has_leaf = 1;
    else if (!strcmp(word, "hyperv"))
        options.hyperv = 1;
    else if (!strcmp(word, "enlightened"))
        options.enlightened = 1;
    else if (!strcmp(word, "both"))
        options.both = 1;
    else if (!strncmp(word, "vp=", 3))
        options.vp = number;
    else if (hyperv_read_option(word))
        return;
    else if (!strcmp(word, "vmware"))
        options.vmware = 1;
    else if (!strcmp(word, "move"))
        options.move = 1;
    else if (!strncmp(word, "slow=", 5))
        options.slow = number;
    else
        end(EXIT_FAULT, "the unknown option %s", word);
}

int main(int argc, char **argv)
{
    uint64_t mib, entry;

    if (argc < 6)
        end(EXIT_FAULT, "its command line: vmm MIB CPUS IMAGE MODULE WORDS [OPTION...]");
    mib = strtoul(argv[1], NULL, 10);
    machine.cpus = (uint32_t)strtoul(argv[2], NULL, 10);
    if (mib < 2 || !machine.cpus || machine.cpus > CPUS_MAX)
        end(EXIT_FAULT, "its command line: at least 2 MiB, and 1 to %d CPUs", CPUS_MAX);
    for (int i = 6; i < argc; i++)
        read_option(argv[i]);
    count_physical_cpus();
    make_machine();
    make_memory(mib << 20);
    filter_msrs();
    entry = load(argv[3], argv[4], argv[5]);
    make_vcpus(entry);
    for (uint32_t id = 0; id < machine.cpus; id++)
        start_thread(run_vcpu, id);
    start_thread(rtc_run, 0);
    if (options.move)
        start_thread(move_vcpus, 0);
    uart_serve();
}
