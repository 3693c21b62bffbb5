#include "targets.h"

#include <string.h>

#define X(name) &fuzz_##name##_target,
const fuzz_target *const fuzz_targets[] = {FUZZ_TARGET_LIST};
#undef X
const size_t fuzz_target_count = sizeof fuzz_targets / sizeof fuzz_targets[0];

const fuzz_target *fuzz_find(const char *name)
{
    for (size_t i = 0; i < fuzz_target_count; i++)
        if (strcmp(fuzz_targets[i]->name, name) == 0)
            return fuzz_targets[i];
    return NULL;
}
