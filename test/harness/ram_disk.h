/* SPDX-License-Identifier: MIT */
/* A disk in memory, by which tests try kernel/disk.c and /dev on every platform. */
#ifndef TEST_HARNESS_RAM_DISK_H
#define TEST_HARNESS_RAM_DISK_H

#define RAM_DISK_NAME "ramtest"
#define RAM_DISK_SIZE 0x8000
#define SCRATCH_MARK  "paravane: scratch disk" /* tools/paravane/dom0/disks.py writes it, too */

/*
 * Attach the disk, as /dev/ramtest, with zeros and the mark of a scratch disk; detach it: it has
 * the size 0, as a disk that its host has taken away. It is registered by the first call.
 */
void ram_disk_attach(void);
void ram_disk_detach(void);

#endif
