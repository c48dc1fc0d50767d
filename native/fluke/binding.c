/* binding: what the gate adds for other languages: its calls with numbers in place of pointers. */
#include <fluke/ipc.h>

#include "fluke/thread.h"

static inline bool bound(void) { return TPY_LIKELY(tpy_fluke_current != NULL) && TPY_LIKELY(tpy_fluke_current->bound); }

fluke_error_t tpy_fluke_bind(void)
{
    struct fluke_thread *thread = tpy_fluke_thread();
    if (!thread) return FLUKE_NO_RESOURCES;
    thread->bound = true;
    return FLUKE_SUCCESS;
}

static inline void *at(uint64_t address) { return (void *)(uintptr_t)address; }

fluke_error_t tpy_fluke_client(int call, uint64_t dest, uint64_t params)
{
    if (!bound()) return TPY_FLUKE_UNBOUND;
    switch (call) {
    case TPY_FLUKE_DO_CONNECT_SEND_OVER_RECEIVE: return fluke_ipc_client_connect_send_over_receive(at(dest), at(params));
    case TPY_FLUKE_DO_ACK_SEND_OVER_RECEIVE: return fluke_ipc_client_ack_send_over_receive(at(params));
    case TPY_FLUKE_DO_CONNECT_SEND: return fluke_ipc_client_connect_send(at(dest), at(params));
    case TPY_FLUKE_DO_ACK_SEND: return fluke_ipc_client_ack_send(at(params));
    case TPY_FLUKE_DO_OVER_RECEIVE: return fluke_ipc_client_over_receive(at(params));
    case TPY_FLUKE_DO_RECEIVE: return fluke_ipc_client_receive(at(params));
    case TPY_FLUKE_DO_SEND: return fluke_ipc_client_send(at(params));
    case TPY_FLUKE_DO_SEND_OVER_RECEIVE: return fluke_ipc_client_send_over_receive(at(params));
    case TPY_FLUKE_DO_IPC_CALL: return fluke_ipc_call(at(dest), at(params));
    default: return fluke_ipc_send(at(dest), at(params));
    }
}

fluke_error_t tpy_fluke_server(int call, uint64_t pset, uint64_t params, uint64_t alias)
{
    if (!bound()) return TPY_FLUKE_UNBOUND;
    switch (call) {
    case TPY_FLUKE_DO_ACK_SEND_WAIT_RECEIVE: return fluke_ipc_server_ack_send_wait_receive(at(params), at(alias));
    case TPY_FLUKE_DO_ACK_SEND_OVER_RECEIVE: return fluke_ipc_server_ack_send_over_receive(at(params));
    case TPY_FLUKE_DO_ACK_SEND: return fluke_ipc_server_ack_send(at(params));
    case TPY_FLUKE_DO_OVER_RECEIVE: return fluke_ipc_server_over_receive(at(params));
    case TPY_FLUKE_DO_RECEIVE: return fluke_ipc_server_receive(at(params));
    case TPY_FLUKE_DO_SEND: return fluke_ipc_server_send(at(params));
    case TPY_FLUKE_DO_SEND_OVER_RECEIVE: return fluke_ipc_server_send_over_receive(at(params));
    case TPY_FLUKE_DO_SEND_WAIT_RECEIVE: return fluke_ipc_server_send_wait_receive(at(params), at(alias));
    case TPY_FLUKE_DO_IPC_SETUP_WAIT_RECEIVE: return fluke_ipc_setup_wait_receive(at(pset), at(params), at(alias));
    case TPY_FLUKE_DO_IPC_REPLY: return fluke_ipc_reply(at(params));
    case TPY_FLUKE_DO_IPC_REPLY_WAIT_RECEIVE: return fluke_ipc_reply_wait_receive(at(params), at(alias));
    default: return fluke_ipc_wait_receive(at(params), at(alias));
    }
}
