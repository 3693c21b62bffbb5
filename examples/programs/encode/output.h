/*
 * An output of unic-encode while it is made: an npz of codes, which appears when it is
 * complete.
 */
#ifndef UNIC_ENCODE_OUTPUT_H
#define UNIC_ENCODE_OUTPUT_H

#include "encode/job.h"

typedef struct encode_output {
    unic_npz_writer *file;
    bool vectors;
    encode_count count;
    size_t dim;               /* D */
    int32_t *codes, *lengths; /* [N,T], [N] */
    int32_t *labels;          /* NULL if the inputs have none */
    size_t label_rank;
    int64_t label_dims[UNIC_MAX_RANK];
    /* of the labels' classes, with a 0 behind each; NULL: they have numbers alone */
    char *names;
    size_t names_size;
} encode_output;

/* Makes room for the codes of `clips` clips of up to `length` steps, and opens the file. An
 * output of zeros may be freed; after a failure it must be. */
bool encode_output_begin(encode_output *o, const encode_job *job, const char *path,
                         size_t clips, size_t length);

/* The vectors of the next clips, [clips,T,D]; too many to be held, they are written as they
 * come. */
bool encode_output_vectors(encode_output *o, size_t clips, const float *quantized,
                           const float *semantic);

/* Writes codes, lengths, labels and the fingerprint, and puts the file in its place. */
bool encode_output_finish(encode_output *o, const encode_job *job);

void encode_output_free(encode_output *o);

#endif
