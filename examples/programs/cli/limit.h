/*
 * A limit on the memory that reading a file may take. A file whose contents need more is
 * refused before the memory is allocated.
 */
#ifndef UNIC_CLI_LIMIT_H
#define UNIC_CLI_LIMIT_H

#include <unicode/unic.h>

/* Bytes for each file or data set that is opened, and for its labels that are held at a time;
 * 0, the default: no limit, but 1 GiB of labels. */
extern uint64_t cli_memory_limit;

/* The limit as options of the calls that read a file; NULL without one. */
const unic_open_options *cli_open_options(void);

/* The most bytes that are read of a text that is held whole, of which `most` would be. */
size_t cli_limited(size_t most);

/* The --memory-limit option of every program that opens files. */
#define CLI_MEMORY_LIMIT_OPTION                                                                \
    {                                                                                          \
        "--memory-limit", "SIZE",                                                              \
            "refuse a file whose contents would take more memory (800M, 2G) [no limit]",       \
            .bytes = &cli_memory_limit                                                         \
    }

#endif
