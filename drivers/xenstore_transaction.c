/* SPDX-License-Identifier: MIT */
/*
 * Transactions of xenstore (drivers/xenstore.h).
 *
 * A transaction uses the connection from its first message to its last, so that no suspend comes
 * between them: the daemon of another host does not know the transaction's number. The daemon
 * answers EAGAIN at the end if another client has changed what the transaction used.
 */
#include "drivers/xenstore.h"
#include "lib/string.h"
#include "pv/pv.h"

static s64 transaction_call(enum xs_type type, u32 tx, const char *text, char *answer, size_t size)
{
    const struct xs_part part = {text, strlen(text) + 1};

    return xenstore_call_in_use(type, tx, &part, 1, answer, size);
}

/* The daemon's answer is the transaction's number, in decimal. */
static int transaction_start(u32 *tx)
{
    char text[16] = "";
    const s64 len = transaction_call(XS_TRANSACTION_START, 0, "", text, sizeof(text) - 1);
    u64 number;

    if (len < 0)
        return (int)len;
    if (!xs_parse_number(text, &number) || !number || number > ~0u)
        return -EIO;
    *tx = (u32)number;
    return 0;
}

static int transaction_attempt(int (*body)(u32 tx, void *arg), void *arg)
{
    s64 ended;
    u32 tx = 0;
    int result = transaction_start(&tx);

    if (result)
        return result;
    result = body(tx, arg);
    ended = transaction_call(XS_TRANSACTION_END, tx, result < 0 ? "F" : "T", NULL, 0);
    return result >= 0 && ended < 0 ? (int)ended : result;
}

int xenstore_transaction(int (*body)(u32 tx, void *arg), void *arg)
{
    int result = xenstore_begin();

    if (result)
        return result;
    for (u32 i = 0; i < XENSTORE_ATTEMPTS; i++) {
        result = transaction_attempt(body, arg);
        if (result != -EAGAIN)
            break;
    }
    xenstore_end();
    return result;
}
