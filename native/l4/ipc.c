/*
 * ipc: the documented calls. Each is a send phase, a receive phase, or both, over one function; the rest is how its arguments are spelt.
 */
#include <l4/sys/ipc.h>

#include <errno.h>

#include "core/layout.h"
#include "l4/at_once.h"
#include "l4/directory.h"
#include "l4/times.h"

static unsigned error(struct tpy_l4_result *result, unsigned code)
{
    result->dope = code;
    return code;
}

/* From nobody: sleeps. */
__attribute__((noinline)) static unsigned sleep_for(struct tpy_l4_local *local, int64_t deadline, struct tpy_l4_result *result)
{
    static const struct tpy_filter nobody = {.kinds = 1u << 31};
    return tpy_l4_accept(local, 0, &nobody, L4_IPC_SHORT_MSG, 0, deadline, result);
}

static inline int name_partner(struct tpy_l4_local *local, uint64_t from, struct closed *closed)
{
    if (from == atomic_load_explicit(&local->id, memory_order_relaxed) || tpy_l4_partner_get(local, from, &closed->reach) != 0) return -1;
    take_only(closed);
    return 0;
}

static inline __attribute__((always_inline)) unsigned receive_phase(struct tpy_l4_local *local, uint64_t from, bool open, const struct closed *closed,
    void *receive, uint32_t timeout, struct tpy_l4_result *result)
{
    int64_t deadline = TPY_LIKELY(timeout == 0) ? TPY_NEVER : tpy_l4_deadline(tpy_l4_receive_time(timeout));
    if (open) return tpy_l4_accept(local, 0, NULL, receive, (timeout >> 8) & 15, deadline, result);
    if (from == 0) return sleep_for(local, deadline, result);
    return tpy_l4_accept(local, from, &closed->filter, receive, (timeout >> 8) & 15, deadline, result);
}

/* Both phases, in this order, either of them absent with a NIL descriptor. */
static __attribute__((noinline)) unsigned ipc(uint64_t dest, const void *send, uint64_t word0, uint64_t word1, uint64_t from, bool open,
    void *receive, uint32_t timeout, struct tpy_l4_result *result)
{
    struct closed closed;
    result->dope = 0;
    bool sends = !tpy_l4_is_nil(send), receives = !tpy_l4_is_nil(receive);
    struct tpy_l4_local *local = tpy_l4_self();
    if (TPY_UNLIKELY(!local)) return error(result, L4_IPC_ENOT_EXISTENT);
    if (receives && ((uintptr_t)receive & L4_IPC_OPEN_IPC)) open = true;
    int code = -1;
    struct tpy_l4_caller room;
    const struct tpy_l4_caller *caller;
    tpy_l4_enter(local);
    if (!sends) code = 0;
    else if (TPY_UNLIKELY(dest == 0 || dest == atomic_load_explicit(&local->id, memory_order_relaxed))) code = L4_IPC_ENOT_EXISTENT;
    else if ((caller = tpy_l4_callers_take(&local->callers, dest, &room)) != NULL) {
        /* It waits for our answer. Whoever gets that must find us waiting in turn. */
        bool waiting = receives && (open || (from != 0 && name_partner(local, from, &closed) == 0));
        static const struct tpy_filter anybody;
        code = tpy_l4_answer(local, caller, !waiting ? NULL : open ? &anybody : &closed.filter, send, word0, word1, timeout, result);
        if (TPY_UNLIKELY(code != 0) && waiting) tpy_port_unexpect(local->port);
    }
    if (code < 0) {
        bool call = receives && !open && from == dest;
        code = (int)tpy_l4_offer(local, dest, send, word0, word1, call, receive, timeout, result);
        result->source = dest;
        if (call) receives = false;
    }
    if (TPY_UNLIKELY(code != 0)) {
        if (code != L4_IPC_REMSGCUT) result->dope = (unsigned)code;
    } else if (receives) {
        if (!open && from != 0 && TPY_UNLIKELY(name_partner(local, from, &closed) != 0)) code = (int)error(result, L4_IPC_ENOT_EXISTENT);
        else code = (int)receive_phase(local, from, open, &closed, receive, timeout, result);
    }
    tpy_l4_leave(local);
    return (unsigned)code;
}

