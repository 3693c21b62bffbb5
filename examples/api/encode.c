/*
 * encode MODEL MODALITY CLIPS: the codes of every clip, one clip a line. CLIPS is anything that
 * docs/data.md names: an npz, a folder, a table. Memory does not grow with their number.
 */
#include <stdio.h>
#include <stdlib.h>

#include <unicode/unic.h>

enum { BATCH = 32 };

static void check(unic_status status)
{
    if (status != UNIC_OK) {
        fprintf(stderr, "encode: %s\n", unic_last_error());
        exit(1);
    }
}

/* A unic_encoded_fn: is given a batch's codes and vectors. `user` is T. */
static int print_codes(size_t encoder, const unic_batch *batch, const int32_t *codes,
                       const float *quantized, const float *semantic, void *user)
{
    size_t length = *(const size_t *)user;
    (void)encoder, (void)quantized, (void)semantic;
    for (size_t b = 0; b < unic_batch_clip_count(batch); b++, codes += length) {
        for (size_t t = 0; t < length && codes[t] >= 0; t++) /* -1: padding */
            printf(t ? " %d" : "%d", codes[t]);
        putchar('\n');
    }
    return 0; /* other than 0 stops */
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: encode MODEL MODALITY CLIPS\n");
        return 2;
    }
    const char *modality = argv[2], *path = argv[3];
    unic_dataset_options options = {.struct_size = sizeof options,
                                    .modalities = &modality,
                                    .modality_count = 1,
                                    .batch = BATCH,
                                    .prefetch = 2};
    unic_model *model;
    unic_dataset *dataset;
    unic_encoder *encoder;
    check(unic_model_open(&model, argv[1], NULL));
    check(unic_dataset_open(&dataset, &path, 1, &options));
    size_t length = unic_dataset_length(dataset);
    unic_encoder_options sizes = {
        .struct_size = sizeof sizes, .max_batch = BATCH, .max_length = length};
    check(unic_encoder_create(&encoder, model, modality, &sizes));

    unic_encode_options each = {
        .struct_size = sizeof each, .encoded = print_codes, .encoded_user = &length};
    check(unic_encoder_encode_dataset(&encoder, 1, dataset, &each, NULL));
    unic_encoder_free(encoder);
    unic_dataset_free(dataset);
    unic_model_free(model);
}
