/*
 * sys/states.h: the states a thread can be in, as numbers. Only those that message passing knows are used here: a
 * blocked thread is SEND-, RECEIVE- or REPLY-blocked. The bits of TimerTimeout (sys/neutrino.h) are 1 << state.
 */
#ifndef TPY_SYS_STATES_H
#define TPY_SYS_STATES_H

#define STATE_DEAD 0
#define STATE_RUNNING 1
#define STATE_READY 2
#define STATE_STOPPED 3
#define STATE_SEND 4
#define STATE_RECEIVE 5
#define STATE_REPLY 6

#endif
