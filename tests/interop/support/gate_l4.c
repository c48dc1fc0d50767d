/* gate_l4: see gate.h. A message is 'e', a number, which comes back one higher, and the bytes as a string; short ones go in between. */
#include "gate.h"

#include <l4/names/libnames.h>
#include <l4/sys/ipc.h>

#include "harm.h"

static struct buffer {
    struct l4_msghdr head;
    l4_umword_t word[2];
    l4_strdope_t string[1];
} out, in;

static unsigned char room[GATE_MOST + 1];
static l4_threadid_t partner;

static void set(const void *bytes, size_t size)
{
    out.head.size_dope = out.head.send_dope = L4_IPC_DOPE(2, 1);
    out.string[0].snd_size = size;
    out.string[0].snd_str = (l4_umword_t)bytes;
    in.head.size_dope = L4_IPC_DOPE(2, 1);
    in.string[0].rcv_size = sizeof room;
    in.string[0].rcv_str = (l4_umword_t)room;
}

static bool find(const char *name) { return names_query_name(name, &partner); }

static long call(const unsigned char *message, size_t size, unsigned char *answer, size_t most)
{
    static l4_umword_t number;
    l4_umword_t one, two;
    l4_msgdope_t dope;
    set(message, size);
    number++;
    int error = l4_ipc_call(partner, L4_IPC_SHORT_MSG, 'e', number, L4_IPC_SHORT_MSG, &one, &two, L4_IPC_NEVER, &dope);
    CHECK(error == L4_IPC_ENOT_EXISTENT || (error == 0 && one == 'e' && two == number + 1));
    if (error == 0) error = l4_ipc_call(partner, &out, 'e', number, &in, &one, &two, L4_IPC_NEVER, &dope);
    CHECK(error == L4_IPC_ENOT_EXISTENT || (error == 0 && one == 'e' && two == number + 1 && dope.md.strings == 1));
    if (error) return -1;
    size = in.string[0].snd_size;
    memcpy(answer, room, size < most ? size : most);
    return (long)size;
}

static void leave(void) {}

static void attach(const char *name) { CHECK(names_register(name)); }

static l4_umword_t first, second;
static size_t next(unsigned char *message, size_t most)
{
    for (;;) {
        l4_msgdope_t dope;
        set(NULL, 0);
        int error = l4_ipc_wait(&partner, &in, &first, &second, L4_IPC_NEVER, &dope);
        CHECK(error == 0 || L4_IPC_IS_ERROR(dope));
        if (error || dope.md.strings > 1) continue;
        if (dope.md.strings == 1) {
            size_t size = in.string[0].snd_size;
            memcpy(message, room, size < most ? size : most);
            return size;
        }
        l4_ipc_send(partner, L4_IPC_SHORT_MSG, first, second + 1, L4_IPC_SEND_TIMEOUT_0, NULL);
    }
}

static void answer(const void *answer, size_t size)
{
    set(answer, size);
    l4_ipc_send(partner, &out, first, second + 1, L4_IPC_SEND_TIMEOUT_0, NULL);
}

static void strike(unsigned number, unsigned char *bytes, size_t size)
{
    l4_timeout_t soon = L4_IPC_TIMEOUT(1, 10, 1, 10, 10, 10); /* 1 ms each */
    l4_umword_t one, two;
    set(bytes, size);
    if (number % 8 == 0) l4_ipc_send(partner, &out, number, size, soon, NULL);
    else l4_ipc_call(partner, number % 3 ? (void *)&out : L4_IPC_SHORT_MSG, 'e', number, number % 2 ? (void *)&in : L4_IPC_SHORT_MSG, &one, &two, soon, NULL);
}

const struct gate gate_l4 = {"l4", find, call, leave, attach, next, answer, strike, NULL};
