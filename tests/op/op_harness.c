#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/npz.h"
#include "array/npz_help.h"
#include "op_harness.h"

#define GOLDENS "tests/golden/ops.npz"

enum {
    GUARD = 16,          /* floats behind each buffer that nobody may write                */
    FD_ELEMENTS = 256,   /* differences taken per input, spread over it                    */
    FD_ELEMENTS_MIN = 8, /* the same for large cases,                                      */
    FD_WORK = 200000,    /* which are those that pass over more than that many elements    */
    POISON_INDEX = -7    /* what an index holds that backward may not read                 */
};

/* ck_assert_msg writes to a file each time it is passed; this is for the inside of loops. */
#define REQUIRE(condition, ...)                                                                \
    do {                                                                                       \
        if (!(condition))                                                                      \
            ck_abort_msg(__VA_ARGS__);                                                         \
    } while (0)

static const float guard_value = -12345.678F;
static const double fd_step = 1e-5;
static const double double_noise = 1e-12; /* of a naive loop where the value is 0 */
static const double fd_noise = 1e-9;      /* of the differences: 1e-16 / fd_step, summed */

/* A case's inputs and the gradient that comes from above. */
typedef struct values {
    size_t count[UNIC__MAX_INPUTS];
    float *x[UNIC__MAX_INPUTS];
    int32_t *ix[UNIC__MAX_INPUTS];
    double *exact[UNIC__MAX_INPUTS]; /* the same numbers as x; those of a packed one coincide */
    unic__shape out_shape;
    size_t out_count;
    float *dy;
} values;

/* What must come out; an element that is NaN is not compared. */
typedef struct expected {
    double *out;
    double *grad[UNIC__MAX_INPUTS];
    double noise; /* of the gradients */
} expected;

/* One call with its tensors. */
typedef struct fixture {
    const op_case *k;
    const values *v;
    unic__call call;
    unic__run run;
    unic__tensor out, in[UNIC__MAX_INPUTS];
    size_t out_count;
    char label[256];
} fixture;

/* ---- buffers with a guard ---- */

static void *must(void *memory)
{
    REQUIRE(memory != NULL, "out of memory");
    return memory;
}

static void fill(float *x, size_t count, float value)
{
    for (size_t i = 0; i < count; i++)
        x[i] = value;
}

static float *guarded(size_t count)
{
    float *x = must(unic__alloc((count + GUARD) * sizeof *x));
    fill(x, count, NAN);
    fill(x + count, GUARD, guard_value);
    return x;
}

static void check_guard(const fixture *f, const char *what, const float *x, size_t count)
{
    for (size_t i = 0; x && i < GUARD; i++)
        REQUIRE(x[count + i] == guard_value, "%s: writes beyond the %zu elements of %s",
                f->label, count, what);
}

static bool wants_gradient(const op_case *k, const values *v, size_t i)
{
    return k->op->backward && !k->integer_output && v->x[i] && !k->in[i].no_gradient &&
           (i == 0 || i >= k->packed);
}

/* ---- a call of the operator under test ---- */

static void fixture_label(fixture *f, const char *source)
{
    const op_case *k = f->k;
    char text[UNIC__SHAPE_TEXT];
    static const char *const backends[] = {"auto", "oneDNN", "BLAS"};
    size_t n = (size_t)snprintf(f->label, sizeof f->label, "%s", k->op->name);
    for (size_t i = 0; i < k->input_count && n < sizeof f->label; i++)
        n += (size_t)snprintf(f->label + n, sizeof f->label - n, " %s",
                              k->in[i].absent ? "-" : unic__shape_print(&k->in[i].shape, text));
    if (n < sizeof f->label)
        snprintf(f->label + n, sizeof f->label - n, " (%s, %d threads, %s%s)", source,
                 unic__threads(), backends[f->call.backend], f->call.fresh ? ", stored" : "");
}

/* Inputs whose gradient the operator stores where a graph asks for it: each a tensor of its
 * own. */
static unsigned storable(const op_case *k, const values *v)
{
    unsigned inputs = 0;
    for (size_t i = k->packed; i < k->input_count; i++)
        if (wants_gradient(k, v, i))
            inputs |= UNIC__STORES_IN(i);
    return inputs & k->op->stores;
}

