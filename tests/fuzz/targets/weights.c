/*
 * Weights of pretrained networks in an npz: arrays of any names and shapes, from which a network's
 * sizes follow. The input's first byte says which network they are taken for; its members follow.
 */
#include <stdlib.h>
#include <string.h>

#include "extract/small_bert.h"
#include "fuzz/harness/parcel.h"
#include "fuzz/targets/targets.h"

static const char *const settings[] = {SMALL_BERT, "kind = vggish\npca = on\n",
                                       "kind = vggish\n",
                                       "kind = vgg19\nside = 32\nrate = 1\n"};
enum { KINDS = sizeof settings / sizeof *settings, WIDEST = 1 << 16 };

/* A step or two of what the kind takes. */
static unic_status use(size_t *steps, unic_extractor *e, float *y)
{
    static const unsigned char pixels[32 * 32 * 3] = {1, 2, 3};
    static const float sound[15600] = {0.5F, -0.5F};
    unic_array in;
    size_t rank;
    int64_t dims[UNIC_MAX_RANK];
    FUZZ_CHECK(fuzz_ok(unic_extractor_input_dims(&rank, e, dims)));
    if (rank == 0)
        return unic_extractor_extract_text(steps, e, "one dogs", 8, 2, y);
    unic_array_init(&in, rank == 4 ? (const void *)pixels : (const void *)sound,
                    rank == 4 ? UNIC_U8 : UNIC_F32, rank,
                    rank == 4 ? (const int64_t[]){1, 32, 32, 3} : (const int64_t[]){15600});
    return unic_extractor_extract(steps, e, &in, 2, y);
}

static void run_weights(const unsigned char *data, size_t size)
{
    unic_extractor *e, *again;
    size_t rank, width = 1, steps;
    int64_t dims[UNIC_MAX_RANK];
    fuzz_bytes zip = fuzz_parcel_zip(data + (size > 0), size - (size > 0));
    const char *path = fuzz_file(zip.at, zip.size), *saved = fuzz_path("saved.npz");
    free(zip.at);
    FUZZ_CHECK(
        fuzz_made(unic_extractor_create(&e, settings[size ? data[0] % KINDS : 0], NULL), e));
    const bool text = !strncmp(unic_extractor_kind(e), "bert", 4);
    if (text)
        FUZZ_CHECK(fuzz_ok(unic_extractor_load_words(
            e, fuzz_file(SMALL_BERT_WORDS, sizeof SMALL_BERT_WORDS - 1),
            UNIC_EXTRACTOR_VOCABULARY, NULL)));
    fuzz_limit_begin();
    const bool loaded = fuzz_ok(unic_extractor_load_weights(e, path, &fuzz_open));
    fuzz_limit_end();
    FUZZ_CHECK(fuzz_ok(unic_extractor_feature_dims(&rank, e, dims)));
    for (size_t i = 0; i < rank; i++)
        width *= (size_t)dims[i];
    if (loaded && width <= WIDEST) {
        float *y = calloc(2 * width, sizeof *y);
        if (fuzz_ok(use(&steps, e, y)))
            FUZZ_CHECK(steps <= 2);
        free(y);
        FUZZ_CHECK(fuzz_ok(unic_extractor_save(e, saved)));
        FUZZ_CHECK(fuzz_made(unic_extractor_load(&again, saved, NULL), again));
        FUZZ_CHECK(unic_extractor_fingerprint(again) == unic_extractor_fingerprint(e));
        unic_extractor_free(again);
    }
    unic_extractor_free(e);
}

/* A parcel behind the byte that chooses the kind. */
static unsigned char chosen;
static fuzz_seed_fn *give;

static void with_kind(const void *bytes, size_t size)
{
    unsigned char *whole = malloc(size + 1);
    FUZZ_CHECK(whole);
    whole[0] = chosen;
    memcpy(whole + 1, bytes, size);
    give(whole, size + 1);
    free(whole);
}

static void weights_seeds(fuzz_seed_fn *add)
{
    const char *path = fuzz_path("seed.npz");
    give = add;
    for (chosen = 0; chosen < KINDS; chosen++) {
        FUZZ_CHECK((chosen == 0 ? small_bert(path, SIZE_MAX, SIZE_MAX)
                    : chosen < 3
                        ? small_weights(path, &small_vggish, "", SIZE_MAX)
                        : small_weights(path, &small_vgg19, "module.", SIZE_MAX)) == UNIC_OK);
        fuzz_seed_parcel(with_kind, path);
    }
}

const fuzz_target fuzz_weights_target = {.name = "weights",
                                         .reads = "weights of pretrained networks in an npz",
                                         .form = FUZZ_PARCEL,
                                         .largest = 1 << 14,
                                         .prefix = 1,
                                         .run = run_weights,
                                         .seeds = weights_seeds};
