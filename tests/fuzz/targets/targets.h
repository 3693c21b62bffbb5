/* All targets, and what several of them do. */
#ifndef TESTS_FUZZ_TARGETS_H
#define TESTS_FUZZ_TARGETS_H

#include "fuzz/harness/fuzz.h"

/* Where FFmpeg's libraries are. */
#ifdef FUZZ_MEDIA
#define FUZZ_MEDIA_LIST X(media)
#else
#define FUZZ_MEDIA_LIST
#endif

/* X(name) */
#define FUZZ_TARGET_LIST                                                                       \
    X(api)                                                                                     \
    X(class_map)                                                                               \
    X(cmg)                                                                                     \
    X(codebook)                                                                                \
    X(config)                                                                                  \
    X(dataset)                                                                                 \
    X(events)                                                                                  \
    X(head)                                                                                    \
    X(index)                                                                                   \
    FUZZ_MEDIA_LIST                                                                            \
    X(model)                                                                                   \
    X(npy)                                                                                     \
    X(npz)                                                                                     \
    X(pickle)                                                                                  \
    X(pickled_array)                                                                           \
    X(programs)                                                                                \
    X(retriever)                                                                               \
    X(extractor)                                                                               \
    X(safetensors)                                                                             \
    X(run_file)                                                                                \
    X(segmenter)                                                                               \
    X(sniff)                                                                                   \
    X(table)                                                                                   \
    X(torch)                                                                                   \
    X(torch_old)                                                                               \
    X(weights)                                                                                 \
    X(words)                                                                                   \
    X(zip)

#define X(name) extern const fuzz_target fuzz_##name##_target;
FUZZ_TARGET_LIST
#undef X

/* Opens `path` as a dataset under the limit, asks it everything, and reads an epoch. `modality`
 * NULL: those of the files. `flags` decides the options. */
void fuzz_use_dataset(const char *path, const char *modality, unsigned flags);

/* ---- small.c: what the library makes of the smallest settings ---- */

/* Two vectors; one modality of each kind, in `compat`. */
#define FUZZ_SIZES                                                                             \
    "code.dim = 4\ncode.count = 3\nencoder.layers = 1\nencoder.heads = 1\nencoder.ff = 4\n"    \
    "club.width = 2\nclub.layers = 2\nclub.steps = 1\ncpc.steps = 1\n"                         \
    "train.batch = 2\ntrain.length = 3\n"
#define FUZZ_TWO                                                                               \
    "modalities = a b\na.kind = vector\na.dims = 2\nb.kind = vector\nb.dims = 3\n" FUZZ_SIZES
#define FUZZ_THREE                                                                             \
    "modalities = g v t\ng.kind = grid\ng.dims = 5 5 1\ng.specific = 2\ng.inner = 1\n"         \
    "v.kind = vector\nv.dims = 2\nt.kind = token\nt.dims = 2\nt.recurrent = 1\n"               \
    "t.recurrent_layers = 1\nbehaviour = compat\n" FUZZ_SIZES

unic_config *fuzz_small_config(const char *text);
unic_trainer *fuzz_small_trainer(const char *text); /* after one step */
unic_model *fuzz_small_model(const char *text);
/* `codes` codes of `dim` dims. */
unic_codebook *fuzz_small_codebook(size_t codes, size_t dim);

/* A batch of every modality of a config, of small numbers; the arrays are its own. */
typedef struct fuzz_batch {
    unic_batch *batch;
    float *memory[UNIC_MAX_MODALITIES];
} fuzz_batch;

/* `dims_of` finds a modality's dims: NULL for those of FUZZ_TWO and FUZZ_THREE. False: the features
 * are too many to be made here. */
bool fuzz_batch_make(fuzz_batch *out, const unic_model *model, size_t clips, size_t length);
void fuzz_batch_free(fuzz_batch *b);

/* Uses a model as an application does: encoders, codes, parameters. */
void fuzz_use_model(unic_model *model);

#endif
