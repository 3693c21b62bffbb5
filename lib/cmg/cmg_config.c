#include <stdio.h>
#include <string.h>

#include "cmg/cmg_import.h"
#include "cmg/cmg_layout.h"

/* A config as text, written while the tensors are examined, and read by the config's parser. */
typedef struct draft {
    const unic__torch_file *file;
    char text[4096];
    size_t at;
} draft;

__attribute__((format(printf, 2, 3))) static void put(draft *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(d->text + d->at, sizeof d->text - d->at, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < sizeof d->text - d->at)
        d->at += (size_t)n;
}

/* Dim `axis` of a tensor; 0 if there is no such tensor or dim. */
__attribute__((format(printf, 3, 4))) static size_t dim_of(const draft *d, size_t axis,
                                                           const char *format, ...)
{
    char path[UNIC__TORCH_PATH];
    va_list args;
    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    const unic__torch_tensor *t = unic__torch_find(d->file, path);
    return t && axis < t->shape.rank ? t->shape.dim[axis] : 0;
}

/* A key whose value a tensor tells; left at its default where the tensor is not there. */
static void put_size(draft *d, const char *modality, const char *key, size_t value)
{
    if (value > 0)
        put(d, "%s%s%s = %zu\n", modality, *modality ? "." : "", key, value);
}

static const char *const names[] = {"audio", "video",
                                    "text"}; /* the order of their EMA (A.3) */

static bool has_start(const draft *d, const char *start)
{
    for (size_t i = 0; i < unic__torch_count(d->file); i++)
        if (strncmp(unic__torch_tensor_at(d->file, i)->path, start, strlen(start)) == 0)
            return true;
    return false;
}

/* The text's LSTM is no part of the encoder, so that a file of this alone has no whole text. */
static bool lacks_front(const draft *d, const char *name)
{
    return strcmp(name, "text") == 0 && unic__cmg_is_bare(d->file) &&
           !has_start(d, "Text_ar_lstm_parameters/");
}

/* A modality is there if anything of its encoder is: what it lacks is named later. */
static bool has_modality(const draft *d, const char *name)
{
    char start[64];
    snprintf(start, sizeof start, "Encoder_parameters/%s_self_att.", name);
    return has_start(d, start) && !lacks_front(d, name);
}

/* Matrices whose sizes are the config's: without one, the sizes of all others
 * would look wrong. */
static unic_status check_matrices(const draft *d)
{
    static const struct {
        const char *modality, *path;
    } matrices[] = {
        {"audio", "Encoder_parameters/audio_self_att.affine_matrix.weight"},
        {"video", "Encoder_parameters/video_self_att.affine_matrix.weight"},
        {"text", "Text_ar_lstm_parameters/weight_ih_l0"},
        {"text", "Text_ar_lstm_parameters/weight_hh_l0"},
        {NULL, "Encoder_parameters/Cross_quantizer.embedding"},
    };
    for (size_t i = 0; i < sizeof matrices / sizeof matrices[0]; i++) {
        const char *path = matrices[i].path;
        char got[UNIC__SHAPE_TEXT];
        if (matrices[i].modality && !has_modality(d, matrices[i].modality))
            continue;
        const unic__torch_tensor *t = NULL;
        unic_status status = unic__cmg_tensor(d->file, path, &t);
        if (status != UNIC_OK)
            return unic__fail_in(status, "%s", unic__torch_path(d->file));
        if (t->shape.rank != 2)
            return unic__fail(UNIC_E_FORMAT, "%s: %s is %s, expected a matrix",
                              unic__torch_path(d->file), t->given,
                              unic__shape_print(&t->shape, got));
    }
    return UNIC_OK;
}

static void put_video(draft *d)
{
    const char *stack = "Encoder_parameters/Video_encoder.conv_stack";
    size_t channels = dim_of(d, 1, "Encoder_parameters/video_self_att.affine_matrix.weight");
    put(d, "video.kind = grid\nvideo.dims = 7 7 %zu\n", channels);
    put_size(d, "video", "inner", dim_of(d, 0, "%s.0.weight", stack));
    put_size(d, "video", "specific", dim_of(d, 0, "%s.2.weight", stack));
    put_size(d, "video", "pooled",
             dim_of(d, 0, "Encoder_parameters/Video_encoder.feed_forward.0.weight"));
    put_size(d, "video", "squeeze",
             dim_of(d, 0, "Encoder_parameters/video_semantic_encoder.se_layer.0.weight"));
}

static void put_text(draft *d)
{
    size_t layers = 0;
    while (dim_of(d, 0, "Text_ar_lstm_parameters/weight_ih_l%zu", layers))
        layers++;
    put(d, "text.kind = token\ntext.dims = %zu\n",
        dim_of(d, 1, "Text_ar_lstm_parameters/weight_ih_l0"));
    put_size(d, "text", "recurrent", dim_of(d, 1, "Text_ar_lstm_parameters/weight_hh_l0"));
    put_size(d, "text", "recurrent_layers", layers);
    put_size(d, "text", "specific",
             dim_of(d, 0, "Encoder_parameters/Text_encoder.text_linear.weight"));
}

static void put_audio(draft *d)
{
    put(d, "audio.kind = vector\naudio.dims = %zu\n",
        dim_of(d, 1, "Encoder_parameters/audio_self_att.affine_matrix.weight"));
    put_size(d, "audio", "specific",
             dim_of(d, 0, "Encoder_parameters/Audio_encoder.audio_linear.weight"));
}

