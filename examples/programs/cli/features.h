/*
 * The features of a film, a sound, a picture or a text, a few steps at a time: what is held
 * does not grow with the file.
 */
#ifndef UNIC_CLI_FEATURES_H
#define UNIC_CLI_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <unicode/unic.h>

/* What came of a file. */
typedef enum cli_outcome {
    CLI_GOOD,
    CLI_BAD,   /* nothing can come of it; that has been told */
    CLI_FAILED /* the reason is not the file; it has been told, or `take` returned false */
} cli_outcome;

/* Given `steps` more steps, with how much of the file, 0..1, is done; false: stop. */
typedef bool cli_features_fn(const float *features, size_t steps, double part, void *user);

typedef struct cli_features {
    unic_extractor *extractor; /* borrowed */
    int32_t reads;             /* a unic_extractor_input */
    double rate;               /* samples or frames a second */
    size_t window, stride;     /* a step's samples or frames, and from one step to the next */
    size_t element;            /* bytes of a sample or frame */
    int height, width;         /* of a frame */
    bool by_number;            /* frames are chosen by their number, as AVE's script does */
    size_t at_once, room;      /* steps of a call, elements of `input` */
    unsigned char *input;
    float *output; /* [at_once,width]; of a text, as many steps as it has */
    size_t output_steps;
    int64_t dims[UNIC_MAX_RANK]; /* of a step */
    size_t rank, numbers;        /* of a step */
    bool skip_damaged;           /* damaged parts of a film are passed over */
    uint64_t threads;            /* that decode */
} cli_features;

/* Finds what a step is made of, and allocates. It is to be freed also on failure. */
bool cli_features_begin(cli_features *out, unic_extractor *extractor, bool skip_damaged,
                        uint64_t threads);
void cli_features_free(cli_features *f);

/* The features of a file; one that gives no step is bad. */
cli_outcome cli_features_file(cli_features *f, const char *path, cli_features_fn *take,
                              void *user);

/* The features of a text; `name` names it in messages. */
cli_outcome cli_features_text(cli_features *f, const char *name, const char *text,
                              cli_features_fn *take, void *user);

/* The bare frames of a film, each as the extractor takes it, to take(); for fitting. */
typedef bool cli_frame_fn(const uint8_t *frame, void *user);
cli_outcome cli_features_frames(cli_features *f, const char *path, cli_frame_fn *take,
                                void *user);

#endif
