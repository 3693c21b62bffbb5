/*
 * Who is using a handle just now. A call that changes a handle holds it alone; calls that only
 * read it may hold it together. A second thread that comes at the wrong time, or a callback
 * that uses the handle whose call it serves, gets UNIC_E_STATE instead of a wrong result.
 */
#ifndef UNIC_BASE_USE_H
#define UNIC_BASE_USE_H

#include <stdatomic.h>

#include "base/base.h"

/* A member `use` of each handle, zero in the beginning. */
typedef struct unic__use {
    atomic_int calls; /* number of reading calls; -1: one call holds the handle alone */
} unic__use;

/* UNIC_E_STATE if the handle is in use; the message reads "<call>: <handle> is ...". */
unic_status unic__use_alone(unic__use *use, const char *call, const char *handle);
unic_status unic__use_shared(const unic__use *use, const char *call, const char *handle);
void unic__use_end(const unic__use *use);

/* The same at the end of a scope, for __attribute__((cleanup)). */
void unic__use_end_scope(const unic__use *const *use);

#define UNIC__HELD_HERE(handle)                                                                \
    __attribute__((cleanup(unic__use_end_scope), unused))                                      \
    const unic__use *const unic__held_ = &(handle)->use

/* Holds a handle for the rest of the function, or returns UNIC_E_STATE from it. */
#define UNIC__HOLD(handle)                                                                     \
    UNIC__TRY(unic__use_alone(&(handle)->use, __func__, #handle));                             \
    UNIC__HELD_HERE(handle)
#define UNIC__HOLD_SHARED(handle)                                                              \
    UNIC__TRY(unic__use_shared(&(handle)->use, __func__, #handle));                            \
    UNIC__HELD_HERE(handle)

#endif