static void fixture_open(fixture *f, const op_case *k, const values *v, unic__backend backend,
                         unsigned fresh, const char *source)
{
    *f = (fixture){.k = k, .v = v};
    f->run = (unic__run){.training = k->training, .seed = OP_SEED, .step = OP_STEP};
    f->call = (unic__call){
        .op = k->op, .out = &f->out, .input_count = k->input_count, .attr = k->attr};
    f->call.backend = backend;
    f->call.fresh = fresh;
    f->call.id = OP_ID;
    f->call.run = &f->run;
    fixture_label(f, source);
    for (size_t i = 0; i < k->input_count; i++) {
        if (k->in[i].absent)
            continue;
        f->call.in[i] = i < k->packed ? &f->in[0] : &f->in[i];
        f->in[i].shape = k->in[i].shape;
        f->in[i].dtype = v->ix[i] ? UNIC__I32 : UNIC__F32;
        if (v->x[i])
            f->in[i].x = guarded(v->count[i]);
        else
            f->in[i].ix = (int32_t *)guarded(v->count[i]);
        if (wants_gradient(k, v, i))
            f->in[i].dx = guarded(v->count[i]);
    }
    unic_status status = k->op->infer(&f->call);
    REQUIRE(status == UNIC_OK, "%s: infer: %s", f->label, unic_last_error());
    f->out_count = unic__shape_count(&f->out.shape);
    bool integer = f->out.dtype == UNIC__I32;
    REQUIRE(integer == k->integer_output, "%s: the output's dtype is wrong", f->label);
    float *out = guarded(f->out_count);
    if (integer)
        f->out.ix = (int32_t *)out;
    else
        f->out.x = out;
    f->out.dx = guarded(f->out_count);
    f->call.saved = guarded(f->call.saved_size);
    f->call.scratch = guarded(f->call.scratch_size);
    if (k->op->plan) {
        status = k->op->plan(&f->call);
        REQUIRE(status == UNIC_OK, "%s: plan: %s", f->label, unic_last_error());
    }
}

static void fixture_close(fixture *f)
{
    if (f->k->op->unplan)
        f->k->op->unplan(&f->call);
    for (size_t i = 0; i < f->k->input_count; i++) {
        unic__free(f->in[i].x);
        unic__free(f->in[i].ix);
        unic__free(f->in[i].dx);
    }
    unic__free(f->out.x);
    unic__free(f->out.ix);
    unic__free(f->out.dx);
    unic__free(f->call.saved);
    unic__free(f->call.scratch);
}

static void set_inputs(fixture *f)
{
    for (size_t i = 0; i < f->k->input_count; i++)
        if (f->in[i].x)
            memcpy(f->in[i].x, f->v->x[i], f->v->count[i] * sizeof(float));
        else if (f->in[i].ix)
            memcpy(f->in[i].ix, f->v->ix[i], f->v->count[i] * sizeof(int32_t));
}

static void check_buffers(const fixture *f, const char *pass)
{
    REQUIRE(f->run.status == UNIC_OK, "%s: %s: status %s: %s", f->label, pass,
            unic_status_name(f->run.status), unic_last_error());
    check_guard(f, "out", f->out.x ? f->out.x : (float *)f->out.ix, f->out_count);
    check_guard(f, "the gradient of out", f->out.dx, f->out_count);
    check_guard(f, "saved", f->call.saved, f->call.saved_size);
    check_guard(f, "scratch", f->call.scratch, f->call.scratch_size);
    for (size_t i = 0; i < f->k->input_count; i++) {
        check_guard(f, "an input", f->in[i].x, f->v->count[i]);
        check_guard(f, "an input's gradient", f->in[i].dx, f->v->count[i]);
    }
}

static void run_forward(fixture *f)
{
    set_inputs(f);
    fill(f->out.x ? f->out.x : (float *)f->out.ix, f->out_count, NAN);
    fill(f->call.saved, f->call.saved_size, NAN);
    fill(f->call.scratch, f->call.scratch_size, NAN);
    f->k->op->forward(&f->call);
    for (size_t i = 0; i < f->k->input_count; i++)
        if (f->in[i].x)
            REQUIRE(!memcmp(f->in[i].x, f->v->x[i], f->v->count[i] * sizeof(float)),
                    "%s: forward writes to input %zu", f->label, i);
    check_buffers(f, "forward");
}

