/* The result for people: one table per case while the run goes on, one table of targets at its end. */
#ifndef TPY_BENCH_REPORT_H
#define TPY_BENCH_REPORT_H

#include <stdbool.h>

void report_case(int group, int size);
void report_idle(int group);
/*
 * Prints the table of targets; each verdict as doubtful when the machine was busy with other work. Returns how many were
 * measured and missed.
 */
int report_targets(bool doubtful);

#endif
