/* Shared by the tests of datasets: files whose every value encodes its position, and reading
 * with every element checked. */
#ifndef UNIC_DATA_DATASET_HELP_H
#define UNIC_DATA_DATASET_HELP_H

#include "base/base.h"
#include "unicode/unic_dataset.h"

enum { AUDIO = 3, VIDEO_H = 2, VIDEO_W = 2, VIDEO = VIDEO_H * VIDEO_W, LONGEST = 8, MOST = 64 };
enum { END = -1 }; /* of an epoch, in a sequence of clips */

/* A file of "audio" [clips,length,3], "video" [clips,length,2,2], "label" and video's step
 * labels. */
typedef struct data_file {
    const char *name;
    size_t first, clips, length; /* clips are numbered through the files */
    const int32_t *audio_lengths;
    bool labels;
} data_file;

extern const data_file data_ten; /* of 10 clips of 5 steps */

/* Of element `k` of a step; modality 0 is audio, 1 is video. */
float data_value(size_t clip, size_t modality, size_t step, size_t k);

/* Returns the path, which lasts as long as `path`. */
const char *data_write(const data_file *f, char path[512]);

unic_dataset_options data_options(size_t batch, int shuffle, int prefetch);
unic_dataset *data_open(const char *path, const unic_dataset_options *o);
unic_dataset *data_open_ten(size_t batch, int shuffle, int prefetch); /* freshly written */

/* Valid steps of each clip; NULL: all are whole. */
typedef struct data_lengths {
    const int32_t *audio, *video;
} data_lengths;

/* The numbers of a batch's clips, told from video; all of the batch is checked. */
size_t data_check_batch(const unic_dataset *d, const unic_batch *b, const data_lengths *l,
                        int32_t *clips);

/* What `calls` calls of next give: the clips of each batch, END for each end of an epoch. */
size_t data_read(unic_dataset *d, size_t calls, const data_lengths *l, int32_t *sequence);

void data_assert_sequence(const int32_t *got, size_t n, const int32_t *expected, size_t m);

#endif
