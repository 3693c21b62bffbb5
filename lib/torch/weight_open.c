#include "torch/weight_open.h"

#include <stdio.h>

#include "array/safetensors.h"
#include "file/sniff.h"
#include "torch/torch_file.h"

/* ---- a checkpoint of PyTorch as a file of weights ---- */

static unic_status read_tensor(void *file, const unic__weight_tensor *t, float *out)
{
    return unic__torch_read_f32(file, t->entry, out, unic__shape_count(&t->shape));
}

static void close_torch(void *file)
{
    unic__torch_close(file);
}

/* An archive of numpy arrays that torch.save() wrote. */
static unic_status check_tensors(const unic__torch_file *torch)
{
    const char *first;
    const size_t arrays = unic__torch_arrays(torch, &first);
    if (unic__torch_count(torch) || !arrays)
        return UNIC_OK;
    return unic__fail(UNIC_E_FORMAT,
                      "%s: holds %zu numpy array%s (%s) and no tensor: write them with "
                      "numpy.savez(), or save torch.from_numpy() of each",
                      unic__torch_path(torch), arrays, arrays == 1 ? "" : "s", first);
}

/* Whole numbers are no weights without the scale that is another tensor. */
static unic_status add_tensor(unic__weight_file *f, const unic__torch_tensor *t)
{
    char text[UNIC__WEIGHT_LIST];
    const char *wrong = t->wrong;
    if (!wrong && !unic__torch_type_is_float(t->type)) {
        snprintf(
            text, sizeof text,
            "%.120s is of %s, and weights of whole numbers mean nothing without their scale; "
            "float16, bfloat16, float32 or float64 expected",
            t->path, unic__torch_type_name(t->type));
        wrong = text;
    }
    return unic__weight_file_add(f, t->path, wrong, &t->shape, t);
}

static unic_status open_torch(unic__weight_file **out, unic__source *source)
{
    static const unic__weight_file_class is = {read_tensor, close_torch};
    unic__torch_file *torch;
    unic__weight_file *f;
    UNIC__TRY(unic__torch_open(&torch, source));
    UNIC__TRY(unic__weight_file_create(&f, &is, torch, source)); /* closes it, if it fails */
    unic_status status = check_tensors(torch);
    for (size_t i = 0; i < unic__torch_count(torch) && status == UNIC_OK; i++)
        status = add_tensor(f, unic__torch_tensor_at(torch, i));
    if (status == UNIC_OK)
        status = unic__weight_file_sort(f);
    if (status != UNIC_OK)
        unic__weight_file_close(f);
    else
        *out = f;
    return status;
}

unic_status unic__weight_file_open(unic__weight_file **out, unic__source *source)
{
    unic__file_kind kind;
    *out = NULL;
    UNIC__TRY(unic__file_sniff(&kind, source));
    switch (kind) {
    case UNIC__FILE_TORCH:
        return open_torch(out, source);
    case UNIC__FILE_SAFETENSORS:
        return unic__safetensors_open(out, source);
    case UNIC__FILE_ZIP:
        return unic__weight_npz_open(out, source);
    default:
        return unic__fail(UNIC_E_FORMAT,
                          "%s is %s; weights are read of what torch.save() or safetensors "
                          "wrote, or of an npz%s",
                          unic__source_name(source), unic__file_kind_name(kind),
                          unic__file_kind_advice(kind));
    }
}
