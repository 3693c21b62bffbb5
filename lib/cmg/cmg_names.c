#include "cmg/cmg_names.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

/*
 * One row for each parameter: this library's name after "<modality>.", and CMG's name. In CMG's
 * name %m is the modality and %M the same capitalised. In both, # is a number (of a layer), and *
 * a suffix that is copied.
 */
typedef struct row {
    const char *ours, *part, *theirs;
    unic__cmg_layout layout;
    int kinds; /* of modality that have it */
} row;

enum { ANY = 7, GRID = 1 << UNIC__GRID, FLAT = 1 << UNIC__VECTOR | 1 << UNIC__TOKEN };

#define ENCODER "Encoder_parameters"
#define DECODER "Decoder_parameters"
#define CPC     "CPC_parameters"
#define CLUB    "%M_mi_net_parameters"

static const row rows[] = {
    {"semantic.affine.*", ENCODER, "%m_self_att.affine_matrix.*", UNIC__CMG_SAME, ANY},
    {"semantic.layer#.attention.in.*", ENCODER,
     "%m_self_att.encoder.layers.#.self_attn.in_proj_*", UNIC__CMG_SAME, ANY},
    {"semantic.layer#.attention.out.*", ENCODER,
     "%m_self_att.encoder.layers.#.self_attn.out_proj.*", UNIC__CMG_SAME, ANY},
    {"semantic.layer#.ff1.*", ENCODER, "%m_self_att.encoder.layers.#.linear1.*", UNIC__CMG_SAME,
     ANY},
    {"semantic.layer#.ff2.*", ENCODER, "%m_self_att.encoder.layers.#.linear2.*", UNIC__CMG_SAME,
     ANY},
    {"semantic.layer#.norm1.*", ENCODER, "%m_self_att.encoder.layers.#.norm1.*", UNIC__CMG_SAME,
     ANY},
    {"semantic.layer#.norm2.*", ENCODER, "%m_self_att.encoder.layers.#.norm2.*", UNIC__CMG_SAME,
     ANY},
    {"semantic.squeeze.*", ENCODER, "%m_semantic_encoder.se_layer.0.*", UNIC__CMG_SAME, GRID},
    {"semantic.excite.*", ENCODER, "%m_semantic_encoder.se_layer.2.*", UNIC__CMG_SAME, GRID},
    {"semantic.position.*", ENCODER, "%m_semantic_encoder.affine_%m_self.*", UNIC__CMG_SAME,
     GRID},
    {"semantic.average.*", ENCODER, "%m_semantic_encoder.affine_%m_ave.*", UNIC__CMG_SAME,
     GRID},
    {"semantic.score.*", ENCODER, "%m_semantic_encoder.ave_v_att.*", UNIC__CMG_SAME, GRID},
    {"specific.linear.*", ENCODER, "%M_encoder.%m_linear.*", UNIC__CMG_SAME, FLAT},
    {"specific.conv1.weight", ENCODER, "%M_encoder.conv_stack.0.weight", UNIC__CMG_CONV, GRID},
    {"specific.conv1.bias", ENCODER, "%M_encoder.conv_stack.0.bias", UNIC__CMG_SAME, GRID},
    {"specific.conv2.weight", ENCODER, "%M_encoder.conv_stack.2.weight", UNIC__CMG_CONV, GRID},
    {"specific.conv2.bias", ENCODER, "%M_encoder.conv_stack.2.bias", UNIC__CMG_SAME, GRID},
    {"specific.conv3.weight", ENCODER, "%M_encoder.conv_stack.4.weight", UNIC__CMG_POINT, GRID},
    {"specific.conv3.bias", ENCODER, "%M_encoder.conv_stack.4.bias", UNIC__CMG_SAME, GRID},
    {"specific.residual.conv3.weight", ENCODER,
     "%M_encoder.conv_stack.5.stack.0.res_block.1.weight", UNIC__CMG_CONV, GRID},
    {"specific.residual.conv1.weight", ENCODER,
     "%M_encoder.conv_stack.5.stack.0.res_block.3.weight", UNIC__CMG_POINT, GRID},
    {"specific.pooled1.*", ENCODER, "%M_encoder.feed_forward.0.*", UNIC__CMG_SAME, GRID},
    {"specific.pooled2.*", ENCODER, "%M_encoder.feed_forward.2.*", UNIC__CMG_SAME, GRID},
    {"front.*", "%M_ar_lstm_parameters", "*", UNIC__CMG_SAME, 1 << UNIC__TOKEN},
    {"cpc.lstm.*", CPC, "%m_ar_lstm.*", UNIC__CMG_SAME, ANY},
    {"cpc.predict#.*", CPC, "%m_predictors.#.*", UNIC__CMG_SAME, ANY},
    {"decoder.code.*", DECODER, "%M_decoder.%m_linear.*", UNIC__CMG_SAME, ANY},
    {"decoder.out.*", DECODER, "%M_decoder.%m_rec.*", UNIC__CMG_SAME, FLAT},
    {"decoder.deconv1.weight", DECODER, "%M_decoder.inverse_conv_block.0.weight",
     UNIC__CMG_DECONV, GRID},
    {"decoder.deconv1.bias", DECODER, "%M_decoder.inverse_conv_block.0.bias", UNIC__CMG_SAME,
     GRID},
    {"decoder.residual.conv3.weight", DECODER,
     "%M_decoder.inverse_conv_block.1.stack.0.res_block.1.weight", UNIC__CMG_CONV, GRID},
    {"decoder.residual.conv1.weight", DECODER,
     "%M_decoder.inverse_conv_block.1.stack.0.res_block.3.weight", UNIC__CMG_POINT, GRID},
    {"decoder.deconv2.weight", DECODER, "%M_decoder.inverse_conv_block.2.weight",
     UNIC__CMG_DECONV, GRID},
    {"decoder.deconv2.bias", DECODER, "%M_decoder.inverse_conv_block.2.bias", UNIC__CMG_SAME,
     GRID},
    {"decoder.conv1.weight", DECODER, "%M_decoder.inverse_conv_block.4.weight",
     UNIC__CMG_DEPOINT, GRID},
    {"decoder.conv1.bias", DECODER, "%M_decoder.inverse_conv_block.4.bias", UNIC__CMG_SAME,
     GRID},
    /* their nets are Sequential: a relu stands between two layers, so layer i is entry 2 i */
    {"club.mu.#.*", CLUB, "p_mu.2#.*", UNIC__CMG_SAME, ANY},
    {"club.logvar.#.*", CLUB, "p_logvar.2#.*", UNIC__CMG_SAME, ANY},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Whether `name` fits our pattern; its number and its ending. */
static bool match(const char *pattern, const char *name, unsigned *number, const char **rest)
{
    for (; *pattern; pattern++) {
        if (*pattern == '*') {
            *rest = name;
            return *name != 0;
        }
        if (*pattern == '#') {
            if (!is_digit(*name))
                return false;
            for (*number = 0; is_digit(*name) && *number < 1000; name++)
                *number = 10 * *number + (unsigned)(*name - '0');
            continue;
        }
        if (*name++ != *pattern)
            return false;
    }
    return *name == 0;
}

/* Their pattern with everything filled in; without a `rest`, # and * stay, to be matched. `out`
 * has `size` bytes. */
static void fill(char *out, size_t size, const char *pattern, const char *modality,
                 unsigned number, const char *rest)
{
    size_t at = 0;
    for (; *pattern && at < size; pattern++) {
        int n;
        if (pattern[0] == '%') {
            bool capital = *++pattern == 'M';
            const char first = capital ? unic__upper(modality[0]) : modality[0];
            n = snprintf(out + at, size - at, "%c%s", first, modality + 1);
        } else if (pattern[0] == '2' && pattern[1] == '#') {
            if (!rest)
                continue; /* any number */
            pattern++;
            n = snprintf(out + at, size - at, "%u", 2 * number);
        } else if (pattern[0] == '#' && rest) {
            n = snprintf(out + at, size - at, "%u", number);
        } else if (pattern[0] == '*' && rest) {
            n = snprintf(out + at, size - at, "%s", rest);
        } else {
            n = snprintf(out + at, size - at, "%c", pattern[0]);
        }
        at += n > 0 ? (size_t)n : 0;
    }
}

bool unic__cmg_find(const unic__modality *m, const char *name, unic__cmg_place *place)
{
    size_t prefix = strlen(m->name);
    if (strncmp(name, m->name, prefix) != 0 || name[prefix] != '.')
        return false;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned number = 0;
        const char *rest = "";
        if (!(rows[i].kinds >> m->kind & 1) ||
            !match(rows[i].ours, name + prefix + 1, &number, &rest))
            continue;
        fill(place->part, sizeof place->part, rows[i].part, m->name, number, rest);
        fill(place->name, sizeof place->name, rows[i].theirs, m->name, number, rest);
        place->layout = rows[i].layout;
        return true;
    }
    return false;
}

