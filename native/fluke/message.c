/* message: see message.h. Tables of buffers and references are the caller's memory: they are read fault-safe. */
#include "fluke/message.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/fault.h"
#include "fluke/destination.h"
#include "fluke/object.h"

#define WORD 4u

static fluke_error_t check_table(const fluke_ipc_buffer_t *table, size_t count, uint64_t *words)
{
    fluke_error_t error = FLUKE_SUCCESS;
    for (size_t i = 0; i < count && error == FLUKE_SUCCESS; i++) {
        fluke_ipc_buffer_t buffer;
        if (tpy_copy(&buffer, &table[i], sizeof buffer) != 0) return FLUKE_INSANITY_BAD_BUFFER;
        error = tpy_fluke_check_buffer(&buffer);
        if (error == FLUKE_SUCCESS && (*words += buffer.words) > TPY_FLUKE_WORDS_MAX) error = FLUKE_INSANITY_BAD_BUFFER;
    }
    return error;
}

static fluke_error_t check_refs(fluke_ref_t *const *table, size_t count)
{
    fluke_error_t error = FLUKE_SUCCESS;
    for (size_t i = 0; i < count && error == FLUKE_SUCCESS; i++) {
        fluke_ref_t *ref;
        if (tpy_copy(&ref, &table[i], sizeof ref) != 0) return FLUKE_INSANITY_BAD_BUFFER;
        error = tpy_fluke_object_check(ref, TPY_FLUKE_REF);
    }
    return error;
}

fluke_error_t tpy_fluke_load_tables(fluke_ipc_params_t *params, struct tpy_fluke_cargo *cargo)
{
    fluke_error_t error = check_table(params->send_buf_tab, params->send_buf_count, &cargo->words);
    return error == FLUKE_SUCCESS ? check_refs(params->send_ref_tab, params->send_ref_count) : error;
}

fluke_error_t tpy_fluke_check_tables(const fluke_ipc_params_t *params)
{
    uint64_t words = params->recv_buf.words;
    fluke_error_t error = check_table(params->recv_buf_tab, params->recv_buf_count, &words);
    return error == FLUKE_SUCCESS ? check_refs(params->recv_ref_tab, params->recv_ref_count) : error;
}

static bool fits(struct tpy_fluke_parts *parts, size_t count)
{
    if (TPY_LIKELY(count <= parts->capacity)) return true;
    size_t capacity = parts->capacity ? parts->capacity : 8;
    while (capacity < count) capacity *= 2;
    struct iovec *list = realloc(parts->list, capacity * sizeof *list);
    if (!list) return false;
    parts->list = list;
    parts->capacity = capacity;
    return true;
}

static fluke_ipc_buffer_t entry(const fluke_ipc_buffer_t *table, size_t i)
{
    fluke_ipc_buffer_t buffer = {0};
    tpy_copy(&buffer, &table[i], sizeof buffer);
    return buffer;
}

int tpy_fluke_send_table(struct fluke_thread *thread, const struct tpy_fluke_cargo *cargo, uint64_t most, const struct iovec **parts)
{
    const fluke_ipc_params_t *params = cargo->params;
    uint64_t skip = cargo->sent, left = cargo->words - cargo->sent;
    if (left > most) left = most;
    if (!fits(&thread->out, params->send_buf_count + 1)) return -1;
    size_t count = 0;
    for (size_t i = 0; i <= params->send_buf_count && left > 0; i++) {
        fluke_ipc_buffer_t buffer = i == 0 ? params->send_buf : entry(params->send_buf_tab, i - 1);
        if (skip >= buffer.words) {
            skip -= buffer.words;
            continue;
        }
        uint64_t here = buffer.words - skip < left ? buffer.words - skip : left;
        thread->out.list[count++] = (struct iovec){(char *)buffer.buf + skip * WORD, here * WORD};
        left -= here;
        skip = 0;
    }
    *parts = thread->out.list;
    return (int)count;
}

int tpy_fluke_receive_table(struct fluke_thread *thread, const fluke_ipc_params_t *params, const struct iovec **parts, uint64_t *words)
{
    if (!fits(&thread->in, params->recv_buf_count + 1)) return -1;
    size_t count = 0;
    *words = 0;
    for (size_t i = 0; i <= params->recv_buf_count; i++) {
        fluke_ipc_buffer_t buffer = i == 0 ? params->recv_buf : entry(params->recv_buf_tab, i - 1);
        if (buffer.words == 0) continue;
        thread->in.list[count++] = (struct iovec){buffer.buf, buffer.words * WORD};
        *words += buffer.words;
    }
    *parts = thread->in.list;
    return (int)count;
}

