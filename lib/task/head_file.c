#include "task/codes.h"
#include "task/head.h"

/* A head as an npz: its options, its parameters, its copy of the codebook. A file without
 * `head.loss` belongs to a head with the plain loss. */

unic_status unic__head_save(const unic_head *head, unic__output to)
{
    unic_head_options o = head->options;
    int64_t numbers[UNIC__OPTIONS_MOST];
    unic__bundle b = {0};
    unic__options_bundle(&b, &unic__head_options, &o, head->codebook, numbers);
    if (o.loss != UNIC_HEAD_LOSS_PLAIN)
        unic__bundle_i32(&b, "head.loss", UNIC__SCALAR, &o.loss);
    unic__bundle_codes(&b, head->codebook);
    unic__bundle_table(&b, &head->params);
    return unic__bundle_write(&b, to);
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
    unic_codebook *cb;
    unic__shape shape;
    unic_head_options o = {.struct_size = sizeof o};
    UNIC__TRY(unic__options_read(&o, &shape, &unic__head_options, z));
    UNIC__TRY(read_loss(z, &o));
    unic_status status = unic__head_complete(&o, shape.dim[1], "", UNIC_E_FORMAT);
    if (status != UNIC_OK)
        return unic__fail_in(status, "%s: head", unic__npz_path(z));
    /* Before memory is asked for: the sizes are from outside. */
    size_t hidden = (size_t)o.hidden, classes = (size_t)o.class_count;
    UNIC__TRY(unic__expect_array(z, "linear1.weight", UNIC__SHAPE_OF(hidden, shape.dim[1])));
    UNIC__TRY(unic__expect_array(z, "linear2.weight", UNIC__SHAPE_OF(classes, hidden)));
    UNIC__TRY(unic__read_codes(z, shape, &cb));
    UNIC__TRY(unic__head_create(out, cb, &o));
    status = unic__read_table(z, &(*out)->params);
    if (status != UNIC_OK) {
        unic__head_free(*out);
        *out = NULL;
        return status;
    }
    unic__head_tabulate(*out);
    (*out)->trained = true;
    return UNIC_OK;
}

unic_status unic__head_load(unic_head **out, unic__source *source)
{
    unic__npz *z;
    UNIC__TRY(unic__npz_open(&z, source));
    unic_status status = read_head(z, out);
    unic__npz_close(z);
    return status;
}
