#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "kernel/tile.h"
#include "op/operators.h"

/*
 * conv: one of the three products of a convolution of images [n,h,h,ci] to co channels.
 *   n= h= ci= co= taps=3 stride=1 pad=0 dilation=1    product=forward|data|weights
 *   kernels=auto|direct|onednn|blas (direct: auto without Winograd)   cap=portable|avx2|avx512
 *   calls= in a measurement
 */
static struct {
    unic__conv_attr attr;
    unic__run run;
    unic__tensor x, w, y;
    unic__call call;
    size_t calls;
} cv;

static float *values(const unic__shape *shape, uint64_t seed)
{
    return bench_floats(unic__shape_count(shape), -1.0F, seed);
}

static void set_kernels(const char *word)
{
    cv.call.backend = strcmp(word, "onednn") == 0 ? UNIC__ONEDNN
                      : strcmp(word, "blas") == 0 ? UNIC__BLAS
                                                  : UNIC__AUTO;
    cv.call.direct = strcmp(word, "direct") == 0;
    const char *cap = bench_text("cap", NULL);
    if (cap && !unic__tile_cap(cap))
        bench_die("cap");
}

void bench_conv_setup(void)
{
    const size_t n = bench_size("n", 80), h = bench_size("h", 7), taps = bench_size("taps", 3);
    const size_t ci = bench_size("ci", 64), co = bench_size("co", 64);
    const char *product = bench_text("product", "forward");
    cv.attr = (unic__conv_attr){bench_size("stride", 1), bench_size("pad", 0),
                                bench_size("dilation", 1)};
    cv.calls = bench_size("calls", 1);
    cv.x.shape = UNIC__SHAPE_OF(n, h, h, ci);
    cv.w.shape = UNIC__SHAPE_OF(taps, taps, ci, co);
    cv.x.x = values(&cv.x.shape, 1);
    cv.w.x = values(&cv.w.shape, 2);
    cv.call = (unic__call){.op = &unic__op_conv2d, .out = &cv.y, .in = {&cv.x, &cv.w}};
    cv.call.input_count = 2;
    cv.call.attr = &cv.attr;
    cv.call.run = &cv.run;
    set_kernels(bench_text("kernels", "auto"));
    if (strcmp(product, "data") == 0)
        cv.x.dx = values(&cv.x.shape, 3);
    if (strcmp(product, "weights") == 0)
        cv.w.dx = values(&cv.w.shape, 3);
    cv.call.fresh = UNIC__STORES_IN(0);
    if (cv.call.op->infer(&cv.call) != UNIC_OK)
        bench_die("infer");
    cv.y.x = values(&cv.y.shape, 4);
    cv.y.dx = values(&cv.y.shape, 5);
    cv.call.scratch = bench_alloc(cv.call.scratch_size, sizeof(float));
    if (cv.call.op->plan(&cv.call) != UNIC_OK)
        bench_die("plan");
    double flops = 2.0 * (double)unic__shape_count(&cv.y.shape) * (double)(taps * taps * ci);
    printf(", \"flops\": %.9g, \"scratch_mb\": %.1f", flops,
           4e-6 * (double)cv.call.scratch_size);
    bench_conv_run(); /* warm */
}

double bench_conv_run(void)
{
    void (*f)(unic__call *) = cv.x.dx || cv.w.dx ? cv.call.op->backward : cv.call.op->forward;
    double start = bench_now();
    for (size_t i = 0; i < cv.calls; i++)
        f(&cv.call);
    return (bench_now() - start) / (double)cv.calls;
}
