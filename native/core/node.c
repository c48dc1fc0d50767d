/* node: see node.h. The links are listed here, those that others made to us and those that we made. */
#define _GNU_SOURCE
#include "core/node.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/fork.h"
#include "core/inspect.h"
#include "core/watcher.h"

#define LINKS_PER_USER 1024
#define CONNECT_SECONDS 5

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* set-up and the list of links */
static bool watching, listening;
static int listen_fd = -1, page_fd = -1, spare_fd = -1;
static struct tpy_node_page *page;
static struct tpy_link *links;

int tpy_node_directory(uid_t uid, char *path, size_t size)
{
    const char *chosen = getenv("TETRAPYLON_DIR");
    struct stat status;
    int length = chosen && uid == geteuid() ? snprintf(path, size, "%s", chosen)
                                            : snprintf(path, size, "%s/tetrapylon-%u", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", uid);
    if (length < 0 || (size_t)length >= size) return -ENAMETOOLONG;
    if (uid == geteuid() && mkdir(path, 0711) != 0 && errno != EEXIST) return -errno;
    if (lstat(path, &status) != 0) return -errno;
    /* Nobody but its user may be able to put a name or a socket there. */
    if (!S_ISDIR(status.st_mode) || status.st_uid != uid || (status.st_mode & 022)) return -EACCES;
    return 0;
}

int tpy_node_subdirectory(const char *sub, char *path, size_t size)
{
    int result = tpy_node_directory(geteuid(), path, size);
    if (result != 0) return result;
    size_t length = strlen(path);
    for (const char *from = sub; *from;) { /* one level at a time */
        size_t step = strcspn(from, "/");
        if (length + 1 + step >= size) return -ENAMETOOLONG;
        path[length++] = '/';
        memcpy(path + length, from, step);
        path[length += step] = 0;
        if (mkdir(path, 0755) != 0 && errno != EEXIST) return -errno;
        from += step + (from[step] == '/');
    }
    return 0;
}

/* The socket of a process: its number, told apart by the pid namespace it counts in. */
static int socket_address(uid_t uid, pid_t pid, struct sockaddr_un *address)
{
    char directory[PATH_MAX];
    struct stat space;
    int result = tpy_node_directory(uid, directory, sizeof directory);
    if (result != 0) return result;
    if (stat("/proc/self/ns/pid", &space) != 0) space.st_ino = 0;
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    int length = snprintf(address->sun_path, sizeof address->sun_path, "%s/%d.%lu", directory, pid, (unsigned long)space.st_ino);
    return length < 0 || (size_t)length >= sizeof address->sun_path ? -ENAMETOOLONG : 0;
}

static void remove_socket(void)
{
    struct sockaddr_un address;
    if (listen_fd >= 0 && socket_address(geteuid(), getpid(), &address) == 0) unlink(address.sun_path);
    tpy_inspect_end(); /* last: by this file others find a socket that was left behind */
}

static void forget(struct tpy_link *link)
{
    pthread_mutex_lock(&lock);
    for (struct tpy_link **at = &links; *at; at = &(*at)->next)
        if (*at == link) {
            *at = link->next;
            break;
        }
    pthread_mutex_unlock(&lock);
}

/* Makes room for a newcomer: drops the user's oldest link that never said HELLO, if he has too many. */
static bool admit(const struct tpy_link *newcomer, struct tpy_link **victim)
{
    unsigned count = 0;
    *victim = NULL;
    pthread_mutex_lock(&lock);
    for (struct tpy_link *link = links; link; link = link->next) {
        if (!link->serving || link->who.uid != newcomer->who.uid) continue;
        count++;
        if (!link->greeted && (!*victim || link->since < (*victim)->since)) *victim = link;
    }
    if (count < LINKS_PER_USER) *victim = NULL;
    pthread_mutex_unlock(&lock);
    return count < LINKS_PER_USER || *victim;
}

/* On the watcher: takes in who calls. The link that had to make room, or NULL. */
static struct tpy_link *welcome(void)
{
    struct tpy_link *victim = NULL;
    if (spare_fd < 0) spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE) && spare_fd >= 0) {
        /* Out of descriptors: take the caller off the queue and tell him so by closing. */
        close(spare_fd);
        fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) close(fd);
        spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return NULL;
    }
    if (fd < 0) return NULL;
    struct tpy_link *link = tpy_link_new(fd, true);
    if (!link) return NULL;
    if (!admit(link, &victim) || tpy_watcher_add(link) != 0) {
        tpy_link_release(link);
        return NULL;
    }
    pthread_mutex_lock(&lock);
    link->next = links;
    links = link;
    pthread_mutex_unlock(&lock);
    if (victim) tpy_watcher_bury(victim);
    return victim;
}

