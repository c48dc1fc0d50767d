/* L4: a peer that speaks the core's protocol but not ours: nonsense heads, sizes and kinds reach a server that goes on serving others. */
#include "l4_support.h"

#include <errno.h>

#include "core/connection.h"
#include "core/thread.h"
#include "l4/directory.h"
#include "l4/local.h"
#include "l4/message.h"
#include "l4/wire.h"

#define SHORT L4_IPC_SHORT_MSG
#define ROUNDS 3000

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return *state;
}

static struct tpy_connection *open_port(l4_threadid_t to, uint32_t tag, uint64_t cookie, int *result)
{
    struct tpy_l4_place place;
    struct tpy_connection *connection = NULL;
    CHECK_EQ(tpy_l4_directory_find(to.raw, &place), 0);
    *result = tpy_connection_open(place.pid, place.port, tag, cookie, &connection);
    return connection;
}

static void talk_nonsense(l4_threadid_t boss, void *argument)
{
    uint64_t state = 88172645463325252u + (uint64_t)getpid();
    uint64_t own = (boss.raw & 0xffffffffu) << 32 | (uint64_t)tpy_l4_own_site() << 11 | tpy_l4_own_task();
    int result;
    l4_await((_Atomic unsigned *)argument + 1, 1);
    /* Another gate's tag, another task's name, another thread's id: refused. */
    open_port(boss, TPY_L4_TAG + 1, own, &result);
    CHECK_EQ(result, -ESRCH);
    open_port(boss, TPY_L4_TAG, own ^ 1, &result);
    CHECK_EQ(result, -EPERM);
    open_port(boss, TPY_L4_TAG, own ^ (1ull << 32), &result);
    CHECK_EQ(result, -ESRCH);
    struct tpy_connection *connection = open_port(boss, TPY_L4_TAG, own, &result);
    CHECK_EQ(result, 0);
    for (int round = 0; round < ROUNDS; round++) {
        union {
            struct tpy_l4_head head;
            uint64_t word[200];
        } window;
        for (unsigned i = 0; i < 200; i++) window.word[i] = next_random(&state) >> (next_random(&state) % 64);
        /* Half of them are plausible up to one field. */
        if (round % 2) {
            window.head.words = 2 + (uint32_t)(next_random(&state) % 6);
            window.head.strings = (uint8_t)(next_random(&state) % 4);
            window.head.room_strings = (uint8_t)(next_random(&state) % 3);
            window.head.flags &= (uint8_t)(TPY_L4_MAPS | TPY_L4_WINDOW | TPY_L4_ROOM_PENDING | TPY_L4_FAILED | TPY_L4_TAKES);
            window.head.extents = (uint8_t)(next_random(&state) % 3);
            for (unsigned i = 0; i < 3; i++) window.word[4 + i] = next_random(&state) % 40;
        }
        struct iovec send = {&window, next_random(&state) % (sizeof window + 1)};
        uint64_t answer[64];
        struct iovec reply = {answer, next_random(&state) % (sizeof answer + 1)};
        struct tpy_offer offer = {.send = &send, .send_parts = 1, .reply = &reply, .reply_parts = 1, .deadline = tpy_now() + 2000000,
            .strike = TPY_STRIKE_BOTH, .tag = (uint32_t)next_random(&state), .kind = (uint8_t)(next_random(&state) % (round % 2 ? 4 : 256))};
        tpy_offer(connection, &offer); /* whatever comes */
    }
    tpy_connection_close(connection);
    CHECK_EQ(l4_ipc_send(boss, SHORT, 0, 0, L4_IPC_NEVER, NULL), 0);
}

