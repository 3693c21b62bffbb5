#include "cli/limit.h"

uint64_t cli_memory_limit;

const unic_open_options *cli_open_options(void)
{
    static unic_open_options options = {.struct_size = sizeof options};
    options.memory_limit = cli_memory_limit > SIZE_MAX ? SIZE_MAX : (size_t)cli_memory_limit;
    return cli_memory_limit ? &options : NULL;
}

size_t cli_limited(size_t most)
{
    return cli_memory_limit && cli_memory_limit < most ? (size_t)cli_memory_limit : most;
}
