/* SPDX-License-Identifier: MIT */
/*
 * Fuzzer: any bytes as SMBIOS tables. The entry point's checksum is corrected first, because
 * otherwise it would reject almost all inputs. The memory ends with the last byte of the table's
 * page, in a buffer of its own, so that the sanitizers see a read beyond it.
 */
#include "fuzz.h"

#include "smbios_image.h"

#define WINDOW_END (SMBIOS_TABLE + 0x200)

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    const size_t length = WINDOW_END - 0xf0000;
    u8 *const memory = malloc(length);
    const struct phys_window w = {memory, 0xf0000, length};
    char serial[12];

    smbios_build(size & 1);
    for (size_t i = 0; i + 2 < size; i += 3) /* an offset and a byte to write there */
        smbios_memory[SMBIOS_ENTRY + (data[i] | data[i + 1] << 8) % (WINDOW_END - SMBIOS_ENTRY)] =
            data[i + 2];
    smbios_finish();
    memcpy(memory, smbios_memory + 0xf0000, length);
    smbios_serial_number(&w, serial, sizeof(serial));
    REQUIRE(is_terminated(serial, sizeof(serial)));
    free(memory);
    return 0;
}
