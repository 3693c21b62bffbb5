/*
 * A short summary of a data file: which clips have which modalities, and therefore which pairs
 * training can learn from.
 */
#ifndef UNIC_CLI_SUMMARY_H
#define UNIC_CLI_SUMMARY_H

#include <stdbool.h>
#include <stdio.h>

#include <unicode/unic.h>

/* A table: clips of each modality and pair of modalities, clips without any. Of more modalities
 * than a model has, their number alone. */
bool cli_summary_pairs(FILE *out, const unic_dataset *data);

/* The same with how many clips and steps there are, and classes. Fails for more modalities than a
 * model has, as the check does. */
bool cli_summary_print(FILE *out, unic_dataset *data, const char *path);

/* Whether training has something to learn from: every modality is in a clip, and a clip has two
 * of them. Otherwise a message lists what the data has. */
bool cli_summary_check(const unic_dataset *data, const char *path);

#endif
