/* What the files of the native backend share. */
#ifndef PV_NATIVE_NATIVE_H
#define PV_NATIVE_NATIVE_H

#include "pv/pv.h"

/* setup.c */
const char *native_memory_map(struct boot_info *info);
void native_platform_init(const struct boot_info *info);

/* trap.c: also PVH's, whose exceptions are the CPU's own. */
void native_trap_init(void);

/* Interrupts at this vector (32 to 255) go to owner from now on, with interrupts disabled. */
void native_own_vector(u8 vector, void (*owner)(struct trap_frame *frame));
extern u64 native_unclaimed_interrupts;

/* console.c */
bool native_console_init(void);
void native_console_write(const char *text, size_t len);
int native_console_read(void);

/* time.c */
int native_get_wallclock(u64 *ns);
u64 native_read_tsc(void);

/* shutdown.c */
void native_shutdown_init(const struct boot_info *info);
void native_shutdown(enum pv_shutdown_reason reason, u8 status);
void native_halt(void);

extern const struct pv_cpu_ops native_cpu_ops;

#endif
