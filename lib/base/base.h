/*
 * The bottom layer: statuses and messages, memory, arenas, random numbers, threads, shapes.
 * Everything above includes this one header.
 */
#ifndef UNIC_BASE_BASE_H
#define UNIC_BASE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unicode/unic_status.h"

/* ---- errors (base/error.c) ------------------------------------------------------------- */

/* Sets this thread's message and returns `status`, for `return unic__fail(...)`. */
__attribute__((format(printf, 2, 3))) unic_status unic__fail(unic_status status,
                                                             const char *format, ...);

/* Puts "<context>: " in front of this thread's message: callers add what they know. */
__attribute__((format(printf, 2, 3))) unic_status unic__fail_in(unic_status status,
                                                                const char *format, ...);

/* Marks this thread's failure as one of the process, which has run out of memory or of file
 * descriptors, and not of the file that was being read. Returns `status`. */
unic_status unic__exhausted(unic_status status);
/* Whether the last failure was marked in this way, or `status` is UNIC_E_NOMEM. */
bool unic__is_exhausted(unic_status status);

/* The same as unic__fail(UNIC_E_NOMEM, "out of memory (%zu bytes for %s)"). */
unic_status unic__no_memory(size_t bytes, const char *what);

/* `make analyze` says to the analysers, which see one file at a time, that a failure's status is
 * never UNIC_OK. (A function in parentheses is the function itself, where it is defined.) */
#ifdef UNIC_ANALYZE
static inline unic_status unic__never_ok(unic_status status)
{
    if (status == UNIC_OK)
        __builtin_unreachable();
    return status;
}
#define unic__fail(...)      unic__never_ok(unic__fail(__VA_ARGS__))
#define unic__fail_in(...)   unic__never_ok(unic__fail_in(__VA_ARGS__))
#define unic__exhausted(...) unic__never_ok(unic__exhausted(__VA_ARGS__))
#define unic__no_memory(...) unic__never_ok(unic__no_memory(__VA_ARGS__))
#endif

/* Evaluates a call that returns a status, and returns that status from here if it failed. */
#define UNIC__TRY(call)                                                                        \
    do {                                                                                       \
        unic_status unic__status_ = (call);                                                    \
        if (unic__status_ != UNIC_OK)                                                          \
            return unic__status_;                                                              \
    } while (0)

/* The same inside a function with clean-up: stores the status and goes to `label`. */
#define UNIC__TRY_OR(status, label, call)                                                      \
    do {                                                                                       \
        (status) = (call);                                                                     \
        if ((status) != UNIC_OK)                                                               \
            goto label;                                                                        \
    } while (0)

__attribute__((format(printf, 2, 3))) void unic__log_line(unic_log_level level,
                                                          const char *format, ...);

/* The candidate nearest to `word` by edit distance (NULL if none is near): "did you mean". */
const char *unic__nearest_word(const char *word, const char *const *candidates, size_t n);

/* ---- memory (base/memory.c) ------------------------------------------------------------- */

enum { UNIC__ALIGN = 64 };

/* 64-byte aligned; not cleared. NULL when out of memory or if `bytes` overflows; no message is
 * set. */
void *unic__alloc(size_t bytes);
void *unic__alloc_zero(size_t bytes);
/* count x size with the product checked; cleared. */
void *unic__alloc_array(size_t count, size_t size);
/* Grows to `bytes`, keeping min(old, new) of the contents; the old block stays on failure. */
void *unic__realloc(void *memory, size_t old_bytes, size_t bytes);
void unic__free(void *memory);
char *unic__strdup(const char *text);

/* For sizes that come from files or callers: false when the result is more than PTRDIFF_MAX, which
 * no object has. */
bool unic__mul_size(size_t a, size_t b, size_t *product);
bool unic__add_size(size_t a, size_t b, size_t *sum);

/* "1.2 GB", "87 bytes" into `text`, which is returned. */
enum { UNIC__BYTES_TEXT = 32 };
const char *unic__bytes_print(size_t bytes, char text[UNIC__BYTES_TEXT]);

/* Who is told how far a long call is (base/progress.c). */
typedef struct unic__progress {
    unic_progress_fn fn; /* NULL: progress is not reported */
    void *user;
} unic__progress;

