#include "cmg/cmg_layout.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "file/sniff.h"

enum { CANDIDATES = 16, SHOWN = 4, SIGNS = 4, FOUND_TEXT = 400 };

#define ENCODER "Encoder_parameters/"

/* A part: its key in CMG's layout, and names in its state dict that no other part has. */
typedef struct part {
    const char *key, *name;
    bool is_named; /* its names are another part's too: its own must be in the path */
    const char *signs[SIGNS];
} part;

static const part encoder = {
    ENCODER,
    "Encoder",
    false,
    {"audio_self_att.affine_matrix.weight", "video_self_att.affine_matrix.weight",
     "text_self_att.affine_matrix.weight", "Cross_quantizer.embedding"}};

static const part others[] = {
    {"Text_ar_lstm_parameters/", "Text_ar_lstm", false, {"weight_ih_l0_reverse"}},
    {"CPC_parameters/",
     "CPC",
     false,
     {"audio_predictors.0.weight", "video_predictors.0.weight", "text_predictors.0.weight"}},
    {"Decoder_parameters/",
     "Decoder",
     false,
     {"Audio_decoder.audio_linear.weight", "Video_decoder.video_linear.weight",
      "Text_decoder.text_linear.weight"}},
    {"Audio_mi_net_parameters/", "Audio_mi_net", true, {"p_mu.0.weight"}},
    {"Video_mi_net_parameters/", "Video_mi_net", true, {"p_mu.0.weight"}},
    {"Text_mi_net_parameters/", "Text_mi_net", true, {"p_mu.0.weight"}},
};

/* What stands before the signs of a part: "model/Encoder_parameters/". */
typedef struct candidates {
    char prefix[CANDIDATES][UNIC__TORCH_PATH];
    const unic__torch_tensor *of[CANDIDATES];
    size_t count; /* may be more than there is room for */
} candidates;

/* ---- wrappers ---------------------------------------------------------------------------- */

static bool take_wrapper(const char **at)
{
    static const char *const wrappers[] = {"module.", "_orig_mod.", "_fsdp_wrapped_module.",
                                           "_checkpoint_wrapped_module."};
    for (size_t i = 0; i < sizeof wrappers / sizeof wrappers[0]; i++)
        if (strncmp(*at, wrappers[i], strlen(wrappers[i])) == 0) {
            *at += strlen(wrappers[i]);
            return true;
        }
    return false;
}

/* The path without the names that DataParallel, torch.compile, FSDP and activation checkpointing put
 * before a module's. */
static bool unwrap(const char *path, char out[UNIC__TORCH_PATH])
{
    bool start = true, wrapped = false;
    size_t n = 0;
    while (*path) {
        if (start && take_wrapper(&path)) {
            wrapped = true;
            continue;
        }
        start = *path == '.' || *path == '/';
        out[n++] = *path++;
    }
    out[n] = '\0';
    return wrapped;
}

/* Two tensors would have one path: neither is unwrapped. */
static unic_status rewrap_twins(unic__torch_file *f)
{
    bool twins = false;
    for (size_t i = 1; i < unic__torch_count(f); i++) {
        const unic__torch_tensor *a = unic__torch_sorted_at(f, i - 1),
                                 *b = unic__torch_sorted_at(f, i);
        if (strcmp(a->path, b->path) != 0 || strcmp(a->given, b->given) == 0)
            continue;
        twins = true;
        UNIC__TRY(unic__torch_set_path(f, a, a->given));
        UNIC__TRY(unic__torch_set_path(f, b, b->given));
    }
    if (twins)
        unic__torch_sort(f);
    return UNIC_OK;
}

static unic_status unwrap_all(unic__torch_file *f)
{
    char path[UNIC__TORCH_PATH];
    bool wrapped = false;
    for (size_t i = 0; i < unic__torch_count(f); i++) {
        const unic__torch_tensor *t = unic__torch_tensor_at(f, i);
        if (!unwrap(t->path, path))
            continue;
        wrapped = true;
        UNIC__TRY(unic__torch_set_path(f, t, path));
    }
    if (!wrapped)
        return UNIC_OK;
    unic__torch_sort(f);
    return rewrap_twins(f);
}

/* ---- candidates -------------------------------------------------------------------------- */

/* Whether `name` is in the path, whatever its capitals. */
static bool mentions(const char *path, const char *name)
{
    const size_t n = strlen(name);
    size_t left = strlen(path);
    while (left >= n && !unic__is_same_but_capitals(path, name, n)) {
        path++;
        left--;
    }
    return left >= n;
}

