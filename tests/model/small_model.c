#include "small_model.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array/bundle.h"
#include "array/npz_help.h"
#include "file/io_help.h"
#include "train/trainer.h"

unic_config *small_config(const char *text, const char *more)
{
    unic_config *config;
    io_assert_ok(unic_config_create(&config));
    io_assert_ok(unic_config_parse(config, text, NULL));
    io_assert_ok(unic_config_parse(config, more, NULL));
    io_assert_ok(unic_config_check(config));
    unic__config_resolve(config);
    return config;
}

unic_trainer *small_trainer(const char *text, const char *more)
{
    unic_trainer *trainer;
    unic_config *config = small_config(text, more);
    io_assert_ok(unic_trainer_create(&trainer, config, NULL));
    unic_config_free(config);
    return trainer;
}

unic_model *small_model(const char *text, const char *more, size_t steps)
{
    unic_model *model;
    unic_trainer *trainer = small_trainer(text, more);
    for (size_t i = 0; i < steps; i++) {
        small_batch *b = small_batch_new(text, SMALL_BATCH, SMALL_LENGTH, 1000 + i);
        io_assert_ok(unic_trainer_step(trainer, b->batch, NULL, NULL));
        small_batch_free(b);
    }
    io_assert_ok(unic_trainer_model(&model, trainer));
    unic_trainer_free(trainer);
    return model;
}

static void add_modality(small_batch *b, const unic__modality *m, unic__key key)
{
    size_t i = b->n++, dims[2] = {b->clips, b->length};
    int64_t all[UNIC_MAX_RANK] = {(int64_t)dims[0], (int64_t)dims[1]};
    for (size_t k = 0; k < m->dims.rank; k++)
        all[2 + k] = (int64_t)m->dims.dim[k];
    strcpy(b->name[i], m->name);
    b->step[i] = unic__shape_count(&m->dims);
    size_t count = b->clips * b->length * b->step[i];
    b->x[i] = malloc(count * sizeof(float));
    b->lengths[i] = malloc(b->clips * sizeof(int32_t));
    ck_assert(b->x[i] != NULL && b->lengths[i] != NULL);
    for (size_t k = 0; k < count; k++)
        b->x[i][k] = unic__random_normal(key, k);
    for (size_t k = 0; k < b->clips; k++)
        b->lengths[i][k] = (int32_t)b->length;
    unic_array_init(&b->array[i], b->x[i], UNIC_F32, 2 + (int)m->dims.rank, all);
    io_assert_ok(unic_batch_set(b->batch, m->name, &b->array[i], b->lengths[i]));
}

small_batch *small_batch_new(const char *text, size_t clips, size_t length, uint64_t seed)
{
    unic_config *config = small_config(text, "");
    small_batch *b = calloc(1, sizeof *b);
    ck_assert(b != NULL);
    io_assert_ok(unic_batch_create(&b->batch));
    b->clips = clips;
    b->length = length;
    for (size_t m = 0; m < config->modality_count; m++)
        add_modality(b, &config->modality[m], unic__random_key(seed, m, 77));
    unic_config_free(config);
    return b;
}

void small_batch_free(small_batch *b)
{
    unic_batch_free(b->batch);
    for (size_t m = 0; m < b->n; m++) {
        free(b->x[m]);
        free(b->lengths[m]);
    }
    free(b);
}

void small_batch_spoil(small_batch *b, float value)
{
    for (size_t m = 0; m < b->n; m++)
        for (size_t i = 0; i < b->clips * b->length; i++)
            for (size_t k = 0; k < b->step[m]; k++)
                if ((int32_t)(i % b->length) >= b->lengths[m][i / b->length])
                    b->x[m][i * b->step[m] + k] = value;
}

/* ---- files ---- */

const char *small_path(const char *name)
{
    static char paths[8][512];
    static unsigned next;
    const char *build = getenv("BUILD");
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/tests/small.%ld.%s", build ? build : "build",
             (long)getpid(), name);
    return path;
}

bool small_same_files(const char *a, const char *b)
{
    size_t sizes[2];
    unsigned char *bytes[2] = {io_read(a, &sizes[0]), io_read(b, &sizes[1])};
    bool same = sizes[0] == sizes[1] && memcmp(bytes[0], bytes[1], sizes[0]) == 0;
    free(bytes[0]);
    free(bytes[1]);
    return same;
}

