/* What the exported functions share: argument checks that name the call and the argument. */
#ifndef UNIC_API_API_H
#define UNIC_API_API_H

#include "base/structs.h"
#include "file/source.h"
#include "file/writer.h"

/* Returns UNIC_E_ARG from the calling function if `pointer` is NULL. */
#define UNIC__REQUIRE(pointer)                                                                 \
    do {                                                                                       \
        if (!(pointer))                                                                        \
            return unic__fail(UNIC_E_ARG, "%s: %s is NULL", __func__, #pointer);               \
    } while (0)

/* Copies a public struct of the caller's (base/structs.h), or returns why it is refused. */
#define UNIC__TAKE(kind, copy, pointer)                                                        \
    UNIC__TRY(unic__struct_take(&(kind), copy, pointer, __func__, #pointer))

/* The same for a struct that the call fills: only its size is checked. */
#define UNIC__REQUIRE_SIZE(kind, pointer)                                                      \
    UNIC__TRY(unic__struct_check(&(kind), pointer, __func__, #pointer))

/* Puts the call's name in front of the message of a failure from inside. */
#define UNIC__TRY_NAMED(call)                                                                  \
    do {                                                                                       \
        unic_status unic__inner_ = (call);                                                     \
        if (unic__inner_ != UNIC_OK)                                                           \
            return unic__fail_in(unic__inner_, "%s", __func__);                                \
    } while (0)

/* The same; during the call, the handle's number of threads is in use. */
#define UNIC__TRY_WITH(threads, call)                                                          \
    do {                                                                                       \
        const int unic__before_ = unic__threads_enter(threads);                                \
        unic_status unic__inner_ = (call);                                                     \
        unic__threads_leave(unic__before_);                                                    \
        if (unic__inner_ != UNIC_OK)                                                           \
            return unic__fail_in(unic__inner_, "%s", __func__);                                \
    } while (0)

/* ---- options.c: checks that several options structs share ---- */

/* `threads` of an options struct: 0 or 1..UNIC__MAX_THREADS. */
unic_status unic__check_threads(int32_t threads, const char *call);

/* ---- opening.c: calls that read or write a file, or what the caller has in its place ---- */

typedef struct unic__opening {
    const char *call;
    unic__source *source;
    unic__budget budget, *outside;
    bool preloads;
} unic__opening;

/* Begins to read a file or a caller's source, with the limits of `options` (NULL: none): from here
 * on, allocations count against them. UNIC__TRY it, and end it in any case. A caller's source is
 * closed after a failure, unless it is itself refused; `out` is checked to be not NULL. */
unic_status unic__opening_file(unic__opening *o, const char *path,
                               const unic_open_options *options, const char *call);
unic_status unic__opening_source(unic__opening *o, const void *out, const unic_source *source,
                                 const unic_open_options *options, const char *call);
/* Returns `status`, with the call's name in front of the message of a failure. */
unic_status unic__opening_end(unic__opening *o, unic_status status);
/* The same for a call that was refused before it read, with a message that stays as it is. */
void unic__opening_abandon(unic__opening *o);

/* Copies a sink of the caller's, or says what is wrong with it. */
unic_status unic__take_sink(unic_sink *copy, const unic_sink *sink, const char *call);

/* Copies a source of the caller's, or says what is wrong with it. */
unic_status unic__check_source(unic_source *copy, const unic_source *source, const char *call,
                               const char *argument);

#endif