/* ---- Few words, likewise: the buffers hold no more, or one side has them in registers ---- */

static __attribute__((noinline)) unsigned call_otherwise(uint64_t dest, const void *send, uint64_t word0, uint64_t word1, void *receive, uint32_t timeout,
    struct tpy_l4_result *result)
{
    struct tpy_l4_local *local = tpy_l4_current;
    if (TPY_LIKELY(local && dest != 0 && timeout == 0 && local->callers.last.id != dest && local->callers.count == 0 && !tpy_l4_is_nil(send) && !tpy_l4_is_nil(receive) &&
                   !((uintptr_t)receive & L4_IPC_OPEN_IPC))) {
        unsigned code = tpy_l4_call_few(local, dest, send, word0, word1, receive, result);
        if (TPY_LIKELY(code != TPY_L4_AGAIN)) return code;
    }
    return ipc(dest, send, word0, word1, dest, false, receive, timeout, result);
}

static __attribute__((noinline)) unsigned serve_otherwise(uint64_t dest, const void *send, uint64_t word0, uint64_t word1, void *receive, uint32_t timeout,
    struct tpy_l4_result *result)
{
    struct tpy_l4_local *local = tpy_l4_current;
    const l4_umword_t *more;
    uint32_t words;
    if (TPY_UNLIKELY(!local || dest == 0 || local->callers.last.id != dest || tpy_l4_is_nil(send) || tpy_l4_is_nil(receive) || (timeout & 15) != 0) ||
        TPY_UNLIKELY((local->callers.last.kind & TPY_L4_LONG) || (words = tpy_l4_few(send, &more)) == 0))
        return ipc(dest, send, word0, word1, 0, true, receive, timeout, result);
    tpy_l4_enter(local);
    local->callers.last.id = 0;
    atomic_store_explicit(local->waits, TPY_WAITS_ANYBODY, memory_order_release);
    int code = tpy_l4_answer_few(local, &local->callers.last, NULL, word0, word1, more, words);
    if (TPY_UNLIKELY(code != 0)) {
        tpy_port_unexpect(local->port);
        tpy_l4_leave(local);
        if (code < 0) return ipc(dest, send, word0, word1, 0, true, receive, timeout, result);
        return (unsigned)(result->dope = (unsigned)code);
    }
    enum came came = wait_at_once(local, receive, timeout, result->word, &result->source, result);
    if (came == TWO_WORDS) result->dope = tpy_l4_dope(2, 0, 0);
    return came == TOLD ? (unsigned)result->dope & L4_IPC_ERROR_MASK : 0;
}

/* ---- With numbers, in line for each of their forms, as calls between exported functions are not ---- */

static inline __attribute__((always_inline)) int call(uint64_t dest, const void *send, uint64_t word0, uint64_t word1, void *receive, uint32_t timeout, struct tpy_l4_result *result)
{
    struct tpy_two two;
    enum came came = call_at_once(tpy_l4_current, dest, send, word0, word1, receive, timeout, &two, result);
    if (TPY_UNLIKELY(came == NOTHING)) return (int)call_otherwise(dest, send, word0, word1, receive, timeout, result);
    result->source = dest;
    if (TPY_UNLIKELY(came == TOLD)) return (int)(result->dope & L4_IPC_ERROR_MASK);
    result->word[0] = two.word[0];
    result->word[1] = two.word[1];
    result->dope = tpy_l4_dope(2, 0, 0);
    return 0;
}

static inline __attribute__((always_inline)) int reply_and_wait(uint64_t dest, const void *send, uint64_t word0, uint64_t word1, void *receive, uint32_t timeout,
    struct tpy_l4_result *result)
{
    enum came came = serve_at_once(tpy_l4_current, dest, send, word0, word1, receive, timeout, result->word, &result->source, result);
    if (TPY_UNLIKELY(came == NOTHING)) return (int)serve_otherwise(dest, send, word0, word1, receive, timeout, result);
    if (TPY_UNLIKELY(came == FEW_WORDS)) return 0;
    if (TPY_UNLIKELY(came == TOLD)) return (int)(result->dope & L4_IPC_ERROR_MASK);
    result->dope = tpy_l4_dope(2, 0, 0);
    return 0;
}

