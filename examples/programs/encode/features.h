/* Data sets of features to codes: one output of one or several inputs, read as one. */
#ifndef UNIC_ENCODE_FEATURES_H
#define UNIC_ENCODE_FEATURES_H

#include "cli/features.h"
#include "encode/job.h"

/* Whether the input may be features: a sentence says what is read, if its name is that of a list of
 * texts or of features that is not. */
bool encode_features_may_be(const char *input);

/* The codes of the inputs into an npz at `out`; CLI_BAD if the inputs are at fault, CLI_FAILED
 * if anything else is, or a signal came. */
cli_outcome encode_features(encode_count *count, const encode_job *job,
                            const char *const *inputs, size_t input_count, const char *out);

#endif
