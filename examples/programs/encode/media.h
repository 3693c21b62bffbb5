/*
 * Films, sounds, pictures and texts straight to codes: the model says how the features of its
 * modalities are made, or a text does.
 */
#ifndef UNIC_ENCODE_MEDIA_H
#define UNIC_ENCODE_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <unicode/unic.h>

#include "cli/features.h"
#include "cli/options.h"

typedef struct encode_media {
    unic_model *model;          /* borrowed */
    const char *model_path;     /* for messages */
    const char *modality;       /* NULL: all of which the model, or the text, says how */
    const char *description;    /* --extract; may be NULL */
    cli_list extractors;        /* --extractor */
    bool skip_damaged, vectors; /* vectors: they are kept beside the codes */
    uint64_t threads;
    bool (*tick)(size_t clips, void *user); /* called while a file is read; NULL: it is not */
    void *tick_user;
} encode_media;

/* What came of a file in a modality; arrays are the callee's to keep or to free(). */
typedef struct encode_result {
    size_t file, steps; /* 0 steps: it was passed over */
    const char *path, *modality;
    int32_t *codes;              /* [steps] */
    float *quantized, *semantic; /* [steps,D], or NULL */
} encode_result;

typedef bool encode_take_fn(encode_result *result, void *user);

/* The extractors and encoders of the modalities, ready for one file after the other. */
typedef struct encode_ready encode_ready;

/* `m` is kept; *out is to be freed also on failure. */
bool encode_ready_open(encode_ready **out, const encode_media *m);
void encode_ready_free(encode_ready *ready);

/* What the modality is made of, a unic_extractor_input; of the one that was named. */
int32_t encode_ready_reads(const encode_ready *ready);

/* Gives the codes of a file, the `file`-th, to take() in each modality; one that is passed over
 * as damaged gives 0 steps. */
cli_outcome encode_ready_file(encode_ready *ready, size_t file, const char *path,
                              encode_take_fn *take, void *user);

/* Gives the codes of each file in each modality to take(), one after the other. */
bool encode_media_files(const encode_media *m, const cli_list *files, encode_take_fn *take,
                        void *user);

#endif
