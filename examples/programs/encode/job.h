/* unic-encode: its options, and what all of its outputs share. */
#ifndef UNIC_ENCODE_JOB_H
#define UNIC_ENCODE_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <unicode/unic.h>

#include "cli/data.h"
#include "cli/options.h"
#include "encode/media.h"

/* What is done with each output while it is made: `clips` of it are; false stops the work. */
typedef bool encode_tick_fn(size_t clips, void *user);

typedef struct encode_job {
    /* the command line */
    const char *model_path, *modality, *out_path, *out_folder;
    cli_list inputs, settings;
    bool vectors;
    cli_data how;
    uint64_t batch, threads, claim_timeout; /* seconds */
    encode_media media;                     /* how films become features */

    unic_model *model;
    uint64_t fingerprint; /* of its codebook */
    encode_tick_fn *tick; /* NULL: a bar of clips is shown */
    void *tick_user;
} encode_job;

/* What an output holds. */
typedef struct encode_count {
    size_t clips, length, steps; /* N, T, and the steps of all clips */
} encode_count;

#endif
