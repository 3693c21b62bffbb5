#include "cli/model.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/config.h"
#include "cli/limit.h"
#include "cli/report.h"

bool cli_ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && !strcmp(text + n - m, end);
}

bool cli_ends_with_one(const char *text, size_t length, const char *const *ends, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const size_t end = strlen(ends[i]);
        if (length > end && !strncasecmp(text + length - end, ends[i], end))
            return true;
    }
    return false;
}

bool cli_model_open(unic_model **out, const char *path, const cli_list *settings)
{
    if (!settings || settings->count == 0)
        return cli_ok(unic_model_open(out, path, cli_open_options()));
    char *text = cli_config_lines(NULL, settings);
    bool ok = text && cli_ok(unic_model_import(out, path, text, cli_open_options()));
    free(text);
    return ok;
}
