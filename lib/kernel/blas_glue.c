#include "kernel/blas_glue.h"

#include <cblas.h>
#include <pthread.h>

/*
 * OpenBLAS takes a buffer for each call that runs at a time, keeps it, and waits for ever if it
 * gets none. So it is called by no more threads at a time than there were buffers for: a
 * thread beyond that asks for a buffer's size first and, where that is not there, waits until
 * another has ended its call. A small product may do without: OpenBLAS's kernels for AVX-512 do, up
 * to a million multiplications. So it shows of no buffer that it is there.
 */
enum { BUFFER_BYTES = (128 << 20) + (1 << 20) }; /* OpenBLAS's on x86-64, its largest */
enum { SIDE = 128 };                             /* of a product that surely takes one */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static int calls, large; /* running now; how many of those are large */
static int buffers;      /* the most large ones that have run            */

/* With the lock held. */
static bool may_call(void)
{
    return calls < buffers || unic__has_headroom(BUFFER_BYTES);
}

static bool is_large(const unic__gemm *p)
{
    return (double)p->m * (double)p->n * (double)p->k >= (double)SIDE * SIDE * SIDE;
}

static void begin_call(const unic__gemm *product)
{
    calls++;
    large += is_large(product);
    if (large > buffers)
        buffers = large;
}

static void end_call(const unic__gemm *product)
{
    pthread_mutex_lock(&lock);
    calls--;
    large -= is_large(product);
    pthread_cond_signal(&ended);
    pthread_mutex_unlock(&lock);
}

static void multiply(const unic__gemm *p)
{
    cblas_sgemm(CblasRowMajor, p->ta ? CblasTrans : CblasNoTrans,
                p->tb ? CblasTrans : CblasNoTrans, (int)p->m, (int)p->n, (int)p->k, 1.0F, p->a,
                (int)p->lda, p->b, (int)p->ldb, p->add ? 1.0F : 0.0F, p->c, (int)p->ldc);
}

unic_status unic__blas_prepare(void)
{
    static float zeros[SIDE * SIDE], product[SIDE * SIDE];
    unic_status status = UNIC_OK;
    pthread_mutex_lock(&lock);
    if (buffers == 0 && unic__has_headroom(BUFFER_BYTES)) {
        multiply(&(unic__gemm){.m = SIDE,
                               .n = SIDE,
                               .k = SIDE,
                               .a = zeros,
                               .lda = SIDE,
                               .b = zeros,
                               .ldb = SIDE,
                               .c = product,
                               .ldc = SIDE});
        buffers = 1;
    }
    if (buffers == 0)
        status = unic__no_memory(BUFFER_BYTES, "a buffer of the BLAS");
    pthread_mutex_unlock(&lock);
    return status;
}

void unic__blas_run(const unic__gemm *product)
{
    pthread_mutex_lock(&lock);
    while (calls > 0 && !may_call())
        pthread_cond_wait(&ended, &lock);
    begin_call(product);
    pthread_mutex_unlock(&lock);
    multiply(product);
    end_call(product);
}
