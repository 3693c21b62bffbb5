/* Names of functions and classes, and Python's encodings of texts, for pickle.c. */
#ifndef UNIC_TORCH_PICKLE_VALUE_H
#define UNIC_TORCH_PICKLE_VALUE_H

#include "torch/pickle.h"

/* Looks a name up in the table of the names that are interpreted. */
unic__pickle_name unic__pickle_find_name(const char *module, size_t module_size,
                                         const char *name, size_t name_size);

/* "raw-unicode-escape", protocol 0's text (latin-1, \u1234 and \U00012345), as UTF-8: at most
 * twice as long. */
unic_status unic__pickle_unescape(char *out, size_t *out_size, const char *line, size_t size);

/* A str of Python 2 in quotes, with its escapes, as bytes: at most as long. */
unic_status unic__pickle_unquote(char *out, size_t *out_size, const char *line, size_t size);

/* UTF-8 as latin-1, at most as long: how protocols 0 to 2 carry bytes. */
unic_status unic__pickle_to_latin1(char *out, size_t *out_size, const char *text, size_t size);

#endif