void unic__cmg_club_part(char part[UNIC__CMG_PART], const char *modality)
{
    fill(part, UNIC__CMG_PART, CLUB, modality, 0, NULL);
}

bool unic__cmg_is_known(const unic_config *c, const char *path)
{
    for (size_t m = 0; m < c->modality_count; m++)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            char part[UNIC__CMG_PART] = "", theirs[128] = "";
            unsigned number;
            const char *rest;
            fill(part, sizeof part, rows[i].part, c->modality[m].name, 0, NULL);
            fill(theirs, sizeof theirs, rows[i].theirs, c->modality[m].name, 0, NULL);
            size_t n = strlen(part);
            if (rows[i].kinds >> c->modality[m].kind & 1 && strncmp(path, part, n) == 0 &&
                path[n] == '/' && match(theirs, path + n + 1, &number, &rest))
                return true;
        }
    return false;
}

unic__shape unic__cmg_shape(const unic__cmg_place *place, const unic__shape *shape)
{
    const size_t *d = shape->dim;
    switch (place->layout) {
    case UNIC__CMG_CONV:
        return UNIC__SHAPE_OF(d[3], d[2], d[0], d[1]);
    case UNIC__CMG_DECONV:
        return UNIC__SHAPE_OF(d[3], d[2], d[0], d[1]);
    case UNIC__CMG_POINT:
        return UNIC__SHAPE_OF(d[0], d[1], 1, 1);
    case UNIC__CMG_DEPOINT:
        return UNIC__SHAPE_OF(d[1], d[0], 1, 1);
    case UNIC__CMG_SAME:
        break;
    }
    return *shape;
}

