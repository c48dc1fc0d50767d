/*
 * l4/sys/consts.h: the constants of L4 V2 IPC: page sizes, flexpage rights, and the error values of message dopes.
 *
 * Source: the L4 Reference Manual for version 2.0, and the manual page of l4_ipc_reply_and_wait.
 */
#ifndef TPY_L4_SYS_CONSTS_H
#define TPY_L4_SYS_CONSTS_H

#include <l4/sys/types.h>

/* ---- Pages ------------------------------------------------------------------------------------------------------------------- */

#define L4_PAGESHIFT 12
#define L4_LOG2_PAGESIZE 12
#define L4_PAGESIZE 4096UL
#define L4_PAGEMASK (~4095UL)

#define L4_FPAGE_RO 0
#define L4_FPAGE_RW 1
#define L4_FPAGE_MAP 0
#define L4_FPAGE_GRANT 1
/* The size of a flexpage that is everything. */
#define L4_WHOLE_ADDRESS_SPACE 64

/* ---- Errors: the result's dope & L4_IPC_ERROR_MASK ----------------------------------------------------------------------------- */

#define L4_IPC_ERROR_MASK 0xF0
#define L4_IPC_DECEIT_MASK 0x01
#define L4_IPC_FPAGE_MASK 0x02
#define L4_IPC_REDIRECT_MASK 0x04
#define L4_IPC_SRC_MASK 0x08
#define L4_IPC_SND_ERR_MASK 0x10

#define L4_IPC_ENOT_EXISTENT 0x10 /* no such partner, or it ended meanwhile */
#define L4_IPC_RETIMEOUT 0x20     /* nothing came in time */
#define L4_IPC_SETIMEOUT 0x30     /* the partner did not take it in time */
#define L4_IPC_RECANCELED 0x40    /* l4_thread_ex_regs while waiting for a message */
#define L4_IPC_SECANCELED 0x50    /* l4_thread_ex_regs while waiting for the partner to take it */
#define L4_IPC_REMAPFAILED 0x60   /* a flexpage could not be mapped: to the receiver */
#define L4_IPC_SEMAPFAILED 0x70   /* the same, to the sender */
#define L4_IPC_RESNDPFTO 0x80     /* a page of the receiver's buffers stayed away: to the receiver */
#define L4_IPC_SESNDPFTO 0x90     /* the same, to the sender, whose send page-fault time it was */
#define L4_IPC_RERCVPFTO 0xA0     /* a page of the sender's strings stayed away: to the receiver, whose receive page-fault time it was */
#define L4_IPC_SERCVPFTO 0xB0     /* the same, to the sender */
#define L4_IPC_REABORTED 0xC0     /* l4_thread_ex_regs on either in the middle of the transfer: to the receiver */
#define L4_IPC_SEABORTED 0xD0     /* the same, to the sender */
#define L4_IPC_REMSGCUT 0xE0      /* the message did not fit: to the receiver */
#define L4_IPC_SEMSGCUT 0xF0      /* the same, to the sender */

/* ---- What l4_nchief returns -------------------------------------------------------------------------------------------------- */

#define L4_NC_SAME_CLAN 0x00
#define L4_NC_INNER_CLAN 0x0C
#define L4_NC_OUTER_CLAN 0x04

#endif
