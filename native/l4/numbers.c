/* numbers: ids, timeouts and flexpages as numbers: what the classic headers had as macros and inline functions. */
#include <l4/sys/ipc.h>

#include "l4/local.h"
#include "l4/times.h"

int l4_thread_equal(l4_threadid_t one, l4_threadid_t other) { return one.raw == other.raw; }
int l4_task_equal(l4_threadid_t one, l4_threadid_t other) { return one.id.task == other.id.task && one.id.site == other.id.site; }
int l4_is_nil_id(l4_threadid_t id) { return id.raw == 0; }
int l4_is_invalid_id(l4_threadid_t id) { return id.raw == ~(l4_uint64_t)0; }

uint64_t tpy_l4_myself(void)
{
    struct tpy_l4_local *local = tpy_l4_self();
    return local ? atomic_load_explicit(&local->id, memory_order_relaxed) : ~(uint64_t)0;
}

l4_threadid_t l4_myself(void) { return (l4_threadid_t){.raw = tpy_l4_myself()}; }

int tpy_l4_nchief(uint64_t dest, uint64_t *next_chief)
{
    if (next_chief) *next_chief = dest == 0 ? tpy_l4_myself() : dest;
    return L4_NC_SAME_CLAN;
}

int l4_nchief(l4_threadid_t dest, l4_threadid_t *next_chief)
{
    uint64_t chief;
    int result = tpy_l4_nchief(dest.raw, &chief);
    if (next_chief) next_chief->raw = chief;
    return result;
}

/* The smallest classic time that is at least this many microseconds: exp | man << 4. */
static l4_uint16_t classic(uint64_t us)
{
    if (us == 0) return 1;
    for (unsigned exp = 15; exp > 0; exp--) {
        unsigned shift = 2 * (15 - exp);
        uint64_t man = (us >> shift) + ((us & (((uint64_t)1 << shift) - 1)) != 0);
        if (man <= 255) return (l4_uint16_t)(man << 4 | exp);
    }
    return 0;
}

static uint32_t word_of(l4_uint16_t send, l4_uint16_t receive)
{
    return L4_IPC_TIMEOUT_WORD(send >> 4, send & 15, receive >> 4, receive & 15, 0, 0);
}

l4_timeout_s l4_timeout_rel(unsigned man, unsigned exp)
{
    if (man == 0) return L4_IPC_TIMEOUT_0;
    if (exp > 31) return L4_IPC_TIMEOUT_NEVER;
    return (l4_timeout_s){classic((uint64_t)man << exp)};
}

l4_timeout_t l4_timeout(l4_timeout_s send, l4_timeout_s receive) { return (l4_timeout_t){.raw = word_of(send.t, receive.t)}; }

l4_timeout_t l4_ipc_timeout(unsigned snd_man, unsigned snd_exp, unsigned rcv_man, unsigned rcv_exp)
{
    /* A pair of zeros is the old way to say never. */
    l4_timeout_s send = snd_man == 0 && snd_exp == 0 ? L4_IPC_TIMEOUT_NEVER : l4_timeout_rel(snd_man, snd_exp);
    l4_timeout_s receive = rcv_man == 0 && rcv_exp == 0 ? L4_IPC_TIMEOUT_NEVER : l4_timeout_rel(rcv_man, rcv_exp);
    return l4_timeout(send, receive);
}

uint32_t tpy_l4_timeout(unsigned snd_man, unsigned snd_exp, unsigned rcv_man, unsigned rcv_exp, unsigned snd_pfault, unsigned rcv_pfault)
{
    return L4_IPC_TIMEOUT_WORD(snd_man, snd_exp, rcv_man, rcv_exp, snd_pfault, rcv_pfault);
}

uint32_t tpy_l4_timeout_ns(int64_t send, int64_t receive)
{
    return word_of(send < 0 ? 0 : classic((uint64_t)send / 1000 + (send % 1000 != 0)),
        receive < 0 ? 0 : classic((uint64_t)receive / 1000 + (receive % 1000 != 0)));
}

uint64_t tpy_l4_fpage(uint64_t address, unsigned size, int write, int grant)
{
    return (address & L4_PAGEMASK) | (uint64_t)(size & 127) << 2 | (write ? 2u : 0u) | (grant ? 1u : 0u);
}

l4_fpage_t l4_fpage(l4_umword_t address, unsigned size, unsigned char write, unsigned char grant)
{
    return (l4_fpage_t){.raw = tpy_l4_fpage(address, size, write, grant)};
}

int l4_ipc_fpage_received(l4_msgdope_t dope) { return dope.md.fpage_received; }
int l4_ipc_is_fpage_granted(l4_fpage_t fpage) { return fpage.fp.grant; }
int l4_ipc_is_fpage_writable(l4_fpage_t fpage) { return fpage.fp.write; }
