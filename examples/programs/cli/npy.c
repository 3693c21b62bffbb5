#include "cli/npy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/report.h"

enum { HEADER = 192, BEFORE = 10 }; /* a multiple of 64; what stands before the dict */

static bool written(const cli_output *out, bool ok)
{
    return ok || cli_fail("cannot write %s: %s", out->path, strerror(errno));
}

bool cli_npy_header(cli_output *out, const char *type, size_t count, const int64_t *dims,
                    size_t rank)
{
    char header[HEADER + 1];
    int used = snprintf(
        header, sizeof header,
        "\x93NUMPY%c%c%c%c{'descr': '%s', 'fortran_order': False, 'shape': (%zu,", 1, '?',
        HEADER - BEFORE, '?', type, count);
    for (size_t i = 0; i < rank; i++)
        used += snprintf(header + used, sizeof header - (size_t)used, "%s %lld", i ? "," : "",
                         (long long)dims[i]);
    used += snprintf(header + used, sizeof header - (size_t)used, "), }");
    memset(header + used, ' ', (size_t)(HEADER - used));
    header[7] = header[9] = 0; /* version 1.0, a length of two bytes */
    header[HEADER - 1] = '\n';
    return written(out, fseek(out->stream, 0, SEEK_SET) == 0 &&
                            fwrite(header, 1, HEADER, out->stream) == HEADER);
}

bool cli_npy_append(cli_output *out, const void *data, size_t bytes)
{
    return written(out, fwrite(data, 1, bytes, out->stream) == bytes);
}