/* One array as it is; `change` if it is the one to be changed. `hold` owns the data. */
static void copy_array(unic__bundle *b, unic__npz *z, const char *name,
                       const small_change *change, void **hold)
{
    unic__npy_info info;
    io_assert_ok(unic__npz_info(z, name, &info));
    unic__shape shape = info.shape;
    size_t count = unic__shape_count(&shape);
    *hold = malloc(8 * count + 8);
    ck_assert(*hold != NULL && shape.rank < UNIC__MAX_RANK);
    if (change && *change == SMALL_RESHAPE) {
        memmove(shape.dim + 1, shape.dim, shape.rank * sizeof shape.dim[0]);
        shape.dim[0] = 1;
        shape.rank++;
    }
    bool spoil = change && *change == SMALL_SPOIL;
    if (info.type == UNIC__NPY_F32) {
        io_assert_ok(unic__npz_read_f32(z, name, *hold, count));
        *(float *)*hold = spoil ? NAN : *(float *)*hold;
        unic__bundle_f32(b, name, shape, *hold);
    } else if (info.type == UNIC__NPY_F16 || info.type == UNIC__NPY_U16) {
        const bool f16 = info.type == UNIC__NPY_F16;
        io_assert_ok(f16 ? unic__npz_read_f32(z, name, *hold, count)
                         : unic__read_bf16(z, name, info.shape, *hold));
        *(float *)*hold = spoil ? NAN : *(float *)*hold;
        unic__bundle_numbers(b, name, shape, *hold, f16 ? UNIC__FLOAT16 : UNIC__BFLOAT16);
    } else if (info.type == UNIC__NPY_I32) {
        io_assert_ok(unic__npz_read_i32(z, name, *hold, count));
        *(int32_t *)*hold = spoil ? -7 : *(int32_t *)*hold;
        unic__bundle_i32(b, name, shape, *hold);
    } else {
        io_assert_ok(unic__npz_read_i64(z, name, *hold, count));
        *(int64_t *)*hold = spoil ? -7 : *(int64_t *)*hold;
        unic__bundle_i64(b, name, shape, *hold);
    }
}

static void copy_text(unic__bundle *b, unic__npz *z, const char *name, const char *old,
                      const char *fresh, void **hold)
{
    char *text;
    io_assert_ok(unic__npz_read_text(z, name, &text));
    size_t size = strlen(text) + (fresh ? strlen(fresh) : 0) + 1;
    char *copy = *hold = malloc(size), *at = old ? strstr(text, old) : NULL;
    ck_assert_msg(copy != NULL && (!old || at), "%s: no \"%s\" in it", name, old ? old : "");
    if (at && fresh)
        snprintf(copy, size, "%.*s%s%s", (int)(at - text), text, fresh, at + strlen(old));
    else
        strcpy(copy, text);
    unic__free(text);
    unic__bundle_text(b, name, copy);
}

static unic_status write_half(unic__npz_writer *w, const unic__member *m)
{
    const bool f16 = m->type == UNIC__MEMBER_F16;
    size_t member, n = unic__shape_count(&m->shape);
    uint16_t *half = malloc(n * sizeof *half);
    ck_assert(half != NULL);
    unic__narrow(half, m->data, n, f16 ? UNIC__FLOAT16 : UNIC__BFLOAT16);
    io_assert_ok(
        unic__npz_begin(w, m->name, f16 ? UNIC__NPY_F16 : UNIC__NPY_U16, &m->shape, &member));
    unic_status status = unic__npz_append(w, member, half, n * sizeof *half);
    free(half);
    return status;
}

/* As it is: the bundle itself does not write what is no number. */
static void write_members(const unic__bundle *b, const char *path)
{
    unic__npz_writer *w;
    io_assert_ok(unic__npz_create(&w, UNIC__TO_FILE(path)));
    for (size_t i = 0; i < b->n; i++) {
        const unic__member *m = &b->at[i];
        io_assert_ok(
            m->type == UNIC__MEMBER_TEXT  ? unic__npz_add_text(w, m->name, m->data)
            : m->type == UNIC__MEMBER_F32 ? unic__npz_add_f32(w, m->name, &m->shape, m->data)
            : m->type == UNIC__MEMBER_F16 || m->type == UNIC__MEMBER_BF16 ? write_half(w, m)
            : m->type == UNIC__MEMBER_I32 ? unic__npz_add_i32(w, m->name, &m->shape, m->data)
                                          : unic__npz_add_i64(w, m->name, &m->shape, m->data));
    }
    io_assert_ok(unic__npz_finish(w));
}