/* Both convolutions' layouts are [last, third, kh, kw] there and [kh, kw, third, last] here. */
void unic__cmg_convert(const unic__cmg_place *place, const unic__shape *shape,
                       const float *from, float *to)
{
    const size_t *d = shape->dim;
    if (place->layout == UNIC__CMG_CONV || place->layout == UNIC__CMG_DECONV) {
        size_t taps = d[0] * d[1];
        for (size_t k = 0; k < taps; k++)
            for (size_t c = 0; c < d[2]; c++)
                for (size_t l = 0; l < d[3]; l++)
                    to[(k * d[2] + c) * d[3] + l] = from[(l * d[2] + c) * taps + k];
    } else if (place->layout == UNIC__CMG_DEPOINT) {
        for (size_t o = 0; o < d[0]; o++)
            for (size_t i = 0; i < d[1]; i++)
                to[o * d[1] + i] = from[i * d[0] + o];
    } else {
        memcpy(to, from, unic__shape_count(shape) * sizeof(float));
    }
}

bool unic__cmg_is_dead(const char *name)
{
    static const char *const dead[] = {"_self_att.encoder_layer.", "_semantic_decoder.",
                                       "_semantic_encoder.affine_",
                                       "_semantic_encoder.ave_v_att."};
    for (size_t i = 0; i < sizeof dead / sizeof dead[0]; i++)
        if (strstr(name, dead[i]))
            return true;
    return false;
}
