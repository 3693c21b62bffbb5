/* The oneDNN glue alone: products, softmax, convolutions; threads, refusals, lack of memory. */
#include <check.h>
#include <math.h>
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/dnnl_glue.h"

static float *drawn(size_t n, uint64_t seed)
{
    float *x = malloc((n + 1) * sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (size_t i = 0; i < n; i++)
        x[i] = 2.0F * unic__random_uniform(unic__random_key(seed, 0, 0), i) - 1.0F;
    return x;
}

static void assert_near(const char *what, const float *got, const double *want, size_t n)
{
    double scale = 0.0;
    for (size_t i = 0; i < n; i++)
        scale = fmax(scale, fabs(want[i]));
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(fabs((double)got[i] - want[i]) <= 1e-5 * scale,
                      "%s, %d threads: element %zu is %.9g, expected %.9g", what,
                      unic__threads(), i, (double)got[i], want[i]);
}

#define OK(call) ck_assert_msg((call) == UNIC_OK, "%s", unic_last_error())

/* ---- matmul ---- */

typedef struct matmul_case {
    size_t batch, m, n, k;
    bool broadcast, ta, tb, accumulate;
} matmul_case;

static void check_matmul(const matmul_case *s)
{
    char what[96];
    snprintf(what, sizeof what, "%zu x [%zu,%zu,%zu] broadcast %d ta %d tb %d add %d", s->batch,
             s->m, s->n, s->k, s->broadcast, s->ta, s->tb, s->accumulate);
    size_t b_step = s->broadcast ? 0 : s->k * s->n, count = s->batch * s->m * s->n;
    float *a = drawn(s->batch * s->m * s->k, 1), *b = drawn(s->batch * s->k * s->n, 2);
    float *c = drawn(count, 3);
    double *want = calloc(count, sizeof *want);
    for (size_t i = 0; i < count; i++) {
        size_t j = i % s->n, r = i / s->n % s->m, g = i / (s->n * s->m);
        want[i] = s->accumulate ? (double)c[i] : 0.0;
        for (size_t l = 0; l < s->k; l++)
            want[i] += (double)a[g * s->m * s->k + (s->ta ? l * s->m + r : r * s->k + l)] *
                       (double)b[g * b_step + (s->tb ? j * s->k + l : l * s->n + j)];
    }
    unic__dnnl_matmul *p;
    unic_status status = UNIC_OK;
    OK(unic__dnnl_matmul_create(&p, s->batch, s->broadcast, s->m, s->n, s->k, s->ta, s->tb,
                                s->accumulate));
    unic__dnnl_matmul_run(p, a, b, c, &status);
    OK(status);
    assert_near(what, c, want, count);
    unic__dnnl_matmul_free(p);
    free(a);
    free(b);
    free(c);
    free(want);
}

static const size_t matmul_sizes[][4] = {
    {1, 1, 1, 1}, {1, 7, 257, 5}, {3, 2, 3, 4}, {5, 17, 16, 33}, {2, 64, 1, 64}, {4, 1, 64, 10},
};

START_TEST(matmul_in_every_layout)
{
    const size_t *d = matmul_sizes[_i];
    for (int threads = 1; threads <= 2; threads++)
        for (int bits = 0; bits < 16; bits++) {
            unic__threads_set(threads);
            check_matmul(
                &(matmul_case){d[0], d[1], d[2], d[3], bits & 1, bits & 2, bits & 4, bits & 8});
        }
}
END_TEST

/* ---- softmax ---- */

static const size_t softmax_sizes[][2] = {{1, 1}, {1, 257}, {7, 10}, {320, 200}};

START_TEST(softmax_and_its_gradient)
{
    size_t rows = softmax_sizes[_i][0], n = softmax_sizes[_i][1], count = rows * n;
    float *x = drawn(count, 1), *dy = drawn(count, 2), *y = drawn(count, 3),
          *dx = drawn(count, 4);
    double *want_y = calloc(count, sizeof *want_y), *want_dx = calloc(count, sizeof *want_dx);
    for (size_t j = 0; j < n; j++)
        x[j] += 95.0F; /* exp of these does not fit a float32 */
    for (size_t r = 0; r < rows; r++) {
        double sum = 0.0, dot = 0.0, *w = want_y + r * n;
        for (size_t j = 0; j < n; j++)
            sum += w[j] = exp((double)x[r * n + j] - (r ? 0.0 : 95.0));
        for (size_t j = 0; j < n; j++)
            dot += (w[j] /= sum) * (double)dy[r * n + j];
        for (size_t j = 0; j < n; j++)
            want_dx[r * n + j] = w[j] * ((double)dy[r * n + j] - dot);
    }
    for (int threads = 1; threads <= 2; threads++) {
        unic__dnnl_softmax *p;
        unic_status status = UNIC_OK;
        unic__threads_set(threads);
        OK(unic__dnnl_softmax_create(&p, rows, n));
        unic__dnnl_softmax_run(p, x, y, &status);
        unic__dnnl_softmax_backward_run(p, y, dy, dx, &status);
        OK(status);
        assert_near("softmax", y, want_y, count);
        if (n > 1) /* of one element the gradient is 0: nothing to compare a rounding with */
            assert_near("softmax's gradient", dx, want_dx, count);
        unic__dnnl_softmax_free(p);
    }
    float *const all[] = {x, dy, y, dx};
    for (size_t i = 0; i < 4; i++)
        free(all[i]);
    free(want_y);
    free(want_dx);
}
END_TEST

/* ---- convolution: the values are check_conv.c's; here what it adds to or overwrites ---- */

static const unic__conv_dims conv_dims[] = {
    {3, 7, 7, 16, 3, 3, 32, 1, 0, 1, 5, 5}, /* channels that fill a vector        */
    {2, 5, 6, 7, 3, 2, 5, 2, 1, 1, 3, 4},   /* channels that are padded to do so  */
};

typedef struct conv_buffers {
    size_t count[3]; /* of x, w, y */
    const float *a, *b;
    float *c;
    size_t c_count;
    float *all[3];
} conv_buffers;

static conv_buffers conv_buffers_of(const unic__conv_dims *d, unic__conv_product product)
{
    static const int roles[][3] = {{0, 1, 2}, {2, 1, 0}, {0, 2, 1}};
    conv_buffers v = {.count = {d->n * d->h * d->w * d->ci, d->kh * d->kw * d->ci * d->co,
                                d->n * d->oh * d->ow * d->co}};
    for (uint64_t i = 0; i < 3; i++)
        v.all[i] = drawn(v.count[i], i + 1);
    v.a = v.all[roles[product][0]];
    v.b = v.all[roles[product][1]];
    v.c = v.all[roles[product][2]];
    v.c_count = v.count[roles[product][2]];
    return v;
}

static void conv_buffers_free(conv_buffers *v)
{
    for (size_t i = 0; i < 3; i++)
        free(v->all[i]);
}

START_TEST(convolution_adds_or_overwrites)
{
    for (int product = 0; product < UNIC__CONV_PRODUCTS; product++)
        for (int threads = 1; threads <= 2; threads++) {
            unic__dnnl_conv *set, *add;
            unic_status status = UNIC_OK;
            conv_buffers v = conv_buffers_of(&conv_dims[_i], (unic__conv_product)product);
            float *before = drawn(v.c_count, 9);
            double *want = calloc(v.c_count, sizeof *want);
            unic__threads_set(threads);
            OK(unic__dnnl_conv_create(&set, (unic__conv_product)product, &conv_dims[_i],
                                      false));
            OK(unic__dnnl_conv_create(&add, (unic__conv_product)product, &conv_dims[_i], true));
            for (size_t i = 0; i < v.c_count; i++)
                v.c[i] = NAN;
            unic__dnnl_conv_run(set, v.a, v.b, v.c, &status);
            for (size_t i = 0; i < v.c_count; i++)
                want[i] = (double)before[i] + 2.0 * (double)v.c[i];
            unic__dnnl_conv_run(add, v.a, v.b, before, &status);
            unic__dnnl_conv_run(add, v.a, v.b, before, &status);
            OK(status);
            assert_near("added twice", before, want, v.c_count);
            unic__dnnl_conv_free(set);
            unic__dnnl_conv_free(add);
            conv_buffers_free(&v);
            free(before);
            free(want);
        }
}
END_TEST

/* ---- threads ---- */

START_TEST(the_callers_openmp_setting_stays)
{
    float a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {1, 1, 1, 1, 1, 1}, c[4];
    unic__dnnl_matmul *p;
    unic_status status = UNIC_OK;
    omp_set_num_threads(3);
    unic__threads_set(2);
    OK(unic__dnnl_matmul_create(&p, 1, false, 2, 2, 3, false, false, false));
    ck_assert_int_eq(omp_get_max_threads(), 3);
    unic__dnnl_matmul_run(p, a, b, c, &status);
    ck_assert_int_eq(omp_get_max_threads(), 3);
    ck_assert_int_eq(status, UNIC_OK);
    ck_assert_float_eq(c[3], 15.0F);
    unic__dnnl_matmul_free(p);
}
END_TEST

/* Big enough to use a scratchpad: oneDNN's own would belong to the creating thread. */
typedef struct job {
    unic__dnnl_conv *conv;
    conv_buffers v;
    unic_status status;
} job;

static void *run_and_free(void *data)
{
    job *j = data;
    unic__dnnl_conv_run(j->conv, j->v.a, j->v.b, j->v.c, &j->status);
    unic__dnnl_conv_free(j->conv);
    return NULL;
}

START_TEST(another_thread_runs_and_frees)
{
    for (int product = 0; product < UNIC__CONV_PRODUCTS; product++) {
        job here = {.v = conv_buffers_of(&conv_dims[0], (unic__conv_product)product)};
        job there = {.v = conv_buffers_of(&conv_dims[0], (unic__conv_product)product)};
        pthread_t thread;
        OK(unic__dnnl_conv_create(&here.conv, (unic__conv_product)product, &conv_dims[0],
                                  true));
        OK(unic__dnnl_conv_create(&there.conv, (unic__conv_product)product, &conv_dims[0],
                                  true));
        ck_assert_int_eq(pthread_create(&thread, NULL, run_and_free, &there), 0);
        ck_assert_int_eq(pthread_join(thread, NULL), 0);
        run_and_free(&here);
        ck_assert_int_eq(here.status, UNIC_OK);
        ck_assert_int_eq(there.status, UNIC_OK);
        ck_assert_mem_eq(here.v.c, there.v.c, here.v.c_count * sizeof(float));
        conv_buffers_free(&here.v);
        conv_buffers_free(&there.v);
    }
}
END_TEST

/* Made for two threads, run where there is one, and where there are two again: each time it gives
 * what an object gives that is made there. */
static void run_within(job *j)
{
#pragma omp parallel for num_threads(2)
    for (int thread = 0; thread < 2; thread++)
        if (thread == 0)
            unic__dnnl_conv_run(j->conv, j->v.a, j->v.b, j->v.c, &j->status);
}

static void run_job(job *j)
{
    unic__dnnl_conv_run(j->conv, j->v.a, j->v.b, j->v.c, &j->status);
}

static job job_of(unic__conv_product product, int threads, void (*run)(job *))
{
    job j = {.v = conv_buffers_of(&conv_dims[0], product)};
    unic__threads_set(threads);
    OK(unic__dnnl_conv_create(&j.conv, product, &conv_dims[0], false));
    run(&j);
    ck_assert_int_eq(j.status, UNIC_OK);
    return j;
}

static void job_free(job *j)
{
    unic__dnnl_conv_free(j->conv);
    conv_buffers_free(&j->v);
}

START_TEST(other_threads_than_it_was_made_for)
{
    const unic__conv_product product = (unic__conv_product)_i;
    job one = job_of(product, 1, run_job), two = job_of(product, 2, run_job);
    job j = job_of(product, 2, run_within);
    const size_t bytes = j.v.c_count * sizeof(float);
    ck_assert_mem_eq(j.v.c, one.v.c, bytes);
    run_job(&j);
    ck_assert_mem_eq(j.v.c, two.v.c, bytes);
    run_within(&j);
    ck_assert_int_eq(j.status, UNIC_OK);
    ck_assert_mem_eq(j.v.c, one.v.c, bytes);
    job_free(&one);
    job_free(&two);
    job_free(&j);
}
END_TEST

/* ---- failing ---- */

START_TEST(a_refusal_is_a_status)
{
    unic__conv_dims d = conv_dims[0];
    unic__dnnl_conv *p = NULL;
    d.oh = 6; /* x gives 5 */
    ck_assert_int_eq(unic__dnnl_conv_create(&p, UNIC__CONV_FORWARD, &d, false), UNIC_E_KERNEL);
    ck_assert_ptr_null(p);
    ck_assert_msg(strstr(unic_last_error(), "oneDNN") &&
                      strstr(unic_last_error(), "convolution"),
                  "\"%s\"", unic_last_error());
}
END_TEST

static size_t allocations_left;

static void *counted_alloc(size_t bytes, void *user)
{
    (void)user;
    return allocations_left && allocations_left-- ? malloc(bytes) : NULL;
}

static void counted_release(void *memory, void *user)
{
    (void)user;
    free(memory);
}

static unic_status create_all(void)
{
    unic__dnnl_matmul *matmul = NULL;
    unic__dnnl_softmax *softmax = NULL;
    unic__dnnl_conv *conv[UNIC__CONV_PRODUCTS] = {NULL};
    unic_status status = unic__dnnl_matmul_create(&matmul, 3, false, 5, 7, 9, true, true, true);
    if (status == UNIC_OK)
        status = unic__dnnl_softmax_create(&softmax, 5, 7);
    for (int i = 0; i < UNIC__CONV_PRODUCTS && status == UNIC_OK; i++)
        status = unic__dnnl_conv_create(&conv[i], (unic__conv_product)i, &conv_dims[0], true);
    unic__dnnl_matmul_free(matmul);
    unic__dnnl_softmax_free(softmax);
    for (int i = 0; i < UNIC__CONV_PRODUCTS; i++)
        unic__dnnl_conv_free(conv[i]);
    return status;
}

/* Each allocation of ours fails in turn; what was made before it is released (ASan sees). */
START_TEST(memory_runs_out)
{
    unic_allocator allocator = {sizeof allocator, counted_alloc, counted_release, NULL};
    size_t allowed = 0;
    ck_assert_int_eq(unic_set_allocator(&allocator), UNIC_OK);
    for (unic_status status = UNIC_E_NOMEM; status != UNIC_OK; allowed++) {
        allocations_left = allowed;
        status = create_all();
        ck_assert_msg(status == UNIC_OK || status == UNIC_E_NOMEM, "%s", unic_last_error());
    }
    ck_assert_msg(allowed > 5 && allowed < 100, "%zu allocations", allowed);
    unic_set_allocator(NULL);
}
END_TEST

/* The same where what is made anew has no memory: a status, and the next run makes it. */
START_TEST(memory_runs_out_when_made_anew)
{
    unic_allocator allocator = {sizeof allocator, counted_alloc, counted_release, NULL};
    allocations_left = SIZE_MAX;
    ck_assert_int_eq(unic_set_allocator(&allocator), UNIC_OK);
    job one = job_of(UNIC__CONV_DATA, 1, run_job), j = job_of(UNIC__CONV_DATA, 2, run_job);
    allocations_left = 0;
    run_within(&j);
    ck_assert_int_eq(j.status, UNIC_E_NOMEM);
    run_job(&j); /* does nothing to a status that is one */
    ck_assert_int_eq(j.status, UNIC_E_NOMEM);
    allocations_left = SIZE_MAX;
    j.status = UNIC_OK;
    run_within(&j);
    ck_assert_int_eq(j.status, UNIC_OK);
    ck_assert_mem_eq(j.v.c, one.v.c, j.v.c_count * sizeof(float));
    job_free(&one);
    job_free(&j);
    unic_set_allocator(NULL);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
    Suite *s = suite_create("oneDNN glue");
    TCase *t = tcase_create("core");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, matmul_in_every_layout, 0, COUNT(matmul_sizes));
    tcase_add_loop_test(t, softmax_and_its_gradient, 0, COUNT(softmax_sizes));
    tcase_add_loop_test(t, convolution_adds_or_overwrites, 0, COUNT(conv_dims));
    tcase_add_test(t, the_callers_openmp_setting_stays);
    tcase_add_test(t, another_thread_runs_and_frees);
    tcase_add_loop_test(t, other_threads_than_it_was_made_for, 0, UNIC__CONV_PRODUCTS);
    tcase_add_test(t, a_refusal_is_a_status);
    tcase_add_test(t, memory_runs_out);
    tcase_add_test(t, memory_runs_out_when_made_anew);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
