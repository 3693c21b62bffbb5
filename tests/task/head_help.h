/* What the tests of heads share: a small codebook, clips with labels of every kind. */
#ifndef TESTS_TASK_HEAD_HELP_H
#define TESTS_TASK_HEAD_HELP_H

#include "task/head.h"

enum { L = 12, D = 6, CLASSES = 4, CLIPS = 40, LENGTH = 5, STEPS = CLIPS * LENGTH };

/* Clips of codes in which every tenth step is padding, and clip 7 is nothing else. */
typedef struct head_data {
    int32_t codes[STEPS], clip[CLIPS], step[STEPS], multi[STEPS * CLASSES];
} head_data;

unic_codebook *head_codebook(uint64_t seed);
/* With CLASSES where the options have none; of head_codebook(1). */
unic_head *head_new(const unic_head_options *more);
unic_head *head_of_kind(int32_t kind);

/* free() it */
head_data *head_data_new(uint64_t seed);
const int32_t *head_labels(const head_data *d, int32_t kind);
/* How many logits a head of this kind has for all the data. */
size_t head_logits(int32_t kind);

/* Of CLIPS clips; logits [STEPS,CLASSES], of which a clip head writes the first part. */
void head_predict_all(const unic_head *head, const int32_t *codes, float *logits);
bool head_same(const unic_head *a, const unic_head *b); /* in what they predict, bit by bit */
/* A parameter's values. */
const float *head_param(const unic_head *head, const char *name);

#endif
