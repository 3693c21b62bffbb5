#include <string.h>

#include "task/codes.h"
#include "task/head.h"

/* A head as an npz: its options, its parameters, its copy of the codebook. A file without
 * `head.loss` is of a head with the plain loss. */

enum { KIND, CLASSES, HIDDEN, EPOCHS, BATCH, SEED, CODES, DIM, N_OPTIONS };

unic_status unic__head_save(const unic_head *head, const char *path)
{
    const unic_head_options *o = &head->options;
    const unic_codebook *cb = head->codebook;
    unic__bundle b = {0};
    int64_t options[N_OPTIONS] = {
        [KIND] = o->kind,
        [CLASSES] = o->class_count,
        [HIDDEN] = o->hidden,
        [EPOCHS] = o->epochs,
        [BATCH] = o->batch,
        [SEED] = (int64_t)o->seed,
        [CODES] = (int64_t)cb->codes,
        [DIM] = (int64_t)cb->dim,
    };
    unic__bundle_i64(&b, "head.options", UNIC__SHAPE_OF(N_OPTIONS), options);
    unic__bundle_f32(&b, "head.learning_rate", UNIC__SCALAR, &o->learning_rate);
    if (o->loss != UNIC_HEAD_LOSS_PLAIN)
        unic__bundle_i32(&b, "head.loss", UNIC__SCALAR, &o->loss);
    unic__bundle_codes(&b, cb);
    unic__bundle_table(&b, &head->params);
    return unic__bundle_write(&b, path);
}

static unic_status check_options(const char *path, const int64_t *v)
{
    static const struct {
        const char *name;
        int64_t low, high;
    } bound[N_OPTIONS] = {
        [KIND] = {"kind", UNIC_HEAD_CLIP, UNIC_HEAD_STEP_MULTI},
        [CLASSES] = {"classes", 1, 1 << 20},
        [HIDDEN] = {"hidden", 1, 1 << 16},
        [EPOCHS] = {"epochs", 1, INT32_MAX},
        [BATCH] = {"batch", 1, 1 << 16},
        [SEED] = {"seed", INT64_MIN, INT64_MAX},
        [CODES] = {"codes", 1, 1 << 24},
        [DIM] = {"dim", 1, 1 << 16},
    };
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (v[i] < bound[i].low || v[i] > bound[i].high)
            return unic__fail(UNIC_E_FORMAT, "%s: head.options: %s = %lld is not in %lld..%lld",
                              path, bound[i].name, (long long)v[i], (long long)bound[i].low,
                              (long long)bound[i].high);
    return UNIC_OK;
}

static unic_status read_loss(unic__npz *z, unic_head_options *o)
{
    if (!unic__npz_has(z, "head.loss"))
        return UNIC_OK;
    UNIC__TRY(unic__read_i32(z, "head.loss", UNIC__SCALAR, &o->loss));
    if (o->loss != UNIC_HEAD_LOSS_PLAIN &&
        !(o->loss == UNIC_HEAD_LOSS_CMG && o->kind == UNIC_HEAD_STEP_MULTI))
        return unic__fail(UNIC_E_FORMAT, "%s: head.loss = %d is no loss of a head of kind %d",
                          unic__npz_path(z), o->loss, o->kind);
    return UNIC_OK;
}

static unic_status read_head(unic__npz *z, unic_head **out)
{
    int64_t v[N_OPTIONS];
    unic_codebook *cb;
    unic_head_options o = {.struct_size = sizeof o};
    UNIC__TRY(unic__read_i64(z, "head.options", UNIC__SHAPE_OF(N_OPTIONS), v));
    UNIC__TRY(check_options(unic__npz_path(z), v));
    UNIC__TRY(unic__read_f32(z, "head.learning_rate", UNIC__SCALAR, &o.learning_rate));
    if (!(o.learning_rate > 0.0F))
        return unic__fail(UNIC_E_FORMAT, "%s: head.learning_rate = %g must be positive",
                          unic__npz_path(z), (double)o.learning_rate);
    o.kind = (int32_t)v[KIND];
    o.class_count = (int32_t)v[CLASSES];
    o.hidden = (int32_t)v[HIDDEN];
    o.epochs = (int32_t)v[EPOCHS];
    o.batch = (int32_t)v[BATCH];
    o.seed = (uint64_t)v[SEED];
    UNIC__TRY(read_loss(z, &o));
    /* Before memory is asked for: the sizes are from outside. */
    size_t hidden = (size_t)v[HIDDEN], classes = (size_t)v[CLASSES];
    unic__shape shape = UNIC__SHAPE_OF((size_t)v[CODES], (size_t)v[DIM]);
    UNIC__TRY(unic__expect_array(z, "linear1.weight", UNIC__SHAPE_OF(hidden, shape.dim[1])));
    UNIC__TRY(unic__expect_array(z, "linear2.weight", UNIC__SHAPE_OF(classes, hidden)));
    UNIC__TRY(unic__read_codes(z, shape, &cb));
    UNIC__TRY(unic__head_create(out, cb, &o));
    unic_status status = unic__read_table(z, &(*out)->params);
    if (status != UNIC_OK) {
        unic__head_free(*out);
        *out = NULL;
        return status;
    }
    unic__head_tabulate(*out);
    return UNIC_OK;
}

unic_status unic__head_load(unic_head **out, const char *path)
{
    unic__npz *z;
    UNIC__TRY(unic__npz_open(&z, path));
    unic_status status = read_head(z, out);
    unic__npz_close(z);
    return status;
}
