/* unic-inspect: its options, and what it prints about a model and about a data file. */
#ifndef UNIC_INSPECT_INSPECT_H
#define UNIC_INSPECT_INSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include <unicode/unic.h>

#include "cli/data.h"

typedef struct inspect_request {
    const char *path, *data_path;
    cli_data how;
    bool config;
    uint64_t threads;
} inspect_request;

enum { INSPECT_TEXT = 160 };

/* "7 7 64" */
const char *inspect_dims(const int64_t *dims, size_t rank, char text[INSPECT_TEXT]);

/* ---- a model (model.c): all of it, or its config alone if that is asked for ---- */

bool inspect_model(const inspect_request *r, unic_model *model);

/* The codes' geometry, and how training used them (codebook.c). `config` is the model's. */
bool inspect_codebook(const unic_codebook *codebook, const unic_model *model,
                      unic_config *config);

/* How the clips of a data file use the codes (usage.c). */
bool inspect_usage(unic_model *model, const unic_codebook *codebook, const cli_data *how,
                   const char *path);

/* ---- a data file (data.c): modalities, their values, labels ---- */

bool inspect_data(const inspect_request *r, unic_dataset *data);

#endif
