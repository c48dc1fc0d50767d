/* fluke_objects: ports, port sets, references and names. */
#include "fluke_sides.h"
#include "observe.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

CASE(references_and_what_they_name)
{
    fluke_ref_t a, b, c;
    fluke_port_t port;
    struct stat one, other;

    CHECK_STATUS(fluke_ref_create(&a), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_ref_create(&b), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_ref_create(&c), FLUKE_SUCCESS);
    CHECK_EQ(fluke_ref_fd(&a), -1);
    CHECK_EQ(fluke_ref_equal(&a, &b), 1); /* both empty */
    int fd = memfd_create("x", MFD_CLOEXEC);
    CHECK_STATUS(fluke_ref_from_fd(&a, fd), FLUKE_SUCCESS);
    CHECK_NE(fluke_ref_fd(&a), fd);
    CHECK_EQ(fcntl(fluke_ref_fd(&a), F_GETFD), FD_CLOEXEC);
    fstat(fd, &one);
    fstat(fluke_ref_fd(&a), &other);
    CHECK_EQ(one.st_ino, other.st_ino);
    CHECK_STATUS(fluke_ref_copy(&a, &b), FLUKE_SUCCESS);
    CHECK_EQ(fluke_ref_equal(&a, &b), 1);
    CHECK_EQ(fluke_ref_equal(&a, &c), 0);
    int kept = fluke_ref_fd(&b);
    CHECK_STATUS(fluke_ref_destroy(&a), FLUKE_SUCCESS);
    CHECK_EQ(fcntl(kept, F_GETFD), FD_CLOEXEC); /* b still has it */
    CHECK_EQ(fluke_ref_fd(&a), -1);
    CHECK_STATUS(fluke_ref_destroy(&a), FLUKE_INSANITY_NO_OBJECT);
    CHECK_STATUS(fluke_ref_from_fd(&b, 999), FLUKE_INSANITY_INVALID_OBJECT);
    CHECK_EQ(fluke_ref_fd(&b), kept); /* a mistake changes nothing */

    CHECK_STATUS(fluke_port_create(&port, NULL), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_reference(&port, &b), FLUKE_SUCCESS);
    CHECK_EQ(fcntl(kept, F_GETFD), -1);
    CHECK_STATUS(fluke_port_reference(&port, &c), FLUKE_SUCCESS);
    CHECK_EQ(fluke_ref_equal(&b, &c), 1);
    CHECK_EQ(fluke_ref_fd(&b), -1);
    CHECK_STATUS(fluke_ref_copy((fluke_ref_t *)&port, &b), FLUKE_INSANITY_NOT_REF);
    CHECK_STATUS(fluke_port_destroy(&port), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_destroy(&port), FLUKE_INSANITY_NO_OBJECT);
    CHECK_STATUS(fluke_port_reference(&port, &b), FLUKE_INSANITY_NO_OBJECT);
}

CASE(names)
{
    fluke_port_t port, other;
    fluke_ref_t ref, same;
    char name[102];

    fluke_alone();
    fluke_ref_create(&ref);
    fluke_ref_create(&same);
    memset(name, 'n', 101);
    name[101] = '\0';
    CHECK_STATUS(fluke_port_create(&port, NULL), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_create(&other, NULL), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_lookup("a", &ref), FLUKE_INVALID_DEST);
    CHECK_STATUS(fluke_name_bind(name, &port), FLUKE_NAME_INVALID);
    CHECK_STATUS(fluke_name_bind("", &port), FLUKE_NAME_INVALID);
    CHECK_STATUS(fluke_name_bind("a/b", &port), FLUKE_NAME_INVALID);
    CHECK_STATUS(fluke_name_bind(name + 1, &port), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_bind("a \xff\n.", &port), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_bind(name + 1, &port), FLUKE_NAME_IN_USE);
    CHECK_STATUS(fluke_name_bind(name + 1, &other), FLUKE_NAME_IN_USE);
    CHECK_STATUS(fluke_name_lookup(name + 1, &ref), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_reference(&port, &same), FLUKE_SUCCESS);
    CHECK_EQ(fluke_ref_equal(&ref, &same), 1);
    CHECK_STATUS(fluke_name_lookup("a \xff\n.", &ref), FLUKE_SUCCESS);
    CHECK_EQ(fluke_ref_equal(&ref, &same), 1);
    CHECK_STATUS(fluke_port_destroy(&port), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_lookup(name + 1, &ref), FLUKE_INVALID_DEST);
    CHECK_EQ(fluke_ref_equal(&ref, &same), 1); /* a failure changes nothing */
    CHECK_STATUS(fluke_name_bind(name + 1, &other), FLUKE_SUCCESS);
}

