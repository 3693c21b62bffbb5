#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "train/trainer.h"

/* config=FILE or preset=NAME, then set=KEY:VALUE,KEY:VALUE */
static unic_config *read_config(void)
{
    unic_config *config;
    const char *path = bench_text("config", NULL), *preset = bench_text("preset", NULL);
    char settings[1024];
    if (unic_config_create(&config) != UNIC_OK ||
        (path && unic_config_load(config, path) != UNIC_OK) ||
        (preset && unic_config_set(config, "preset", preset) != UNIC_OK))
        bench_die("config");
    snprintf(settings, sizeof settings, "%s", bench_text("set", ""));
    for (char *s = strtok(settings, ","); s; s = strtok(NULL, ",")) {
        char *colon = strchr(s, ':');
        if (!colon)
            bench_die(s);
        *colon = '\0';
        if (unic_config_set(config, s, colon + 1) != UNIC_OK)
            bench_die(s);
    }
    return config;
}

/* The whole config as text: what the peers read. out=FILE */
void bench_config_setup(void)
{
    const char *text, *path = bench_text("out", NULL);
    unic_config *config = read_config();
    FILE *f = path ? fopen(path, "w") : NULL;
    if (unic_config_text(&text, config) != UNIC_OK || !f || fputs(text, f) < 0 ||
        fclose(f) != 0)
        bench_die("config's text");
    unic_config_free(config);
}

/* An untrained model with the config's encoders. out=FILE */
void bench_model_setup(void)
{
    unic_trainer *trainer;
    unic_model *model;
    unic_config *config = read_config();
    if (unic_trainer_create(&trainer, config, NULL) != UNIC_OK ||
        unic_trainer_model(&model, trainer) != UNIC_OK ||
        unic_model_save(model, bench_text("out", "model.npz")) != UNIC_OK)
        bench_die("model");
    unic_model_free(model);
    unic_trainer_free(trainer);
    unic_config_free(config);
}

/* ---- step: pre-training steps on one batch ---- */

static struct {
    unic_trainer *trainer;
    unic_batch *batch;
    double *terms;
    size_t calls;
} st;

static void fill_batch(const unic_config *config)
{
    size_t clips = bench_size("clips", config->batch);
    if (unic_batch_create(&st.batch) != UNIC_OK)
        bench_die("batch");
    for (size_t m = 0; m < config->modality_count; m++) {
        const unic__modality *mod = &config->modality[m];
        int64_t dims[UNIC_MAX_RANK] = {(int64_t)clips, (int64_t)config->length};
        size_t count = clips * config->length;
        for (size_t i = 0; i < mod->dims.rank; i++) {
            dims[2 + i] = (int64_t)mod->dims.dim[i];
            count *= mod->dims.dim[i];
        }
        unic_array x;
        unic_array_init(&x, bench_floats(count, 0.0F, 10 + m), UNIC_F32,
                        (int)mod->dims.rank + 2, dims);
        if (unic_batch_set(st.batch, mod->name, &x, NULL) != UNIC_OK)
            bench_die("batch");
    }
}

static size_t count(const unic__param_table *params)
{
    size_t sum = 0;
    for (size_t i = 0; i < params->n; i++)
        sum += params->at[i]->count;
    return sum;
}

void bench_step_setup(void)
{
    unic_config *config = read_config();
    st.calls = bench_size("calls", 1);
    if (unic_trainer_create(&st.trainer, config, NULL) != UNIC_OK)
        bench_die("trainer");
    fill_batch(config);
    size_t n = unic_trainer_figure_count(st.trainer);
    st.terms = bench_alloc(n, sizeof *st.terms);
    if (unic_trainer_step(st.trainer, st.batch, NULL, st.terms) != UNIC_OK)
        bench_die("step");
    const unic__training_graph *g = &st.trainer->graph;
    size_t parameters = count(&st.trainer->params) + count(&st.trainer->club);
    size_t activations = g->main.memory_floats * sizeof(float);
    for (size_t m = 0; m < g->n; m++)
        activations += g->club[m].memory_floats * sizeof(float);
    printf(", \"parameters\": %zu, \"planned_mb\": %.2f", parameters,
           (16.0 * (double)parameters + (double)activations) / 1048576.0);
    for (size_t i = 0; i < n; i++)
        printf(", \"%s\": %.6g", unic_trainer_figure_name(st.trainer, i), st.terms[i]);
    unic_config_free(config);
}

double bench_step_run(void)
{
    double start = bench_now();
    for (size_t i = 0; i < st.calls; i++)
        if (unic_trainer_step(st.trainer, st.batch, NULL, st.terms) != UNIC_OK)
            bench_die("step");
    return (bench_now() - start) / (double)st.calls;
}

/* ---- head: one epoch of a clip head on codes ---- */

static struct {
    unic_head *head;
    int32_t *codes, *labels;
    size_t clips, length;
} hd;

void bench_head_setup(void)
{
    size_t count = bench_size("codes", 400), dim = bench_size("dim", 256);
    size_t classes = bench_size("classes", 141);
    unic_codebook *codebook;
    unic_array e;
    unic_array_init(&e, bench_floats(count * dim, -1.0F, 20), UNIC_F32, 2,
                    (int64_t[]){(int64_t)count, (int64_t)dim});
    unic_head_options options = {.struct_size = sizeof options,
                                 .kind = UNIC_HEAD_CLIP,
                                 .class_count = (int32_t)classes,
                                 .epochs = 1,
                                 .batch = (int32_t)bench_size("batch", 64)};
    if (unic_codebook_create(&codebook, count, dim, 2) != UNIC_OK ||
        unic_codebook_set(codebook, &e) != UNIC_OK ||
        unic_head_create(&hd.head, codebook, &options) != UNIC_OK)
        bench_die("head");
    unic_codebook_free(codebook);
    hd.clips = bench_size("clips", 4096);
    hd.length = bench_size("length", 10);
    hd.codes = bench_alloc(hd.clips * hd.length, sizeof *hd.codes);
    hd.labels = bench_alloc(hd.clips, sizeof *hd.labels);
    float *u = bench_floats(hd.clips * hd.length, 0.0F, 21);
    for (size_t i = 0; i < hd.clips * hd.length; i++)
        hd.codes[i] = (int32_t)(u[i] * (float)count);
    for (size_t i = 0; i < hd.clips; i++)
        hd.labels[i] = (int32_t)((size_t)hd.codes[i * hd.length] % classes);
    free(u);
    bench_head_run();
}

double bench_head_run(void)
{
    double start = bench_now(), loss;
    if (unic_head_fit(&loss, hd.head, hd.codes, hd.clips, hd.length, hd.labels) != UNIC_OK)
        bench_die("head");
    return bench_now() - start;
}

/* ---- dataset: one shuffled epoch of a file ---- */

static unic_dataset *dataset;

void bench_dataset_setup(void)
{
    const char *path = bench_text("data", "data.npz");
    unic_dataset_options options = {.struct_size = sizeof options,
                                    .batch = bench_size("batch", 80),
                                    .shuffle = 1,
                                    .prefetch = (int32_t)bench_size("prefetch", 2)};
    if (unic_dataset_open(&dataset, &path, 1, &options) != UNIC_OK)
        bench_die("dataset");
    printf(", \"clips\": %zu", unic_dataset_clip_count(dataset));
    bench_dataset_run();
}

double bench_dataset_run(void)
{
    const unic_batch *batch;
    double start = bench_now();
    do {
        if (unic_dataset_next(&batch, dataset) != UNIC_OK)
            bench_die("dataset");
    } while (batch);
    return bench_now() - start;
}
