#include "cli/clip_table.h"

#include <string.h>

#include "cli/model.h"

static bool is_table(const char *path, size_t size)
{
    static const char *const suffixes[] = {".csv", ".tsv", ".txt"};
    return cli_ends_with_one(path, size, suffixes, sizeof suffixes / sizeof *suffixes);
}

size_t cli_table_size(const char *path)
{
    const char *colon = strrchr(path, ':');
    const size_t whole = strlen(path), before = colon ? (size_t)(colon - path) : 0;
    return is_table(path, whole) ? whole : is_table(path, before) ? before : 0;
}
