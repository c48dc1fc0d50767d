/*
 * unblock: see unblock.h. The watcher queues the pulse and then looks whether the message is still there; a reply
 * finishes the message and then looks whether a pulse was queued. So one of them takes the pulse back, whatever the
 * order.
 */
#include "qnx/unblock.h"

#include "qnx/channel.h"
#include "qnx/rcvid.h"

void tpy_qnx_unblock_retract(rcvid_t rcvid, uint32_t serial)
{
    struct tpy_qnx_slot *slot = tpy_qnx_slot(rcvid);
    struct tpy_qnx_client *client = atomic_load(&slot->client);
    atomic_compare_exchange_strong(&slot->unblocking, &serial, 0);
    if (client && client->channel) tpy_port_retract(client->channel->port, _PULSE_CODE_UNBLOCK, (uint64_t)rcvid);
}

static bool request(struct tpy_qnx_channel *channel, struct tpy_exchange *exchange, uint32_t serial,
    const struct tpy_qnx_client *client)
{
    struct tpy_exchange_info info;
    uint32_t index = tpy_exchange_index(exchange);
    rcvid_t rcvid = tpy_qnx_rcvid(index, serial);
    if (!(channel->flags & _NTO_CHF_UNBLOCK) || tpy_exchange_info(exchange, serial, &info) != 0) return false;
    atomic_store(&tpy_qnx_slots[index].unblocking, serial);
    uint64_t value = (uint64_t)rcvid;
    if (tpy_qnx_channel_pulse(channel, info.priority, _PULSE_CODE_UNBLOCK, value, client->scoid, true) != 0)
        return false;
    if (tpy_exchange_info(exchange, serial, &info) != 0)
        tpy_port_retract(channel->port, _PULSE_CODE_UNBLOCK, value);
    return true;
}

void tpy_qnx_unblock(void *face, struct tpy_exchange *exchange, uint32_t serial, void *client)
{
    request(face, exchange, serial, client);
}

int64_t tpy_qnx_lost(void *face, struct tpy_exchange *exchange, uint32_t serial, void *client)
{
    struct tpy_qnx_channel *channel = face;
    return request(channel, exchange, serial, client) ? atomic_load(&channel->grace) : 0;
}