static void copy_npz(const char *from, const char *to, const char *member,
                     const small_change *change, const char *old, const char *fresh)
{
    unic__npz *z;
    unic__bundle b = {0};
    unic__npy_info info;
    bool found = false;
    io_assert_ok(npz_open(&z, from));
    size_t n = unic__npz_count(z);
    void **hold = calloc(n, sizeof *hold);
    ck_assert(hold != NULL);
    for (size_t i = 0; i < n; i++) {
        const char *name = unic__npz_name(z, i);
        bool it = strcmp(name, member) == 0;
        found = found || it;
        if (it && change && *change == SMALL_DROP)
            continue;
        if (unic__npz_info(z, name, &info) == UNIC_OK)
            copy_array(&b, z, name, it ? change : NULL, &hold[i]);
        else
            copy_text(&b, z, name, it ? old : NULL, fresh, &hold[i]);
    }
    ck_assert_msg(found, "%s: no member %s", from, member);
    ck_assert(b.status == UNIC_OK);
    write_members(&b, to);
    unic__free(b.at);
    for (size_t i = 0; i < n; i++)
        free(hold[i]);
    free(hold);
    unic__npz_close(z);
}

static void damage(const char *from, const char *to, const char *member)
{
    unic__npz *z;
    unic__npy_info info;
    size_t size, at = 0;
    unsigned char *file = io_read(from, &size);
    io_assert_ok(npz_open(&z, from));
    io_assert_ok(unic__npz_info(z, member, &info));
    size_t count = unic__shape_count(&info.shape), bytes = count * sizeof(float);
    float *data = malloc(bytes);
    ck_assert(data != NULL && info.type == UNIC__NPY_F32);
    io_assert_ok(unic__npz_read_f32(z, member, data, count));
    unic__npz_close(z);
    while (at + bytes <= size && memcmp(file + at, data, bytes) != 0)
        at += UNIC__ALIGN;
    ck_assert_uint_le(at + bytes, size);
    file[at + bytes / 2] ^= 0x10;
    io_write(to, file, size);
    free(data);
    free(file);
}

void small_edit(const char *from, const char *to, const char *member, small_change change)
{
    if (change == SMALL_DAMAGE)
        damage(from, to, member);
    else
        copy_npz(from, to, member, &change, NULL, NULL);
}

void small_edit_text(const char *from, const char *to, const char *member, const char *old,
                     const char *fresh)
{
    copy_npz(from, to, member, NULL, old, fresh);
}

small_state small_state_of(unic_trainer *trainer)
{
    size_t run_size;
    small_state state;
    char model[512], run[512];
    strcpy(model, small_path("state.npz"));
    strcpy(run, small_path("state.run.npz"));
    io_assert_ok(unic_trainer_save(trainer, model));
    state.bytes = io_read(model, &state.size);
    unsigned char *rest = io_read(run, &run_size);
    state.bytes = realloc(state.bytes, state.size + run_size);
    ck_assert(state.bytes != NULL);
    memcpy(state.bytes + state.size, rest, run_size);
    state.size += run_size;
    free(rest);
    remove(model);
    remove(run);
    return state;
}

bool small_states_equal(small_state *a, small_state *b)
{
    bool same = a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
    free(a->bytes);
    free(b->bytes);
    return same;
}

/* ---- runs of SMALL_TWO ---- */

void small_train(unic_trainer *t, uint64_t from, uint64_t to)
{
    for (uint64_t step = from; step < to; step++) {
        small_batch *b = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 50 + step);
        b->lengths[1][2] = 3;
        b->lengths[0][3] = 0;
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
        small_batch_free(b);
    }
}

static unic_trainer *run_of(const char *more, uint64_t steps, uint64_t taken)
{
    unic_trainer *t = small_trainer(SMALL_TWO, more);
    io_assert_ok(unic_trainer_set_total_step_count(t, steps));
    small_train(t, 0, taken);
    return t;
}

