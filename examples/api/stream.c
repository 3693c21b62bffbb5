/*
 * stream MODEL MODALITY CLIP WINDOW [LAG]: codes while the features still come in. CLIP is one
 * clip, pushed step by step here; each code is printed as soon as it is ready, LAG steps (0)
 * after its own, computed from at most WINDOW steps.
 */
#include <stdio.h>
#include <stdlib.h>

#include <unicode/unic.h>

static void check(unic_status status)
{
    if (status != UNIC_OK) {
        fprintf(stderr, "stream: %s\n", unic_last_error());
        exit(1);
    }
}

/* Prints what is ready. */
static void print_codes(unic_stream *stream)
{
    int32_t codes[16];
    size_t count;
    do {
        check(unic_stream_pull(&count, NULL, stream, 16, codes, NULL, NULL));
        for (size_t i = 0; i < count; i++)
            printf("%d\n", codes[i]);
    } while (count > 0);
}

int main(int argc, char **argv)
{
    if (argc != 5 && argc != 6) {
        fprintf(stderr, "usage: stream MODEL MODALITY CLIP WINDOW [LAG]\n");
        return 2;
    }
    const char *modality = argv[2], *path = argv[3];
    unic_model *model;
    unic_encoder *encoder;
    unic_stream *stream;
    unic_stream_options options = {.struct_size = sizeof options,
                                   .window = strtoul(argv[4], NULL, 10),
                                   .lag = argc == 6 ? strtoul(argv[5], NULL, 10) : 0};
    unic_encoder_options sizes = {
        .struct_size = sizeof sizes, .max_batch = 1, .max_length = options.window};
    check(unic_model_open(&model, argv[1], NULL));
    check(unic_encoder_create(&encoder, model, modality, &sizes));
    check(unic_stream_create(&stream, encoder, &options));

    unic_dataset_options reading = {.struct_size = sizeof reading,
                                    .modalities = &modality,
                                    .modality_count = 1,
                                    .batch = 1};
    unic_dataset *dataset;
    const unic_batch *clip;
    unic_array x;
    check(unic_dataset_open(&dataset, &path, 1, &reading));
    check(unic_dataset_next(&clip, dataset));
    check(unic_batch_get(&x, NULL, clip, modality)); /* [1,T,...] float32 */
    const float *features = x.data;
    const int64_t length = x.dims[1];
    int64_t width = 1;
    for (int i = 2; i < x.rank; i++)
        width *= x.dims[i];
    for (int64_t t = 0; t < length; t++) {
        unic_array step;
        unic_array_init(&step, features + t * width, UNIC_F32, x.rank - 1, x.dims + 1);
        step.dims[0] = 1; /* [1,...]: one step */
        check(unic_stream_push(stream, &step));
        print_codes(stream);
    }
    check(unic_stream_finish(stream));
    print_codes(stream);

    unic_dataset_free(dataset);
    unic_stream_free(stream);
    unic_encoder_free(encoder);
    unic_model_free(model);
}
