/* SPDX-License-Identifier: MIT */
/* Fuzzer: any bytes as a Multiboot2 information block. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static struct boot_info bi;
    const struct phys_window w = {data, IMAGE_PA, size};

    require_boot_info(&bi, boot_parse(BOOT_MULTIBOOT2, &w, IMAGE_PA, IMAGE_END_PA, &bi));
    return 0;
}
