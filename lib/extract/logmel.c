/*
 * Log-mel spectra as VGGish takes them (Hershey et al., 2017), in patches of `frames` frames:
 *   s_f[k]  = |sum_i w_i x[f hop + i] exp(-2 pi j i k / N)|     w_i = 0.5 - 0.5 cos(2 pi i / window)
 *   m_f[b]  = sum_k max(0, min((q_k - e_b) / (e_b+1 - e_b), (e_b+2 - q_k) / (e_b+2 - e_b+1))) s_f[k]
 *   y_f[b]  = ln(m_f[b] + offset)
 * with q_k the mel of bin k, mel(f) = 1127 ln(1 + f / 700), and bands + 2 edges e equally spaced in
 * mel: triangles that are linear in mel, not normalised. Bin 0 weighs 0. N is the power of 2 that
 * is not below the window.
 *
 * Spectra are computed in double precision: between loud bands the logarithm shows the rounding of
 * the loud ones in the quiet. Two frames are the real and the imaginary part of one transform.
 */
#include "extract/logmel.h"

#include <math.h>

#include "array/array.h"

#define KEY(type, field)                                                                       \
    UNIC__OF_CONFIG, _Generic(((unic__logmel_settings *)0)->field, type                        \
                              : offsetof(unic__logmel_settings, field))

static const unic__config_key keys[] = {
    {"rate", UNIC__KEY_SIZE, KEY(size_t, rate), "[1000, 192000]", "16000", NULL,
     "Samples a second of the sound."},
    {"window", UNIC__KEY_NUMBER, KEY(double, window), "(0, 1000]", "25", NULL,
     "Length of a frame, in milliseconds."},
    {"hop", UNIC__KEY_NUMBER, KEY(double, hop), "(0, 1000]", "10", NULL,
     "From one frame to the next, in milliseconds."},
    {"bands", UNIC__KEY_SIZE, KEY(size_t, bands), "[1, 1024]", "64", NULL,
     "Mel bands of a frame."},
    {"low", UNIC__KEY_NUMBER, KEY(double, low), "[0, 96000]", "125", NULL,
     "Where the lowest band begins, in Hz."},
    {"high", UNIC__KEY_NUMBER, KEY(double, high), "(0, 96000]", "7500", NULL,
     "Where the highest band ends, in Hz; at most half of the rate."},
    {"offset", UNIC__KEY_NUMBER, KEY(double, offset), "[1e-10, 1]", "0.01", NULL,
     "What is added before the logarithm."},
    {"frames", UNIC__KEY_SIZE, KEY(size_t, frames), "[1, 4096]", "96", NULL,
     "Frames of a patch, which is a step."},
    {"framing", UNIC__KEY_CHOICE, KEY(unsigned, framing), "second | vggish", "second", NULL,
     "Patches begin with the seconds of the sound, or follow each other without a gap."},
    {"parts", UNIC__KEY_SIZE, KEY(size_t, parts), "[0, 4096]", "0", NULL,
     "Averages a patch over so many parts of equal length; 0: all frames stay."},
};

/* ---- the plan ---- */

static double mel(double hertz)
{
    return 1127.0 * log1p(hertz / 700.0);
}

static unic_status check_settings(const unic__logmel *l)
{
    const unic__logmel_settings *s = &l->set;
    if (s->high <= s->low || s->high > (double)s->rate / 2.0)
        return unic__fail(UNIC_E_CONFIG,
                          "high = %g is not above low = %g and at most half of "
                          "rate = %zu",
                          s->high, s->low, s->rate);
    if (l->window < 2 || l->hop < 1)
        return unic__fail(UNIC_E_CONFIG,
                          "window = %g ms and hop = %g ms are %zu and %zu samples "
                          "at rate = %zu; at least 2 and 1 expected",
                          s->window, s->hop, l->window, l->hop, s->rate);
    if (s->parts && s->frames % s->parts)
        return unic__fail(UNIC_E_CONFIG, "parts = %zu does not divide frames = %zu", s->parts,
                          s->frames);
    if (s->framing == UNIC__FRAMING_SECOND && l->patch > s->rate)
        return unic__fail(UNIC_E_CONFIG,
                          "frames = %zu take %zu samples, more than a second of "
                          "%zu; fewer frames or framing = vggish expected",
                          s->frames, l->patch, s->rate);
    return UNIC_OK;
}

static void fill_transform(unic__logmel *l)
{
    const double turn = 2.0 * acos(-1.0);
    for (size_t i = 0; i < l->window; i++)
        l->hann[i] = 0.5 - 0.5 * cos(turn * (double)i / (double)l->window);
    for (size_t k = 0; k < l->n / 2; k++) {
        l->cosine[k] = cos(turn * (double)k / (double)l->n);
        l->sine[k] = sin(turn * (double)k / (double)l->n);
    }
    for (uint32_t i = 1, half = (uint32_t)(l->n / 2); i < l->n; i++)
        l->reversed[i] = l->reversed[i / 2] / 2 + (i % 2 ? half : 0);
}