/* By now the graph may have given away the memory of every value that is not kept. */
static void run_backward(fixture *f)
{
    unsigned keeps = f->k->op->keeps;
    unsigned packed = (1U << f->k->packed) - 1;
    for (size_t i = 0; i < f->k->input_count; i++) {
        bool kept = keeps & (i < f->k->packed ? packed : UNIC__KEEP_IN(i));
        if (f->in[i].x && !kept)
            fill(f->in[i].x, f->v->count[i], NAN);
        for (size_t j = 0; f->in[i].ix && !kept && j < f->v->count[i]; j++)
            f->in[i].ix[j] = POISON_INDEX;
    }
    if (!(keeps & UNIC__KEEP_OUT))
        fill(f->out.x, f->out_count, NAN);
    fill(f->call.scratch, f->call.scratch_size, NAN);
    memcpy(f->out.dx, f->v->dy, f->out_count * sizeof(float));
    f->k->op->backward(&f->call);
    REQUIRE(!memcmp(f->out.dx, f->v->dy, f->out_count * sizeof(float)),
            "%s: backward writes to the gradient of out", f->label);
    check_buffers(f, "backward");
}

/* Those that are stored hold anything before. */
static void clear_gradients(fixture *f)
{
    for (size_t i = 0; i < f->k->input_count; i++)
        if (f->in[i].dx)
            fill(f->in[i].dx, f->v->count[i], unic__is_fresh(&f->call, i) ? NAN : 0.0F);
}

/* ---- comparing ---- */

static void compare(const fixture *f, const char *what, const float *got, const double *want,
                    size_t count, double times, double noise)
{
    double scale = 0.0, tolerance = f->k->tolerance > 0.0 ? f->k->tolerance : 1e-5;
    for (size_t i = 0; i < count; i++)
        if (isfinite(want[i]) && fabs(want[i]) > scale)
            scale = fabs(want[i]);
    double allowed = times * (tolerance * scale + noise);
    for (size_t i = 0; i < count; i++) {
        if (isnan(want[i]))
            continue;
        bool same = isinf(want[i]) ? (double)got[i] == want[i]
                                   : fabs((double)got[i] - times * want[i]) <= allowed;
        REQUIRE(same, "%s: %s: element %zu is %.9g, expected %.9g (within %.3g)", f->label,
                what, i, (double)got[i], times * want[i], allowed);
    }
}

static void compare_out(const fixture *f, const expected *e)
{
    if (!f->k->integer_output) {
        compare(f, "value", f->out.x, e->out, f->out_count, 1.0, double_noise);
        return;
    }
    for (size_t i = 0; i < f->out_count; i++)
        REQUIRE(f->out.ix[i] == (int32_t)e->out[i], "%s: value: element %zu is %d, expected %g",
                f->label, i, f->out.ix[i], e->out[i]);
}

static void compare_gradients(const fixture *f, const expected *e, double times)
{
    char what[64];
    for (size_t i = 0; i < f->k->input_count; i++) {
        if (!f->in[i].dx)
            continue;
        bool twice = times > 1.0 && !unic__is_fresh(&f->call, i);
        snprintf(what, sizeof what, "gradient of input %zu%s", i,
                 twice         ? " (added twice)"
                 : times > 1.0 ? " (stored twice)"
                               : "");
        compare(f, what, f->in[i].dx, e->grad[i], f->v->count[i], twice ? times : 1.0,
                e->noise);
    }
}

/* Each input's gradient alone, the others NULL. */
static void check_single_gradients(fixture *f, const expected *e)
{
    for (size_t only = 0; only < f->k->input_count; only++) {
        if (!f->in[only].dx)
            continue;
        float *dx[UNIC__MAX_INPUTS];
        clear_gradients(f);
        for (size_t i = 0; i < f->k->input_count; i++) {
            dx[i] = f->in[i].dx;
            f->in[i].dx = i == only ? dx[i] : NULL;
        }
        run_forward(f);
        run_backward(f);
        compare_gradients(f, e, 1.0);
        for (size_t i = 0; i < f->k->input_count; i++)
            f->in[i].dx = dx[i];
    }
}