static inline __attribute__((always_inline)) int send_words(uint64_t dest, const void *send, uint64_t word0, uint64_t word1, uint32_t timeout, struct tpy_l4_result *result)
{
    unsigned code = send_at_once(tpy_l4_current, dest, send, word0, word1, timeout, result);
    if (TPY_LIKELY(code != TPY_L4_AGAIN)) return (int)code;
    return (int)ipc(dest, send, word0, word1, 0, false, L4_IPC_NIL_DESCRIPTOR, timeout, result);
}

static inline __attribute__((always_inline)) int receive_from(uint64_t source, void *receive, uint32_t timeout, struct tpy_l4_result *result)
{
    enum came came = receive_at_once(tpy_l4_current, source, receive, timeout, result->word, result);
    if (TPY_UNLIKELY(came == NOTHING)) return (int)ipc(0, L4_IPC_NIL_DESCRIPTOR, 0, 0, source, false, receive, timeout, result);
    if (TPY_UNLIKELY(came == TOLD)) return (int)(result->dope & L4_IPC_ERROR_MASK);
    result->source = source;
    result->dope = tpy_l4_dope(2, 0, 0);
    return 0;
}

int tpy_l4_call(uint64_t dest, const void *send, uint64_t word0, uint64_t word1, void *receive, uint32_t timeout, struct tpy_l4_result *result)
{
    return call(dest, send, word0, word1, receive, timeout, result);
}

int tpy_l4_reply_and_wait(uint64_t dest, const void *send, uint64_t word0, uint64_t word1, void *receive, uint32_t timeout,
    struct tpy_l4_result *result)
{
    return reply_and_wait(dest, send, word0, word1, receive, timeout, result);
}

int tpy_l4_send(uint64_t dest, const void *send, uint64_t word0, uint64_t word1, uint32_t timeout, struct tpy_l4_result *result)
{
    return send_words(dest, send, word0, word1, timeout, result);
}

int tpy_l4_receive(uint64_t source, void *receive, uint32_t timeout, struct tpy_l4_result *result)
{
    return receive_from(source, receive, timeout, result);
}

int tpy_l4_wait(void *receive, uint32_t timeout, struct tpy_l4_result *result)
{
    return (int)ipc(0, L4_IPC_NIL_DESCRIPTOR, 0, 0, 0, true, receive, timeout, result);
}

/* ---- For bindings of other languages ---- */

static void *at(uint64_t address) { return (void *)(uintptr_t)address; }

int tpy_l4_bind(void)
{
    struct tpy_l4_local *local = tpy_l4_self();
    if (!local) return -EAGAIN;
    local->bound = true;
    return 0;
}

static inline bool is_bound(void)
{
    const struct tpy_l4_local *local = tpy_l4_current;
    return TPY_LIKELY(local && local->bound);
}

int tpy_l4_call_at(uint64_t dest, uint64_t send, uint64_t word0, uint64_t word1, uint64_t receive, uint32_t timeout, uint64_t result)
{
    return is_bound() ? call(dest, at(send), word0, word1, at(receive), timeout, at(result)) : TPY_L4_UNBOUND;
}

int tpy_l4_reply_and_wait_at(uint64_t dest, uint64_t send, uint64_t word0, uint64_t word1, uint64_t receive, uint32_t timeout, uint64_t result)
{
    return is_bound() ? reply_and_wait(dest, at(send), word0, word1, at(receive), timeout, at(result)) : TPY_L4_UNBOUND;
}

int tpy_l4_send_at(uint64_t dest, uint64_t send, uint64_t word0, uint64_t word1, uint32_t timeout, uint64_t result)
{
    return is_bound() ? send_words(dest, at(send), word0, word1, timeout, at(result)) : TPY_L4_UNBOUND;
}

int tpy_l4_receive_at(uint64_t source, uint64_t receive, uint32_t timeout, uint64_t result)
{
    return is_bound() ? receive_from(source, at(receive), timeout, at(result)) : TPY_L4_UNBOUND;
}

