#include "kernel/dnnl_glue.h"
#include "op/operators.h"

/*
 * Batched products; A = a or a^T, B = b or b^T, by the settings for how they are stored.
 *   C_g = A_g B_g                 (one B for all g if b has rank 2)
 * backward:  dA_g += dC_g B_g^T,   dB_g += A_g^T dC_g,   each in the form it is stored in:
 *   da += dC B^T, transposed B dC^T;   db += A^T dC, transposed dC^T A
 */

typedef struct dims {
    size_t batch, m, n, k;
    bool ta, tb;
    bool shared; /* one b for the whole batch, which could not be folded into m */
} dims;

/* A shared b under rows that lie one after the other makes the batch one tall matrix. */
static dims dims_of(const unic__call *c)
{
    const unic__matmul_attr *attr = c->attr;
    const unic__shape *a = &c->in[0]->shape, *b = &c->in[1]->shape;
    dims d = {.batch = 1, .ta = attr->transpose_a, .tb = attr->transpose_b};
    d.m = a->dim[a->rank - (d.ta ? 1 : 2)];
    d.k = a->dim[a->rank - (d.ta ? 2 : 1)];
    d.n = b->dim[b->rank - (d.tb ? 2 : 1)];
    for (size_t i = 0; i + 2 < a->rank; i++)
        d.batch *= a->dim[i];
    if (b->rank == 2 && !d.ta) {
        d.m *= d.batch;
        d.batch = 1;
    }
    d.shared = b->rank == 2 && d.batch > 1;
    return d;
}

static unic_status infer(unic__call *c)
{
    UNIC__TRY(unic__expect_f32(c, 0));
    UNIC__TRY(unic__expect_f32(c, 1));
    const unic__matmul_attr *attr = c->attr;
    const unic__shape *a = &c->in[0]->shape, *b = &c->in[1]->shape;
    char as[UNIC__SHAPE_TEXT], bs[UNIC__SHAPE_TEXT];
    unic__shape_print(a, as);
    unic__shape_print(b, bs);
    bool fits = a->rank >= 2 && (b->rank == 2 || b->rank == a->rank);
    for (size_t i = 0; fits && b->rank > 2 && i + 2 < a->rank; i++)
        fits = a->dim[i] == b->dim[i];
    if (!fits)
        return unic__shape_fail(c, "a %s and b %s have not the same leading dims", as, bs);
    const size_t k_of_a = a->dim[a->rank - (attr->transpose_a ? 2 : 1)];
    const size_t k_of_b = b->dim[b->rank - (attr->transpose_b ? 1 : 2)];
    if (k_of_a != k_of_b)
        return unic__shape_fail(c, "a %s%s and b %s%s: the inner sizes are %zu and %zu", as,
                                attr->transpose_a ? " (transposed)" : "", bs,
                                attr->transpose_b ? " (transposed)" : "", k_of_a, k_of_b);
    const dims d = dims_of(c);
    if (!d.batch || !d.m || !d.n || !d.k)
        return unic__shape_fail(c, "a %s or b %s is empty", as, bs);
    if (d.m > INT32_MAX || d.n > INT32_MAX || d.k > INT32_MAX)
        return unic__shape_fail(c, "a %s or b %s is too large for a product", as, bs);
    c->out->dtype = UNIC__F32;
    c->out->shape = *a;
    c->out->shape.dim[a->rank - 2] = a->dim[a->rank - (attr->transpose_a ? 1 : 2)];
    c->out->shape.dim[a->rank - 1] = d.n;
    return UNIC_OK;
}

/* out [m,n] = or += op(x) op(y), flagged and sized as unic__gemm wants it. */
typedef struct product {
    bool tx, ty;
    size_t m, n, k;
} product;

static product forward_product(const dims *d)
{
    return (product){d->ta, d->tb, d->m, d->n, d->k};
}

/* da: x is dC, y is b; the other way round if a is transposed. */
static product a_product(const dims *d)
{
    return d->ta ? (product){d->tb, true, d->k, d->m, d->n}
                 : (product){false, !d->tb, d->m, d->k, d->n};
}

/* db: x is a, y is dC; the other way round if b is transposed. */
static product b_product(const dims *d)
{
    return d->tb ? (product){true, d->ta, d->n, d->k, d->m}
                 : (product){!d->ta, false, d->k, d->n, d->m};
}

/* ---- our own, or cblas ---- */

/* The products of a batch: the next operands are a step further; `add` is of the first only
 * where all have one `out`. */
typedef struct each {
    unic__backend backend;
    const product *p;
    const float *x, *y;
    float *out;
    size_t x_step, y_step, out_step;
    bool add;
} each;

