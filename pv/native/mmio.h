/* SPDX-License-Identifier: MIT */
/* Device registers in memory. They are mapped by the direct map; only mmio_at depends on that. */
#ifndef PV_NATIVE_MMIO_H
#define PV_NATIVE_MMIO_H

#include "lib/address_map.h"
#include "lib/types.h"

/* The register at this physical address below 4 GiB. */
static inline volatile void *mmio_at(u64 pa)
{
    return (volatile void *)(DIRECT_MAP_BASE + pa);
}

static inline u32 mmio_read32(u64 pa)
{
    return *(volatile u32 *)mmio_at(pa);
}

static inline void mmio_write32(u64 pa, u32 value)
{
    *(volatile u32 *)mmio_at(pa) = value;
}

#endif
