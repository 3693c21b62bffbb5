/*
 * Writes an npz: a zip archive of stored .npy arrays, as numpy.load() opens it. The shapes are
 * declared first, so that the arrays can grow side by side without being held in memory.
 */
#ifndef UNIC_CLI_NPZ_H
#define UNIC_CLI_NPZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/output.h"

typedef enum cli_type { CLI_I32, CLI_F32, CLI_U64 } cli_type;

enum { CLI_NPZ_MEMBERS = 8, CLI_NPZ_NAME = 32, CLI_NPZ_RANK = 6, CLI_NPY_HEADER = 256 };

typedef struct cli_npz_member {
    char name[CLI_NPZ_NAME]; /* with ".npy" */
    char header[CLI_NPY_HEADER];
    size_t header_size, item_size;
    uint64_t at;      /* offset of the local header in the file */
    uint64_t size;    /* bytes of the whole member, the .npy header too */
    uint64_t written; /* of them */
    uint32_t crc;
} cli_npz_member;

typedef struct cli_npz {
    cli_output output;
    cli_npz_member members[CLI_NPZ_MEMBERS];
    size_t count;
    uint64_t end; /* offset behind the last member */
} cli_npz;

/* Opens; nothing appears under `path` before cli_npz_finish(). An npz of zeros is closed. */
bool cli_npz_open(cli_npz *npz, const char *path);

/* Declares an array: all of them before the first cli_npz_write(). */
bool cli_npz_declare(cli_npz *npz, const char *name, cli_type type, size_t rank,
                     const size_t *dims);

/* Appends `count` elements to an array that was declared. */
bool cli_npz_write(cli_npz *npz, const char *name, const void *elements, size_t count);

/* Completes the file; fails if an array is not whole. */
bool cli_npz_finish(cli_npz *npz);

/* Removes what was written; does nothing if closed. */
void cli_npz_abandon(cli_npz *npz);

#endif
