/* Pickles as the tests write them, and values as texts, much as Python prints them. */
#ifndef UNIC_TORCH_PICKLE_TEXT_H
#define UNIC_TORCH_PICKLE_TEXT_H

#include "torch/pickle.h"

/* A pickle with its size, NULs inside; a digit behind \x escapes would belong to them. */
#define P(text) (text), sizeof(text) - 1

typedef struct pickle_text {
    char at[2000];
    size_t size;
} pickle_text;

void pickle_text_print(pickle_text *t, const unic__value *v);

/* Reads and prints a copy of exactly these bytes, so that the sanitizers see every step beyond
 * them. */
unic_status pickle_text_read(const void *data, size_t size, pickle_text *t, size_t *used);

/* ---- a pickle that is built ---- */

typedef struct pickle_builder {
    char *at;
    size_t size, room;
} pickle_builder;

void pickle_add(pickle_builder *b, const char *part, size_t size, size_t times);
/* Reads what was built, and starts anew. */
unic_status pickle_finish(pickle_builder *b);

#endif