int tpy_l4_wait_at(uint64_t receive, uint32_t timeout, uint64_t result)
{
    return is_bound() ? tpy_l4_wait(at(receive), timeout, at(result)) : TPY_L4_UNBOUND;
}

int tpy_l4_call_short(uint64_t dest, uint64_t word0, uint64_t word1, uint32_t timeout, uint64_t result)
{
    return is_bound() ? call(dest, L4_IPC_SHORT_MSG, word0, word1, L4_IPC_SHORT_MSG, timeout, at(result)) : TPY_L4_UNBOUND;
}

int tpy_l4_reply_and_wait_short(uint64_t dest, uint64_t word0, uint64_t word1, uint32_t timeout, uint64_t result)
{
    return is_bound() ? reply_and_wait(dest, L4_IPC_SHORT_MSG, word0, word1, L4_IPC_SHORT_MSG, timeout, at(result)) : TPY_L4_UNBOUND;
}

int tpy_l4_sleep(uint32_t timeout)
{
    struct tpy_l4_result result;
    return tpy_l4_receive(0, L4_IPC_SHORT_MSG, timeout, &result);
}

int tpy_l4_send_deceiting(uint64_t dest, uint64_t true_source, const void *send, uint64_t word0, uint64_t word1, uint32_t timeout,
    struct tpy_l4_result *result)
{
    (void)true_source; /* no chief, no legal deceit */
    return tpy_l4_send(dest, send, word0, word1, timeout, result);
}

int tpy_l4_reply_deceiting_and_wait(uint64_t dest, uint64_t true_source, const void *send, uint64_t word0, uint64_t word1, void *receive,
    uint32_t timeout, struct tpy_l4_result *result)
{
    (void)true_source;
    return tpy_l4_reply_and_wait(dest, send, word0, word1, receive, timeout, result);
}

/* ---- As documented ------------------------------------------------------------------------------------------------------------ */

static inline int give(int code, const struct tpy_l4_result *it, l4_threadid_t *src, l4_umword_t *dword0, l4_umword_t *dword1, l4_msgdope_t *result)
{
    if (TPY_LIKELY(code == 0 || code == L4_IPC_REMSGCUT) && it->dope >> 13) {
        if (src) src->raw = it->source;
        if (dword0) *dword0 = it->word[0];
        if (dword1) *dword1 = it->word[1];
    }
    if (result) result->raw = it->dope;
    return code;
}

static inline int give_two(const uint64_t words[2], l4_umword_t *dword0, l4_umword_t *dword1, l4_msgdope_t *result)
{
    if (dword0) *dword0 = words[0];
    if (dword1) *dword1 = words[1];
    if (result) result->raw = tpy_l4_dope(2, 0, 0);
    return 0;
}

int l4_ipc_call(l4_threadid_t dest, const void *snd_msg, l4_umword_t snd_dword0, l4_umword_t snd_dword1, void *rcv_msg, l4_umword_t *rcv_dword0,
    l4_umword_t *rcv_dword1, l4_timeout_t timeout, l4_msgdope_t *result)
{
    struct tpy_l4_result it;
    struct tpy_two two;
    enum came came = call_at_once(tpy_l4_current, dest.raw, snd_msg, snd_dword0, snd_dword1, rcv_msg, timeout.raw, &two, &it);
    if (TPY_LIKELY(came == TWO_WORDS)) return give_two(two.word, rcv_dword0, rcv_dword1, result);
    int code = came == TOLD ? (int)(it.dope & L4_IPC_ERROR_MASK)
                            : (int)call_otherwise(dest.raw, snd_msg, snd_dword0, snd_dword1, rcv_msg, timeout.raw, &it);
    return give(code, &it, NULL, rcv_dword0, rcv_dword1, result);
}

