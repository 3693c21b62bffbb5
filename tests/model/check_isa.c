/* Codes from one instruction set to another: the kernels of products capped at each that there
 * is. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/tile.h"
#include "model/small_model.h"

enum { CLIPS = 100, STEPS = 20, COUNT = CLIPS * STEPS };

/* The sizes of the demo, where sums are long enough to round differently. */
static const char sizes[] = "preset = small\nmodalities = audio text\naudio.kind = vector\n"
                            "audio.dims = 128\ntext.kind = token\ntext.dims = 40\n"
                            "train.batch = 8\ntrain.length = 10\n";

typedef struct encoded {
    int32_t *codes;
    float *semantic;
    size_t dim;
} encoded;

static encoded encode(unic_model *model, const char *modality, const unic_array *x,
                      const char *isa)
{
    unic_encoder *e;
    const unic_encoder_options o = {
        .struct_size = sizeof o, .max_batch = CLIPS, .max_length = STEPS};
    encoded r = {calloc(COUNT, sizeof *r.codes), NULL, 64};
    r.semantic = calloc(COUNT * r.dim, sizeof *r.semantic);
    ck_assert(unic__tile_cap(isa));
    ck_assert_int_eq(unic_encoder_create(&e, model, modality, &o), UNIC_OK);
    ck_assert_msg(unic_encoder_encode(e, x, NULL, r.codes, NULL, r.semantic) == UNIC_OK, "%s",
                  unic_last_error());
    unic_encoder_free(e);
    ck_assert(unic__tile_cap(NULL));
    return r;
}

static void release(encoded *r)
{
    free(r->codes);
    free(r->semantic);
}

static size_t agreeing(const int32_t *a, const int32_t *b)
{
    size_t n = 0;
    for (size_t i = 0; i < COUNT; i++)
        n += a[i] == b[i];
    return n;
}

static void compare_sets(const char *modality)
{
    const unic__tile_kernel *kernels;
    size_t n = unic__tile_kernel_list(&kernels);
    unic_model *model = small_model(sizes, "", 3);
    small_batch *b = small_batch_new(sizes, CLIPS, STEPS, 9);
    size_t m = strcmp(b->name[0], modality) != 0;
    encoded best = encode(model, modality, &b->array[m], NULL);
    for (size_t i = 0; i < n; i++) {
        encoded other = encode(model, modality, &b->array[m], kernels[i].name);
        size_t same = agreeing(best.codes, other.codes);
        ck_assert_msg(1000 * same >= 999 * COUNT, "%s, %s: %zu of %d codes", modality,
                      kernels[i].name, same, COUNT);
        if (strcmp(kernels[i].name, "portable") != 0)
            ck_assert_mem_eq(other.semantic, best.semantic, COUNT * best.dim * sizeof(float));
        release(&other);
    }
    release(&best);
    small_batch_free(b);
    unic_model_free(model);
}

/* docs/threads.md */
START_TEST(codes_agree_from_one_instruction_set_to_another)
{
    compare_sets("audio");
    compare_sets("text");
}
END_TEST

int main(void)
{
    TCase *tc = tcase_create("isa");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, codes_agree_from_one_instruction_set_to_another);
    return small_run("model/isa", tc);
}
