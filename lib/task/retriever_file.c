#include "task/codes.h"
#include "task/retriever.h"

/* A retriever as an npz: its options, its parameters, its copy of the codebook. */

enum { ITEM_DIM, HIDDEN, DIM, EPOCHS, BATCH, SEED, CODES, CODE_DIM, N_NUMBERS };

unic_status unic__retriever_save(const unic_retriever *r, const char *path)
{
    const unic_retriever_options *o = &r->options;
    const unic_codebook *cb = r->codebook;
    unic__bundle b = {0};
    int64_t numbers[N_NUMBERS] = {
        [ITEM_DIM] = o->item_dim,
        [HIDDEN] = o->hidden,
        [DIM] = o->dim,
        [EPOCHS] = o->epochs,
        [BATCH] = o->batch,
        [SEED] = (int64_t)o->seed,
        [CODES] = (int64_t)cb->codes,
        [CODE_DIM] = (int64_t)cb->dim,
    };
    unic__bundle_i64(&b, "retriever.options", UNIC__SHAPE_OF(N_NUMBERS), numbers);
    unic__bundle_f32(&b, "retriever.learning_rate", UNIC__SCALAR, &o->learning_rate);
    unic__bundle_f32(&b, "retriever.temperature", UNIC__SCALAR, &o->temperature);
    unic__bundle_codes(&b, cb);
    unic__bundle_table(&b, r->params);
    return unic__bundle_write(&b, path);
}

/* What is zero in a file would take a default: it must be in range as it stands. */
static unic_status check_numbers(const char *path, const int64_t *v)
{
    static const struct {
        const char *name;
        int64_t low, high;
    } bound[N_NUMBERS] = {
        [ITEM_DIM] = {"item_dim", 1, 1 << 16}, [HIDDEN] = {"hidden", 1, 1 << 16},
        [DIM] = {"dim", 1, 1 << 16},           [EPOCHS] = {"epochs", 1, INT32_MAX},
        [BATCH] = {"batch", 2, 1 << 16},       [SEED] = {"seed", INT64_MIN, INT64_MAX},
        [CODES] = {"codes", 1, 1 << 24},       [CODE_DIM] = {"the codes' dim", 1, 1 << 16},
    };
    for (size_t i = 0; i < N_NUMBERS; i++)
        if (v[i] < bound[i].low || v[i] > bound[i].high)
            return unic__fail(UNIC_E_FORMAT,
                              "%s: retriever.options: %s = %lld is not in %lld..%lld", path,
                              bound[i].name, (long long)v[i], (long long)bound[i].low,
                              (long long)bound[i].high);
    return UNIC_OK;
}

static unic_status read_options(unic__npz *z, unic_retriever_options *o, unic__shape *codes)
{
    const char *path = unic__npz_path(z);
    int64_t v[N_NUMBERS];
    *o = (unic_retriever_options){.struct_size = sizeof *o};
    UNIC__TRY(unic__read_i64(z, "retriever.options", UNIC__SHAPE_OF(N_NUMBERS), v));
    UNIC__TRY(check_numbers(path, v));
    UNIC__TRY(unic__read_f32(z, "retriever.learning_rate", UNIC__SCALAR, &o->learning_rate));
    UNIC__TRY(unic__read_f32(z, "retriever.temperature", UNIC__SCALAR, &o->temperature));
    if (o->learning_rate == 0.0F || o->temperature == 0.0F)
        return unic__fail(UNIC_E_FORMAT, "%s: retriever.%s = 0 must be positive", path,
                          o->learning_rate == 0.0F ? "learning_rate" : "temperature");
    o->item_dim = (int32_t)v[ITEM_DIM];
    o->hidden = (int32_t)v[HIDDEN];
    o->dim = (int32_t)v[DIM];
    o->epochs = (int32_t)v[EPOCHS];
    o->batch = (int32_t)v[BATCH];
    o->seed = (uint64_t)v[SEED];
    *codes = UNIC__SHAPE_OF((size_t)v[CODES], (size_t)v[CODE_DIM]);
    unic_status status = unic__retriever_complete(o, UNIC_E_FORMAT);
    return status == UNIC_OK ? status : unic__fail_in(status, "%s: retriever", path);
}

static unic_status read_retriever(unic__npz *z, unic_retriever **out)
{
    unic_retriever_options o;
    unic_codebook *cb;
    unic__shape shape;
    UNIC__TRY(read_options(z, &o, &shape));
    UNIC__TRY(unic__read_codes(z, shape, &cb));
    return unic__retriever_create(out, cb, &o, z);
}

unic_status unic__retriever_load(unic_retriever **out, const char *path)
{
    unic__npz *z;
    UNIC__TRY(unic__npz_open(&z, path));
    unic_status status = read_retriever(z, out);
    unic__npz_close(z);
    return status;
}
