/*
 * sys/netmgr.h: node descriptors. Messages here stay on one machine, so there is one node: the local one.
 *
 * Follows: QNX Neutrino C Library Reference, netmgr_strtond(), netmgr_ndtostr(), ND_NODE_CMP().
 */
#ifndef TPY_SYS_NETMGR_H
#define TPY_SYS_NETMGR_H

#include <stddef.h>
#include <stdint.h>
#include <tetrapylon.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ND_LOCAL_NODE 0

#define ND2S_DIR_SHOW 0x00
#define ND2S_DIR_HIDE 0x01
#define ND2S_QOS_SHOW 0x00
#define ND2S_QOS_HIDE 0x02
#define ND2S_NAME_SHOW 0x00
#define ND2S_NAME_HIDE 0x04
#define ND2S_DOMAIN_SHOW 0x00
#define ND2S_DOMAIN_HIDE 0x08
#define ND2S_LOCAL_STR 0x10

/* 0 when both descriptors name the same node. */
#define ND_NODE_CMP(a, b) ((a) != (b))

/*
 * The node descriptor of a node's name: ND_LOCAL_NODE for this machine's host name, "localhost" and "". Returns -1
 * and sets errno: ENOENT another node's name, EINVAL name is NULL. If end is not NULL it is set to the end of the
 * name. Any thread.
 */
TPY_PUBLIC int netmgr_strtond(const char *name, char **end);

/*
 * Writes the name of a node, at most room bytes with its end, and returns its length. flags: ND2S_*; only
 * ND2S_NAME_HIDE counts. Returns -1 and sets errno: EINVAL not the local node, ERANGE the room does not suffice. Any
 * thread.
 */
TPY_PUBLIC int netmgr_ndtostr(unsigned flags, int nd, char *buffer, size_t room);

#ifdef __cplusplus
}
#endif

#endif
