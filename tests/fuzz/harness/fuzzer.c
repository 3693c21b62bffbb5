/*
 * The program that libFuzzer drives. It holds all targets; its own name says which one it is:
 * "fuzz-npy" is the target npy. With SEEDS=DIR it writes the target's seeds there and ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "mutate.h"

/* libFuzzer's own, and those that it calls. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t largest);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t largest, unsigned seed);

static const fuzz_target *target;
static const char *seed_folder;
static int seed_count;

static void write_seed(const void *bytes, size_t size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/seed-%03d", seed_folder, seed_count++);
    FILE *out = fopen(path, "wb");
    FUZZ_CHECK(out && fwrite(bytes, 1, size, out) == size && fclose(out) == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    const char *slash = strrchr((*argv)[0], '/'), *name = slash ? slash + 1 : (*argv)[0];
    target = strncmp(name, "fuzz-", 5) ? NULL : fuzz_find(name + 5);
    if (!target) {
        fprintf(stderr, "%s: a name fuzz-TARGET was expected; the targets are\n", name);
        for (size_t i = 0; i < fuzz_target_count; i++)
            fprintf(stderr, "%s %zu %s\n", fuzz_targets[i]->name, fuzz_targets[i]->largest,
                    fuzz_targets[i]->reads);
        exit(2);
    }
    seed_folder = getenv("SEEDS");
    if (seed_folder) {
        if (target->seeds)
            target->seeds(write_seed);
        exit(0);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_run(target, data, size);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t largest, unsigned seed)
{
    size_t prefix = target->prefix;
    if (target->form != FUZZ_PARCEL || size <= prefix || largest <= prefix ||
        (prefix && seed % 8 == 0))
        return LLVMFuzzerMutate(data, size, largest);
    return prefix + fuzz_mutate_parcel(data + prefix, size - prefix, largest - prefix, seed,
                                       LLVMFuzzerMutate);
}