/* The weight of bin k in band b; edges are those of the comment above. */
static double weight_of(const unic__logmel *l, size_t b, size_t k)
{
    const unic__logmel_settings *s = &l->set;
    const double step = (mel(s->high) - mel(s->low)) / (double)(s->bands + 1);
    const double q = mel((double)k * (double)s->rate / (double)l->n);
    const double centre = mel(s->low) + step * (double)(b + 1);
    const double w = 1.0 - fabs(q - centre) / step;
    return k == 0 || w < 0 ? 0 : w;
}

static unic_status plan_band(unic_extractor *e, unic__logmel *l, size_t b)
{
    const size_t bins = l->n / 2 + 1;
    const unic__logmel_settings *s = &l->set;
    const double edge = mel(s->low) +
                        (mel(s->high) - mel(s->low)) / (double)(s->bands + 1) * (double)b;
    const double bin = 700.0 * expm1(edge / 1127.0) * (double)l->n / (double)s->rate;
    size_t first = bin > 1 ? (size_t)(bin - 1) : 0, last; /* before it there are none */
    while (first < bins && weight_of(l, b, first) <= 0)
        first++;
    for (last = first; last < bins && weight_of(l, b, last) > 0;)
        last++;
    l->first[b] = (uint32_t)first;
    l->last[b] = (uint32_t)last;
    UNIC__TRY(unic__extract_memory((void **)&l->weight[b], e, last - first, sizeof(double),
                                   "a mel band"));
    for (size_t k = first; k < last; k++)
        l->weight[b][k - first] = weight_of(l, b, k);
    return UNIC_OK;
}

static unic_status plan_memory(unic_extractor *e, unic__logmel *l)
{
    const size_t bands = l->set.bands;
    const struct {
        void **at;
        size_t count, size;
    } blocks[] = {
        {(void **)&l->hann, l->window, sizeof(double)},
        {(void **)&l->cosine, l->n / 2, sizeof(double)},
        {(void **)&l->sine, l->n / 2, sizeof(double)},
        {(void **)&l->reversed, l->n, sizeof(uint32_t)},
        {(void **)&l->re, l->n, sizeof(double)},
        {(void **)&l->im, l->n, sizeof(double)},
        {(void **)&l->spectrum, l->n / 2 + 1, sizeof(double)},
        {(void **)&l->first, bands, sizeof(uint32_t)},
        {(void **)&l->last, bands, sizeof(uint32_t)},
        {(void **)&l->weight, bands, sizeof(double *)},
        {(void **)&l->samples, l->window, sizeof(float)},
        {(void **)&l->row, bands, sizeof(double)},
    };
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        UNIC__TRY(unic__extract_memory(blocks[i].at, e, blocks[i].count, blocks[i].size,
                                       "log-mel tables"));
    return UNIC_OK;
}

unic_status unic__logmel_plan(unic__logmel **out, unic_extractor *e,
                              const unic__logmel_settings *settings)
{
    const unic__logmel_settings *s = settings;
    unic__logmel *l;
    UNIC__TRY(unic__extract_memory((void **)&l, e, 1, sizeof *l, "log-mel tables"));
    l->set = *s;
    l->window = (size_t)(s->window * (double)s->rate / 1000.0 + 0.5);
    l->hop = (size_t)(s->hop * (double)s->rate / 1000.0 + 0.5);
    l->patch = (s->frames - 1) * l->hop + l->window;
    l->stride = s->framing == UNIC__FRAMING_SECOND ? s->rate : s->frames * l->hop;
    UNIC__TRY(check_settings(l));
    for (l->n = 2; l->n < l->window;)
        l->n *= 2;
    UNIC__TRY(plan_memory(e, l));
    fill_transform(l);
    for (size_t b = 0; b < s->bands; b++)
        UNIC__TRY(plan_band(e, l, b));
    *out = l;
    return UNIC_OK;
}

size_t unic__logmel_width(const unic__logmel *l)
{
    return (l->set.parts ? l->set.parts : l->set.frames) * l->set.bands;
}

/* ---- a patch ---- */

size_t unic__logmel_count(const unic__logmel *l, size_t samples)
{
    return samples < l->patch ? 0 : 1 + (samples - l->patch) / l->stride;
}

/* re + i im <- its transform, in place (Cooley and Tukey, radix 2). */
static void transform(const unic__logmel *l)
{
    const size_t n = l->n;
    double *re = l->re, *im = l->im;
    for (size_t i = 0; i < n; i++) {
        const size_t j = l->reversed[i];
        if (j > i) {
            const double r = re[i], m = im[i];
            re[i] = re[j], im[i] = im[j];
            re[j] = r, im[j] = m;
        }
    }
    for (size_t half = 1; half < n; half *= 2)
        for (size_t block = 0; block < n; block += 2 * half)
            for (size_t k = 0; k < half; k++) {
                const double c = l->cosine[k * (n / 2 / half)],
                             s = -l->sine[k * (n / 2 / half)];
                double *r0 = re + block + k, *i0 = im + block + k, *r1 = r0 + half,
                       *i1 = i0 + half;
                const double r = c * *r1 - s * *i1, i = c * *i1 + s * *r1;
                *r1 = *r0 - r, *i1 = *i0 - i;
                *r0 += r, *i0 += i;
            }
}

