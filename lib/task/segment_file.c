#include "task/codes.h"
#include "task/segment.h"

/* A segmenter as an npz: its options, weights and running moments, its copy of the codebook. */

unic_status unic__segmenter_save(const unic_segmenter *s, unic__output to)
{
    unic_segmenter_options o = s->net->options;
    int64_t numbers[UNIC__OPTIONS_MOST];
    unic__bundle b = {0};
    unic__options_bundle(&b, &unic__segmenter_options, &o, s->codebook, numbers);
    unic__bundle_codes(&b, s->codebook);
    unic__bundle_table(&b, &s->net->params);
    unic__bundle_table(&b, &s->net->state);
    return unic__bundle_write(&b, to);
}

/* The options as they stand in the file: each is there, in range and goes with the others. */
static unic_status read_options(unic__npz *z, unic_segmenter_options *o, unic__shape *codes)
{
    *o = (unic_segmenter_options){.struct_size = sizeof *o};
    UNIC__TRY(unic__options_read(o, codes, &unic__segmenter_options, z));
    unic_status status = unic__segment_complete(o, "", UNIC_E_FORMAT);
    return status == UNIC_OK
               ? status
               : unic__fail_in(status, "%s: segmenter.options", unic__npz_path(z));
}

static unic_status read_segmenter(unic__npz *z, unic_segmenter **out)
{
    unic_segmenter_options o;
    unic_codebook *cb;
    unic__shape codes;
    UNIC__TRY(read_options(z, &o, &codes));
    UNIC__TRY(unic__read_codes(z, codes, &cb));
    unic_status status = unic__segmenter_create(out, cb, &o, z);
    if (status == UNIC_E_SHAPE) /* sizes in range that come to too much */
        return unic__fail_in(UNIC_E_FORMAT, "%s: segmenter.options", unic__npz_path(z));
    UNIC__TRY(status);
    (*out)->trained = true;
    return UNIC_OK;
}

unic_status unic__segmenter_load(unic_segmenter **out, unic__source *source)
{
    unic__npz *z;
    UNIC__TRY(unic__npz_open(&z, source));
    unic_status status = read_segmenter(z, out);
    unic__npz_close(z);
    return status;
}
