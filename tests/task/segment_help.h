/* What the tests of segmenters share: a small one, and pictures of two squares. */
#ifndef TESTS_TASK_SEGMENT_HELP_H
#define TESTS_TASK_SEGMENT_HELP_H

#include "task/segment.h"

enum {
    SEGMENT_L = 4,
    SEGMENT_D = 5,
    SEGMENT_SIZE = 16,
    SEGMENT_PIXELS = SEGMENT_SIZE * SEGMENT_SIZE,
    SEGMENT_CLIPS = 8
};

/* Two levels, grey frames of 16 x 16. */
extern const unic_segmenter_options segment_small;

unic_codebook *segment_codebook(uint64_t seed);
/* For codes of segment_codebook(1). */
unic_segmenter *segment_new(const unic_segmenter_options *options);

/* Frames with a bright square and a dark one; code 0 or 1 asks for one of them. */
typedef struct segment_data {
    float frames[SEGMENT_CLIPS * SEGMENT_PIXELS], masks[SEGMENT_CLIPS * SEGMENT_PIXELS];
    int32_t codes[SEGMENT_CLIPS * 2]; /* the code and padding */
    unic_array frames_array, masks_array;
    const unic_array *images[1];
} segment_data;

/* `asks` -1: any; the pictures are the same for every `asks`. free() it. */
segment_data *segment_data_new(uint64_t seed, int32_t asks);

unic_status segment_step(unic_segmenter *s, const segment_data *d, double *loss);
/* n steps, each on data of its own. */
void segment_steps(unic_segmenter *s, size_t n, uint64_t seed);
void segment_predict(const unic_segmenter *s, const segment_data *d, float *logits);

bool segment_predict_the_same(const unic_segmenter *a, const unic_segmenter *b);
bool segment_same_files(const unic_segmenter *a, const unic_segmenter *b);
/* Weights, moments and state. */
bool segment_same_memory(const unic_segmenter *a, const unic_segmenter *b);

#endif