/* A second run gives the same bits in out and in every gradient. */
static void check_repeat(fixture *f)
{
    size_t total = f->out_count, at = 0;
    for (size_t i = 0; i < f->k->input_count; i++)
        total += f->in[i].dx ? f->v->count[i] : 0;
    float *first = must(malloc((total + 1) * sizeof *first));
    for (int pass = 0; pass < 2; pass++) {
        at = 0;
        const float *out = f->out.x ? f->out.x : (float *)f->out.ix;
        clear_gradients(f);
        run_forward(f);
        if (pass == 0)
            memcpy(first, out, f->out_count * sizeof *first);
        else
            REQUIRE(!memcmp(first, out, f->out_count * sizeof *first),
                    "%s: a second forward gives other bits", f->label);
        at += f->out_count;
        if (f->k->op->backward && !f->k->integer_output)
            run_backward(f);
        for (size_t i = 0; i < f->k->input_count; i++) {
            size_t count = f->in[i].dx ? f->v->count[i] : 0;
            if (pass == 0 && count)
                memcpy(first + at, f->in[i].dx, count * sizeof *first);
            else if (count)
                REQUIRE(!memcmp(first + at, f->in[i].dx, count * sizeof *first),
                        "%s: a second backward gives other bits for input %zu", f->label, i);
            at += count;
        }
    }
    free(first);
}

static void check_call(const op_case *k, const values *v, const expected *e,
                       unic__backend backend, unsigned fresh, const char *source)
{
    fixture f;
    fixture_open(&f, k, v, backend, fresh, source);
    run_forward(&f);
    compare_out(&f, e);
    if (k->op->backward && !k->integer_output) {
        clear_gradients(&f);
        run_backward(&f);
        compare_gradients(&f, e, 1.0);
        run_forward(&f);
        run_backward(&f);
        compare_gradients(&f, e, 2.0);
        check_single_gradients(&f, e);
    }
    check_repeat(&f);
    fixture_close(&f);
}

static void check_kernel(const op_case *k, const values *v, const expected *e,
                         const char *source)
{
    int backends = k->op->plan ? 3 : 1; /* an operator without a plan has one kernel */
    unsigned fresh = storable(k, v);
    for (int threads = 1; threads <= 2; threads++)
        for (int backend = 0; backend < backends; backend++) {
            unic__threads_set(threads);
            check_call(k, v, e, (unic__backend)backend, 0, source);
            if (fresh)
                check_call(k, v, e, (unic__backend)backend, fresh, source);
        }
    unic__threads_set(1);
}

/* ---- the reference: a naive loop and its finite differences ---- */

static void draw(const op_case *k, const op_input *in, float *x, size_t count, size_t i)
{
    bool drawn_plain = in->low == 0.0 && in->high == 0.0;
    double low = drawn_plain ? -1.0 : in->low, high = drawn_plain ? 1.0 : in->high;
    unic__key key = unic__random_key(1, i, unic__random_hash(k->op->name) + count);
    for (size_t j = 0; j < count; j++) {
        if (in->values) {
            x[j] = (float)in->values[j];
            continue;
        }
        double u = (double)unic__random_uniform(key, j);
        x[j] = (float)(low + (high - low) * u);
        if (k->kinks && fabsf(x[j]) < 0.05F)
            x[j] += x[j] < 0.0F ? -0.05F : 0.05F;
    }
}

static void values_alloc(const op_case *k, values *v, size_t i, bool integer)
{
    v->count[i] = unic__shape_count(&k->in[i].shape);
    if (integer) {
        v->ix[i] = must(calloc(v->count[i] + 1, sizeof *v->ix[i]));
        return;
    }
    v->x[i] = must(calloc(v->count[i] + 1, sizeof *v->x[i]));
    v->exact[i] = i && i < k->packed ? v->exact[0]
                                     : must(calloc(v->count[i] + 1, sizeof *v->exact[i]));
}

