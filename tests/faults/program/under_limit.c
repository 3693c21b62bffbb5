/*
 * Does one thing with the library while the process may not map more memory:
 *
 *   under_limit WORK BACKEND THREADS HEADROOM MODEL
 *
 * WORK is one of the table's; HEADROOM is how many kB the process may map beyond what it has
 * mapped when main begins, -1: no limit here (the caller has set one). MODEL is a model's file,
 * which `make` writes. Prints "ok", or the status and message of the call that failed; a call
 * that failed for want of memory is made again without the limit, and must then succeed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unicode/unic.h>

enum { BATCH = 8, LENGTH = 10, CODES = 64, DIM = 32 };
static const char *const names[] = {"image", "audio", "text"};
static const int64_t shapes[][5] = {
    {BATCH, LENGTH, 14, 14, 16}, {BATCH, LENGTH, 24}, {BATCH, LENGTH, 20}};
static const int ranks[] = {5, 3, 3};
static const char settings[] =
    "modalities = image audio text\n"
    "image.kind = grid\nimage.dims = 14 14 16\nimage.specific = 16\n"
    "audio.kind = vector\naudio.dims = 24\n"
    "text.kind = token\ntext.dims = 20\ntext.recurrent = 16\n"
    "code.dim = 32\ncode.count = 64\nencoder.layers = 1\nencoder.heads = 2\nencoder.ff = 64\n"
    "club.width = 32\ntrain.batch = 8\ntrain.length = 10\n";

static const char *backend, *model_path;
static float *data[3];
static unic_array arrays[3];

static void forget_limit(void)
{
    struct rlimit all;
    getrlimit(RLIMIT_AS, &all);
    all.rlim_cur = all.rlim_max;
    setrlimit(RLIMIT_AS, &all);
}

static long mapped_kb(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld", &pages) != 1)
        exit(3);
    fclose(file);
    return pages * 4;
}

static void limit(long headroom)
{
    struct rlimit now;
    if (headroom < 0)
        return;
    getrlimit(RLIMIT_AS, &now);
    now.rlim_cur = (rlim_t)(mapped_kb() + headroom) << 10;
    setrlimit(RLIMIT_AS, &now);
}

static int failed; /* calls that ran out of memory */

/* Ends the program unless the call succeeded or ran out of memory. */
static int worked(const char *call, unic_status status)
{
    if (status == UNIC_OK)
        return 1;
    printf("%s: %s: %s\n", call, unic_status_name(status), unic_last_error());
    fflush(stdout);
    if (status != UNIC_E_NOMEM || !unic_last_error()[0] || failed++)
        exit(1);
    forget_limit();
    return 0;
}