int l4_ipc_reply_and_wait(l4_threadid_t dest, const void *snd_msg, l4_umword_t snd_dword0, l4_umword_t snd_dword1, l4_threadid_t *src,
    void *rcv_msg, l4_umword_t *rcv_dword0, l4_umword_t *rcv_dword1, l4_timeout_t timeout, l4_msgdope_t *result)
{
    struct tpy_l4_result it;
    uint64_t words[2], source;
    enum came came = serve_at_once(tpy_l4_current, dest.raw, snd_msg, snd_dword0, snd_dword1, rcv_msg, timeout.raw, words, &source, &it);
    if (TPY_LIKELY(came == TWO_WORDS)) {
        if (src) src->raw = source;
        return give_two(words, rcv_dword0, rcv_dword1, result);
    }
    if (came == FEW_WORDS) {
        it.source = source;
        it.word[0] = words[0];
        it.word[1] = words[1];
        return give(0, &it, src, rcv_dword0, rcv_dword1, result);
    }
    int code = came == TOLD ? (int)(it.dope & L4_IPC_ERROR_MASK)
                            : (int)serve_otherwise(dest.raw, snd_msg, snd_dword0, snd_dword1, rcv_msg, timeout.raw, &it);
    return give(code, &it, src, rcv_dword0, rcv_dword1, result);
}

int l4_ipc_send(l4_threadid_t dest, const void *snd_msg, l4_umword_t snd_dword0, l4_umword_t snd_dword1, l4_timeout_t timeout,
    l4_msgdope_t *result)
{
    struct tpy_l4_result it;
    unsigned code = send_at_once(tpy_l4_current, dest.raw, snd_msg, snd_dword0, snd_dword1, timeout.raw, &it);
    if (TPY_UNLIKELY(code == TPY_L4_AGAIN)) code = ipc(dest.raw, snd_msg, snd_dword0, snd_dword1, 0, false, L4_IPC_NIL_DESCRIPTOR, timeout.raw, &it);
    if (result) result->raw = it.dope;
    return (int)code;
}

int l4_ipc_receive(l4_threadid_t src, void *rcv_msg, l4_umword_t *rcv_dword0, l4_umword_t *rcv_dword1, l4_timeout_t timeout,
    l4_msgdope_t *result)
{
    struct tpy_l4_result it;
    uint64_t words[2];
    enum came came = receive_at_once(tpy_l4_current, src.raw, rcv_msg, timeout.raw, words, &it);
    if (TPY_LIKELY(came == TWO_WORDS)) return give_two(words, rcv_dword0, rcv_dword1, result);
    int code = came == TOLD ? (int)(it.dope & L4_IPC_ERROR_MASK)
                            : (int)ipc(0, L4_IPC_NIL_DESCRIPTOR, 0, 0, src.raw, false, rcv_msg, timeout.raw, &it);
    return give(code, &it, NULL, rcv_dword0, rcv_dword1, result);
}

int l4_ipc_wait(l4_threadid_t *src, void *rcv_msg, l4_umword_t *rcv_dword0, l4_umword_t *rcv_dword1, l4_timeout_t timeout, l4_msgdope_t *result)
{
    struct tpy_l4_result it;
    return give(tpy_l4_wait(rcv_msg, timeout.raw, &it), &it, src, rcv_dword0, rcv_dword1, result);
}

int l4_ipc_sleep(l4_timeout_t timeout) { return tpy_l4_sleep(timeout.raw); }

int l4_ipc_send_deceiting(l4_ipc_deceit_ids_t ids, const void *snd_msg, l4_umword_t snd_dword0, l4_umword_t snd_dword1, l4_timeout_t timeout,
    l4_msgdope_t *result)
{
    return l4_ipc_send(ids.dest, snd_msg, snd_dword0, snd_dword1, timeout, result);
}

int l4_ipc_reply_deceiting_and_wait(const l4_ipc_deceit_ids_t ids, const void *snd_msg, l4_umword_t snd_dword0, l4_umword_t snd_dword1,
    l4_threadid_t *src, void *rcv_msg, l4_umword_t *rcv_dword0, l4_umword_t *rcv_dword1, l4_timeout_t timeout, l4_msgdope_t *result)
{
    return l4_ipc_reply_and_wait(ids.dest, snd_msg, snd_dword0, snd_dword1, src, rcv_msg, rcv_dword0, rcv_dword1, timeout, result);
}
