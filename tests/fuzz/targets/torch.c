/* Pickles and checkpoints of PyTorch. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/harness/parcel.h"
#include "fuzz/targets/targets.h"
#include "torch/pickle.h"
#include "torch/pickled_array.h"
#include "torch/torch_file.h"

enum { MOST = 1 << 16, MOST_TENSORS = 64 };

/* ---- pickle ---- */

/* Visits the whole tree, whose size the reader bounds. */
static size_t walk(const unic__value *v)
{
    char text[UNIC__VALUE_DESCRIPTION], print[UNIC__VALUE_TEXT];
    size_t n = 1;
    if (!v)
        return 0;
    FUZZ_CHECK(*unic__value_describe(v, text) && v->depth <= UNIC__PICKLE_DEPTH);
    if (v->kind == UNIC__PICKLE_TEXT)
        unic__value_print(v, print);
    if (unic__value_contents(v)->kind == UNIC__PICKLE_DICT)
        unic__value_get(unic__value_contents(v), "state_dict");
    unic__value_is_text(v, "a");
    switch (v->kind) {
    case UNIC__PICKLE_TUPLE:
    case UNIC__PICKLE_LIST:
    case UNIC__PICKLE_DICT:
    case UNIC__PICKLE_SET:
        for (size_t i = 0; i < v->as.many.count; i++)
            n += walk(v->as.many.items[i]);
        break;
    case UNIC__PICKLE_CALL:
        n += walk(v->as.call.function) + walk(v->as.call.args);
        if (v->as.call.more)
            n += walk(v->as.call.more->state) + walk(v->as.call.more->items);
        break;
    case UNIC__PICKLE_PERSISTENT:
        n += walk(v->as.persistent.id);
        break;
    default:
        break;
    }
    return n;
}

static void run_pickle(const unsigned char *data, size_t size)
{
    unic__pickle p;
    size_t used;
    unsigned char *copy = malloc(size ? size : 1); /* its end is the end of the block */
    if (size)
        memcpy(copy, data, size);
    fuzz_limit_begin();
    if (fuzz_ok(unic__pickle_read(&p, copy, size, &used))) {
        FUZZ_CHECK(used > 0 && used <= size);
        FUZZ_CHECK(walk(p.root) <= p.root->nodes && p.root->nodes <= UNIC__PICKLE_VALUES);
        for (const unic__value *v = p.persistent; v; v = v->as.persistent.next)
            FUZZ_CHECK(v->kind == UNIC__PICKLE_PERSISTENT);
    } else {
        FUZZ_CHECK(used == 0 || used > size);
    }
    unic__pickle_free(&p);
    fuzz_limit_end();
    free(copy);
}

/* The pickles of the archives of the tests. */
static void pickles_of(fuzz_seed_fn *add, const char *path, size_t largest)
{
    static fuzz_member members[PARCEL_MEMBERS];
    size_t size;
    unsigned char *parcel = fuzz_parcel_pack(path, &size);
    FUZZ_CHECK(parcel);
    size_t n = fuzz_parcel_members(members, parcel, size);
    for (size_t i = 0; i < n; i++)
        if (!(members[i].flags & PARCEL_ARRAY) && members[i].size > 8 &&
            members[i].size <= largest &&
            (members[i].data[0] == 0x80 || members[i].data[members[i].size - 1] == '.'))
            add(members[i].data, members[i].size);
    free(parcel);
}

static void pickle_seeds(fuzz_seed_fn *add)
{
    static const char *const texts[] = {
        "(dp0\nS'a'\np1\nI1\nsS'b'\n(lp2\nI01\naL5L\naF1.5\nas.",
        "ccollections\nOrderedDict\np0\n(t(lp1\ntRp2\n.",
        "(icopy_reg\n_reconstructor\np0\n(dp1\nVk\\u1234\nNsb.",
        "\x80\x04\x95\x0b\0\0\0\0\0\0\0\x8c\x01k\x94\x4b\x01\x86\x94.",
    };
    static const size_t sizes[] = {0, 0, 0, 20};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        add(texts[i], sizes[i] ? sizes[i] : strlen(texts[i]));
    pickles_of(add, "tests/torch/fixtures/arrays.zip", fuzz_pickle_target.largest);
    pickles_of(add, "tests/torch/fixtures/model.pt", fuzz_pickle_target.largest);
    pickles_of(add, "tests/torch/fixtures/module.pt", fuzz_pickle_target.largest);
    pickles_of(add, "tests/torch/fixtures/refused.zip", fuzz_pickle_target.largest);
}