/*
 * A limit on the memory that a file's contents can make the library allocate. Every block that
 * a thread allocates between enter and leave counts, until the thread frees it there.
 * Allocations beyond the limit fail as if memory were short. Several threads may enter a
 * budget, repeatedly. One thread alone may enter a budget with somebody who is told of the
 * bytes that are read.
 */
typedef struct unic__budget {
    uint64_t id;
    unic__progress progress; /* set by the caller */
    uint64_t read, told;     /* bytes of the file */
    size_t limit;            /* bytes; 0: none */
    size_t used;             /* atomic; at most `limit` */
    size_t asked;            /* atomic; the total with the block that was refused, or 0 */
    char name[96];
} unic__budget;

/* Messages name the file by the last part of `path`. */
void unic__budget_init(unic__budget *budget, size_t limit, const char *path);

/* Counts bytes that were read of a file of `size` bytes, for the progress of the thread's budget:
 * told after each MiB. UNIC_E_CANCELLED. */
unic_status unic__budget_read(uint64_t bytes, uint64_t size);

/* NULL: nothing is counted. The result is to be passed to leave. */
unic__budget *unic__budget_enter(unic__budget *budget);
/* Returns `status`, or, if the limit is why the call failed, UNIC_E_NOMEM with a message that
 * names it. */
unic_status unic__budget_leave(unic__budget *before, unic_status status);

/* ---- memory of other libraries (base/headroom.c) -----------------------------------------
 * oneDNN, OpenBLAS and OpenMP's runtime end the process, crash or wait for ever when they get no
 * memory. So before they are called, what they will take is asked for and given back; if it is
 * not there, they are not called. Another thread may take it between the two: this makes such
 * an end unlikely, not impossible.
 */

/* Whether the process could get this much memory now. */
bool unic__has_headroom(size_t bytes);

/* Whether the calling thread can enter an OpenMP region of n threads, which it then does. */
bool unic__has_team(int n);

/* ---- progress (base/progress.c) --------------------------------------------------------- */

/* UNIC_E_CANCELLED if the caller asks to stop. `what` names the units that are counted. */
unic_status unic__progress_tell(const unic__progress *progress, const char *what, uint64_t done,
                                uint64_t total);

/* Where a call stands that has many small units. */
typedef struct unic__watch {
    unic__progress progress;
    const char *what;
    uint64_t done, total;
} unic__watch;

/* Tells of `n` more units. */
unic_status unic__watch_advance(unic__watch *watch, uint64_t n);

/* ---- numbers in texts (base/number.c) ---------------------------------------------------- */

enum { UNIC__NUMBER_BYTES = 64 }; /* the longest number, with its NUL */

/* "-1.25e-3", without other characters, in any locale; false if it is not a number. */
bool unic__parse_number(const char *text, double *value);

/* ---- arenas (base/arena.c): many small objects that live and die together --------------- */

typedef struct unic__arena {
    struct unic__arena_block *head;
} unic__arena; /* all zero is an empty arena */

void *unic__arena_alloc(unic__arena *arena,
                        size_t bytes); /* cleared, 16-byte aligned, or NULL */
__attribute__((format(printf, 2, 3))) const char *unic__arena_printf(unic__arena *arena,
                                                                     const char *format, ...);
const char *unic__arena_vprintf(unic__arena *arena, const char *format, va_list args);
void unic__arena_free(unic__arena *arena); /* back to empty */

/* ---- random numbers (base/random.c) ------------------------------------------------------
 * Counter-based: the i-th number of a stream is a function of (key, i), and a key is a function
 * of (seed, step, purpose). So a resumed run needs only its step counter, draws can be made in
 * any order by any thread, and dropout's mask is drawn again in the backward pass, not stored.
 */
typedef struct unic__key {
    uint64_t bits;
} unic__key;

/* `purpose` distinguishes the streams of one step: a constant or a node's number. */
unic__key unic__random_key(uint64_t seed, uint64_t step, uint64_t purpose);
uint64_t unic__random_hash(const char *text); /* a purpose from a name */

