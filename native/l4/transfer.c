/* transfer: see transfer.h. */
#include "l4/transfer.h"

#include <errno.h>

#include "core/fault.h"

#define SLICE 20000000ll /* ns: how often a wait for pages looks whether the partner is still there */

int tpy_l4_await(const struct iovec *parts, size_t count, bool write, int64_t time, struct tpy_exchange *exchange, uint32_t sequence)
{
    struct tpy_exchange_info info;
    if (tpy_l4_present(parts, count, write)) return 0;
    int64_t deadline = time == TPY_NEVER || time > TPY_NEVER - tpy_now() ? TPY_NEVER : tpy_now() + time;
    /* Never-touched memory of our own is not a fault that anybody has to resolve. */
    if (time < 1000000) deadline = tpy_now() + 1000000;
    for (;;) {
        int64_t slice = tpy_now() + SLICE;
        int result = tpy_pages_await(parts, count, exchange && slice < deadline ? slice : deadline);
        if (result != -ETIMEDOUT || !exchange || slice >= deadline) return result;
        if (tpy_exchange_info(exchange, sequence, &info) != 0) return -ESRCH;
    }
}

ssize_t tpy_l4_pull(struct tpy_l4_local *local, struct tpy_exchange *exchange, uint32_t sequence, uint64_t offset, const struct iovec *parts, size_t count,
    uint64_t length)
{
    ssize_t got;
    if (length == 0) return 0;
    do
        got = tpy_pull(exchange, sequence, offset, parts, count);
    while (got == -ECANCELED && !tpy_l4_was_cancelled(local));
    return got < 0 ? got : (uint64_t)got == length ? 0 : -EPROTO;
}

int tpy_l4_map_words(struct tpy_l4_map_words *words, const struct tpy_l4_outgoing *out)
{
    words->count = out->words < 2 * TPY_L4_PAIRS ? out->words : 2 * TPY_L4_PAIRS;
    words->word[0] = out->word[0];
    words->word[1] = out->word[1];
    if (words->count == 2) return 0;
    return tpy_copy(&words->word[2], out->more + 2, (words->count - 2) * sizeof words->word[0]) == 0 ? 0 : -EFAULT;
}