static void in_child(void)
{
    int *ours[] = {&listen_fd, &page_fd, &spare_fd};
    pthread_mutex_init(&lock, NULL);
    for (struct tpy_link *link = links; link; link = link->next) {
        close(link->fd);
        close(link->pidfd);
    }
    links = NULL; /* the records stay: a lane of the parent may still be named in our copy of its memory */
    for (unsigned i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (*ours[i] >= 0) close(*ours[i]);
        *ours[i] = -1;
    }
    watching = listening = false;
    page = NULL;
}

static void once_ever(void)
{
    tpy_at_fork_child(in_child);
    atexit(remove_socket);
}

static int start_watching(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (watching) return 0;
    pthread_once(&once, once_ever);
    tpy_fault_arm();
    int result = tpy_watcher_start(welcome, forget);
    if (result != 0) return result;
    if (spare_fd < 0) spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    tpy_inspect_begin();
    watching = true;
    return 0;
}

static int make_page(void)
{
    if (page) return 0;
    size_t size = sizeof *page;
    int fd = memfd_create("tetrapylon-node", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -errno;
    if (ftruncate(fd, (off_t)size) != 0 || (page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0)) == MAP_FAILED) {
        page = NULL;
        close(fd);
        return -ENOMEM;
    }
    madvise(page, size, MADV_DONTFORK);
    page->version = TPY_WIRE_VERSION;
    page->pid = (uint32_t)getpid();
    /* From here on only this mapping writes. */
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0) {
        munmap(page, size);
        page = NULL;
        close(fd);
        return -ENOTSUP;
    }
    page_fd = fd;
    return 0;
}

static int start_listening(void)
{
    struct sockaddr_un address;
    if (listening) return 0;
    int result = make_page();
    if (result == 0) result = socket_address(geteuid(), getpid(), &address);
    if (result != 0) return result;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    /* Whoever left a socket under our number is dead. */
    unlink(address.sun_path);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || chmod(address.sun_path, 0666) != 0 || listen(fd, 4096) != 0 ||
        (result = tpy_watcher_listen(fd)) != 0) {
        if (result == 0) result = -errno;
        close(fd);
        return result;
    }
    listen_fd = fd;
    listening = true;
    return 0;
}

int tpy_node_serve(void)
{
    pthread_mutex_lock(&lock);
    int result = start_watching();
    if (result == 0) result = start_listening();
    pthread_mutex_unlock(&lock);
    return result;
}

struct tpy_node_page *tpy_node_page(void) { return page; }
int tpy_node_page_fd(void) { return page_fd; }

/* The user a process belongs to, by /proc; ourselves when that does not tell. */
static uid_t owner_of(pid_t pid)
{
    char path[32];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d", pid);
    return stat(path, &status) == 0 ? status.st_uid : geteuid();
}

