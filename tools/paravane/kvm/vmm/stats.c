/* SPDX-License-Identifier: MIT */
/*
 * What KVM has counted of its virtual CPUs (Linux, Documentation/virt/kvm/api.rst,
 * KVM_GET_STATS_FD): a file for each, with a header, descriptors and values. The files are opened
 * before the virtual CPUs run, because KVM_RUN excludes other calls.
 */
#define _GNU_SOURCE
#include "vmm.h"
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int files[CPUS_MAX];

void open_stats(uint32_t id, int vcpu)
{
    files[id] = must(ioctl(vcpu, KVM_GET_STATS_FD, NULL), "KVM_GET_STATS_FD");
}

static int read_at(int file, void *data, size_t size, uint64_t offset)
{
    return pread(file, data, size, (off_t)offset) == (ssize_t)size;
}

/* Return the value of this name in the file of one virtual CPU; 0 if it has none. */
static uint64_t value_of(int file, const char *name)
{
    struct kvm_stats_header header = {0};
    uint64_t value = 0;

    if (!read_at(file, &header, sizeof(header), 0))
        return 0;
    for (uint32_t i = 0; i < header.num_desc; i++) {
        const size_t size = sizeof(struct kvm_stats_desc) + header.name_size;
        struct kvm_stats_desc *const stat = calloc(1, size + 1);

        if (read_at(file, stat, size, header.desc_offset + i * size) && !strcmp(stat->name, name) &&
            !read_at(file, &value, sizeof(value), header.data_offset + stat->offset))
            value = 0;
        free(stat);
    }
    return value;
}

uint64_t sum_of_stats(const char *name)
{
    uint64_t sum = 0;

    for (uint32_t id = 0; id < machine.cpus; id++)
        sum += files[id] ? value_of(files[id], name) : 0;
    return sum;
}
