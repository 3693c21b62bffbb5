#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "kernel/blas_glue.h"
#include "kernel/dnnl_glue.h"
#include "kernel/gemm.h"
#include "kernel/packed.h"

/*
 * product: C [m,n] = op(A) op(B), with matrices that lie as a linear layer's do.
 *   form=packed (A W^T, W packed before; the others get W plain) | nt (A B^T) | nn (A B) |
 *   tn (C += A^T B, the gradient of a weight)
 *   m= n= k=    kernels=own|blas|onednn    calls= in a measurement
 */
static struct {
    unic__gemm p;
    bool packed;
    float *weight; /* packed, where it is */
    unic__dnnl_matmul *dnnl;
    void (*run)(void);
    size_t calls;
} pr;

static void run_own(void)
{
    if (pr.packed)
        unic__packed_run(&(unic__packed_product){.rows = pr.p.m,
                                                 .n = pr.p.n,
                                                 .k = pr.p.k,
                                                 .x = pr.p.a,
                                                 .x_row = pr.p.k,
                                                 .packed = pr.weight,
                                                 .y = pr.p.c,
                                                 .y_row = pr.p.n});
    else
        unic__gemm_run(&pr.p);
}

static void run_blas(void)
{
    unic__blas_run(&pr.p);
}

static void run_onednn(void)
{
    unic_status status = UNIC_OK;
    unic__dnnl_matmul_run(pr.dnnl, pr.p.a, pr.p.b, pr.p.c, &status);
    if (status != UNIC_OK)
        bench_die("oneDNN's product");
}

static void choose(const char *kernels)
{
    pr.run = run_own;
    if (strcmp(kernels, "blas") == 0)
        pr.run = run_blas;
    if (strcmp(kernels, "onednn") != 0)
        return;
    pr.run = run_onednn;
    if (unic__dnnl_matmul_create(&pr.dnnl, 1, false, pr.p.m, pr.p.n, pr.p.k, pr.p.ta, pr.p.tb,
                                 pr.p.add) != UNIC_OK)
        bench_die("oneDNN's product");
}

/* As the library's own memory lies: at lines of the cache. */
static float *values(size_t count, uint64_t seed)
{
    float *at = unic__alloc(count * sizeof *at), *x = bench_floats(count, -1.0F, seed);
    if (!at)
        bench_die("memory");
    memcpy(at, x, count * sizeof *at);
    free(x);
    return at;
}

void bench_product_setup(void)
{
    const size_t m = bench_size("m", 800), n = bench_size("n", 256), k = bench_size("k", 256);
    const char *form = bench_text("form", "packed");
    pr.packed = strcmp(form, "packed") == 0;
    pr.calls = bench_size("calls", 1);
    pr.p = (unic__gemm){.ta = form[0] == 't',
                        .tb = pr.packed || form[1] == 't',
                        .add = form[0] == 't',
                        .m = m,
                        .n = n,
                        .k = k,
                        .a = values(m * k, 1),
                        .b = values(n * k, 2),
                        .c = values(m * n, 3),
                        .ldc = n};
    pr.p.lda = pr.p.ta ? m : k;
    pr.p.ldb = pr.p.tb ? k : n;
    if (pr.packed) {
        pr.weight = values(unic__packed_count(n, k), 4);
        unic__pack(pr.weight, pr.p.b, n, k);
    }
    choose(bench_text("kernels", "own"));
    pr.run(); /* warm */
}

double bench_product_run(void)
{
    double start = bench_now();
    for (size_t i = 0; i < pr.calls; i++)
        pr.run();
    return (bench_now() - start) / (double)pr.calls;
}
