/*
 * receive_held: the short way to the next offer of a client whose exchange one holds. Where it comes from is known, and it comes to nobody else, so it
 * is taken from the post itself under the exchange's lock alone: the port is neither locked nor searched, and its other receivers are not disturbed. It
 * takes only what comes while one looks; for all else there is tpy_receive.
 */
#include "core/accept.h"
#include "core/errors.h"

int tpy_receive_held(const struct tpy_filter *filter, const struct iovec *parts, size_t count, struct tpy_receipt *receipt)
{
    struct tpy_exchange *exchange = filter->only;
    struct tpy_thread *thread = tpy_thread_get();
    struct iovec own[TPY_PARTS_OWN];
    uint64_t size = 0, post;
    if (TPY_UNLIKELY(!thread || exchange->cpu == tpy_cpu())) return -EAGAIN; /* the client does not run while we look */
    if (TPY_UNLIKELY(tpy_iov_take(&parts, count, own) != 0 || tpy_iov_length(parts, count, &size) != 0)) return -EAGAIN;
    /* Looked at without the lock: that memory stays mapped whatever becomes of the exchange, and who has collected the offer meanwhile has queued it. */
    _Atomic uint64_t *word = &exchange->shared->offer.post;
    uint32_t events = tpy_thread_events(thread), before = __atomic_load_n(&exchange->sequence, __ATOMIC_RELAXED);
    if (TPY_UNLIKELY(atomic_load_explicit(&thread->cancelled, memory_order_relaxed))) return -EAGAIN;
    tpy_spin_let_be(&thread->receive_spin); /* the client is about to write there: wait.h */
    tpy_spin_looked(&thread->receive_spin, tpy_post_sequence(atomic_load_explicit(word, memory_order_acquire)) != before);
    for (int i = 0; tpy_post_sequence(post = atomic_load_explicit(word, memory_order_acquire)) == before; i++) {
        if (i == TPY_POLLS_AT_ONCE + TPY_POLLS_RELAXED || tpy_thread_events(thread) != events) return -EAGAIN;
        if (i >= TPY_POLLS_AT_ONCE) tpy_relax();
    }
    tpy_own(&exchange->shared->answer); /* as the port's short way does */
    if (TPY_UNLIKELY(post & TPY_POST_SLEEP) || !tpy_lock_try(&exchange->lock)) return -EAGAIN;
    int result = tpy_accept_plain(exchange, filter, post, parts, count, size, receipt);
    tpy_lock_give(&exchange->lock);
    if (TPY_UNLIKELY(result <= 0)) return -EAGAIN;
    tpy_spin_hot(&thread->receive_spin);
    return 0;
}