static void values_draw(const op_case *k, values *v)
{
    for (size_t i = 0; i < k->input_count; i++) {
        const op_input *in = &k->in[i];
        if (in->absent)
            continue;
        values_alloc(k, v, i, in->index != NULL);
        if (in->index) {
            memcpy(v->ix[i], in->index, v->count[i] * sizeof *in->index);
            continue;
        }
        draw(k, in, v->x[i], v->count[i], i < k->packed ? 0 : i);
        for (size_t j = 0; j < v->count[i]; j++)
            v->exact[i][j] = (double)v->x[i][j];
    }
}

/* Asks the operator's shape rule; `dy` is drawn for it. */
static void values_finish(const op_case *k, values *v)
{
    fixture f;
    fixture_open(&f, k, v, UNIC__AUTO, 0, "shape rule");
    v->out_shape = f.out.shape;
    v->out_count = f.out_count;
    if (k->expect.rank) {
        char a[UNIC__SHAPE_TEXT], b[UNIC__SHAPE_TEXT];
        REQUIRE(unic__shape_equal(&k->expect, &v->out_shape), "%s: out is %s, expected %s",
                f.label, unic__shape_print(&v->out_shape, a), unic__shape_print(&k->expect, b));
    }
    fixture_close(&f);
    v->dy = must(calloc(v->out_count + 1, sizeof *v->dy));
    unic__key key = unic__random_key(2, 0, v->out_count);
    for (size_t j = 0; j < v->out_count; j++)
        v->dy[j] = 2.0F * unic__random_uniform(key, j) - 1.0F;
}

static void values_free(const op_case *k, values *v)
{
    for (size_t i = 0; i < k->input_count; i++) {
        free(v->x[i]);
        free(v->ix[i]);
        if (i == 0 || i >= k->packed)
            free(v->exact[i]);
    }
    free(v->dy);
}

static void expected_free(expected *e)
{
    free(e->out);
    for (size_t i = 0; i < UNIC__MAX_INPUTS; i++)
        free(e->grad[i]);
}

/* sum_j dy_j (f(x + h)_j - f(x - h)_j) / 2h at one element. */
static double difference(const op_case *k, const values *v, double *x, double *plus,
                         double *minus)
{
    const double at = *x;
    *x = at + fd_step;
    k->naive(k, (const double *const *)v->exact, plus);
    *x = at - fd_step;
    k->naive(k, (const double *const *)v->exact, minus);
    *x = at;
    double sum = 0.0;
    for (size_t j = 0; j < v->out_count; j++)
        sum += (double)v->dy[j] * (plus[j] - minus[j]);
    return sum / (2.0 * fd_step);
}

static void expect_naive(const op_case *k, const values *v, expected *e)
{
    e->out = must(calloc(v->out_count + 1, sizeof *e->out));
    e->noise = fd_noise;
    k->naive(k, (const double *const *)v->exact, e->out);
    double *plus = must(calloc(v->out_count + 1, sizeof *plus));
    double *minus = must(calloc(v->out_count + 1, sizeof *minus));
    for (size_t i = 0; i < k->input_count; i++) {
        if (!wants_gradient(k, v, i))
            continue;
        size_t count = v->count[i], affordable = FD_WORK / (count + v->out_count);
        size_t elements = affordable < FD_ELEMENTS_MIN ? FD_ELEMENTS_MIN
                          : affordable > FD_ELEMENTS   ? FD_ELEMENTS
                                                       : affordable;
        e->grad[i] = must(malloc((count + 1) * sizeof *e->grad[i]));
        for (size_t j = 0; j < count; j++)
            e->grad[i][j] = (double)NAN;
        unic__key key = unic__random_key(3, i, count);
        for (size_t n = 0; n < count && n < elements; n++) {
            size_t j = count <= elements ? n : unic__random_below(key, n, count);
            e->grad[i][j] = difference(k, v, &v->exact[i][j], plus, minus);
        }
    }
    free(plus);
    free(minus);
}

/* ---- the reference: PyTorch's numbers ---- */

#define NPZ(call) REQUIRE((call) == UNIC_OK, "%s: %s", GOLDENS, unic_last_error())

