/* What the exported functions share: argument checks that name the call and the argument. */
#ifndef UNIC_API_API_H
#define UNIC_API_API_H

#include "base/base.h"

/* Returns UNIC_E_ARG from the calling function if `pointer` is NULL. */
#define UNIC__REQUIRE(pointer)                                                                 \
    do {                                                                                       \
        if (!(pointer))                                                                        \
            return unic__fail(UNIC_E_ARG, "%s: %s is NULL", __func__, #pointer);               \
    } while (0)

/* The same if the caller's struct is smaller than its first release had it. */
#define UNIC__REQUIRE_SIZE(pointer)                                                            \
    do {                                                                                       \
        if ((pointer)->struct_size < sizeof *(pointer))                                        \
            return unic__fail(UNIC_E_ARG, "%s: %s->struct_size is %zu, expected %zu",          \
                              __func__, #pointer, (pointer)->struct_size, sizeof *(pointer));  \
    } while (0)

/* Puts the call's name in front of the message of a failure from inside. */
#define UNIC__TRY_NAMED(call)                                                                  \
    do {                                                                                       \
        unic_status unic__inner_ = (call);                                                     \
        if (unic__inner_ != UNIC_OK)                                                           \
            return unic__fail_in(unic__inner_, "%s", __func__);                                \
    } while (0)

#endif
