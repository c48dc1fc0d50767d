/* L4: a peer that speaks the core's protocol but not ours: nonsense heads, sizes and kinds reach a server that goes on serving others. */
#include "l4_support.h"

#include <errno.h>

#include "core/connection.h"
#include "core/thread.h"
#include "l4/directory.h"
#include "l4/local.h"
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
            window.head.flags &= (uint8_t)(TPY_L4_MAPS | TPY_L4_WINDOW | TPY_L4_ROOM_PENDING | TPY_L4_FAILED);
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
