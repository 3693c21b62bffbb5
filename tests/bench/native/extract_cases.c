#include "bench.h"

/* ---- extract: features of sound or of frames by a pretrained network ---- */

static struct {
    unic_extractor *extractor;
    unic_array input;
    size_t steps;
    float *features;
} x;

/* settings= ("kind:vgg19,rate:1"), weights=, n= (samples or frames), threads=. */
void bench_extract_setup(void)
{
    const unic_extractor_options options = {.struct_size = sizeof options,
                                            .threads = (int32_t)bench_size("threads", 1)};
    char settings[256];
    size_t n = 0, rank, dim = 1, width = 1;
    int64_t dims[UNIC_MAX_RANK];
    for (const char *at = bench_text("settings", ""); *at && n + 2 < sizeof settings; at++)
        settings[n++] = *at == ':' ? '=' : *at == ',' ? '\n' : *at;
    settings[n] = '\0';
    if (unic_extractor_create(&x.extractor, settings, &options) != UNIC_OK ||
        unic_extractor_load_weights(x.extractor, bench_text("weights", ""), NULL) != UNIC_OK ||
        unic_extractor_feature_dims(&rank, x.extractor, dims) != UNIC_OK)
        bench_die("extract");
    for (size_t i = 0; i < rank; i++)
        width *= (size_t)dims[i];
    if (unic_extractor_input_dims(&rank, x.extractor, dims) != UNIC_OK)
        bench_die("extract");
    dims[0] = (int64_t)bench_size("n", 1);
    for (size_t i = 0; i < rank; i++)
        dim *= (size_t)dims[i];
    float *values = bench_floats(dim, -0.5F, 1);
    if (rank == 1) {
        unic_array_init(&x.input, values, UNIC_F32, 1, dims);
    } else {
        unsigned char *pixels = bench_alloc(dim, 1);
        for (size_t i = 0; i < dim; i++)
            pixels[i] = (unsigned char)(255.0F * (values[i] + 0.5F));
        unic_array_init(&x.input, pixels, UNIC_U8, (int)rank, dims);
    }
    if (unic_extractor_extract(&x.steps, x.extractor, &x.input, 0, NULL) != UNIC_OK)
        bench_die("extract");
    x.features = bench_alloc(x.steps * width, sizeof *x.features);
    bench_extract_run();
}

double bench_extract_run(void)
{
    const double start = bench_now();
    size_t steps;
    if (unic_extractor_extract(&steps, x.extractor, &x.input, x.steps, x.features) != UNIC_OK)
        bench_die("extract");
    return bench_now() - start;
}
