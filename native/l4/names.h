/* names: what the names of this process need when a thread ends. */
#ifndef TPY_L4_NAMES_H
#define TPY_L4_NAMES_H
#include <stdint.h>
void tpy_l4_names_thread_ended(uint64_t id);
void tpy_l4_names_forget(void); /* in a child after fork */
#endif
