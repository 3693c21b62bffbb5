/* A list of what is wrong with a file, for one message: cut off where the message is full. */
#ifndef UNIC_BASE_COMPLAINT_H
#define UNIC_BASE_COMPLAINT_H

#include "base/base.h"

/* All zero is none. */
typedef struct unic__complaint {
    char text[600];
    size_t at, n, named; /* characters; things that are wrong; of them in the text */
} unic__complaint;

/* Adds one, behind "; ". */
__attribute__((format(printf, 2, 3))) void unic__complain(unic__complaint *c,
                                                          const char *format, ...);

/* "; ..." if some are not in the text. */
const char *unic__complaint_rest(const unic__complaint *c);

#endif
