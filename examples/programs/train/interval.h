/* How often a run is saved within an epoch: "500" steps, or "90s", "10m", "2h" of time. */
#ifndef UNIC_TRAIN_INTERVAL_H
#define UNIC_TRAIN_INTERVAL_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: never. */
typedef struct train_interval {
    uint64_t steps;
    double seconds;
    uint64_t steps_taken; /* since the last save */
    double saved_at;
} train_interval;

/* False if `text` is not an interval. */
bool train_interval_parse(train_interval *interval, const char *text);

/* A save was made now. */
void train_interval_restart(train_interval *interval);

/* One more step was taken: whether the next save is due. */
bool train_interval_is_over(train_interval *interval);

#endif
