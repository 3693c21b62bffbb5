/* The learning rate of a step. */
#ifndef UNIC_TRAIN_SCHEDULE_H
#define UNIC_TRAIN_SCHEDULE_H

#include "config/config.h"

/*
 * Linear warm-up over train.warmup steps, then constant, or down to lr_floor x lr at `total` by
 * a half cosine or a line. total 0 (not declared): constant.
 */
double unic__learning_rate(const unic_config *c, uint64_t step, uint64_t total);

/*
 * Warns of settings that have no effect at this step: a schedule, or a second level's start, of a
 * run whose steps were not declared, a warm-up without an end, steps beyond the last. Each is
 * told once: *told, 0 at first, remembers it.
 */
void unic__schedule_tell(const unic_config *c, uint64_t step, uint64_t total, unsigned *told);

#endif