const fuzz_target fuzz_pickle_target = {.name = "pickle",
                                        .reads = "pickles of every protocol",
                                        .form = FUZZ_RAW,
                                        .largest = 4096,
                                        .run = run_pickle,
                                        .seeds = pickle_seeds};

/* ---- pickled arrays: the first byte says whether the rest is the pickle, or the file ---- */

static void run_pickled_array(const unsigned char *data, size_t size)
{
    unic__pickled_array *a;
    fuzz_bytes file = {0}, parcel = {0};
    if (size < 1)
        return;
    fuzz_member m = {.name = (const unsigned char *)"a.pkl",
                     .name_size = 5,
                     .data = data + 1,
                     .size = size - 1,
                     .flags = data[0] & PARCEL_DEFLATED};
    if (data[0] & 1) {
        fuzz_bytes_add(&file, data + 1, size - 1);
    } else {
        fuzz_parcel_add(&parcel, &m);
        file = fuzz_parcel_zip(parcel.at, parcel.size);
    }
    if (fuzz_made(unic__pickled_array_open(&a, fuzz_file(file.at, file.size)), a)) {
        size_t n = unic__shape_count(unic__pickled_array_shape(a));
        FUZZ_CHECK(*unic__npy_type_name(unic__pickled_array_type(a)));
        if (n <= MOST) {
            double *x = malloc((n + 1) * sizeof *x);
            fuzz_ok(unic__pickled_array_read_f64(a, x, n));
            fuzz_ok(unic__pickled_array_read_f32(a, (float *)(void *)x, n));
            FUZZ_CHECK(!fuzz_ok(unic__pickled_array_read_f64(a, x, n + 1)));
            free(x);
        }
        unic__pickled_array_close(a);
    }
    free(file.at);
    free(parcel.at);
}

static fuzz_seed_fn *add_array;

static void add_behind_byte(const void *bytes, size_t size)
{
    fuzz_bytes b = {0};
    fuzz_bytes_add(&b, "", 1);
    fuzz_bytes_add(&b, bytes, size);
    add_array(b.at, b.size);
    free(b.at);
}

static void pickled_array_seeds(fuzz_seed_fn *add)
{
    add_array = add;
    pickles_of(add_behind_byte, "tests/torch/fixtures/arrays.zip", 2048);
    pickles_of(add_behind_byte, "tests/torch/fixtures/refused.zip", 2048);
}

const fuzz_target fuzz_pickled_array_target = {.name = "pickled_array",
                                               .reads = "numpy arrays in pickles, in zip files",
                                               .form = FUZZ_RAW,
                                               .largest = 4096,
                                               .run = run_pickled_array,
                                               .seeds = pickled_array_seeds};

/* ---- checkpoints ---- */

static void read_tensor(unic__torch_file *f, const unic__torch_tensor *t)
{
    if (t->wrong) {
        FUZZ_CHECK(*t->wrong);
        return;
    }
    size_t n = unic__shape_count(&t->shape);
    if (n > MOST)
        return;
    double *x = malloc((n + 1) * sizeof *x);
    fuzz_ok(unic__torch_read_f64(f, t, x, n));
    fuzz_ok(unic__torch_read_f32(f, t, (float *)(void *)x, n));
    fuzz_ok(unic__torch_read_i64(f, t, (int64_t *)(void *)x, n));
    free(x);
}

static void use_torch(const char *path)
{
    static const char *const paths[] = {"",       "optimizer", "epoch",
                                        "list/0", "a/b",       "total_step"};
    unic__torch_file *f;
    unic__source *source;
    char text[512];
    FUZZ_CHECK(unic__source_open_file(&source, path) == UNIC_OK);
    fuzz_limit_begin();
    const bool made = fuzz_made(unic__torch_open(&f, source), f);
    fuzz_limit_end();
    unic__source_release(source);
    if (!made)
        return;
    for (size_t i = 0; i < unic__torch_count(f) && i < MOST_TENSORS; i++) {
        const unic__torch_tensor *t = unic__torch_tensor_at(f, i);
        FUZZ_CHECK(unic__torch_find(f, t->path));
        read_tensor(f, t);
    }
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char what[UNIC__VALUE_DESCRIPTION];
        double x;
        int64_t n;
        size_t length;
        unic__torch_kind_of(f, paths[i], &length);
        unic__torch_describe(f, paths[i], what);
        fuzz_ok(unic__torch_get_f64(f, paths[i], &x));
        fuzz_ok(unic__torch_get_i64(f, paths[i], &n));
    }
    FUZZ_CHECK(*unic__torch_summary(f, text, sizeof text));
    fuzz_ok(unic__torch_rename(f, "a", "b"));
    fuzz_ok(unic__torch_enter(f, "model/"));
    unic__torch_sort(f);
    for (size_t i = 0; i < unic__torch_count(f) && i < MOST_TENSORS; i++)
        FUZZ_CHECK(unic__torch_sorted_at(f, i));
    unic__torch_close(f);
}