static void dies_with_a_name(void *argument)
{
    fluke_port_t port;
    (void)argument;
    CHECK_STATUS(fluke_port_create(&port, NULL), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_bind("mortal", &port), FLUKE_SUCCESS);
    _exit(0);
}
CASE(a_dead_owners_name_is_free)
{
    fluke_port_t port;
    fluke_ref_t ref;

    fluke_alone();
    fluke_ref_create(&ref);
    check_join(check_fork(dies_with_a_name, NULL));
    CHECK_STATUS(fluke_name_lookup("mortal", &ref), FLUKE_INVALID_DEST);
    CHECK_STATUS(fluke_port_create(&port, NULL), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_name_bind("mortal", &port), FLUKE_SUCCESS);
}

/* What a process names and hands over can be used where it arrives: a port of a third one, a memfd. */
FLUKE_CASE(references_are_handed_over)
static void references_are_handed_over_server(fluke_pset_t *pset)
{
    uint32_t in[5], out[2] = {5, 6};
    fluke_ref_t port, memory, *slots[2] = {&port, &memory};
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 5);

    fluke_ref_create(&port);
    fluke_ref_create(&memory);
    params.recv_ref_tab = slots;
    params.recv_ref_count = 2;
    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_SUCCESS);
    CHECK_EQ(params.recv_ref_count, 0);
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fluke_ref_fd(&memory), 0);
    CHECK(page != MAP_FAILED);
    CHECK_STR_EQ(page, "from the client");
    strcpy(page, "from the server");
    params = fluke_params(out, 2, NULL, 0);
    CHECK_STATUS(fluke_ipc_server_ack_send(&params), FLUKE_SUCCESS);
    fluke_ipc_server_disconnect();
    params = fluke_params(out, 2, in, 5); /* now we are the client of our client */
    CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(&port, &params), FLUKE_IPC_RECV_DISCONNECTED);
    CHECK_EQ(in[0], 7);
}
static void references_are_handed_over_client(fluke_ref_t *dest)
{
    uint32_t in[3], out[2] = {7, 8};
    fluke_port_t own;
    fluke_pset_t set;
    fluke_ref_t port, memory, *refs[2] = {&port, &memory};
    int fd = memfd_create("region", MFD_CLOEXEC);

    CHECK_EQ(ftruncate(fd, 4096), 0);
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    strcpy(page, "from the client");
    fluke_ref_create(&port);
    fluke_ref_create(&memory);
    CHECK_STATUS(fluke_ref_from_fd(&memory, fd), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_create(&own, &set), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_pset_create(&set), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_set_pset(&own, &set), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_reference(&own, &port), FLUKE_SUCCESS);
    fluke_ipc_params_t params = fluke_params(out, 2, in, 3);
    params.send_ref_tab = refs;
    params.send_ref_count = 2;
    CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(dest, &params), FLUKE_IPC_RECV_DISCONNECTED);
    CHECK_STR_EQ(page, "from the server");
    void *alias;
    params = fluke_params(NULL, 0, in, 3);
    CHECK_STATUS(fluke_ipc_setup_wait_receive(&set, &params, &alias), FLUKE_SUCCESS);
    CHECK_PTR_EQ(alias, &set);
    CHECK_EQ(in[0], 5);
    params = fluke_params(out, 2, NULL, 0);
    CHECK_STATUS(fluke_ipc_server_ack_send(&params), FLUKE_SUCCESS);
    fluke_ipc_server_disconnect();
}

