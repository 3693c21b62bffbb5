/*
 * What the fuzz targets share. A target is a function of bytes: it gives them to the library as
 * a file or a text, or takes its decisions from them, and checks what must hold whatever they
 * are. It runs in two programs: under libFuzzer (fuzzer.c) and, on kept inputs, in `make check`
 * (check_fuzz.c).
 *
 * Around every run it is checked that all memory is returned, and that no file descriptor and
 * no file is left. What a file makes the library allocate is held against the limit that it
 * was opened with.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unicode/unic.h"

/* Receives a seed: an input from which fuzzing starts. */
typedef void fuzz_seed_fn(const void *bytes, size_t size);

/* A literal, which may hold NULs. */
#define FUZZ_SEED(add, literal) add(literal, sizeof(literal) - 1)

typedef enum fuzz_form {
    FUZZ_RAW,   /* any bytes */
    FUZZ_PARCEL /* members of an archive (parcel.h) */
} fuzz_form;

typedef struct fuzz_target {
    const char *name;
    const char *reads; /* what of the library it covers */
    fuzz_form form;
    size_t largest; /* bytes of an input */
    size_t prefix;  /* bytes before a parcel, which decide something */
    void (*run)(const unsigned char *data, size_t size);
    void (*seeds)(fuzz_seed_fn *add); /* may be NULL */
} fuzz_target;

/* targets.c */
extern const fuzz_target *const fuzz_targets[];
extern const size_t fuzz_target_count;
const fuzz_target *fuzz_find(const char *name); /* NULL: there is none */

/* Runs a target on one input, with the checks around it; a failed check aborts. */
void fuzz_run(const fuzz_target *target, const unsigned char *data, size_t size);

/* ---- checks ---- */

#define FUZZ_CHECK(condition)                                                                  \
    do {                                                                                       \
        if (!(condition))                                                                      \
            fuzz_fail(__FILE__, __LINE__, #condition);                                         \
    } while (0)

_Noreturn void fuzz_fail(const char *file, int line, const char *what);

/* Whether the call succeeded. A failure must have a known status, and a message of one
 * printable line. */
bool fuzz_ok(unic_status status);
/* The same for a call that creates: `*out` is NULL after a failure, and only then. */
#define fuzz_made(call, out) fuzz_made_at(call, &(out))
bool fuzz_made_at(unic_status status, const void *address_of_out);
void fuzz_check_finite(const float *x, size_t n);

/* ---- memory ---- */

/* The limit of every file that a target opens. */
enum { FUZZ_LIMIT = 8 << 20 };
extern const unic_open_options fuzz_open;

/* Between these, a file is opened under FUZZ_LIMIT: what the library allocates stays below. */
void fuzz_limit_begin(void);
void fuzz_limit_end(void);

/* The n-th allocation from now on fails, once; 0: none. */
void fuzz_fail_allocation(unsigned n);

/* ---- files: each run begins with none, and leaves none ---- */

/* A file without a name that holds these bytes, as a path; it lasts until the run ends. */
const char *fuzz_file(const void *bytes, size_t size);
/* A folder in memory; emptied after each run. */
const char *fuzz_folder(void);
/* "<folder>/<name>", for a few calls. `name` may hold folders, which are made. */
const char *fuzz_path(const char *name);
void fuzz_write(const char *name, const void *bytes, size_t size);
/* A file's bytes, to be freed; NULL if there is none. */
unsigned char *fuzz_read(const char *path, size_t *size);
/* Gives `add` the file at `path` as it is, or its members as a parcel; the file must exist. */
void fuzz_seed_file(fuzz_seed_fn *add, const char *path);
void fuzz_seed_parcel(fuzz_seed_fn *add, const char *path);
/* The same with `fresh` in place of the first `old` of a text. */
void fuzz_seed_edited(fuzz_seed_fn *add, const char *path, const char *old, const char *fresh);

/* ---- decisions from bytes, taken from the front; behind the last byte all is 0 ---- */

typedef struct fuzz_in {
    const unsigned char *at, *end;
} fuzz_in;

unsigned fuzz_byte(fuzz_in *in);
uint64_t fuzz_number(fuzz_in *in, size_t bytes);
size_t fuzz_below(fuzz_in *in, size_t n); /* 0..n-1; n <= 256 */
bool fuzz_rarely(fuzz_in *in);            /* for one byte in 16 */
/* Mostly an ordinary number, at times one that is huge, tiny, infinite or none. */
float fuzz_float(fuzz_in *in);
/* Mostly in 1..most, at times 0, negative, or so large that sizes overflow. */
int64_t fuzz_size(fuzz_in *in, size_t most);
/* A text of at most `room` - 1 bytes; returns `out`. */
const char *fuzz_text(fuzz_in *in, char *out, size_t room);
/* The bytes up to a NUL, or the rest; moves behind the NUL. */
const unsigned char *fuzz_part(fuzz_in *in, size_t *size);

#endif
