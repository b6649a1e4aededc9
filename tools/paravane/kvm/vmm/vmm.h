/* SPDX-License-Identifier: MIT */
/* What the files of the virtual machine monitor share. */
#ifndef VMM_H
#define VMM_H

#include <linux/kvm.h>
#include <stdint.h>

#define CPUS_MAX   64
#define EXIT_FAULT 3 /* the status for a fault of this program or of KVM */

#define LOW_MAX    0xc0000000ull /* where RAM below 4 GiB ends at the latest */
#define HIGH_BASE  0x100000000ull
#define LARGE_PAGE 0x200000ull

#define TABLES     0xe0000 /* ACPI's tables, as a BIOS has them */
#define START_INFO 0xf0000 /* what the loader passes */
#define UART       0x3f8
#define RTC        0x70
#define BACKDOOR   0x5658

struct options {
    uint32_t offer, claim, refuse, leaf, slow, vp;
    uint8_t has_leaf, hyperv, vmware, move, enlightened, both;
};

struct machine {
    int kvm, vm;
    uint32_t cpus;
    uint8_t *ram;
    uint64_t low, high; /* bytes of RAM below 4 GiB, and from there on */
    uint32_t moves;     /* of virtual CPUs to other physical ones */
    uint32_t slow_pages;
};

extern struct options options;
extern struct machine machine;

/* Report how the guest ended, and end this program. */
void end(int status, const char *fmt, ...) __attribute__((noreturn, format(printf, 2, 3)));

/* Return the result of a system call; end this program if the call has failed. */
int must(int result, const char *what);

/* loader.c: load the image and the module, and return the image's PVH entry. */
uint64_t load(const char *image, const char *module, const char *words);

void start_thread(void *(*run)(void *), uintptr_t arg);

/* Raise or lower an ISA interrupt. */
void set_irq(uint32_t irq, uint32_t level);

/* placement.c: bind the calling thread, which runs a virtual CPU; move such threads. */
void count_physical_cpus(void);
void place_vcpu(uint32_t id);
void *move_vcpus(void *unused);

/* stats.c: KVM's counts of the virtual CPUs; the sum of those of this name. */
void open_stats(uint32_t id, int vcpu);
uint64_t sum_of_stats(const char *name);

/* slow.c: provide the pages of this memory when the guest touches them, and not at once. */
void make_slow(uint8_t *memory, uint64_t size);

/* rtc.c */
uint8_t rtc_read(uint32_t port);
void rtc_write(uint32_t port, uint8_t value);
void *rtc_run(void *unused);

/* vmware.c: return eax of the backdoor's answer; write this vCPU's steal clock, if it has one. */
uint32_t vmware_backdoor(int vcpu);
void vmware_update_steal_clock(void);

/* hyperv.c: return whether an option is one of Hyper-V's; deny the guest MSRs. */
int hyperv_read_option(const char *word);
void hyperv_filter(struct kvm_msr_filter_range *range);
void hyperv_add_leaves(int vcpu, struct kvm_cpuid2 *cpuid);
void hyperv_set_up(int vcpu, uint32_t id);
void hyperv_on_exit(struct kvm_run *run);
void hyperv_on_crash(int vcpu);

/* uart.c */
uint8_t uart_read(uint32_t reg);
void uart_write(uint32_t reg, uint8_t value);
void uart_flush(void);
void uart_serve(void) __attribute__((noreturn));

#endif
