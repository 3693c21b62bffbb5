/* Films, sounds, pictures and texts to codes: as lines, or as an output. */
#ifndef UNIC_ENCODE_FILMS_H
#define UNIC_ENCODE_FILMS_H

#include "cli/features.h"
#include "encode/job.h"

/* The codes of all inputs, printed, a line for each file and modality. */
bool encode_films_printed(const encode_job *job);

/* The codes of all inputs into one npz, a clip for each file. */
bool encode_films(encode_count *count, const encode_job *job);

/* The codes of one file into an npz of one clip. */
cli_outcome encode_film(encode_count *count, const encode_job *job, encode_ready *ready,
                        const char *input, const char *out);

#endif