#define MUST(call)                                                                             \
    do {                                                                                       \
        if (!worked(#call, (call)) && !worked(#call, (call)))                                  \
            exit(1);                                                                           \
    } while (0)

static unic_config *config(void)
{
    unic_config *c;
    MUST(unic_config_create(&c));
    MUST(unic_config_parse(c, settings, NULL));
    MUST(unic_config_set(c, "kernel.backend", backend));
    return c;
}

static unic_batch *batch(void)
{
    unic_batch *b;
    MUST(unic_batch_create(&b));
    for (int m = 0; m < 3; m++)
        MUST(unic_batch_set(b, names[m], &arrays[m], NULL));
    return b;
}

static void train(void)
{
    unic_trainer *t;
    unic_config *c = config();
    unic_batch *b = batch();
    MUST(unic_trainer_create(&t, c, NULL));
    for (int i = 0; i < 2; i++)
        MUST(unic_trainer_step(t, b, NULL, NULL));
    MUST(unic_trainer_evaluate(t, b, NULL));
    unic_trainer_free(t);
    unic_batch_free(b);
    unic_config_free(c);
}

static void make(void)
{
    unic_trainer *t;
    unic_model *m;
    unic_config *c = config();
    MUST(unic_trainer_create(&t, c, NULL));
    MUST(unic_trainer_model(&m, t));
    MUST(unic_model_save(m, model_path));
    unic_model_free(m);
    unic_trainer_free(t);
    unic_config_free(c);
}

static void encode(void)
{
    static int32_t codes[BATCH * LENGTH];
    const unic_encoder_options o = {
        .struct_size = sizeof o, .max_batch = BATCH, .max_length = LENGTH};
    unic_model *model;
    unic_encoder *e;
    MUST(unic_model_open(&model, model_path, NULL));
    for (int m = 0; m < 3; m++) {
        MUST(unic_encoder_create(&e, model, names[m], &o));
        MUST(unic_encoder_encode(e, &arrays[m], NULL, codes, NULL, NULL));
        unic_encoder_free(e);
    }
    unic_model_free(model);
}

static void assign(void)
{
    static int32_t codes[BATCH * LENGTH];
    unic_codebook *b;
    unic_array z;
    unic_codebook_init_options o = {.struct_size = sizeof o, .iterations = 5};
    unic_array_init(&z, data[0], UNIC_F32, 2, (const int64_t[]){2000, DIM});
    MUST(unic_codebook_create(&b, CODES, DIM, 2));
    MUST(unic_codebook_init(b, &z, &o));
    unic_array_init(&z, data[0], UNIC_F32, 2, (const int64_t[]){BATCH * LENGTH, DIM});
    MUST(unic_codebook_assign(b, &z, codes));
    unic_codebook_free(b);
}

static void search(void)
{
    static int64_t ids[BATCH * LENGTH * 5];
    unic_index_options o = {.struct_size = sizeof o, .dim = DIM, .metric = UNIC_INDEX_COSINE};
    unic_index *x;
    unic_array z;
    unic_array_init(&z, data[0], UNIC_F32, 2, (const int64_t[]){3000, DIM});
    MUST(unic_index_create(&x, &o));
    MUST(unic_index_add(x, &z, NULL));
    unic_array_init(&z, data[0], UNIC_F32, 2, (const int64_t[]){BATCH * LENGTH, DIM});
    MUST(unic_index_search(x, &z, 5, NULL, ids, NULL));
    unic_index_free(x);
}

static void codebook(unic_codebook **b)
{
    unic_array z;
    unic_array_init(&z, data[0], UNIC_F32, 2, (const int64_t[]){CODES, DIM});
    MUST(unic_codebook_create(b, CODES, DIM, 2));
    MUST(unic_codebook_set(*b, &z));
}

static void fit(void)
{
    static int32_t codes[40 * LENGTH], labels[40];
    unic_codebook *b;
    unic_head *h;
    unic_head_options o = {
        .struct_size = sizeof o, .kind = UNIC_HEAD_CLIP, .class_count = 4, .epochs = 2};
    codebook(&b);
    for (int i = 0; i < 40 * LENGTH; i++)
        codes[i] = i % CODES;
    for (int i = 0; i < 40; i++)
        labels[i] = i % 4;
    MUST(unic_head_create(&h, b, &o));
    MUST(unic_head_fit(NULL, h, codes, 40, LENGTH, labels));
    unic_head_free(h);
    unic_codebook_free(b);
}

static void segment(void)
{
    static int32_t codes[2 * 3];
    static float pixels[2 * 3 * 64 * 64 * 3],
        truth[2 * 3 * 64 * 64]; /* mapped before the limit */
    unic_codebook *b;
    unic_segmenter *s;
    unic_array images, masks;
    const unic_array *levels[] = {&images};
    unic_segmenter_options o = {.struct_size = sizeof o, .input = UNIC_SEGMENTER_FRAMES};
    codebook(&b);
    unic_array_init(&images, pixels, UNIC_F32, 5, (const int64_t[]){2, 3, 64, 64, 3});
    unic_array_init(&masks, truth, UNIC_F32, 4, (const int64_t[]){2, 3, 64, 64});
    MUST(unic_segmenter_create(&s, b, &o));
    MUST(unic_segmenter_step(NULL, s, levels, 1, codes, 3, &masks));
    unic_segmenter_free(s);
    unic_codebook_free(b);
}

static const struct {
    const char *name;
    void (*run)(void);
} works[] = {{"make", make},     {"train", train}, {"encode", encode},  {"assign", assign},
             {"search", search}, {"fit", fit},     {"segment", segment}};

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    backend = argv[2];
    model_path = argv[5];
    for (int m = 0; m < 3; m++) {
        size_t count = 1;
        for (int k = 0; k < ranks[m]; k++)
            count *= (size_t)shapes[m][k];
        data[m] = malloc(count * sizeof(float));
        if (!data[m])
            return 3;
        for (size_t i = 0; i < count; i++)
            data[m][i] = (float)((i * 2654435761u) % 1000u) / 500.0F - 1.0F;
        unic_array_init(&arrays[m], data[m], UNIC_F32, ranks[m], shapes[m]);
    }
    unic_set_threads(atoi(argv[3]));
    limit(atol(argv[4]));
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++)
        if (!strcmp(argv[1], works[i].name)) {
            works[i].run();
            printf("%s\n", failed ? "ok when there was memory again" : "ok");
            return 0;
        }
    return 2;
}
