/* Every kind of thing that has a file, by one table; and sources and sinks that misbehave. */
#ifndef TESTS_API_IO_KINDS_H
#define TESTS_API_IO_KINDS_H

#include <stdbool.h>

#include "unicode/unic.h"

typedef struct io_kind {
    const char *name;
    unic_status (*load)(void **out, const char *path);
    unic_status (*load_source)(void **out, const unic_source *source);
    unic_status (*save)(void *handle, const char *path);
    unic_status (*save_sink)(void *handle, const unic_sink *sink);
    void (*release)(void *handle);
    void (*write)(const char *path); /* a file of it */
} io_kind;

enum { IO_KINDS = 7 };
extern const io_kind io_kinds[IO_KINDS];

/* A file in memory, as a source. */
typedef struct io_bytes {
    unsigned char *data;
    size_t size;
    /* What it does wrong: from the n-th read on (from 1; 0: never) it returns `returns`. */
    size_t fails_at;
    int64_t returns;
    size_t most; /* bytes that a read gives; 0: all */
    /* What was done with it. */
    size_t reads, closed;
    int inside; /* calls at this moment: never more than one */
} io_bytes;

io_bytes io_bytes_of(const char *path);
unic_source io_source(io_bytes *bytes, const char *name);

/* What a sink was given. */
typedef struct io_taken {
    unsigned char *data; /* free() it */
    size_t size;
    /* What it does wrong: its n-th write (from 1; 0: none), or finish(), returns `returns`. */
    size_t fails_at;
    bool finish_fails;
    int returns;
    size_t writes, finished, abandoned;
} io_taken;

unic_sink io_sink(io_taken *taken, const char *name);

#endif