static void add_candidate(candidates *c, const unic__torch_tensor *t, size_t size)
{
    for (size_t i = 0; i < c->count && i < CANDIDATES; i++)
        if (strlen(c->prefix[i]) == size && memcmp(c->prefix[i], t->path, size) == 0)
            return;
    if (c->count < CANDIDATES) {
        memcpy(c->prefix[c->count], t->path, size);
        c->prefix[c->count][size] = '\0';
        c->of[c->count] = t;
    }
    c->count++;
}

/* What stands before a sign must be a whole key, or whole names of modules. */
static void collect(candidates *c, const unic__torch_file *f, const part *p, bool named)
{
    c->count = 0;
    for (size_t i = 0; i < unic__torch_count(f); i++) {
        const unic__torch_tensor *t = unic__torch_tensor_at(f, i);
        size_t length = strlen(t->path);
        for (size_t k = 0; k < SIGNS && p->signs[k]; k++) {
            size_t sign = strlen(p->signs[k]), size = length - sign;
            if (length < sign || strcmp(t->path + size, p->signs[k]) != 0 ||
                (size && t->path[size - 1] != '.' && t->path[size - 1] != '/') ||
                (named && !mentions(t->path, p->name)))
                continue;
            add_candidate(c, t, size);
        }
    }
}

/* The same elements under several paths are one. */
static bool all_same(const candidates *c)
{
    if (c->count > CANDIDATES)
        return false;
    for (size_t i = 1; i < c->count; i++)
        if (c->of[i]->wrong || c->of[i]->storage != c->of[0]->storage ||
            c->of[i]->offset != c->of[0]->offset || c->of[i]->negated != c->of[0]->negated ||
            !unic__shape_equal(&c->of[i]->shape, &c->of[0]->shape))
            return false;
    return c->count > 0;
}

/* The one that is meant; NULL if there is none or if several could be. */
static const char *choose(const candidates *c, const part *p)
{
    for (size_t i = 0; i < c->count && i < CANDIDATES; i++)
        if (strcmp(c->prefix[i], p->key) == 0)
            return c->prefix[i];
    return all_same(c) ? c->prefix[0] : NULL;
}

/* ---- moving ------------------------------------------------------------------------------ */

/* The encoder, and the dict or list that it stands in. */
static unic_status take_encoder(unic__torch_file *f, const char *prefix)
{
    char root[UNIC__TORCH_PATH];
    const char *key = prefix;
    snprintf(root, sizeof root, "%s", prefix);
    while (key && strncmp(key, ENCODER, strlen(ENCODER)) != 0) {
        key = strchr(key, '/');
        key = key ? key + 1 : NULL;
    }
    root[key ? key - prefix : 0] = '\0';
    UNIC__TRY(unic__torch_enter(f, root));
    return unic__torch_rename(f, prefix + strlen(root), encoder.key);
}

static unic_status take_part(unic__torch_file *f, const part *p)
{
    candidates c;
    collect(&c, f, p, p->is_named);
    const char *prefix = choose(&c, p);
    if (!prefix && c.count > 1 && !p->is_named) {
        collect(&c, f, p, true);
        prefix = choose(&c, p);
    }
    return prefix ? unic__torch_rename(f, prefix, p->key) : UNIC_OK;
}

/* ---- messages ---------------------------------------------------------------------------- */

static unic_status fail_ambiguous(const unic__torch_file *f, const candidates *c)
{
    char text[FOUND_TEXT] = "";
    size_t at = 0;
    for (size_t i = 0; i < c->count && i < SHOWN && at < sizeof text; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s\"%.80s\"", i ? ", " : "",
                               c->prefix[i]);
    return unic__fail(UNIC_E_FORMAT,
                      "%s: has %s%zu encoders, at %s%s; save the one that is meant alone",
                      unic__torch_path(f), c->count > CANDIDATES ? "more than " : "",
                      c->count > CANDIDATES ? (size_t)CANDIDATES : c->count, text,
                      c->count > SHOWN ? ", ..." : "");
}

/* Part of a tensor's path, for those of other methods; NULL. */
static const char *find_sign(const unic__torch_file *f, const char *const *signs, size_t count)
{
    for (size_t i = 0; i < unic__torch_count(f); i++)
        for (size_t k = 0; k < count; k++)
            if (strstr(unic__torch_tensor_at(f, i)->path, signs[k]))
                return unic__torch_tensor_at(f, i)->path;
    return NULL;
}

