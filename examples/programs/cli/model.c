#include "cli/model.h"

#include <stdlib.h>
#include <string.h>

#include "cli/config.h"
#include "cli/report.h"

bool cli_ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && !strcmp(text + n - m, end);
}

bool cli_is_checkpoint(const char *path)
{
    return cli_ends_with(path, ".pt") || cli_ends_with(path, ".pth");
}

bool cli_model_open(unic_model **out, const char *path, const cli_list *settings)
{
    if (!cli_is_checkpoint(path)) {
        if (settings && settings->count > 0)
            return cli_fail("--set %s: a CMG checkpoint (.pt) takes settings, but %s has its "
                            "own",
                            settings->items[0], path);
        return cli_ok(unic_model_open(out, path));
    }
    char *text = NULL;
    bool ok = (!settings || (text = cli_config_lines(NULL, settings))) &&
              cli_ok(unic_model_import(out, path, text));
    free(text);
    return ok;
}
