#include "kernel/blas_glue.h"

#include <cblas.h>
#include <pthread.h>

/*
 * OpenBLAS takes a buffer for each call that runs at a time, keeps it, and waits for ever if it
 * gets none. So it is called by no more threads at a time than there were buffers for: a
 * thread beyond that asks for a buffer's size first and, where that is not there, waits until
 * another has ended its call.
 */
enum { BUFFER_BYTES = (128 << 20) + (1 << 20) }; /* OpenBLAS's on x86-64, its largest */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static int calls, buffers; /* running now; the most that have run */

/* With the lock held. */
static bool may_call(void)
{
    return calls < buffers || unic__has_headroom(BUFFER_BYTES);
}

static void begin_call(void)
{
    calls++;
    if (calls > buffers)
        buffers = calls;
}

static void end_call(void)
{
    pthread_mutex_lock(&lock);
    calls--;
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
    enum { SIDE = 64 }; /* BLAS may take no buffer for less */
    static const float zeros[SIDE * SIDE];
    static float product[SIDE * SIDE];
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
    begin_call();
    pthread_mutex_unlock(&lock);
    multiply(product);
    end_call();
}
