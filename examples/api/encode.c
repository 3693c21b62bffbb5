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

static void print_codes(const int32_t *codes, size_t clips, size_t length)
{
    for (size_t b = 0; b < clips; b++) {
        for (size_t t = 0; t < length && codes[b * length + t] >= 0; t++) /* -1: padding */
            printf(t ? " %d" : "%d", codes[b * length + t]);
        putchar('\n');
    }
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

    int32_t *codes = malloc(BATCH * length * sizeof *codes);
    const unic_batch *batch = NULL;
    while (codes && (check(unic_dataset_next(&batch, dataset)), batch)) {
        unic_array features;
        const int32_t *lengths;
        check(unic_batch_get(&features, &lengths, batch, modality));
        check(unic_encoder_encode(encoder, &features, lengths, codes, NULL, NULL));
        print_codes(codes, unic_batch_clip_count(batch), length);
    }
    free(codes);
    unic_encoder_free(encoder);
    unic_dataset_free(dataset);
    unic_model_free(model);
    return codes ? 0 : 1;
}