static void golden_shape(unic__npz *z, const char *name, const unic__shape *want,
                         unic__npy_info *info)
{
    char a[UNIC__SHAPE_TEXT], b[UNIC__SHAPE_TEXT];
    NPZ(unic__npz_info(z, name, info));
    REQUIRE(unic__shape_equal(&info->shape, want), "%s: %s is %s, the case has %s", GOLDENS,
            name, unic__shape_print(&info->shape, a), unic__shape_print(want, b));
}

static void golden_values(unic__npz *z, const op_case *k, values *v)
{
    char name[128];
    unic__npy_info info;
    for (size_t i = 0; i < k->input_count; i++) {
        snprintf(name, sizeof name, "%s/in%zu", k->golden, i < k->packed ? 0 : i);
        if (k->in[i].absent) {
            REQUIRE(!unic__npz_has(z, name), "%s: %s: the case has no such input", GOLDENS,
                    name);
            continue;
        }
        golden_shape(z, name, &k->in[i].shape, &info);
        bool integer = info.type == UNIC__NPY_I32;
        values_alloc(k, v, i, integer);
        if (integer)
            NPZ(unic__npz_read_i32(z, name, v->ix[i], v->count[i]));
        else
            NPZ(unic__npz_read_f32(z, name, v->x[i], v->count[i]));
    }
}

static double *golden_array(unic__npz *z, const char *golden, const char *what,
                            const unic__shape *shape)
{
    char name[128];
    unic__npy_info info;
    size_t count = unic__shape_count(shape);
    snprintf(name, sizeof name, "%s/%s", golden, what);
    golden_shape(z, name, shape, &info);
    double *x = must(calloc(count + 1, sizeof *x));
    NPZ(unic__npz_read_f64(z, name, x, count));
    return x;
}

static void check_golden(const op_case *k)
{
    unic__npz *z;
    NPZ(npz_open(&z, GOLDENS));
    values v = {0};
    expected e = {0};
    golden_values(z, k, &v);
    values_finish(k, &v);
    e.out = golden_array(z, k->golden, "out", &v.out_shape);
    if (k->op->backward && !k->integer_output) {
        double *dy = golden_array(z, k->golden, "dy", &v.out_shape);
        for (size_t j = 0; j < v.out_count; j++)
            v.dy[j] = (float)dy[j];
        free(dy);
    }
    for (size_t i = 0; i < k->input_count; i++) {
        char what[32];
        snprintf(what, sizeof what, "grad%zu", i);
        if (wants_gradient(k, &v, i))
            e.grad[i] = golden_array(z, k->golden, what, &k->in[i].shape);
    }
    check_kernel(k, &v, &e, k->golden);
    expected_free(&e);
    values_free(k, &v);
    unic__npz_close(z);
}

void check_op(const op_case *k)
{
    REQUIRE(k->naive || k->golden, "%s: a case without a reference", k->op->name);
    if (k->naive) {
        values v = {0};
        expected e = {0};
        values_draw(k, &v);
        values_finish(k, &v);
        expect_naive(k, &v, &e);
        check_kernel(k, &v, &e, "naive");
        expected_free(&e);
        values_free(k, &v);
    }
    if (k->golden)
        check_golden(k);
}

void check_op_refused(const op_case *k, const char *words)
{
    unic__tensor out = {0}, in[UNIC__MAX_INPUTS] = {0};
    unic__run run = {0};
    unic__call call = {
        .op = k->op, .out = &out, .input_count = k->input_count, .attr = k->attr};
    call.run = &run;
    for (size_t i = 0; i < k->input_count; i++) {
        in[i].shape = k->in[i].shape;
        in[i].dtype = k->in[i].index ? UNIC__I32 : UNIC__F32;
        call.in[i] = k->in[i].absent ? NULL : &in[i < k->packed ? 0 : i];
    }
    unic_status status = k->op->infer(&call);
    REQUIRE(status == UNIC_E_SHAPE, "%s: the shape rule gives %s, expected a refusal (%s)",
            k->op->name, unic_status_name(status), words);
    REQUIRE(strstr(unic_last_error(), words) != NULL, "%s: \"%s\" does not say \"%s\"",
            k->op->name, unic_last_error(), words);
}
