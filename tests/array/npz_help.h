/* An npz in a file, for tests: the library itself opens sources. */
#ifndef TESTS_ARRAY_NPZ_HELP_H
#define TESTS_ARRAY_NPZ_HELP_H

#include "array/npz.h"

static inline unic_status npz_open(unic__npz **out, const char *path)
{
    unic__source *source;
    *out = NULL;
    UNIC__TRY(unic__source_open_file(&source, path));
    unic_status status = unic__npz_open(out, source);
    unic__source_release(source);
    return status;
}

#endif
