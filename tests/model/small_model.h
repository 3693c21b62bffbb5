/* Shared by the tests of models, trainers and heads: tiny configs, random batches, files, and
 * a count of the allocations. */
#ifndef TESTS_MODEL_SMALL_MODEL_H
#define TESTS_MODEL_SMALL_MODEL_H

#include "config/config.h"
#include "unicode/unic.h"

/* One modality of each kind, for batches of up to 4 clips of up to 5 steps. */
#define SMALL_SIZES                                                                            \
    "code.dim = 8\ncode.count = 12\n"                                                          \
    "encoder.layers = 1\nencoder.heads = 2\nencoder.ff = 16\n"                                 \
    "club.width = 8\nclub.layers = 2\nclub.steps = 2\n"                                        \
    "train.batch = 4\ntrain.length = 5\ntrain.lr = 0.01\n"
#define SMALL_THREE                                                                            \
    "modalities = image audio text\n"                                                          \
    "image.kind = grid\nimage.dims = 5 5 4\nimage.specific = 6\n"                              \
    "audio.kind = vector\naudio.dims = 6\n"                                                    \
    "text.kind = token\ntext.dims = 5\ntext.recurrent = 4\ntext.recurrent_layers = "           \
    "1\n" SMALL_SIZES
/* Two vectors: the quickest. */
#define SMALL_TWO                                                                              \
    "modalities = audio touch\n"                                                               \
    "audio.kind = vector\naudio.dims = 6\n"                                                    \
    "touch.kind = vector\ntouch.dims = 5\n" SMALL_SIZES

enum { SMALL_DIM = 8, SMALL_CODES = 12, SMALL_BATCH = 4, SMALL_LENGTH = 5 };

/* The config of both texts, the second after the first; checked and resolved. */
unic_config *small_config(const char *text, const char *more);
unic_trainer *small_trainer(const char *text, const char *more);
/* A model trained for `steps` steps on random batches. */
unic_model *small_model(const char *text, const char *more, size_t steps);

/* A batch of all the config's modalities. The batch refers to these arrays: writing to them
 * changes it. */
typedef struct small_batch {
    unic_batch *batch;
    size_t n, clips, length;
    char name[UNIC_MAX_MODALITIES][UNIC__NAME_SIZE];
    unic_array array[UNIC_MAX_MODALITIES];
    float *x[UNIC_MAX_MODALITIES];
    size_t step[UNIC_MAX_MODALITIES]; /* numbers in one step                    */
    int32_t *lengths[UNIC_MAX_MODALITIES];
} small_batch;

/* Standard normal features, whole lengths. `config` is text as of small_config. */
small_batch *small_batch_new(const char *config, size_t clips, size_t length, uint64_t seed);
void small_batch_free(small_batch *b);
/* Writes `value` into every step that is padding. */
void small_batch_spoil(small_batch *b, float value);

/* A file below the build directory, of this program alone; the text lasts for a few calls. */
const char *small_path(const char *name);
bool small_same_files(const char *a, const char *b);

/* Copies an npz, with `member` changed in one way. A text member is changed by
 * small_edit_text. */
typedef enum small_change {
    SMALL_DROP,    /* it is not there                                   */
    SMALL_RESHAPE, /* its shape has a 1 in front                        */
    SMALL_SPOIL,   /* its first element is NaN, or -7 of whole numbers  */
    SMALL_DAMAGE   /* one bit of its data is flipped, not so its CRC    */
} small_change;
void small_edit(const char *from, const char *to, const char *member, small_change change);
/* The first `old` in the text `member` becomes `fresh`. */
void small_edit_text(const char *from, const char *to, const char *member, const char *old,
                     const char *fresh);

/* All of a trainer's state as bytes: the two files it saves, one behind the other; free()
 * it. */
typedef struct small_state {
    unsigned char *bytes;
    size_t size;
} small_state;
small_state small_state_of(unic_trainer *trainer);
bool small_states_equal(small_state *a, small_state *b); /* and frees both */

/* Steps from .. to - 1 of a run of SMALL_TWO; one clip lacks a modality, and one is shorter. */
void small_train(unic_trainer *t, uint64_t from, uint64_t to);
/* Runs of SMALL_TWO and `more` that are saved, before the codebook's start and later, and resumed
 * end in the bytes of one that is not. */
void small_resume_runs(const char *more);
/* A step that is refused leaves no trace in a run of SMALL_TWO and `more`, be it the first, which
 * starts the codes, or a later one; and an evaluation none either. */
void small_refuse_steps(const char *more);

/* What a step reports under this name. */
double small_term(const unic_trainer *trainer, const double *terms, const char *name);

/* Allocations from one call to the other. */
void small_count_allocations(void);
size_t small_counted_allocations(void);
/* After n more, allocations fail until unic_set_allocator(NULL). */
void small_fail_allocations_after(size_t n);

/* Creating a run of SMALL_TWO and `more`, its model and the encoder of "audio" fails with a status,
 * whichever allocation does. */
void small_create_without_memory(const char *more, size_t batch, size_t length);
/* Allocations of more than that many bytes fail until unic_set_allocator(NULL). */
void small_fail_allocations_over(size_t bytes);

/* Runs all cases of a program and returns what main returns. */
struct TCase;
int small_run(const char *suite, struct TCase *cases);

#endif