static void keep_calling(l4_threadid_t boss, void *argument)
{
    _Atomic unsigned *stop = argument;
    l4_umword_t one, two;
    l4_await(stop + 1, 1);
    for (l4_umword_t i = 1; !atomic_load(stop); i++) {
        CHECK_EQ(l4_ipc_call(boss, SHORT, i, 0x1234, SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
        CHECK_EQ(one, i + 1);
    }
    CHECK_EQ(l4_ipc_send(boss, SHORT, 0, 0x1234, L4_IPC_NEVER, NULL), 0);
}

CASE_LIMIT(nonsense_reaches_nobody_else, 40)
{
    _Atomic unsigned *stop = l4_share(2 * sizeof *stop);
    struct l4_partner *liar = l4_start(false, talk_nonsense, (void *)stop), *honest = l4_start(false, keep_calling, (void *)stop);
    l4_count(stop + 1);
    L4_BUFFER(16, 3) it = {.size_dope = L4_IPC_DOPE(16, 3), .send_dope = L4_IPC_DOPE(4, 1)};
    char bytes[3][64];
    l4_umword_t one, two;
    unsigned served = 0;
    bool over = false;
    while (!over || served < 100) {
        l4_threadid_t src = L4_NIL_ID;
        l4_msgdope_t result;
        for (unsigned i = 0; i < 3; i++) it.string[i] = (l4_strdope_t){sizeof bytes[i], (l4_umword_t)bytes[i], sizeof bytes[i], (l4_umword_t)bytes[i]};
        int code = l4_ipc_wait(&src, &it, &one, &two, L4_IPC_NEVER, &result);
        if (src.raw == l4_id(honest).raw) {
            CHECK_EQ(code, 0);
            CHECK_EQ(two, 0x1234);
            CHECK_EQ(l4_ipc_send(src, SHORT, one + 1, 0, L4_IPC_SEND_TIMEOUT_0, NULL), 0);
            served++;
        } else if (src.raw == l4_id(liar).raw && code == 0 && result.md.dwords == 2 && one == 0 && two == 0) over = true;
        else if (code == 0) l4_ipc_send(src, served % 2 ? SHORT : (void *)&it, 1, 1, L4_IPC_SEND_TIMEOUT_0, NULL);
    }
    atomic_store(stop, 1);
    for (;;) {
        CHECK_EQ(l4_ipc_receive(l4_id(honest), SHORT, &one, &two, L4_IPC_NEVER, NULL), 0);
        if (one == 0) break;
        CHECK_EQ(l4_ipc_send(l4_id(honest), SHORT, one + 1, 0, L4_IPC_SEND_TIMEOUT_0, NULL), 0);
    }
    l4_join(liar);
    l4_join(honest);
}

#define GUARD 32
#define STRING 64

/* Answers calls by the core, with whatever status and bytes. */
static void answer_nonsense(l4_threadid_t boss, void *argument)
{
    uint64_t state = 88172645463325252u + (uint64_t)getpid(), data[80];
    struct tpy_l4_local *local = tpy_l4_self();
    (void)boss, (void)argument;
    for (int round = 0;; round++) {
        struct tpy_l4_head head = {0};
        struct tpy_receipt receipt;
        struct iovec part = {&head, sizeof head};
        CHECK_EQ(tpy_receive(local->port, NULL, &part, 1, 0, TPY_NEVER, &receipt), 0);
        for (unsigned i = 0; i < 80; i++) data[i] = next_random(&state) >> (next_random(&state) % 64);
        int64_t status = (int64_t)(next_random(&state) >> (next_random(&state) % 64));
        size_t length = next_random(&state) % (sizeof data + 1);
        if (round % 2) { /* plausible, up to one field or two */
            status = (int64_t)(tpy_l4_dope(2 + (uint32_t)(next_random(&state) % 20), (uint32_t)(next_random(&state) % 5), 0)) |
                     (int64_t)(next_random(&state) % 5) << TPY_L4_ST_TOUCHED_SHIFT | (int64_t)(next_random(&state) % 3) << TPY_L4_ST_EXTENTS_SHIFT;
            if (next_random(&state) % 4 == 0) status |= (int64_t)1 << (32 + next_random(&state) % 4);
            for (unsigned i = 2; i < 8; i++) data[i] = next_random(&state) % (2 * STRING) | (next_random(&state) % (2 * STRING)) << 32;
        }
        part = (struct iovec){data, head.word[0] == 0 ? 16 : length};
        if (head.word[0] == 0) status = (int64_t)tpy_l4_dope(2, 0, 0);
        CHECK_EQ(tpy_finish(receipt.exchange, receipt.sequence, status, &part, 1), 0);
        if (head.word[0] == 0) return;
    }
}

CASE_LIMIT(nonsense_in_an_answer_stays_within_its_room, 40)
{
    struct l4_partner *liar = l4_start(false, answer_nonsense, NULL);
    L4_BUFFER(16, 3) it;
    unsigned char bytes[3][STRING + GUARD];
    l4_umword_t one, two, guard = 0xdddddddddddddddd;
    l4_msgdope_t result;
    unsigned good = 0;
    for (int round = 0; round < 2 * ROUNDS; round++) {
        memset(bytes, 0xdd, sizeof bytes);
        memset(&it, 0xdd, sizeof it);
        unsigned words = round % 3 == 0 ? 2 : 16;
        it.fpage.raw = 0;
        it.size_dope = L4_IPC_DOPE(words, 3);
        it.send_dope = L4_IPC_DOPE(2, 0);
        l4_strdope_t *dopes = (l4_strdope_t *)&it.word[words];
        for (unsigned i = 0; i < 3; i++) dopes[i] = (l4_strdope_t){0, 0, STRING, (l4_umword_t)bytes[i]};
        void *room = round % 5 == 0 ? SHORT : (void *)&it;
        int code = l4_ipc_call(l4_id(liar), SHORT, 1, 1, room, &one, &two, L4_IPC_NEVER, &result);
        CHECK_EQ(code & ~L4_IPC_ERROR_MASK, 0);
        for (unsigned i = 0; i < 3; i++)
            for (unsigned k = 0; k < GUARD; k++) CHECK_EQ(bytes[i][STRING + k], 0xdd);
        CHECK_EQ(it.word[0], guard);
        CHECK_EQ(it.word[1], guard);
        if (code != 0 && code != L4_IPC_REMSGCUT) continue;
        CHECK_LE(result.md.dwords, room ? words : 2);
        CHECK_LE(result.md.strings, room ? 3 : 0);
        for (unsigned i = 0; room && i < result.md.strings; i++) CHECK_LE(dopes[i].snd_size, STRING);
        good++;
    }
    CHECK(good > 0);
    CHECK_EQ(l4_ipc_call(l4_id(liar), SHORT, 0, 0, SHORT, &one, &two, L4_IPC_NEVER, &result), 0);
    l4_join(liar);
}
