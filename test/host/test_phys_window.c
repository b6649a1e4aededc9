/* SPDX-License-Identifier: MIT */
/* lib/phys_window.c: no access outside of a window, whatever its address and length. */
#include "harness.h"

#include "lib/phys_window.h"

static void test_window(void)
{
    static const u8 bytes[16] = "abc";
    const struct phys_window w = {bytes, 0x1000, sizeof(bytes)};
    struct phys_window part;
    char text[8] = "zzzzzzz";

    CHECK(phys_window_get(&w, 0x1000, 16) == bytes);
    CHECK(phys_window_get(&w, 0x100f, 1) == bytes + 15);
    CHECK(phys_window_get(&w, 0x1010, 0) == bytes + 16);
    CHECK(!phys_window_get(&w, 0x1000, 17));
    CHECK(!phys_window_get(&(struct phys_window){bytes, 0, 16}, 0, 1)); /* outside of the window */
    CHECK(phys_window_cut(&w, 0x1001, 15, &part) && part.base == bytes + 1);
    CHECK(phys_window_get(&part, 0x100f, 1) == bytes + 15 && !phys_window_get(&part, 0x1000, 1));
    CHECK(!phys_window_cut(&w, 0x1001, 16, &part));
    CHECK(phys_window_read(&w, 0x1001, text, 2) && text[0] == 'b' && text[1] == 'c');
    CHECK(text[2] == 'z' && !phys_window_read(&w, 0x100f, text, 2) && text[0] == 'b');
    CHECK(!phys_window_get(&w, 0x1010, 1));
    CHECK(!phys_window_get(&w, 0xfff, 1));
    CHECK(!phys_window_get(&w, 0, 1));
    CHECK(!phys_window_get(&w, 0x1008, UINT64_MAX));
    CHECK(!phys_window_get(&w, UINT64_MAX, 2));
    CHECK_STR(phys_window_string(&w, 0x1000, text, 4), NULL);
    CHECK_STR(text, "abc");
    CHECK_EQ(text[4], 'z');
    CHECK(phys_window_string(&w, 0x1000, text, 3));
    CHECK_STR(text, "ab");
    CHECK(phys_window_string(&w, 0x1010, text, 4));
    CHECK_STR(text, "");
    CHECK(phys_window_string(&w, UINT64_MAX, text, 4));
}

int main(void)
{
    RUN(test_window);
    return finish("phys_window");
}