static void run_part(const void *context, size_t from, size_t to)
{
    const each *e = context;
    const product *p = e->p;
    for (size_t g = from; g < to; g++)
        unic__product(e->backend, &(unic__gemm){.ta = p->tx,
                                                .tb = p->ty,
                                                .add = e->add || (g && !e->out_step),
                                                .m = p->m,
                                                .n = p->n,
                                                .k = p->k,
                                                .a = e->x + g * e->x_step,
                                                .lda = p->tx ? p->m : p->k,
                                                .b = e->y + g * e->y_step,
                                                .ldb = p->ty ? p->k : p->n,
                                                .c = e->out + g * e->out_step,
                                                .ldc = p->n});
}

/* A batch of small products is spread over the threads, a few large ones are each split; a step
 * of 0 says that this operand is one for all, and with it `out` is summed in index order: `add`
 * is then of the first of them. */
static void run_each(unic__backend backend, const product *p, size_t batch, const float *x,
                     size_t x_step, const float *y, size_t y_step, bool add, float *out,
                     size_t out_step)
{
    const each e = {backend, p, x, y, out, x_step, y_step, out_step, add};
    const double work = (double)p->m * (double)p->n * (double)p->k;
    const bool spread = out_step && work * (double)batch > 1 << 16 &&
                        (batch >= 2 * (size_t)unic__threads() || work < 1 << 18);
    unic__parallel(batch, 1, spread, run_part, &e);
}

/* ---- oneDNN ---- */

/* Those of the gradients that were not wanted when the call was planned stay NULL, as do both
 * under a shared b: no product of dnnl_glue.h sums over a batch. Our own does what is NULL. */
typedef struct prims {
    unic__dnnl_matmul *forward, *da, *db;
} prims;

static void unplan(unic__call *c)
{
    prims *p = c->prim;
    if (!p)
        return;
    unic__dnnl_matmul_free(p->forward);
    unic__dnnl_matmul_free(p->da);
    unic__dnnl_matmul_free(p->db);
    unic__free(p);
    c->prim = NULL;
}

static unic_status create(unic__dnnl_matmul **out, const dims *d, product p, bool accumulate)
{
    return unic__dnnl_matmul_create(out, d->batch, d->shared, p.m, p.n, p.k, p.tx, p.ty,
                                    accumulate);
}

static unic_status plan(unic__call *c)
{
    if (c->backend != UNIC__ONEDNN)
        return UNIC_OK;
    const dims d = dims_of(c);
    prims *p = c->prim = unic__alloc_zero(sizeof *p);
    if (!p)
        return unic__no_memory(sizeof *p, "a product's primitives");
    unic_status status = create(&p->forward, &d, forward_product(&d), false);
    if (status == UNIC_OK && c->in[0]->dx && !d.shared)
        status = create(&p->da, &d, a_product(&d), !unic__is_fresh(c, 0));
    if (status == UNIC_OK && c->in[1]->dx && !d.shared)
        status = create(&p->db, &d, b_product(&d), !unic__is_fresh(c, 1));
    if (status != UNIC_OK)
        unplan(c);
    return status;
}

/* ---- either ---- */

static void forward(unic__call *c)
{
    const dims d = dims_of(c);
    const product p = forward_product(&d);
    const prims *own = c->prim;
    const float *a = c->in[0]->x, *b = c->in[1]->x;
    if (own && own->forward)
        unic__dnnl_matmul_run(own->forward, a, b, c->out->x, &c->run->status);
    else
        run_each(c->backend, &p, d.batch, a, d.m * d.k, b, d.shared ? 0 : d.k * d.n, false,
                 c->out->x, d.m * d.n);
}

static void backward(unic__call *c)
{
    const dims d = dims_of(c);
    const prims *own = c->prim;
    const float *a = c->in[0]->x, *b = c->in[1]->x, *dc = c->out->dx;
    float *da = c->in[0]->dx, *db = c->in[1]->dx;
    const size_t a_step = d.m * d.k, b_step = d.shared ? 0 : d.k * d.n, c_step = d.m * d.n;
    if (da && own && own->da) {
        unic__dnnl_matmul_run(own->da, d.ta ? b : dc, d.ta ? dc : b, da, &c->run->status);
    } else if (da) {
        const product p = a_product(&d);
        run_each(c->backend, &p, d.batch, d.ta ? b : dc, d.ta ? b_step : c_step, d.ta ? dc : b,
                 d.ta ? c_step : b_step, !unic__is_fresh(c, 0), da, a_step);
    }
    if (db && own && own->db) {
        unic__dnnl_matmul_run(own->db, d.tb ? dc : a, d.tb ? a : dc, db, &c->run->status);
    } else if (db) {
        const product p = b_product(&d);
        run_each(c->backend, &p, d.batch, d.tb ? dc : a, d.tb ? c_step : a_step, d.tb ? a : dc,
                 d.tb ? a_step : c_step, !unic__is_fresh(c, 1), db, b_step);
    }
}

const unic__op unic__op_matmul = {
    .name = "matmul",
    .infer = infer,
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .unplan = unplan,
    .keeps = UNIC__KEEP_IN(0) | UNIC__KEEP_IN(1),
    .stores = UNIC__STORES_IN(0) | UNIC__STORES_IN(1),
};
