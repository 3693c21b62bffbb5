#include "array/named_arrays.h"

unic_status unic__named_arrays_open_npz(unic__named_arrays *a, unic__source *source)
{
    *a = (unic__named_arrays){NULL, NULL};
    return unic__npz_open(&a->npz, source);
}

unic_status unic__named_arrays_open_folder(unic__named_arrays *a, const char *path)
{
    *a = (unic__named_arrays){NULL, NULL};
    return unic__npy_folder_open(&a->folder, path);
}

void unic__named_arrays_close(unic__named_arrays *a)
{
    unic__npz_close(a->npz);
    unic__npy_folder_close(a->folder);
    *a = (unic__named_arrays){NULL, NULL};
}

const char *unic__named_arrays_path(const unic__named_arrays *a)
{
    return a->npz ? unic__npz_path(a->npz) : unic__npy_folder_path(a->folder);
}

size_t unic__named_arrays_count(const unic__named_arrays *a)
{
    return a->npz ? unic__npz_count(a->npz) : unic__npy_folder_count(a->folder);
}

const char *unic__named_arrays_name(const unic__named_arrays *a, size_t i)
{
    return a->npz ? unic__npz_name(a->npz, i) : unic__npy_folder_name(a->folder, i);
}

bool unic__named_arrays_is_array(const unic__named_arrays *a, size_t i)
{
    return !a->npz || unic__npz_is_array(a->npz, i);
}

unic_status unic__named_arrays_is_other_array(const unic__named_arrays *a, size_t i, bool *yes)
{
    *yes = false;
    return a->npz ? unic__npz_is_other_array(a->npz, i, yes) : UNIC_OK;
}

bool unic__named_arrays_has(const unic__named_arrays *a, const char *name)
{
    return a->npz ? unic__npz_has(a->npz, name) : unic__npy_folder_has(a->folder, name);
}

unic_status unic__named_arrays_info(const unic__named_arrays *a, const char *name,
                                    unic__npy_info *info)
{
    return a->npz ? unic__npz_info(a->npz, name, info)
                  : unic__npy_folder_info(a->folder, name, info);
}

unic_status unic__named_arrays_read_i32(const unic__named_arrays *a, const char *name,
                                        int32_t *out, size_t count)
{
    return a->npz ? unic__npz_read_i32(a->npz, name, out, count)
                  : unic__npy_folder_read_i32(a->folder, name, out, count);
}

unic_status unic__named_arrays_open_rows(const unic__named_arrays *a, const char *name)
{
    return a->npz ? UNIC_OK : unic__npy_folder_open_rows(a->folder, name);
}

unic_status unic__named_arrays_read_row_f32(const unic__named_arrays *a, const char *name,
                                            size_t row, float *out, size_t row_count)
{
    return a->npz ? unic__npz_read_row_f32(a->npz, name, row, out, row_count)
                  : unic__npy_folder_read_row_f32(a->folder, name, row, out, row_count);
}

void unic__named_arrays_expect_row(const unic__named_arrays *a, const char *name, size_t row)
{
    if (a->npz)
        unic__npz_expect_row(a->npz, name, row);
    else
        unic__npy_folder_expect_row(a->folder, name, row);
}