/* Sizes that all modalities share; `name` is one of them, `club` its CLUB nets' key. */
static void put_shared(draft *d, const char *name)
{
    size_t layers = 0, club = 0, lstm = 0, steps = 0;
    char part[UNIC__CMG_PART];
    unic__cmg_club_part(part, name);
    while (dim_of(d, 0, "Encoder_parameters/%s_self_att.encoder.layers.%zu.linear1.weight",
                  name, layers))
        layers++;
    while (dim_of(d, 0, "%s/p_mu.%zu.weight", part, 2 * club))
        club++;
    while (dim_of(d, 0, "CPC_parameters/%s_ar_lstm.weight_ih_l%zu", name, lstm))
        lstm++;
    while (dim_of(d, 0, "CPC_parameters/%s_predictors.%zu.weight", name, steps))
        steps++;
    put_size(d, "", "code.count", dim_of(d, 0, "Encoder_parameters/Cross_quantizer.embedding"));
    put_size(d, "", "code.dim", dim_of(d, 1, "Encoder_parameters/Cross_quantizer.embedding"));
    put_size(d, "", "encoder.layers", layers);
    put_size(
        d, "", "encoder.ff",
        dim_of(d, 0, "Encoder_parameters/%s_self_att.encoder.layers.0.linear1.weight", name));
    put_size(d, "", "club.layers", club);
    put_size(d, "", "club.width", dim_of(d, 0, "%s/p_mu.0.weight", part));
    put_size(d, "", "cpc.layers", lstm);
    put_size(d, "", "cpc.hidden", dim_of(d, 1, "CPC_parameters/%s_ar_lstm.weight_hh_l0", name));
    put_size(d, "", "cpc.steps", steps);
}

/* What neither tensors nor settings said. Asks a copy: a config's text is lent once. */
static unic_status log_assumed(const unic_config *config, const char *path,
                               const char *settings)
{
    static const char *const keys[] = {"encoder.heads", "encoder.dropout", "ema.decay",
                                       "train.length", "video.dims"};
    char text[256] = "";
    size_t at = 0;
    unic_config *c = NULL;
    unic_status status = unic__config_copy(&c, config);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && status == UNIC_OK; i++) {
        const char *value;
        bool there = strncmp(keys[i], "video.", 6) != 0 ||
                     unic__config_modality(c, "video") < c->modality_count;
        if (!there || (settings && strstr(settings, keys[i])))
            continue;
        status = unic__config_get(&value, c, keys[i]);
        if (status == UNIC_OK && at < sizeof text)
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%s = %s", at ? ", " : "",
                                   keys[i], value);
    }
    unic__config_free(c);
    if (status == UNIC_OK && at > 0)
        unic__log_line(UNIC_LOG_INFO, "%s: assumed, since no tensor tells: %s", path, text);
    return status;
}

static unic_status write_draft(draft *d)
{
    size_t n = 0;
    put(d, "behaviour = compat\nmodalities =");
    const char *last = NULL;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (has_modality(d, names[i])) {
            put(d, " %s", names[i]);
            last = names[i];
            n++;
        }
    put(d, "\n");
    const char *text = has_start(d, "Encoder_parameters/text_self_att.") &&
                               lacks_front(d, "text")
                           ? "; the text's LSTM (Text_ar_lstm_parameters), which is no part of "
                             "the encoder, is not in the file"
                           : "";
    if (n < 2)
        return unic__fail(
            UNIC_E_FORMAT,
            "%s: not a CMG checkpoint: it has tensors <modality>_self_att.* of %zu of audio, "
            "video and text, expected two or three%s",
            unic__torch_path(d->file), n, text);
    if (*text)
        unic__log_line(UNIC_LOG_WARNING, "%s: text is left out%s", unic__torch_path(d->file),
                       text);
    UNIC__TRY(check_matrices(d));
    if (has_modality(d, "audio"))
        put_audio(d);
    if (has_modality(d, "video"))
        put_video(d);
    if (has_modality(d, "text"))
        put_text(d);
    put_shared(d, last);
    put(d, "train.batch = 80\ntrain.length = 10\ntrain.epochs = 6\ntrain.lr = 0.0004\n");
    return UNIC_OK;
}

/* Each code of a checkpoint is one vector, whatever the settings say. */
static unic_status check_codes(const unic_config *c, const char *path)
{
    if (c->code_segments)
        return unic__fail(UNIC_E_CONFIG,
                          "%s: code.segments = on, but codes of a CMG checkpoint have no "
                          "segments",
                          path);
    if (c->code_groups > 1)
        return unic__fail(
            UNIC_E_CONFIG,
            "%s: code.groups = %zu, but codes of a CMG checkpoint are of one part", path,
            c->code_groups);
    return UNIC_OK;
}

unic_status unic__cmg_config(const unic__torch_file *f, const char *settings, unic_config **out)
{
    draft d = {.file = f};
    unic_config *c = NULL;
    UNIC__TRY(write_draft(&d));
    UNIC__TRY(unic__config_create(&c));
    unic_status status = unic__config_parse(c, d.text, d.at, unic__torch_path(f));
    if (status == UNIC_OK && settings)
        status = unic__config_parse(c, settings, strlen(settings), "settings");
    if (status == UNIC_OK)
        status = unic__config_check(c);
    if (status == UNIC_OK)
        status = check_codes(c, unic__torch_path(f));
    if (status == UNIC_OK)
        status = log_assumed(c, unic__torch_path(f), settings);
    if (status != UNIC_OK)
        unic__config_free(c);
    else
        *out = c;
    return status;
}
