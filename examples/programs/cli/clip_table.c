#include "cli/clip_table.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static bool is_table(const char *path, size_t size)
{
    static const char *const suffixes[] = {".csv", ".tsv", ".txt"};
    enum { LENGTH = 4 };
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
        if (size > LENGTH && !strncasecmp(path + size - LENGTH, suffixes[i], LENGTH))
            return true;
    return false;
}

size_t cli_table_size(const char *path)
{
    const char *colon = strrchr(path, ':');
    const size_t whole = strlen(path), before = colon ? (size_t)(colon - path) : 0;
    return is_table(path, whole) ? whole : is_table(path, before) ? before : 0;
}
