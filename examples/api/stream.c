/*
 * stream MODEL MODALITY CLIP WINDOW: codes while the features still come in. Each new step is
 * put at the end of a window of the last WINDOW steps, the window is encoded anew, and the code
 * of its last step is printed. An encoder sees the whole of what it is given, so a step's code
 * is that of batch encoding of the same window. CLIP is one clip, read step by step here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unicode/unic.h>

static void check(unic_status status)
{
    if (status != UNIC_OK) {
        fprintf(stderr, "stream: %s\n", unic_last_error());
        exit(1);
    }
}

/* The last `size` steps, the oldest first. */
typedef struct window {
    float *steps; /* [size,width] */
    size_t size, width, filled;
} window;

static void push(window *w, const float *step)
{
    if (w->filled == w->size)
        memmove(w->steps, w->steps + w->width, (--w->filled) * w->width * sizeof(float));
    memcpy(w->steps + w->filled++ * w->width, step, w->width * sizeof(float));
}

int main(int argc, char **argv)
{
    window w = {.width = 1, .size = argc == 5 ? strtoul(argv[4], NULL, 10) : 0};
    if (w.size == 0) {
        fprintf(stderr, "usage: stream MODEL MODALITY CLIP WINDOW\n");
        return 2;
    }
    const char *modality = argv[2], *path = argv[3];
    unic_dataset_options options = {.struct_size = sizeof options,
                                    .modalities = &modality,
                                    .modality_count = 1,
                                    .batch = 1};
    unic_model *model;
    unic_encoder *encoder;
    unic_dataset *dataset;
    const unic_batch *clip;
    unic_array x;
    check(unic_model_open(&model, argv[1], NULL));
    unic_encoder_options sizes = {
        .struct_size = sizeof sizes, .max_batch = 1, .max_length = w.size};
    check(unic_encoder_create(&encoder, model, modality, &sizes));
    check(unic_dataset_open(&dataset, &path, 1, &options));
    check(unic_dataset_next(&clip, dataset));
    check(unic_batch_get(&x, NULL, clip, modality)); /* [1,T,...] float32 */
    for (int i = 2; i < x.rank; i++)
        w.width *= (size_t)x.dims[i];

    const float *features = x.data;
    int64_t steps = x.dims[1];
    int32_t *codes = malloc(w.size * sizeof *codes);
    w.steps = malloc(w.size * w.width * sizeof *w.steps);
    x.data = w.steps;
    for (int64_t t = 0; t < steps && codes && w.steps; t++) {
        push(&w, features + (size_t)t * w.width);
        x.dims[1] = (int64_t)w.filled;
        check(unic_encoder_encode(encoder, &x, NULL, codes, NULL, NULL));
        printf("%d\n", codes[w.filled - 1]);
    }
    free(codes);
    free(w.steps);
    unic_dataset_free(dataset);
    unic_encoder_free(encoder);
    unic_model_free(model);
}
