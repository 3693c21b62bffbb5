#include "bench.h"

#include <stdio.h>

/* ---- extract: features of sound, frames or a text by a pretrained network ---- */

static struct {
    unic_extractor *extractor;
    unic_array input;
    char *text; /* in its place */
    size_t bytes, steps;
    float *features;
} x;

static void make_array(size_t rank, int64_t *dims)
{
    size_t count = 1;
    dims[0] = (int64_t)bench_size("n", 1);
    for (size_t i = 0; i < rank; i++)
        count *= (size_t)dims[i];
    float *values = bench_floats(count, -0.5F, 1);
    if (rank == 1) {
        unic_array_init(&x.input, values, UNIC_F32, 1, dims);
        return;
    }
    unsigned char *pixels = bench_alloc(count, 1);
    for (size_t i = 0; i < count; i++)
        pixels[i] = (unsigned char)(255.0F * (values[i] + 0.5F));
    unic_array_init(&x.input, pixels, UNIC_U8, (int)rank, dims);
}

/* n words "w0 w1 ...", which are pieces of the vocabulary. */
static void make_text(void)
{
    const size_t n = bench_size("n", 1);
    x.text = bench_alloc(n, 24);
    for (size_t i = 0; i < n; i++)
        x.bytes += (size_t)sprintf(x.text + x.bytes, "w%zu ", i * 37 % 1000);
    if (unic_extractor_load_words(x.extractor, bench_text("words", ""),
                                  UNIC_EXTRACTOR_VOCABULARY, NULL) != UNIC_OK)
        bench_die("extract");
}

static unic_status extract(size_t *steps, float *features)
{
    return x.text ? unic_extractor_extract_text(steps, x.extractor, x.text, x.bytes, x.steps,
                                                features)
                  : unic_extractor_extract(steps, x.extractor, &x.input, x.steps, features);
}

/* settings= ("kind:vgg19,rate:1"), weights=, n= (samples, frames or words), words= (of a text),
 * threads=. */
void bench_extract_setup(void)
{
    const unic_extractor_options options = {.struct_size = sizeof options,
                                            .threads = (int32_t)bench_size("threads", 1)};
    char settings[256];
    size_t n = 0, rank, width = 1;
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
    if (rank > 0)
        make_array(rank, dims);
    else
        make_text();
    if (extract(&x.steps, NULL) != UNIC_OK)
        bench_die("extract");
    x.features = bench_alloc(x.steps * width, sizeof *x.features);
    bench_extract_run();
}

double bench_extract_run(void)
{
    const double start = bench_now();
    size_t steps;
    if (extract(&steps, x.features) != UNIC_OK)
        bench_die("extract");
    return bench_now() - start;
}
