#include "task/codes.h"
#include "task/retriever.h"

/* A retriever as an npz: its options, its parameters, its copy of the codebook. */

unic_status unic__retriever_save(const unic_retriever *r, unic__output to)
{
    unic_retriever_options o = r->options;
    int64_t numbers[UNIC__OPTIONS_MOST];
    unic__bundle b = {0};
    unic__options_bundle(&b, &unic__retriever_options, &o, r->codebook, numbers);
    unic__bundle_codes(&b, r->codebook);
    unic__bundle_table(&b, r->params);
    return unic__bundle_write(&b, to);
}

static unic_status read_options(unic__npz *z, unic_retriever_options *o, unic__shape *codes)
{
    *o = (unic_retriever_options){.struct_size = sizeof *o};
    UNIC__TRY(unic__options_read(o, codes, &unic__retriever_options, z));
    unic_status status = unic__retriever_complete(o, "", UNIC_E_FORMAT);
    return status == UNIC_OK ? status
                             : unic__fail_in(status, "%s: retriever", unic__npz_path(z));
}

static unic_status read_retriever(unic__npz *z, unic_retriever **out)
{
    unic_retriever_options o;
    unic_codebook *cb;
    unic__shape shape;
    UNIC__TRY(read_options(z, &o, &shape));
    UNIC__TRY(unic__read_codes(z, shape, &cb));
    UNIC__TRY(unic__retriever_create(out, cb, &o, z));
    (*out)->trained = true;
    return UNIC_OK;
}

unic_status unic__retriever_load(unic_retriever **out, unic__source *source)
{
    unic__npz *z;
    UNIC__TRY(unic__npz_open(&z, source));
    unic_status status = read_retriever(z, out);
    unic__npz_close(z);
    return status;
}