void small_resume_runs(const char *more)
{
    enum { STEPS = 6 };
    char path[512]; /* states need paths of their own, and small_path() has few at a time */
    snprintf(path, sizeof path, "%s", small_path("resumed.npz"));
    unic_trainer *whole = run_of(more, STEPS, STEPS), *resumed;
    for (uint64_t stop = 0; stop < STEPS; stop += 2) {
        unic_trainer *half = run_of(more, STEPS, stop);
        io_assert_ok(unic_trainer_save(half, path));
        unic_trainer_free(half);
        io_assert_ok(unic_trainer_resume(&resumed, path, NULL, NULL));
        small_train(resumed, stop, STEPS);
        small_state a = small_state_of(whole), b = small_state_of(resumed);
        ck_assert_msg(small_states_equal(&a, &b), "stopped at step %d", (int)stop);
        unic_trainer_free(resumed);
    }
    unic_trainer_free(whole);
}

/* A step of the batch, which is refused, or an evaluation of it changes nothing of the trainer. */
static void changes_nothing(unic_trainer *t, const small_batch *b, bool step)
{
    small_state before = small_state_of(t);
    if (step)
        ck_assert_int_ne(unic_trainer_step(t, b->batch, NULL, NULL), UNIC_OK);
    else
        io_assert_ok(unic_trainer_evaluate(t, b->batch, NULL));
    small_state after = small_state_of(t);
    ck_assert(small_states_equal(&before, &after));
}

void small_refuse_steps(const char *more)
{
    unic_trainer *t = small_trainer(SMALL_TWO, more);
    small_batch *bad = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 9),
                *good = small_batch_new(SMALL_TWO, SMALL_BATCH, SMALL_LENGTH, 1);
    for (size_t i = 0; i < SMALL_BATCH * SMALL_LENGTH * bad->step[0]; i++)
        bad->x[0][i] = 1e30F;
    for (uint64_t round = 0; round < 2; round++) {
        changes_nothing(t, bad, true);
        small_train(t, round, round + 1);
    }
    changes_nothing(t, good, false);
    small_batch_free(good);
    small_batch_free(bad);
    unic_trainer_free(t);
}

double small_term(const unic_trainer *trainer, const double *terms, const char *name)
{
    for (size_t i = 0; i < unic_trainer_figure_count(trainer); i++)
        if (strcmp(unic_trainer_figure_name(trainer, i), name) == 0)
            return terms[i];
    ck_abort_msg("the trainer reports no %s", name);
    return 0.0;
}

/* ---- allocations ---- */

static size_t allocations, allowed, largest;

static void *counted_alloc(size_t bytes, void *user)
{
    (void)user;
    bool fails = __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED) > allowed ||
                 bytes > largest;
    return fails ? NULL : malloc(bytes);
}

static void counted_release(void *memory, void *user)
{
    (void)user;
    free(memory);
}

void small_fail_allocations_after(size_t n)
{
    const unic_allocator counted = {sizeof counted, counted_alloc, counted_release, NULL};
    allocations = 0;
    allowed = n;
    largest = SIZE_MAX;
    io_assert_ok(unic_set_allocator(&counted));
}

void small_create_without_memory(const char *more, size_t batch, size_t length)
{
    unic_config *config = small_config(SMALL_TWO, more);
    const unic_encoder_options options = {
        .struct_size = sizeof options, .max_batch = batch, .max_length = length};
    unic_status status = UNIC_E_NOMEM;
    for (size_t n = 0; status != UNIC_OK; n++) {
        unic_trainer *t = NULL;
        unic_model *model = NULL;
        unic_encoder *encoder = NULL;
        small_fail_allocations_after(n);
        status = unic_trainer_create(&t, config, NULL);
        if (status == UNIC_OK)
            status = unic_trainer_model(&model, t);
        if (status == UNIC_OK)
            status = unic_encoder_create(&encoder, model, "audio", &options);
        unic_set_allocator(NULL);
        ck_assert(status == UNIC_OK || status == UNIC_E_NOMEM);
        unic_encoder_free(encoder);
        unic_model_free(model);
        unic_trainer_free(t);
        ck_assert_uint_lt(n, 100000);
    }
    unic_config_free(config);
}

void small_fail_allocations_over(size_t bytes)
{
    small_fail_allocations_after(SIZE_MAX);
    largest = bytes;
}

void small_count_allocations(void)
{
    small_fail_allocations_after(SIZE_MAX);
}

size_t small_counted_allocations(void)
{
    io_assert_ok(unic_set_allocator(NULL));
    return allocations;
}

int small_run(const char *name, TCase *cases)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, cases);
    tcase_set_timeout(cases, 120);
    SRunner *runner = srunner_create(suite);
    unic_set_threads(1);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
