/*
 * How much memory a file may ask for. What its contents would take more than that is refused
 * before it is allocated; the limit is the caller's, never the file's.
 */
#ifndef UNIC_CLI_LIMIT_H
#define UNIC_CLI_LIMIT_H

#include <unicode/unic.h>

/* Bytes for each file or data set that is opened; 0, as long as nobody says: no limit. */
extern uint64_t cli_memory_limit;

/* The limit as the calls take it that read a file; NULL without one. */
const unic_open_options *cli_open_options(void);

/* The --memory-limit option of every program that opens files. */
#define CLI_MEMORY_LIMIT_OPTION                                                                \
    {                                                                                          \
        "--memory-limit", "SIZE",                                                              \
            "refuse a file whose contents would take more memory (800M, 2G) [no limit]",       \
            .bytes = &cli_memory_limit                                                         \
    }

#endif
