/*
 * Images and their masks: "frames" or "maps0", "maps1", ... and "masks" of a data file
 * (docs/tasks.md), read clip by clip: one batch is in memory, and the masks of a test.
 */
#ifndef UNIC_EVAL_PICTURES_H
#define UNIC_EVAL_PICTURES_H

#include <stdbool.h>

#include <unicode/unic.h>

#include "cli/data.h"

enum { PICTURES_ARRAYS = UNIC_SEGMENTER_MAX_LEVELS + 1 };

/* The arrays: first the images or maps, the finest maps first; then the masks. */
typedef struct pictures {
    const char *path;
    unic_dataset *data; /* one clip a batch */
    size_t clips, frames, pixels;
    size_t images; /* arrays of images or maps */
    bool maps;     /* they are feature maps */
    const char *names[PICTURES_ARRAYS];
    int64_t dims[PICTURES_ARRAYS][UNIC_MAX_RANK]; /* of one clip: F and the dims after it */
    size_t rank[PICTURES_ARRAYS], size[PICTURES_ARRAYS]; /* of a clip */
    size_t each[PICTURES_ARRAYS];                        /* of a frame */
    float *batch[PICTURES_ARRAYS];                       /* [room,size] */
    bool *counts;   /* [clips,F] whether a frame has a mask */
    uint8_t *truth; /* [clips,F,pixels] of a test's; else NULL */
} pictures;

/* Opens a file of so many clips, with room for a batch, and looks all masks and images through: the
 * masks of a test must be 0 and 1, and images numbers. `path` is borrowed. It is to be closed also on failure. */
bool pictures_open(pictures *p, const cli_data *how, const char *path, size_t clips,
                   size_t room, bool test);
void pictures_close(pictures *p);

/* Whether a clip is looked at: to train, if it has a mask; of a test, always. */
bool pictures_used(const pictures *p, size_t clip);

/* Reads a clip to place `at` of the batch; masks behind a length become -1. */
bool pictures_read(pictures *p, size_t clip, size_t at);

/* The batch's first `clips` places as the library takes them: [images + 1] arrays. */
void pictures_describe(const pictures *p, size_t clips, unic_array *arrays);

#endif
