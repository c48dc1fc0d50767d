/* fork: a child starts anew. Each layer registers what it must forget; handlers run in the child, in order of registration, and may
 * only write memory and close descriptors. */
#ifndef TPY_CORE_FORK_H
#define TPY_CORE_FORK_H
/* At most 32. Called before the first use of the layer (from its own once). */
void tpy_at_fork_child(void (*handler)(void));
#endif