/* FNV-1a, continued from `hash`; begin with UNIC__FNV_START. */
#define UNIC__FNV_START UINT64_C(0xCBF29CE484222325)
uint64_t unic__hash_bytes(uint64_t hash, const void *data, size_t bytes);

static inline uint64_t unic__random_bits(unic__key key, uint64_t i)
{
    uint64_t z = key.bits + (i + 1) * UINT64_C(0x9E3779B97F4A7C15); /* splitmix64 */
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Uniform in [0, 1), 24 bits. */
static inline float unic__random_uniform(unic__key key, uint64_t i)
{
    return (float)(unic__random_bits(key, i) >> 40) * 0x1p-24F;
}

float unic__random_normal(unic__key key, uint64_t i);           /* mean 0, variance 1   */
size_t unic__random_below(unic__key key, uint64_t i, size_t n); /* 0..n-1; 0 < n <= 2^32 */
void unic__random_permutation(unic__key key, int32_t *out, size_t n); /* of 0..n-1            */

/* ---- threads (base/threads.c) ---------------------------------------------------------- */

enum { UNIC__MAX_THREADS = 256 };

/* How many threads the calling thread splits its work over: the process's number (1 until it is
 * set), or n between enter (0: the process's number at that moment, which the call then keeps)
 * and leave, to which the result of enter is to be passed; 0 there: the process's again. Enter
 * takes no more than OpenMP gives: fewer where the host set limits, one within a parallel region
 * of the host's. */
int unic__threads(void);
void unic__threads_set(int n);
int unic__threads_enter(int n);
void unic__threads_leave(int before);

/*
 * Calls f(context, from, to) for the range [0, n). If `worth` is set, the range is split into
 * one contiguous part for each of unic__threads(), at multiples of `each`. Otherwise, and with
 * one thread or inside another part, this thread does all of it without entering OpenMP, since
 * every OpenMP region allocates and costs about a thousand additions. Where there is no memory
 * for OpenMP's threads, OpenMP gives one alone, or a fork has left them behind, this thread does
 * the parts one after another: the results are the same.
 * Only this function enters OpenMP. f must not fail, allocate, or add to memory that another part
 * adds to.
 */
typedef void unic__part(const void *context, size_t from, size_t to);
void unic__parallel(size_t n, size_t each, bool worth, unic__part *f, const void *context);

/* How many threads a region of n has for the calling thread now, where OpenMP is not free to choose
 * (`dynamic`): what OpenMP gives, and one where a fork may have left the others behind. */
int unic__team(int n);

/* Whether a product [m,k] [k,n] is large enough to split over threads: it takes ten microseconds,
 * as long as a thread needs to hear of its part. */
bool unic__worth_splitting(size_t m, size_t n, size_t k);

/* For OpenMP's simd loops in macros. */
#define UNIC__PRAGMA(x) _Pragma(#x)

/* Compiles a hot loop for several instruction sets, chosen when the library is loaded. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                         \
    !defined(UNIC_NO_DISPATCH)
#define UNIC__SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define UNIC__SIMD
#endif

/* ---- shapes (base/shape.c) ------------------------------------------------------------- */

enum { UNIC__MAX_RANK = 6 };

typedef struct unic__shape {
    size_t rank; /* 0 is a scalar */
    size_t dim[UNIC__MAX_RANK];
} unic__shape;

#define UNIC__SHAPE_OF(...)                                                                    \
    ((unic__shape){sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t), {__VA_ARGS__}})
#define UNIC__SCALAR ((unic__shape){0, {0}})

bool unic__shape_count_checked(const unic__shape *shape, size_t *count); /* false: overflows */
size_t
unic__shape_count(const unic__shape *shape); /* product of the dims; checked at build time */
bool unic__shape_equal(const unic__shape *a, const unic__shape *b);
/* The product of the dims before the last one (1 for rank < 2); the last dim (1 for a
 * scalar). */
size_t unic__shape_rows(const unic__shape *shape);
size_t unic__shape_last(const unic__shape *shape);

enum { UNIC__SHAPE_TEXT = 96 };
/* "[32,10,64]" into `text` of UNIC__SHAPE_TEXT bytes; returns `text`. */
const char *unic__shape_print(const unic__shape *shape, char *text);

#endif
