/* Paths to the values of a pickle: keys of dicts and numbers of list entries, with slashes. */
#ifndef UNIC_TORCH_VALUE_PATH_H
#define UNIC_TORCH_VALUE_PATH_H

#include "torch/pickle.h"

/* A key as a part of a path: a text, or an int written into `number`; NULL for other kinds. */
enum { UNIC__KEY_NUMBER = 24 };
const char *unic__value_key(const unic__value *key, char number[UNIC__KEY_NUMBER],
                            size_t *size);

/* NULL if there is nothing; "" is `root` itself. Of duplicate keys the last
 * counts. A text with a slash is not found: what stands under it has the path of keys in keys. */
const unic__value *unic__value_find(const unic__value *root, const char *path);

#endif
