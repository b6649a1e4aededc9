/* SPDX-License-Identifier: MIT */
/* Network interfaces for programs (lib/newlib/include/net/frames.h). */
#include "test/harness/loop_net.h"
#include "test/harness/test.h"
#include "test/libc/signals.h"

#include <errno.h>
#include <net/frames.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_NS 10000000000ull

static unsigned char frame[2048], received[2049];

static int loop_open(void)
{
    loop_net_attach();
    return net_open(LOOP_NET_NAME);
}

static void loop_close(const int *net)
{
    EXPECT_EQ(net_close(*net), 0);
    loop_net_detach();
}

#define LOOP_NET(net) \
    const int net __attribute__((cleanup(loop_close))) = loop_open(); \
    REQUIRE(net >= 0)

static int receive(int net, struct net_frame *info, size_t size, uint64_t ns)
{
    *info = (struct net_frame){.len = size};
    return net_receive(net, received, info, ns);
}

TEST(libc_net, a_frame_that_is_sent_is_received)
{
    const struct net_frame sent[] = {{60, NET_CHECKSUM_WHOLE, 0},
                                     {1514, NET_CHECKSUM_VALID, 0},
                                     {14, NET_CHECKSUM_BLANK, 0},
                                     {2000, NET_CHECKSUM_BLANK, 1448}};
    struct net_frame info;

    LOOP_NET(net);
    for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
        memset(frame, (int)(i + 1), sent[i].len);
        memset(received, 0xff, sizeof(received));
        EXPECT_EQ(net_send(net, frame, &sent[i]), 0);
        EXPECT_EQ(receive(net, &info, sizeof(received), PATIENCE_NS), 0);
        EXPECT_EQ(info.len, sent[i].len);
        EXPECT_EQ(info.checksum, sent[i].checksum);
        EXPECT_EQ(info.segment, sent[i].segment);
        EXPECT(!memcmp(received, frame, info.len));
        EXPECT_EQ(received[info.len], 0xff);
    }
}

TEST(libc_net, properties_are_those_of_the_interface)
{
    static const unsigned char mac[6] = {2, 0, 0, 0, 0, 7};
    struct net_properties before, after;

    LOOP_NET(net);
    EXPECT_EQ(net_properties(net, &before), 0);
    EXPECT(!memcmp(before.mac, mac, sizeof(mac)));
    EXPECT_EQ(before.mtu, 1500);
    EXPECT(before.up && before.sends_blank && before.sends_segments);
    loop_net_detach();
    EXPECT_EQ(net_properties(net, &after), 0);
    EXPECT(!after.up);
    loop_net_attach();
    EXPECT_EQ(net_properties(net, &after), 0);
    EXPECT(after.up);
    EXPECT_EQ(after.ups, before.ups + 1);
}

static bool fails_with(int result, int error)
{
    return result == -1 && errno == error;
}

TEST(libc_net, what_cannot_be_done_has_an_error)
{
    const struct net_frame small = {.len = 60}, large = {.len = 1515}, huge = {.len = 1ull << 32};
    struct net_properties properties;
    struct net_frame info;
    int net;

    EXPECT(fails_with(net_open("nosuch"), ENODEV));
    EXPECT(fails_with(net_close(-1), EBADF));
    EXPECT(fails_with(net_close(1000), EBADF));
    net = loop_open();
    REQUIRE(net >= 0);
    EXPECT(fails_with(net_open(LOOP_NET_NAME), EBUSY));
    EXPECT(fails_with(net_send(net, frame, &large), EINVAL));
    EXPECT(fails_with(net_send(net, frame, &huge), EINVAL));
    EXPECT(fails_with(receive(net, &info, sizeof(received), 1000000), ETIME));
    EXPECT_EQ(net_send(net, frame, &small), 0);
    EXPECT(fails_with(receive(net, &info, 59, PATIENCE_NS), E2BIG));
    loop_net_detach();
    EXPECT(fails_with(net_send(net, frame, &small), ENXIO));
    EXPECT_EQ(net_close(net), 0);
    EXPECT(fails_with(net_close(net), EBADF));
    EXPECT(fails_with(net_send(net, frame, &small), EBADF));
    EXPECT(fails_with(receive(net, &info, 60, 0), EBADF));
    EXPECT(fails_with(net_properties(net, &properties), EBADF));
}

static void *receive_until_cancelled(void *arg)
{
    struct net_frame info;

    receive(*(const int *)arg, &info, sizeof(received), 3600 * PATIENCE_NS);
    return NULL;
}

TEST(libc_net, a_thread_that_waits_for_a_frame_is_cancelled)
{
    pthread_t thread;
    void *result;
    int number;

    LOOP_NET(net);
    number = net;
    REQUIRE(pthread_create(&thread, NULL, receive_until_cancelled, &number) == 0);
    EXPECT_EQ(pthread_cancel(thread), 0);
    EXPECT_EQ(pthread_join(thread, &result), 0);
    EXPECT(result == PTHREAD_CANCELED);
}

static volatile bool interrupted;

static void *receive_until_interrupted(void *arg)
{
    struct net_frame info;

    interrupted =
        fails_with(receive(*(const int *)arg, &info, sizeof(received), 3600 * PATIENCE_NS), EINTR);
    return NULL;
}

TEST(libc_net, a_thread_that_waits_for_a_frame_is_interrupted)
{
    int number;

    LOOP_NET(net);
    number = net;
    expect_interrupted(receive_until_interrupted, &number, &interrupted);
}
