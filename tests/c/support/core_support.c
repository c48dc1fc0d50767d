/* core_support: see core_support.h. */
#define _GNU_SOURCE
#include "core_support.h"

#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/node.h"
#include "core/port_record.h"

static const struct tpy_port_ops plain;

struct tpy_port *core_port(uint32_t *id)
{
    struct tpy_port *port;
    CHECK_OK(tpy_port_create(&plain, NULL, 0, &port, id));
    return port;
}

bool core_queued(struct tpy_port *port)
{
    tpy_lock_take(&port->lock);
    bool busy = tpy_port_collect(port), queued = port->queued > 0;
    if (queued || busy) tpy_port_hand_over(port, busy); /* what was collected here is no news to a receiver that is about to sleep */
    tpy_lock_give(&port->lock);
    return queued;
}

void *core_echo(void *port)
{
    size_t size = 4 << 20;
    char *memory = malloc(size);
    for (;;) {
        struct iovec part = {memory, size};
        struct tpy_receipt receipt;
        int result = tpy_receive(port, NULL, &part, 1, 0, TPY_NEVER, &receipt);
        if (result == -ESRCH) break;
        CHECK_EQ(result, 0);
        if (!receipt.exchange) continue;
        part.iov_len = receipt.received;
        result = tpy_finish(receipt.exchange, receipt.sequence, (int64_t)receipt.received, &part, 1);
        CHECK(result == 0 || result == -ESRCH);
    }
    free(memory);
    return NULL;
}

struct started {
    _Atomic uint32_t id;
};

static void serve(void *argument)
{
    uint32_t id;
    struct started *started = argument;
    struct tpy_port *port = core_port(&id);
    atomic_store(&started->id, id);
    core_echo(port);
}

pid_t core_echo_process(uint32_t *id)
{
    struct started *started = core_share(sizeof *started);
    pid_t pid = check_fork(serve, started);
    while ((*id = atomic_load(&started->id)) == 0) sched_yield();
    munmap(started, sizeof *started);
    return pid;
}

int core_call(struct tpy_connection *connection, size_t size, unsigned seed)
{
    static _Thread_local char *memory;
    static _Thread_local size_t room;
    if (room < 2 * size + 2) memory = realloc(memory, room = 2 * size + 2);
    CHECK(memory != NULL);
    for (size_t i = 0; i < size; i++) memory[i] = (char)(seed + i * 7 + i / 251);
    memset(memory + size, 0x5a, size + 1);
    struct iovec send = {memory, size}, reply = {memory + size, size};
    struct tpy_offer offer = {.send = &send, .send_parts = 1, .reply = &reply, .reply_parts = 1, .deadline = TPY_NEVER, .strike = TPY_STRIKE_BOTH, .priority = 10};
    int result = tpy_offer(connection, &offer);
    if (result != 0) return result;
    CHECK_EQ(offer.status, size);
    CHECK_EQ(offer.length, size);
    CHECK_MEM_EQ(memory + size, memory, size);
    CHECK_EQ(memory[2 * size], 0x5a);
    return 0;
}

void *core_share(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

unsigned core_descriptors(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    CHECK(directory != NULL);
    while (readdir(directory)) count++;
    closedir(directory);
    return count;
}

unsigned core_mappings(void)
{
    unsigned count = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "re");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps))
        if (strstr(line, "tetrapylon")) count++;
    fclose(maps);
    return count;
}

void core_await_counts(unsigned descriptors, unsigned mappings)
{
    while (core_descriptors() > descriptors || core_mappings() > mappings) sched_yield();
}

int core_wire_listen(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat space;
    char directory[80];
    CHECK_OK(tpy_node_directory(geteuid(), directory, sizeof directory));
    CHECK_SYS(stat("/proc/self/ns/pid", &space));
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%d.%lu", directory, getpid(), (unsigned long)space.st_ino);
    int fd = (int)CHECK_SYS(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    CHECK_SYS(bind(fd, (struct sockaddr *)&address, sizeof address));
    CHECK_SYS(listen(fd, 10));
    return fd;
}

int core_page(void) { return (int)CHECK_OK(tpy_memory_create("tetrapylon-node", sizeof(struct tpy_node_page))); }

int core_wire_greet(int listener, int page)
{
    int client = (int)CHECK_SYS(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
    struct tpy_say hello = core_wire_hear(client, TPY_SAY_HELLO);
    core_wire_say(client, core_wire_reply(&hello), page);
    return client;
}

struct tpy_say core_wire_hear(int client, enum tpy_say_type type)
{
    struct tpy_say say;
    CHECK_EQ(recv(client, &say, sizeof say, 0), sizeof say);
    CHECK_EQ(say.type, type);
    return say;
}

struct tpy_say core_wire_reply(const struct tpy_say *to) { return (struct tpy_say){.type = TPY_SAY_REPLY, .request = to->request}; }

void core_wire_say(int client, struct tpy_say say, int object)
{
    struct tpy_link link = {.fd = client};
    say.version = TPY_WIRE_VERSION;
    CHECK_OK(tpy_link_say(&link, &say, &object, object >= 0));
}

void core_forbid(int system_call)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)system_call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    CHECK_SYS(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    CHECK_SYS(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

unsigned core_random(unsigned *state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 16;
}
