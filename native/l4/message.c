/* message: see message.h. */
#include "l4/message.h"

#include <errno.h>
#include <string.h>

#include "core/fault.h"

static int read_head(struct l4_msghdr *head, const void *buffer)
{
    return tpy_copy(head, buffer, sizeof *head) == 0 ? 0 : -EFAULT;
}

static size_t bounded(l4_umword_t size) { return size < L4_STRING_MAX ? size : L4_STRING_MAX; }

/* The string dopes stand behind the room for words, whatever of it is sent. */
static l4_strdope_t *dopes_of(const char *buffer, const struct l4_msghdr *head)
{
    return (l4_strdope_t *)(uintptr_t)(buffer + sizeof *head + (size_t)head->size_dope.md.dwords * sizeof(l4_umword_t));
}

int tpy_l4_outgoing_read(struct tpy_l4_outgoing *out, const void *descriptor, uint64_t word0, uint64_t word1)
{
    const char *buffer = (const char *)((uintptr_t)descriptor & ~(uintptr_t)3);
    l4_strdope_t dope;
    struct l4_msghdr head;
    out->word[0] = word0;
    out->word[1] = word1;
    out->maps = (uintptr_t)descriptor & 2;
    out->words = 2;
    out->strings = 0;
    out->more = NULL;
    if (!buffer) return 0;
    if (read_head(&head, buffer) != 0) return -EFAULT;
    out->words = head.send_dope.md.dwords < 2 ? 2 : head.send_dope.md.dwords;
    out->strings = head.send_dope.md.strings;
    out->more = (const l4_umword_t *)(buffer + sizeof head);
    const l4_strdope_t *dopes = dopes_of(buffer, &head);
    for (uint32_t i = 0; i < out->strings; i++) {
        if (tpy_copy(&dope, &dopes[i], sizeof dope) != 0) return -EFAULT;
        out->string[i] = (struct iovec){(void *)dope.snd_str, dope.snd_size};
        if (dope.snd_size > L4_STRING_MAX) out->string[i].iov_len = L4_STRING_MAX + 1; /* the receiver cuts it */
    }
    return 0;
}

int tpy_l4_incoming_read(struct tpy_l4_incoming *in, const void *descriptor)
{
    char *buffer = (char *)((uintptr_t)descriptor & ~(uintptr_t)3);
    l4_strdope_t dope;
    struct l4_msghdr head;
    in->window = 0;
    in->words = 2;
    in->strings = 0;
    in->more = NULL;
    in->dopes = NULL;
    if ((uintptr_t)descriptor & 2) {
        in->window = (uintptr_t)descriptor & ~(uintptr_t)3;
        return 0;
    }
    if (!buffer) return 0;
    if (read_head(&head, buffer) != 0) return -EFAULT;
    in->window = head.fpage.raw;
    in->words = head.size_dope.md.dwords < 2 ? 2 : head.size_dope.md.dwords;
    in->strings = head.size_dope.md.strings;
    in->more = (l4_umword_t *)(buffer + sizeof head);
    in->dopes = dopes_of(buffer, &head);
    for (uint32_t i = 0; i < in->strings; i++) {
        if (tpy_copy(&dope, &in->dopes[i], sizeof dope) != 0) return -EFAULT;
        in->string[i] = (struct iovec){(void *)dope.rcv_str, bounded(dope.rcv_size)};
    }
    return 0;
}

int tpy_l4_incoming_note(const struct tpy_l4_incoming *in, uint32_t i, uint64_t size)
{
    l4_umword_t note[2] = {size, (l4_umword_t)in->string[i].iov_base};
    return tpy_copy(&in->dopes[i].snd_size, note, sizeof note) == 0 ? 0 : -EFAULT;
}