/* Devices and regions, from either side: they can be read, written and mapped where they arrive. */
FLUKE_SIDES(devices_and_regions)
static void devices_and_regions_caller(const struct fluke_side *side)
{
    uint32_t in[3], out[2] = {0};
    fluke_ref_t zero, full, memory, *refs[3] = {&zero, &full, &memory};
    const int fds[3] = {open("/dev/zero", O_RDWR | O_CLOEXEC), open("/dev/full", O_WRONLY | O_CLOEXEC), memfd_create("region", MFD_CLOEXEC)};

    CHECK_EQ(ftruncate(fds[2], 4096), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(fluke_ref_create(refs[i]), FLUKE_SUCCESS);
        CHECK_STATUS(fluke_ref_from_fd(refs[i], fds[i]), FLUKE_SUCCESS);
        close(fds[i]);
    }
    uint32_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fluke_ref_fd(&memory), 0);
    CHECK(shared != MAP_FAILED);
    shared[0] = 41;
    fluke_begin(side);
    fluke_ipc_params_t params = fluke_params(out, 2, in, 3);
    params.send_ref_tab = refs;
    params.send_ref_count = 3;
    CHECK_STATUS(side->ack_send_over_receive(&params), FLUKE_IPC_RECV_DISCONNECTED);
    CHECK_EQ(shared[0], 42);
}
static void devices_and_regions_peer(const struct fluke_side *side)
{
    uint32_t in[3], out[2] = {0};
    char byte = 1;
    struct stat status;
    fluke_ref_t refs[3], *slots[3] = {&refs[0], &refs[1], &refs[2]};
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 3);

    for (int i = 0; i < 3; i++)
        CHECK_STATUS(fluke_ref_create(slots[i]), FLUKE_SUCCESS);
    params.recv_ref_tab = slots;
    params.recv_ref_count = 3;
    CHECK_STATUS(fluke_go_over(side, &params), FLUKE_SUCCESS);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(fstat(fluke_ref_fd(&refs[i]), &status), 0);
        CHECK(S_ISCHR(status.st_mode));
    }
    CHECK_EQ(read(fluke_ref_fd(&refs[0]), &byte, 1), 1);
    CHECK_EQ(byte, 0);
    const char *zeros = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fluke_ref_fd(&refs[0]), 0);
    CHECK(zeros != MAP_FAILED && zeros[4095] == 0);
    CHECK_EQ(write(fluke_ref_fd(&refs[1]), &byte, 1), -1);
    CHECK_EQ(errno, ENOSPC);
    uint32_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fluke_ref_fd(&refs[2]), 0);
    CHECK(shared != MAP_FAILED && shared[0] == 41);
    shared[0] = 42;
    params = fluke_params(out, 2, NULL, 0);
    CHECK_STATUS(side->ack_send(&params), FLUKE_SUCCESS);
    side->disconnect();
}

