/* SPDX-License-Identifier: MIT */
/*
 * How a native machine ends. QEMU's isa-debug-exit device ends it with a status; ACPI turns the
 * power off; a machine that has neither is halted. Only PV_REBOOT resets it, because a reset
 * machine runs again: by the PCI host's reset register, else the keyboard controller, else a triple
 * fault.
 */
#include "lib/acpi.h"
#include "lib/address_map.h"
#include "pv/native/debug_exit.h"
#include "pv/native/io.h"
#include "pv/native/native.h"

enum {
    RESET_CONTROL = 0xcf9, /* PCI hosts since the 430FX: 2 = hard, 4 = go */
    RESET_HARD = 0x02,
    RESET_GO = 0x06,

    KEYBOARD_COMMAND = 0x64,
    KEYBOARD_PULSE_RESET = 0xfe,
};

static struct acpi_soft_off soft_off; /* Written: by memory_map, on one CPU */

void native_shutdown_init(struct boot_info *info)
{
    soft_off = acpi_find_soft_off(&native_low_memory, info);
    if (soft_off.sleep_control_pa &&
        !native_add_registers(info, "ACPI's sleep register", soft_off.sleep_control_pa))
        soft_off.sleep_control_pa = 0;
}

static void acpi_power_off(void)
{
    if (soft_off.sleep_control_pa)
        *(volatile u8 *)(DIRECT_MAP_BASE + soft_off.sleep_control_pa) =
            soft_off.sleep_control_value;
    if (soft_off.pm1a_port)
        outw(soft_off.pm1a_port, soft_off.pm1a_value);
    if (soft_off.pm1b_port)
        outw(soft_off.pm1b_port, soft_off.pm1b_value);
}

static void triple_fault(void)
{
    const struct descriptor_pointer none = {0, 0};

    __asm__ volatile("lidt %0; ud2" : : "m"(none));
}

static void reset_machine(void)
{
    outb(RESET_CONTROL, RESET_HARD);
    outb(RESET_CONTROL, RESET_GO);
    outb(KEYBOARD_COMMAND, KEYBOARD_PULSE_RESET);
    triple_fault();
}

static __noreturn void halt_cpu(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}

void native_halt(void)
{
    halt_cpu();
}

void native_raw_end(u8 status)
{
    native_console_drain();
    outb(DEBUG_EXIT_PORT, DEBUG_EXIT_BASE + status);
    halt_cpu();
}

void native_shutdown(enum pv_shutdown_reason reason, u8 status)
{
    native_console_drain();
    if (reason == PV_REBOOT) {
        reset_machine();
    } else {
        outb(DEBUG_EXIT_PORT, DEBUG_EXIT_BASE + status);
        acpi_power_off();
    }
    halt_cpu();
}
