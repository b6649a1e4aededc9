/* SPDX-License-Identifier: MIT */
/*
 * VMware's backdoor as a guest sees it (pv/vmware/backdoor.h): IN from a port, with a magic number
 * in eax and a command in ecx. This monitor offers all that the kernel uses: the version, the rates
 * of TSC and local APIC, the promise that x2APIC mode works, and a steal clock for each virtual
 * CPU, whose time is how long the CPU's thread was ready and did not run.
 */
#include "vmm.h"
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    GET_VERSION = 10,
    GET_HZ = 45,
    GET_VCPU_INFO = 68,
    STEAL_CLOCK = 91,
    VERSION = 6,
    LEGACY_X2APIC = 1 << 3,
    DISABLED = 0,
    ENABLED = 1,
    CLOCK_SIZE = 64,
    APIC_HZ = 1000000000, /* KVM's */
};

#define MAGIC 0x564d5868u
#define NONE  0xffffffffu

static __thread uint8_t *steal_clock; /* this thread's, in the guest's memory; NULL: disabled */

/* Return the nanoseconds for which this thread was ready and did not run; 0 if Linux counts none.
 */
static uint64_t stolen_ns(void)
{
    char text[96] = "";
    unsigned long long ran, waited;
    const int file = open("/proc/thread-self/schedstat", O_RDONLY);
    const ssize_t length = file < 0 ? 0 : read(file, text, sizeof(text) - 1);

    if (file >= 0)
        close(file);
    return length > 0 && sscanf(text, "%llu %llu", &ran, &waited) == 2 ? waited : 0;
}

void vmware_update_steal_clock(void)
{
    const uint64_t ns = steal_clock ? stolen_ns() : 0;

    if (steal_clock)
        memcpy(steal_clock, &ns, sizeof(ns)); /* aligned: one store */
}

/* Enable the clock at pa, or disable it. Address 0 asks whether the command exists. */
static uint32_t set_steal_clock(uint64_t pa)
{
    if (!pa)
        return DISABLED;
    steal_clock = NULL;
    if (pa % CLOCK_SIZE || pa > machine.low - CLOCK_SIZE)
        return DISABLED;
    steal_clock = machine.ram + pa;
    vmware_update_steal_clock();
    return ENABLED;
}

static void get_hz(int vcpu, struct kvm_regs *regs)
{
    const uint64_t hz = (uint64_t)ioctl(vcpu, KVM_GET_TSC_KHZ, 0) * 1000;

    regs->rax = (uint32_t)hz;
    regs->rbx = hz >> 32;
    regs->rcx = APIC_HZ;
}

static void execute(int vcpu, struct kvm_regs *regs)
{
    switch ((uint32_t)regs->rcx) {
    case GET_VERSION:
        regs->rax = VERSION;
        regs->rbx = MAGIC;
        break;
    case GET_HZ:
        get_hz(vcpu, regs);
        break;
    case GET_VCPU_INFO:
        regs->rax = LEGACY_X2APIC;
        break;
    case STEAL_CLOCK:
        regs->rax = set_steal_clock(regs->rsi << 32 | (uint32_t)regs->rdi);
        break;
    default:
        regs->rax = NONE;
    }
}

/* KVM puts the answer's eax into the register when the vCPU runs again. */
uint32_t vmware_backdoor(int vcpu)
{
    struct kvm_regs regs;

    if (ioctl(vcpu, KVM_GET_REGS, &regs) || (uint32_t)regs.rax != MAGIC)
        return NONE;
    execute(vcpu, &regs);
    return ioctl(vcpu, KVM_SET_REGS, &regs) ? NONE : (uint32_t)regs.rax;
}