/* part [n] <- the window at `sample`, filled up with zeros. */
static unic_status load_frame(const unic__logmel *l, const unic_array *sound, size_t sample,
                              double *part)
{
    const unic_array window = unic__array_part(sound, 0, sample, l->window);
    unic__array_to_f32(&window, l->samples);
    const size_t bad = unic__first_not_finite(l->samples, l->window);
    if (bad < l->window)
        return unic__fail(UNIC_E_VALUE, "the sound holds NaN or Inf in sample %zu",
                          sample + bad);
    for (size_t i = 0; i < l->window; i++)
        part[i] = l->hann[i] * (double)l->samples[i];
    for (size_t i = l->window; i < l->n; i++)
        part[i] = 0;
    return UNIC_OK;
}

/* The spectrum of the frame that is the transform's real part, or its imaginary one. */
static void take_spectrum(const unic__logmel *l, bool imaginary)
{
    const double *re = l->re, *im = l->im;
    const double sign = imaginary ? -1.0 : 1.0;
    for (size_t k = 0; k <= l->n / 2; k++) {
        const size_t m = (l->n - k) % l->n;
        const double a = re[k] + sign * re[m], b = im[k] - sign * im[m];
        l->spectrum[k] = 0.5 * sqrt(a * a + b * b);
    }
}

/* row [bands] <- ln(mel + offset) of the spectrum. */
static void take_bands(const unic__logmel *l)
{
    const unic__logmel_settings *s = &l->set;
    for (size_t b = 0; b < s->bands; b++) {
        const double *w = l->weight[b], *x = l->spectrum + l->first[b];
        double sum = 0;
        for (size_t k = 0; k < l->last[b] - l->first[b]; k++)
            sum += w[k] * x[k];
        l->row[b] = log(sum + s->offset);
    }
}

/* Frame f of a patch to its place, or onto the mean of its part. */
static void put_frame(const unic__logmel *l, size_t f, float *patch)
{
    const unic__logmel_settings *s = &l->set;
    const size_t per = s->parts ? s->frames / s->parts : 1;
    const double share = 1.0 / (double)per;
    float *y = patch + f / per * s->bands;
    for (size_t b = 0; b < s->bands; b++)
        y[b] = (float)(l->row[b] * share + (f % per ? (double)y[b] : 0));
}

unic_status unic__logmel_patch(const unic__logmel *l, const unic_array *sound, size_t t,
                               float *patch)
{
    for (size_t f = 0; f < l->set.frames; f++) {
        if (f % 2 == 0) {
            const size_t at = t * l->stride + f * l->hop;
            UNIC__TRY(load_frame(l, sound, at, l->re));
            /* a last frame without a partner is its own */
            UNIC__TRY(load_frame(l, sound, f + 1 < l->set.frames ? at + l->hop : at, l->im));
            transform(l);
        }
        take_spectrum(l, f % 2);
        take_bands(l);
        put_frame(l, f, patch);
    }
    return UNIC_OK;
}

/* ---- the kind ---- */

static unic_status plan_logmel(unic_extractor *e)
{
    const unic__logmel_settings *s = &e->settings.logmel;
    UNIC__TRY(unic__logmel_plan(&e->plan.logmel, e, s));
    e->rate = (double)s->rate;
    e->in = UNIC__SHAPE_OF(0);
    e->dims = s->parts ? UNIC__SHAPE_OF(s->parts * s->bands)
                       : UNIC__SHAPE_OF(s->frames, s->bands);
    return UNIC_OK;
}

static unic_status count_patches(const unic_extractor *e, const unic__extract_input *in,
                                 size_t *steps)
{
    *steps = unic__logmel_count(e->plan.logmel, (size_t)in->array->dims[0]);
    return UNIC_OK;
}

static unic_status run_logmel(unic_extractor *e, const unic__extract_input *in, float *features)
{
    const unic__logmel *l = e->plan.logmel;
    const size_t steps = unic__logmel_count(l, (size_t)in->array->dims[0]);
    for (size_t t = 0; t < steps; t++, features += unic__logmel_width(l))
        UNIC__TRY(unic__logmel_patch(l, in->array, t, features));
    return UNIC_OK;
}

const unic__extract_kind unic__extract_logmel = {.name = "logmel",
                                                 .input = UNIC_EXTRACTOR_SOUND,
                                                 .keys = keys,
                                                 .key_count = sizeof keys / sizeof keys[0],
                                                 .plan = plan_logmel,
                                                 .count = count_patches,
                                                 .run = run_logmel};