/* Something else than a tensor where the encoder's would be, such as numpy's arrays; UNIC_OK if
 * there is nothing. */
static unic_status fail_replaced(const unic__torch_file *f)
{
    char path[UNIC__TORCH_PATH], what[UNIC__VALUE_DESCRIPTION];
    for (size_t i = 0; i < 2 * SIGNS; i++) {
        snprintf(path, sizeof path, "%s%s", i < SIGNS ? ENCODER : "", encoder.signs[i % SIGNS]);
        if (unic__torch_describe(f, path, what))
            return unic__fail(UNIC_E_FORMAT, "%s: %s is %s, a tensor expected",
                              unic__torch_path(f), path, what);
    }
    return UNIC_OK;
}

static unic_status fail_missing(const unic__torch_file *f)
{
    static const char *const fcid[] = {"Cross_quantizer_coarse.", "va2vat.", "va_gen_encoder."};
    char keys[FOUND_TEXT], with[FOUND_TEXT] = "";
    const char *path = unic__torch_path(f), *sign = find_sign(f, fcid, 3);
    if (sign)
        return unic__fail(
            UNIC_E_FORMAT,
            "%s: is a checkpoint of FCID (it has %s), whose encoders and codes of "
            "whole clips are not Uni-Code's; a checkpoint of CMG's pretrain.py, or "
            "one like it, expected",
            path, sign);
    UNIC__TRY(fail_replaced(f));
    size_t n = unic__torch_count(f);
    const char *first = n ? unic__torch_tensor_at(f, 0)->path : "";
    if (n != 1 || *first) /* a tensor alone has no path */
        snprintf(with, sizeof with, " with %zu tensor%s%s%s", n, n == 1 ? "" : "s",
                 n ? ", first " : "", first);
    return unic__fail(UNIC_E_FORMAT,
                      "%s: not a CMG checkpoint: it has no tensor "
                      "<modality>_self_att.affine_matrix.weight of "
                      "audio, video or text; it is %s%s",
                      path, unic__torch_summary(f, keys, sizeof keys), with);
}

/* ---- opening ----------------------------------------------------------------------------- */

static unic_status find_parts(unic__torch_file *f)
{
    candidates c;
    UNIC__TRY(unwrap_all(f));
    collect(&c, f, &encoder, false);
    const char *prefix = choose(&c, &encoder);
    if (!prefix)
        return c.count ? fail_ambiguous(f, &c) : fail_missing(f);
    if (strcmp(prefix, encoder.key) != 0)
        unic__log_line(UNIC_LOG_INFO, "%s: the encoder is at \"%s\"", unic__torch_path(f),
                       prefix);
    UNIC__TRY(take_encoder(f, prefix));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        UNIC__TRY(take_part(f, &others[i]));
    return UNIC_OK;
}

unic_status unic__cmg_open(unic__torch_file **out, unic__source *source)
{
    unic__torch_file *f = NULL;
    unic__file_kind kind;
    *out = NULL;
    UNIC__TRY(unic__file_sniff(&kind, source));
    if (kind != UNIC__FILE_UNKNOWN && kind != UNIC__FILE_ZIP && kind != UNIC__FILE_TORCH)
        return unic__fail(UNIC_E_FORMAT, "%s: is %s, a checkpoint of torch.save() expected%s",
                          unic__source_name(source), unic__file_kind_name(kind),
                          unic__file_kind_advice(kind));
    UNIC__TRY(unic__torch_open(&f, source));
    unic_status status = find_parts(f);
    if (status == UNIC_OK)
        *out = f;
    else
        unic__torch_close(f);
    return status;
}

unic_status unic__cmg_tensor(const unic__torch_file *f, const char *path,
                             const unic__torch_tensor **out)
{
    char spelled[UNIC__TORCH_PATH], what[UNIC__VALUE_DESCRIPTION];
    *out = unic__torch_find(f, path);
    if (*out && (*out)->wrong)
        return unic__fail(UNIC_E_FORMAT, "%s", (*out)->wrong);
    if (*out)
        return UNIC_OK;
    unic__torch_spelled(f, path, spelled);
    if (unic__torch_describe(f, path, what))
        return unic__fail(UNIC_E_FORMAT, "%s is %s, a tensor expected", spelled, what);
    return unic__fail(UNIC_E_FORMAT, "%s is missing", spelled);
}

bool unic__cmg_is_bare(const unic__torch_file *f)
{
    char spelled[UNIC__TORCH_PATH];
    return !strstr(unic__torch_spelled(f, ENCODER, spelled), ENCODER);
}
