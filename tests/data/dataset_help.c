#include "dataset_help.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/npz.h"
#include "file/io_help.h"

float data_value(size_t clip, size_t modality, size_t step, size_t k)
{
    return (float)(clip * 1000 + step * 20 + k) + 0.25F * (float)modality;
}

static void add_features(unic__npz_writer *w, const char *name, const data_file *f,
                         size_t modality, const unic__shape *shape)
{
    size_t n = unic__shape_count(shape), each = n / f->clips / f->length;
    float *x = malloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = data_value(f->first + i / each / f->length, modality, i / each % f->length,
                          i % each);
    io_assert_ok(unic__npz_add_f32(w, name, shape, x));
    free(x);
}

static void add_labels(unic__npz_writer *w, const data_file *f)
{
    int64_t label[MOST];
    int32_t step[MOST * LONGEST];
    for (size_t i = 0; i < f->clips; i++)
        label[i] = (int64_t)(f->first + i) % 7;
    for (size_t i = 0; i < f->clips * f->length; i++)
        step[i] = (int32_t)((f->first + i / f->length) * 10 + i % f->length);
    io_assert_ok(unic__npz_add_i64(w, "label", &UNIC__SHAPE_OF(f->clips), label));
    io_assert_ok(
        unic__npz_add_i32(w, "video.step_labels", &UNIC__SHAPE_OF(f->clips, f->length), step));
}

extern char *program_invocation_short_name; /* glibc's */

/* Programs that run at the same time have files of their own. */
const char *data_write(const data_file *f, char path[512])
{
    unic__npz_writer *w;
    char name[256];
    snprintf(name, sizeof name, "%s-%s", program_invocation_short_name, f->name);
    snprintf(path, 512, "%s", io_path(name));
    io_assert_ok(unic__npz_create(&w, UNIC__TO_FILE(path)));
    add_features(w, "audio", f, 0, &UNIC__SHAPE_OF(f->clips, f->length, AUDIO));
    if (f->audio_lengths)
        io_assert_ok(
            unic__npz_add_i32(w, "audio.lengths", &UNIC__SHAPE_OF(f->clips), f->audio_lengths));
    if (f->labels)
        add_labels(w, f);
    add_features(w, "video", f, 1, &UNIC__SHAPE_OF(f->clips, f->length, VIDEO_H, VIDEO_W));
    io_assert_ok(unic__npz_finish(w));
    return path;
}

const data_file data_ten = {"dataset-ten.npz", 0, 10, 5, NULL, true};

unic_dataset_options data_options(size_t batch, int shuffle, int prefetch)
{
    return (unic_dataset_options){.struct_size = sizeof(unic_dataset_options),
                                  .batch = batch,
                                  .seed = 7,
                                  .shuffle = shuffle,
                                  .prefetch = prefetch};
}

unic_dataset *data_open(const char *path, const unic_dataset_options *o)
{
    unic_dataset *d;
    io_assert_ok(unic_dataset_open(&d, &path, 1, o));
    return d;
}

unic_dataset *data_open_ten(size_t batch, int shuffle, int prefetch)
{
    char path[512];
    unic_dataset_options o = data_options(batch, shuffle, prefetch);
    return data_open(data_write(&data_ten, path), &o);
}

static void check_modality(const unic_batch *b, const char *name, size_t modality, size_t T,
                           const int32_t *valid, const int32_t *clips)
{
    unic_array x;
    const int32_t *given;
    io_assert_ok(unic_batch_get(&x, &given, b, name));
    ck_assert_int_eq(x.dtype, UNIC_F32);
    ck_assert_int_eq(x.rank, modality ? 4 : 3);
    ck_assert_int_eq(x.dims[0], (int64_t)unic_batch_clip_count(b));
    ck_assert_int_eq(x.dims[1], (int64_t)T);
    ck_assert_int_eq(x.dims[2], modality ? VIDEO_H : AUDIO);
    size_t each = modality ? VIDEO : AUDIO, n = unic_batch_clip_count(b) * T * each;
    for (size_t i = 0; i < n; i++) {
        size_t row = i / each / T, step = i / each % T, clip = (size_t)clips[row];
        int32_t length = valid ? valid[clip] : (int32_t)T;
        ck_assert_int_eq(given[row], length);
        float expected = step < (size_t)length ? data_value(clip, modality, step, i % each)
                                               : 0.0F;
        ck_assert_msg(((const float *)x.data)[i] == expected,
                      "%s of clip %zu, step %zu, is %g, not %g", name, clip, step,
                      (double)((const float *)x.data)[i], (double)expected);
    }
}

size_t data_check_batch(const unic_dataset *d, const unic_batch *b, const data_lengths *l,
                        int32_t *clips)
{
    unic_array x;
    size_t rows = unic_batch_clip_count(b), T = unic_dataset_length(d);
    io_assert_ok(unic_batch_get(&x, NULL, b, "video"));
    for (size_t i = 0; i < rows; i++)
        clips[i] = (int32_t)(((const float *)x.data)[i * T * VIDEO] / 1000);
    check_modality(b, "audio", 0, T, l ? l->audio : NULL, clips);
    check_modality(b, "video", 1, T, l ? l->video : NULL, clips);
    return rows;
}

size_t data_read(unic_dataset *d, size_t calls, const data_lengths *l, int32_t *sequence)
{
    size_t n = 0;
    for (size_t i = 0; i < calls; i++) {
        const unic_batch *b;
        io_assert_ok(unic_dataset_next(&b, d));
        if (b)
            n += data_check_batch(d, b, l, sequence + n);
        else
            sequence[n++] = END;
    }
    return n;
}

void data_assert_sequence(const int32_t *got, size_t n, const int32_t *expected, size_t m)
{
    ck_assert_uint_eq(n, m);
    ck_assert_mem_eq(got, expected, n * sizeof *got);
}
