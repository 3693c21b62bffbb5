/* The arrays of an npz as a file of weights. */
#include "array/weight_file.h"

static unic_status read(void *file, const unic__weight_tensor *t, float *out)
{
    return unic__npz_read_f32(file, t->entry, out, unic__shape_count(&t->shape));
}

static void leave_open(void *file)
{
    (void)file;
}

static void close_npz(void *file)
{
    unic__npz_close(file);
}

/* Members that are no arrays are passed over; an array that is damaged is one that cannot be read. */
static unic_status add_array(unic__weight_file *f, unic__npz *z, size_t i)
{
    unic__npy_info info = {.shape = UNIC__SCALAR};
    const char *name = unic__npz_name(z, i);
    if (!unic__npz_is_array(z, i))
        return UNIC_OK;
    const unic_status status = unic__npz_info(z, name, &info);
    if (status != UNIC_OK && status != UNIC_E_FORMAT)
        return status;
    return unic__weight_file_add(f, name, status == UNIC_OK ? NULL : unic_last_error(),
                                 &info.shape, name);
}

static unic_status add_arrays(unic__weight_file **out, unic__npz *z,
                              const unic__weight_file_class *is)
{
    unic__weight_file *f;
    *out = NULL;
    UNIC__TRY(unic__weight_file_create(&f, is, z, unic__npz_source(z)));
    unic_status status = UNIC_OK;
    for (size_t i = 0; i < unic__npz_count(z) && status == UNIC_OK; i++)
        status = add_array(f, z, i);
    if (status == UNIC_OK)
        status = unic__weight_file_sort(f);
    if (status != UNIC_OK)
        unic__weight_file_close(f);
    else
        *out = f;
    return status;
}

unic_status unic__weight_npz(unic__weight_file **out, unic__npz *z)
{
    static const unic__weight_file_class borrowed = {read, leave_open};
    return add_arrays(out, z, &borrowed);
}

unic_status unic__weight_npz_open(unic__weight_file **out, unic__source *source)
{
    static const unic__weight_file_class owned = {read, close_npz};
    unic__npz *z;
    *out = NULL;
    UNIC__TRY(unic__npz_open(&z, source));
    return add_arrays(out, z, &owned);
}