/* More references than travel at once, cut on both sides. */
FLUKE_CASE(many_references)
enum { MANY = 200 };
static void many_references_server(fluke_pset_t *pset)
{
    static fluke_ref_t refs[MANY];
    static fluke_ref_t *slots[MANY];
    uint32_t in[5];
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 5);

    for (int i = 0; i < MANY; i++)
        fluke_ref_create(slots[i] = &refs[i]);
    params.recv_ref_tab = slots;
    params.recv_ref_count = 10;
    CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_IPC_RECV_MORE_REFS);
    CHECK_PTR_EQ(params.recv_ref_tab, slots + 10);
    params.recv_ref_count = 100;
    CHECK_STATUS(fluke_ipc_server_receive(&params), FLUKE_IPC_RECV_MORE_REFS);
    params.recv_ref_count = 90;
    CHECK_STATUS(fluke_ipc_server_receive(&params), FLUKE_SUCCESS);
    CHECK_PTR_EQ(params.recv_ref_tab, slots + MANY);
    for (int i = 0; i < MANY; i++)
        CHECK_EQ(fluke_ref_fd(&refs[i]) >= 0, i % 3 == 0);
    params = fluke_params(in, 2, in, 5); /* and all of them back */
    params.send_ref_tab = slots;
    params.send_ref_count = MANY;
    CHECK_STATUS(fluke_ipc_server_ack_send_over_receive(&params), FLUKE_IPC_OVER_DISCONNECTED);
}
static void many_references_client(fluke_ref_t *dest)
{
    static fluke_ref_t refs[MANY];
    static fluke_ref_t *slots[MANY];
    uint32_t in[5], out[2] = {0};
    fluke_ipc_params_t params = fluke_params(out, 2, in, 5);

    for (int i = 0; i < MANY; i++) {
        fluke_ref_create(slots[i] = &refs[i]);
        if (i % 3 == 0)
            CHECK_STATUS(fluke_ref_from_fd(&refs[i], 0), FLUKE_SUCCESS);
    }
    params.send_ref_tab = params.recv_ref_tab = slots;
    params.send_ref_count = MANY;
    params.recv_ref_count = 7;
    CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(dest, &params), FLUKE_IPC_RECV_MORE_REFS);
    CHECK_EQ(params.send_ref_count, MANY);
    params.recv_ref_count = 100;
    CHECK_STATUS(fluke_ipc_client_receive(&params), FLUKE_IPC_RECV_MORE_REFS);
    params.recv_ref_count = 93;
    CHECK_STATUS(fluke_ipc_client_receive(&params), FLUKE_SUCCESS);
    CHECK_PTR_EQ(params.recv_ref_tab, slots + MANY);
    for (int i = 0; i < MANY; i++)
        CHECK_EQ(fluke_ref_fd(&refs[i]) >= 0, i % 3 == 0);
    fluke_ipc_client_disconnect();
}

/* Descriptors that nobody took are closed: dropped for an ack, with a disconnect, without a slot. */
FLUKE_CASE(descriptors_do_not_pile_up)
static void descriptors_do_not_pile_up_server(fluke_pset_t *pset)
{
    uint32_t in[5];
    fluke_ref_t ref, *slots[1] = {&ref};
    int before = 0;

    CHECK_STATUS(fluke_ref_create(&ref), FLUKE_SUCCESS);
    for (int i = 0; i < 30; i++) {
        fluke_ipc_params_t params = fluke_params(NULL, 0, in, 5);
        params.recv_ref_tab = slots;
        params.recv_ref_count = 1;
        CHECK_STATUS(fluke_ipc_setup_wait_receive(pset, &params, NULL), FLUKE_IPC_RECV_MORE_REFS);
        if (i % 2) { /* the other two are dropped */
            params = fluke_params(in, 2, NULL, 0);
            CHECK_STATUS(fluke_ipc_server_ack_send(&params), FLUKE_SUCCESS);
        }
        fluke_ipc_server_disconnect();
        params = fluke_params(NULL, 0, in, 5); /* a one-way message with three, and no slot */
        CHECK_STATUS(fluke_ipc_wait_receive(&params, NULL), FLUKE_SUCCESS);
        if (i == 0)
            before = observe_descriptors();
    }
    CHECK_LT(observe_descriptors(), before + 10); /* some come and go with the set-up; 30 rounds would leave 150 */
}
static void descriptors_do_not_pile_up_client(fluke_ref_t *dest)
{
    uint32_t in[5], out[2] = {0};
    fluke_ref_t ref, *refs[3] = {&ref, &ref, &ref};

    CHECK_STATUS(fluke_ref_create(&ref), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_ref_from_fd(&ref, STDIN_FILENO), FLUKE_SUCCESS);
    for (int i = 0; i < 30; i++) {
        fluke_ipc_params_t params = fluke_params(out, 2, in, 5);
        params.send_ref_tab = refs;
        params.send_ref_count = 3;
        CHECK_STATUS(fluke_ipc_client_connect_send_over_receive(dest, &params),
                     i % 2 ? FLUKE_IPC_RECV_DISCONNECTED : FLUKE_IPC_SEND_DISCONNECTED);
        params = fluke_params(out, 2, NULL, 0);
        params.send_ref_tab = refs;
        params.send_ref_count = 3;
        CHECK_STATUS(fluke_ipc_send(dest, &params), FLUKE_SUCCESS);
    }
}

