#include "task/codes.h"

unic_status unic__check_codes(const unic_codebook *cb, const int32_t *codes, size_t clips,
                              size_t length, bool needed)
{
    for (size_t n = 0; n < clips; n++) {
        bool any = false;
        for (size_t t = 0; t < length; t++) {
            int32_t code = codes[n * length + t];
            if (code < -1 || (code >= 0 && (size_t)code >= cb->codes))
                return unic__fail(UNIC_E_VALUE,
                                  "code %d of clip %zu, step %zu is not in -1..%zu", code, n, t,
                                  cb->codes - 1);
            any = any || code >= 0;
        }
        if (needed && !any)
            return unic__fail(UNIC_E_VALUE,
                              "clip %zu has no code among its %zu steps: nothing is asked", n,
                              length);
    }
    return UNIC_OK;
}

void unic__bundle_codes(unic__bundle *b, const unic_codebook *cb)
{
    unic__bundle_f32(b, "codebook.embedding", UNIC__SHAPE_OF(cb->codes, cb->dim),
                     cb->embedding);
}

unic_status unic__read_codes(unic__npz *z, unic__shape shape, unic_codebook **out)
{
    unic_codebook *cb;
    UNIC__TRY(unic__expect_array(z, "codebook.embedding", shape));
    UNIC__TRY(unic__codebook_create(&cb, shape.dim[0], shape.dim[1], 1));
    unic_status status = unic__read_f32(z, "codebook.embedding", shape, cb->embedding);
    if (status != UNIC_OK) {
        unic__codebook_free(cb);
        return status;
    }
    unic__codebook_set(cb, cb->embedding);
    *out = cb;
    return UNIC_OK;
}

void unic__bundle_table(unic__bundle *b, const unic__param_table *table)
{
    for (size_t i = 0; i < table->n; i++)
        unic__bundle_f32(b, table->at[i]->name, table->at[i]->shape,
                         table->values + table->at[i]->offset);
}

unic_status unic__expect_table(unic__npz *z, const unic__param_table *table)
{
    for (size_t i = 0; i < table->n; i++)
        UNIC__TRY(unic__expect_array(z, table->at[i]->name, table->at[i]->shape));
    return UNIC_OK;
}

unic_status unic__read_table(unic__npz *z, unic__param_table *table)
{
    for (size_t i = 0; i < table->n; i++) {
        const unic__param *p = table->at[i];
        UNIC__TRY(unic__read_f32(z, p->name, p->shape, table->values + p->offset));
    }
    return UNIC_OK;
}
