/*
 * Writes safetensors: 8 bytes with the size of a JSON header, the header, and behind it the
 * tensors' elements without gaps. Call
 * first the notes and declarations, then the elements in the same order.
 */
#ifndef UNIC_CLI_SAFETENSORS_H
#define UNIC_CLI_SAFETENSORS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/output.h"

typedef struct cli_safetensors {
    cli_output output;
    FILE *notes, *tensors; /* JSON members in order: of __metadata__, and of the header */
    char *notes_text, *tensors_text;
    size_t notes_size, tensors_size;
    uint64_t declared, written; /* bytes of elements */
    bool begun;                 /* the header is written */
} cli_safetensors;

/* Opens; nothing appears under `path` before cli_safetensors_finish(). After a failure, too, it
 * is to be abandoned. */
bool cli_safetensors_open(cli_safetensors *s, const char *path);

/* A text in __metadata__. */
bool cli_safetensors_note(cli_safetensors *s, const char *key, const char *text);

bool cli_safetensors_declare(cli_safetensors *s, const char *name, const int64_t *dims,
                             size_t rank);

/* The elements of the next tensor; writes the header first. */
bool cli_safetensors_write(cli_safetensors *s, const int64_t *dims, size_t rank,
                           const float *data);

/* Completes the file; fails if elements are missing. */
bool cli_safetensors_finish(cli_safetensors *s);

/* Removes what was written unless it was finished; frees. */
void cli_safetensors_abandon(cli_safetensors *s);

#endif
