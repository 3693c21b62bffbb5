/* The learning rate of a step. */
#ifndef UNIC_TRAIN_SCHEDULE_H
#define UNIC_TRAIN_SCHEDULE_H

#include "config/config.h"

/*
 * Linear warm-up over train.warmup steps, then constant, or down to lr_floor x lr at `total` by
 * a half cosine or a line. total 0 (not declared): constant.
 */
double unic__learning_rate(const unic_config *c, uint64_t step, uint64_t total);

#endif
