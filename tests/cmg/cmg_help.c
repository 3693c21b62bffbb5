#include "cmg_help.h"
#include "array/npz_help.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"

const char *const cmg_names[CMG_MODALITIES] = {"audio", "video", "text"};

const cmg_checkpoint cmg_checkpoints[CMG_CHECKPOINTS] = {
    {"av",
     NULL,
     CMG "av.pt",
     {true, true, false},
     {"behaviour = compat", "modalities = audio video", "audio.kind = vector",
      "audio.dims = 6",     "audio.specific = 7",       "video.kind = grid",
      "video.dims = 7 7 6", "video.inner = 2",          "video.specific = 3",
      "video.pooled = 2",   "video.squeeze = 3",        "video.attention = sum",
      "code.dim = 4",       "code.count = 11",          "encoder.layers = 2",
      "encoder.ff = 5",     "encoder.heads = 4",        "club.width = 3",
      "club.layers = 4",    "cpc.layers = 2",           "cpc.hidden = 4",
      "cpc.steps = 1"}},
    {"at",
     "encoder.heads = 2\n",
     CMG "at.pt",
     {true, false, true},
     {"modalities = audio text", "audio.dims = 5", "text.kind = token", "text.dims = 6",
      "text.recurrent = 2", "text.recurrent_layers = 2", "text.specific = 5", "code.count = 9",
      "encoder.ff = 6", "encoder.heads = 2", "club.width = 3"}},
    {"avt",
     NULL,
     CMG "avt.pt",
     {true, true, true},
     {"modalities = audio video text", "audio.dims = 3", "video.dims = 7 7 4", "text.dims = 7",
      "text.recurrent = 3", "code.count = 10", "encoder.ff = 9", "video.squeeze = 2"}},
};

unic__npz *cmg_expected(void)
{
    static unic__npz *file; /* until the program ends: cases that fork have their own */
    if (!file)
        io_assert_ok(npz_open(&file, CMG "expected.npz"));
    return file;
}

cmg_features cmg_features_of(const cmg_checkpoint *c, size_t m)
{
    cmg_features f;
    char name[64];
    unic__npy_info info;
    int64_t dims[UNIC__MAX_RANK];
    snprintf(name, sizeof name, "%s/%s/input", c->name, cmg_names[m]);
    io_assert_ok(unic__npz_info(cmg_expected(), name, &info));
    size_t count = unic__shape_count(&info.shape);
    f.x = malloc(count * sizeof *f.x);
    io_assert_ok(unic__npz_read_f32(cmg_expected(), name, f.x, count));
    for (size_t i = 0; i < info.shape.rank; i++)
        dims[i] = (int64_t)info.shape.dim[i];
    unic_array_init(&f.array, f.x, UNIC_F32, (int)info.shape.rank, dims);
    return f;
}

cmg_vectors cmg_encode(unic_model *model, const cmg_checkpoint *c, size_t m)
{
    cmg_vectors v;
    unic_encoder *encoder;
    cmg_features f = cmg_features_of(c, m);
    io_assert_ok(
        unic_encoder_create(&encoder, model, cmg_names[m],
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = CMG_B,
                                                    .max_length = CMG_T}));
    io_assert_ok(unic_encoder_encode(encoder, &f.array, NULL, v.codes, NULL, v.z));
    unic_encoder_free(encoder);
    free(f.x);
    return v;
}

double cmg_distance(const cmg_checkpoint *c, size_t m, const cmg_vectors *v)
{
    char name[64];
    double want[CMG_B * CMG_T * CMG_D], worst = 0.0;
    snprintf(name, sizeof name, "%s/%s/semantic", c->name, cmg_names[m]);
    io_assert_ok(unic__npz_read_f64(cmg_expected(), name, want, CMG_B * CMG_T * CMG_D));
    for (size_t i = 0; i < CMG_B * CMG_T * CMG_D; i++) /* NaN counts */
        worst = isfinite(v->z[i]) ? fmax(worst, fabs((double)v->z[i] - want[i])) : INFINITY;
    return worst;
}

void cmg_assert_as_expected(unic_model *model, const cmg_checkpoint *c, size_t m)
{
    char name[64];
    int32_t want[CMG_B * CMG_T];
    cmg_vectors v = cmg_encode(model, c, m);
    double off = cmg_distance(c, m, &v);
    ck_assert_msg(off <= 1e-4, "%s: %s's vectors are off by %g", c->path, cmg_names[m], off);
    snprintf(name, sizeof name, "%s/%s/codes", c->name, cmg_names[m]);
    io_assert_ok(unic__npz_read_i32(cmg_expected(), name, want, CMG_B * CMG_T));
    ck_assert_mem_eq(v.codes, want, sizeof want);
}

static char log_text[8192];

static void keep_line(unic_log_level level, const char *line, void *user)
{
    size_t used = strlen(log_text);
    (void)level;
    (void)user;
    snprintf(log_text + used, sizeof log_text - used, "%s\n", line);
}

void cmg_log_begin(void)
{
    log_text[0] = 0;
    unic_set_log(keep_line, NULL);
}

bool cmg_logged(const char *part)
{
    return strstr(log_text, part) != NULL;
}

const char *cmg_log(void)
{
    return log_text;
}

const char *cmg_patched(const char *from, const void *old, const void *fresh, size_t size)
{
    size_t bytes, at = 0;
    const char *path = small_path("patched.pt");
    unsigned char *file = io_read(from, &bytes);
    while (at + size <= bytes && memcmp(file + at, old, size) != 0)
        at++;
    ck_assert_msg(at + size <= bytes, "%s: not found", from);
    memcpy(file + at, fresh, size);
    io_write(path, file, bytes);
    free(file);
    return path;
}
