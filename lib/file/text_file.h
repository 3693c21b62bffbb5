/* Reads whole text files into memory. */
#ifndef UNIC_FILE_TEXT_FILE_H
#define UNIC_FILE_TEXT_FILE_H

#include "base/base.h"

/* `*text` has `*size` bytes and a terminating NUL; free it with unic__free(). UNIC_E_NOTFOUND,
 * UNIC_E_IO (also if it is a directory, pipe or device); UNIC_E_FORMAT if there are more than
 * `most` bytes: too many for `what` ("a table of clips"). */
unic_status unic__text_load(char **text, size_t *size, const char *path, size_t most,
                            const char *what);

#endif