uint64_t tpy_fluke_room(const fluke_ipc_params_t *params)
{
    uint64_t words = params->recv_buf.words;
    for (size_t i = 0; i < params->recv_buf_count; i++) words += entry(params->recv_buf_tab, i).words;
    return words;
}

/* Past some words of a buffer and the table after it. */
static void advance(fluke_ipc_buffer_t *buffer, fluke_ipc_buffer_t **table, size_t *count, uint64_t words)
{
    while (words > buffer->words && *count > 0) {
        words -= buffer->words;
        *buffer = entry(*table, 0);
        (*table)++;
        (*count)--;
    }
    if (words > buffer->words) words = buffer->words;
    buffer->buf = (char *)buffer->buf + words * WORD;
    buffer->words -= words;
}

void tpy_fluke_received_table(fluke_ipc_params_t *params, uint64_t words)
{
    advance(&params->recv_buf, &params->recv_buf_tab, &params->recv_buf_count, words);
}

void tpy_fluke_unload(const struct tpy_fluke_cargo *cargo)
{
    fluke_ipc_params_t *params = cargo->params;
    advance(&params->send_buf, &params->send_buf_tab, &params->send_buf_count, cargo->sent);
    if (params->send_ref_tab) params->send_ref_tab += cargo->refs_sent;
    params->send_ref_count -= cargo->refs_sent;
}

unsigned tpy_fluke_pack(struct fluke_thread *thread, const struct tpy_fluke_cargo *cargo, unsigned most, int *fds, unsigned *fd_count)
{
    size_t left = cargo->refs - cargo->refs_sent;
    unsigned count = left < most ? (unsigned)left : most;
    *fd_count = 0;
    for (unsigned i = 0; i < count; i++) {
        const fluke_ref_t *ref = NULL;
        struct tpy_fluke_record *record = &thread->staging[i];
        void *target;
        memset(record, 0, sizeof *record);
        /* Checked at the entry; one that has gone since travels as an empty one. */
        if (tpy_copy(&ref, &cargo->params->send_ref_tab[cargo->refs_sent + i], sizeof ref) || tpy_fluke_object_check(ref, TPY_FLUKE_REF)) continue;
        record->names = tpy_fluke_ref_get(ref, &target);
        if (record->names == TPY_FLUKE_NAMES_FD) {
            struct tpy_fluke_box *box = target;
            thread->pinned[thread->pinned_count++] = box;
            record->fd = *fd_count;
            fds[(*fd_count)++] = box->fd;
        } else if (record->names == TPY_FLUKE_NAMES_PORT) {
            const struct tpy_fluke_destination *destination = target;
            record->pid = (uint32_t)destination->pid;
            record->port = destination->port;
            record->key = destination->key;
            tpy_fluke_target_release(record->names, target);
        }
    }
    return count;
}

void tpy_fluke_unpin(struct fluke_thread *thread)
{
    while (thread->pinned_count > 0) tpy_fluke_target_release(TPY_FLUKE_NAMES_FD, thread->pinned[--thread->pinned_count]);
}

void tpy_fluke_unpack(fluke_ipc_params_t *params, const struct tpy_fluke_record *record, int *fds, unsigned fd_count)
{
    fluke_ref_t *ref = NULL;
    enum tpy_fluke_names names = TPY_FLUKE_EMPTY;
    void *target = NULL;
    tpy_copy(&ref, params->recv_ref_tab, sizeof ref);
    params->recv_ref_tab++;
    params->recv_ref_count--;
    if (tpy_fluke_object_check(ref, TPY_FLUKE_REF) != FLUKE_SUCCESS) return; /* it was good at the entry */
    if (record->names == TPY_FLUKE_NAMES_PORT) target = tpy_fluke_destination_get((pid_t)record->pid, record->port, record->key);
    else if (record->names == TPY_FLUKE_NAMES_FD && record->fd < fd_count && fds[record->fd] >= 0 &&
             (target = tpy_fluke_box_new(fds[record->fd])) != NULL)
        fds[record->fd] = -1;
    if (target) names = record->names;
    tpy_fluke_ref_set(ref, names, target);
}

void tpy_fluke_close_fds(int *fds, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (fds[i] >= 0) close(fds[i]);
}