static int connect_to(pid_t pid, struct tpy_link **made)
{
    struct sockaddr_un address;
    uid_t owner = owner_of(pid);
    int result = socket_address(owner, pid, &address);
    if (result != 0) return result == -ENOENT ? -ESRCH : result;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    /* It blocks while the server's backlog is full, which a flood of others can cause. */
    struct timeval patience = {.tv_sec = CONNECT_SECONDS};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    do result = connect(fd, (struct sockaddr *)&address, sizeof address);
    while (result != 0 && errno == EINTR);
    if (result != 0) {
        result = errno == ENOENT || errno == ECONNREFUSED ? -ESRCH : errno == EACCES ? -EPERM : errno == EAGAIN ? -ETIMEDOUT : -errno;
        close(fd);
        return result;
    }
    struct tpy_link *link = tpy_link_new(fd, false);
    if (!link) return -ESRCH;
    /* A squatter under that path is not the process that was meant. */
    if (link->who.pid != pid || (link->who.uid != owner && link->who.uid != 0)) {
        tpy_link_release(link);
        return -ESRCH;
    }
    *made = link;
    return 0;
}

static int greet(struct tpy_link *link)
{
    struct tpy_say hello = {.type = TPY_SAY_HELLO, .port = sizeof(struct tpy_shared)}, reply;
    void *seen = NULL;
    int fd, result = tpy_link_request(link, &hello, &reply, &fd);
    if (result == 0) result = fd < 0 ? -EPROTO : tpy_memory_map(fd, sizeof(struct tpy_node_page), false, NULL, &seen);
    if (fd >= 0) close(fd);
    if (result != 0) return result;
    link->page = seen;
    link->greeted = true;
    return 0;
}

/* With the lock: the living link to a process, if there is one. */
static struct tpy_link *known(pid_t pid)
{
    struct tpy_link *link = links;
    while (link && (link->serving || link->who.pid != pid || atomic_load(&link->dead) || atomic_load(&link->dropped))) link = link->next;
    return link;
}

int tpy_node_link(pid_t pid, struct tpy_link **found)
{
    struct tpy_link *made = NULL;
    pthread_mutex_lock(&lock);
    int result = start_watching();
    struct tpy_link *link = result == 0 ? known(pid) : NULL;
    if (result == 0 && !link) {
        pthread_mutex_unlock(&lock); /* connecting may take time, and the watcher needs the lock */
        result = connect_to(pid, &made);
        pthread_mutex_lock(&lock);
        link = result == 0 ? known(pid) : NULL; /* another thread was faster */
        if (result == 0 && !link && (result = tpy_watcher_add(made)) == 0) {
            link = made;
            made = NULL;
            link->next = links;
            links = link;
        }
    }
    if (result == 0) tpy_link_retain(link);
    pthread_mutex_unlock(&lock);
    if (made) tpy_link_release(made);
    if (result != 0) return result;
    pthread_mutex_lock(&link->greeting); /* without the lock: a silent server keeps us for seconds */
    if (!link->greeted) result = atomic_load(&link->dropped) ? -ESRCH : greet(link);
    pthread_mutex_unlock(&link->greeting);
    if (result != 0) {
        tpy_node_drop(link);
        tpy_link_release(link);
        return result;
    }
    *found = link;
    return 0;
}

struct tpy_link *tpy_node_client_link(pid_t pid, uint64_t number)
{
    pthread_mutex_lock(&lock);
    struct tpy_link *link = links;
    while (link && !(link->serving && link->who.pid == pid && (number == 0 || link->who.link == number) && !atomic_load(&link->dead))) link = link->next;
    if (link) tpy_link_retain(link);
    pthread_mutex_unlock(&lock);
    return link;
}

struct tpy_node_use tpy_node_use_of(uid_t uid)
{
    struct tpy_node_use use = {0};
    pthread_mutex_lock(&lock);
    for (struct tpy_link *link = links; link; link = link->next)
        if (link->serving && link->who.uid == uid) {
            use.exchanges += link->exchange_count;
            use.streams += link->stream_count;
            use.descriptors += atomic_load(&link->descriptors);
        }
    pthread_mutex_unlock(&lock);
    return use;
}

void tpy_node_drop(struct tpy_link *link)
{
    atomic_store(&link->dropped, true);
    shutdown(link->fd, SHUT_RDWR);
}
