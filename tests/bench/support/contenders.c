/*
 * The list of the C contenders. One that depends on a header or library which may be absent is declared weak: where its
 * file was not compiled, its entry is left out.
 */
#include "contender.h"

extern const struct contender contender_cacheline, contender_copy, contender_futex, contender_seqpacket;
extern const struct contender contender_qnx __attribute__((weak));
extern const struct contender contender_mm __attribute__((weak));
extern const struct contender contender_sendmsg __attribute__((weak));
extern const struct contender contender_l4 __attribute__((weak));
extern const struct contender contender_l4_send __attribute__((weak));
extern const struct contender contender_l4_one_way __attribute__((weak));
extern const struct contender contender_fluke __attribute__((weak));
extern const struct contender contender_fluke_turns __attribute__((weak));

const struct contender *const bench_contenders[] = {
    &contender_cacheline, &contender_copy, &contender_futex, &contender_seqpacket, &contender_qnx,
    &contender_mm, &contender_sendmsg, &contender_l4, &contender_l4_send, &contender_l4_one_way,
    &contender_fluke, &contender_fluke_turns,
};
const int bench_contender_count = sizeof bench_contenders / sizeof *bench_contenders;