static void run_torch(const unsigned char *data, size_t size)
{
    fuzz_bytes zip = fuzz_parcel_zip(data, size);
    use_torch(fuzz_file(zip.at, zip.size));
    free(zip.at);
}

static void torch_seeds(fuzz_seed_fn *add)
{
    static const char *const names[] = {"bare",   "complex", "list", "model", "model_protocol4",
                                        "module", "repeated"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128] = "tests/torch/fixtures/";
        fuzz_seed_parcel(add, strcat(strcat(path, names[i]), ".pt"));
    }
}

const fuzz_target fuzz_torch_target = {.name = "torch",
                                       .reads = "torch.save()'s zip files",
                                       .form = FUZZ_PARCEL,
                                       .largest = 1 << 13,
                                       .run = run_torch,
                                       .seeds = torch_seeds};

static void run_torch_old(const unsigned char *data, size_t size)
{
    use_torch(fuzz_file(data, size));
}

static void torch_old_seeds(fuzz_seed_fn *add)
{
    fuzz_seed_file(add, "tests/torch/fixtures/model_old.pt");
}

const fuzz_target fuzz_torch_old_target = {.name = "torch_old",
                                           .reads = "torch.save()'s files before 1.6",
                                           .form = FUZZ_RAW,
                                           .largest = 1 << 13,
                                           .run = run_torch_old,
                                           .seeds = torch_old_seeds};

/* ---- checkpoints of the CMG code: imported as models and as runs ---- */

static void import_all(const char *path, const char *settings)
{
    unic_model *model;
    unic_trainer *trainer;
    fuzz_limit_begin();
    if (fuzz_made(unic_model_import(&model, path, settings, &fuzz_open), model)) {
        fuzz_limit_end();
        fuzz_use_model(model);
        fuzz_limit_begin();
    }
    unic_model_free(model);
    bool made = fuzz_made(unic_trainer_import(&trainer, path, settings, NULL, &fuzz_open),
                          trainer);
    fuzz_limit_end();
    if (made)
        fuzz_ok(unic_trainer_save(trainer, fuzz_path("run.npz")));
    unic_trainer_free(trainer);
}

static void run_cmg(const unsigned char *data, size_t size)
{
    static fuzz_member members[PARCEL_MEMBERS];
    fuzz_bytes zip = fuzz_parcel_zip(data, size);
    char settings[256] = "train.batch = 2\ntrain.length = 3\n";
    if (fuzz_parcel_members(members, data, size) && members[0].name_size == 0 &&
        members[0].size < 128) { /* a first member without a name has settings */
        memcpy(settings, members[0].data, members[0].size);
        settings[members[0].size] = '\0';
        free(zip.at);
        size_t skip = PARCEL_HEAD + members[0].size;
        zip = fuzz_parcel_zip(data + skip, size - skip);
    }
    import_all(fuzz_file(zip.at, zip.size), settings);
    free(zip.at);
}

static void cmg_seeds(fuzz_seed_fn *add)
{
    size_t size;
    unsigned char *parcel = fuzz_parcel_pack("tests/cmg/fixtures/avt.pt", &size);
    fuzz_bytes with = {0};
    const char settings[] = "train.batch = 2\ntrain.length = 3\nencoder.heads = 2\n";
    const fuzz_member first = {.data = (const unsigned char *)settings,
                               .size = sizeof settings - 1,
                               .name = (const unsigned char *)""};
    FUZZ_CHECK(parcel);
    add(parcel, size);
    fuzz_parcel_add(&with, &first);
    fuzz_bytes_add(&with, parcel, size);
    add(with.at, with.size);
    free(with.at);
    free(parcel);
}

const fuzz_target fuzz_cmg_target = {.name = "cmg",
                                     .reads = "checkpoints of the CMG code",
                                     .form = FUZZ_PARCEL,
                                     .largest = 1 << 16,
                                     .run = run_cmg,
                                     .seeds = cmg_seeds};