/* A port in no port set, then in one, then in another, with a client that waits all the time. */
FLUKE_CASE(a_port_moves)
static _Atomic int first;
static void *waits_on_the_first(void *argument)
{
    atomic_store(&first, (int)syscall(SYS_gettid));
    uint32_t in[2];
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 2);
    CHECK_STATUS(fluke_ipc_setup_wait_receive(argument, &params, NULL), FLUKE_INSANITY_INVALID_OBJECT);
    return NULL;
}
static void a_port_moves_server(fluke_pset_t *pset)
{
    uint32_t in[3];
    fluke_pset_t other;
    fluke_port_t second;
    pthread_t thread;
    void *alias;
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 3);

    CHECK_STATUS(fluke_port_set_pset(&fluke_port, NULL), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_pset_create(&other), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_create(&second, NULL), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_port_set_pset(&second, &other), FLUKE_SUCCESS);
    CHECK_EQ(pthread_create(&thread, NULL, waits_on_the_first, pset), 0);
    fluke_reach(1);
    while (!atomic_load(&first))
        sched_yield();
    fluke_await_blocked(first);
    fluke_await_blocked(atomic_load(&fluke_world->client));
    CHECK_STATUS(fluke_port_set_pset(&fluke_port, &other), FLUKE_SUCCESS);
    CHECK_STATUS(fluke_ipc_setup_wait_receive(&other, &params, &alias), FLUKE_IPC_RECV_DISCONNECTED);
    CHECK_PTR_EQ(alias, FLUKE_ALIAS);
    CHECK_EQ(in[0], 1);
    /* Whoever waits on a port set that is destroyed learns it. */
    CHECK_STATUS(fluke_pset_destroy(pset), FLUKE_SUCCESS);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_STATUS(fluke_port_set_pset(&fluke_port, pset), FLUKE_INSANITY_NO_OBJECT);
    params = fluke_params(NULL, 0, in, 3);
    CHECK_STATUS(fluke_ipc_wait_receive(&params, NULL), FLUKE_IPC_RECV_DISCONNECTED); /* still in the other */
    CHECK_EQ(in[0], 2);
}
static void a_port_moves_client(fluke_ref_t *dest)
{
    uint32_t out[2] = {1, 1};
    fluke_ipc_params_t params = fluke_params(out, 2, NULL, 0);

    fluke_await(1);
    CHECK_STATUS(fluke_ipc_client_connect_send(dest, &params), FLUKE_SUCCESS);
    fluke_ipc_client_disconnect();
    out[0] = 2;
    CHECK_STATUS(fluke_ipc_client_connect_send(dest, &params), FLUKE_SUCCESS); /* without a disconnect: it breaks the old one */
    CHECK_STATUS(fluke_ref_copy(dest, dest), FLUKE_SUCCESS);
}

CASE(waiting_without_a_port_set)
{
    uint32_t in[2];
    fluke_ipc_params_t params = fluke_params(NULL, 0, in, 2);
    CHECK_STATUS(fluke_ipc_wait_receive(&params, NULL), FLUKE_INSANITY_INVALID_OBJECT);
    CHECK_STATUS(fluke_ipc_setup_wait_receive(NULL, &params, NULL), FLUKE_INSANITY_NO_OBJECT);
}
