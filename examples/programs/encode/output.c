#include "encode/output.h"

#include <stdlib.h>

#include "cli/report.h"

static bool begin_vectors(encode_output *o, const char *name)
{
    const int64_t dims[] = {(int64_t)o->count.clips, (int64_t)o->count.length, (int64_t)o->dim};
    return cli_ok(unic_npz_writer_begin(o->file, name, UNIC_F32, 3, dims));
}

bool encode_output_begin(encode_output *o, const encode_job *job, const char *path,
                         size_t clips, size_t length)
{
    o->vectors = job->vectors;
    o->count = (encode_count){clips, length, 0};
    o->dim = unic_model_code_dim(job->model);
    return (o->codes = cli_alloc(clips, length * sizeof *o->codes)) &&
           (o->lengths = cli_alloc(clips, sizeof *o->lengths)) &&
           cli_ok(unic_npz_writer_create(&o->file, path)) &&
           (!o->vectors || (begin_vectors(o, "quantized") && begin_vectors(o, "semantic")));
}

static bool append_vectors(encode_output *o, const char *name, size_t clips,
                           const float *vectors)
{
    const int64_t dims[] = {(int64_t)clips, (int64_t)o->count.length, (int64_t)o->dim};
    unic_array array;
    unic_array_init(&array, vectors, UNIC_F32, 3, dims);
    return cli_ok(unic_npz_writer_append(o->file, name, &array));
}

bool encode_output_vectors(encode_output *o, size_t clips, const float *quantized,
                           const float *semantic)
{
    return append_vectors(o, "quantized", clips, quantized) &&
           append_vectors(o, "semantic", clips, semantic);
}

static bool add(encode_output *o, const char *name, const void *data, unic_dtype dtype,
                size_t rank, const int64_t *dims)
{
    unic_array array;
    unic_array_init(&array, data, dtype, (int)rank, dims);
    return cli_ok(unic_npz_writer_add(o->file, name, &array));
}

/* A clip's codes end where it does. */
static void find_lengths(encode_output *o)
{
    for (size_t i = 0; i < o->count.clips * o->count.length; i++)
        o->lengths[i / o->count.length] += o->codes[i] >= 0;
    for (size_t i = 0; i < o->count.clips; i++)
        o->count.steps += (size_t)o->lengths[i];
}

bool encode_output_finish(encode_output *o, const encode_job *job)
{
    find_lengths(o);
    const int64_t dims[] = {(int64_t)o->count.clips, (int64_t)o->count.length};
    const int64_t size = (int64_t)o->names_size;
    return add(o, "codes", o->codes, UNIC_I32, 2, dims) &&
           add(o, "lengths", o->lengths, UNIC_I32, 1, dims) &&
           add(o, "fingerprint", &job->fingerprint, UNIC_U64, 0, NULL) &&
           (!o->labels || add(o, "label", o->labels, UNIC_I32, o->label_rank, o->label_dims)) &&
           (!o->names || add(o, "label.names", o->names, UNIC_U8, 1, &size)) &&
           cli_ok(unic_npz_writer_finish(o->file));
}

void encode_output_free(encode_output *o)
{
    unic_npz_writer_free(o->file);
    free(o->codes);
    free(o->lengths);
    free(o->labels);
    free(o->names);
    *o = (encode_output){.file = NULL};
}
