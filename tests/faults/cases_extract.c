/* Feature extractors. */
#include "faults.h"

static unic_status give_extractor(world *w, unic_status status)
{
    uint64_t f = status == UNIC_OK ? unic_extractor_fingerprint(w->extractor) : 0;
    give(w, &f, sizeof f);
    return status;
}

CALL(extractor_create)
{
    return give_extractor(w, unic_extractor_create(&w->extractor, FAULT_LOGMEL, NULL));
}

CALL(extractor_free)
{
    unic_extractor_free(w->extractor);
    w->extractor = NULL;
    return UNIC_OK;
}

/* What it says of itself. */
CALL(extractor_about)
{
    int64_t dims[UNIC_MAX_RANK] = {0};
    size_t rank;
    const int32_t input = unic_extractor_input_of(w->extractor);
    const double rate = unic_extractor_rate(w->extractor);
    give_text(w, unic_extractor_kind(w->extractor));
    give_text(w, unic_extractor_settings(w->extractor));
    give(w, &input, sizeof input);
    give(w, &rate, sizeof rate);
    unic_status status = unic_extractor_input_dims(&rank, w->extractor, dims);
    give(w, dims, sizeof dims);
    if (status == UNIC_OK)
        status = unic_extractor_feature_dims(&rank, w->extractor, dims);
    give(w, dims, sizeof dims);
    return give_extractor(w, status);
}

CALL(extractor_extract)
{
    static float sound[2000], y[2][3];
    const int64_t samples = 2000;
    unic_array array;
    size_t steps = 0;
    unic_array_init(&array, sound, UNIC_F32, 1, &samples);
    unic_status status = unic_extractor_extract(&steps, w->extractor, &array, 2, y[0]);
    give(w, &steps, sizeof steps);
    give(w, y, sizeof y);
    return status;
}

CALL(extractor_extract_text)
{
    float y[2 * 4] = {0};
    size_t steps = 0;
    unic_status status = unic_extractor_extract_text(&steps, w->extractor, "one two", 7, 2, y);
    give(w, &steps, sizeof steps);
    give(w, y, sizeof y);
    return status;
}

CALL(extractor_fit)
{
    return give_extractor(w, unic_extractor_fit(w->extractor, &shown));
}

/* Of 12 numbers, as the world's patches give them. */
CALL(extractor_normalise)
{
    static const float features[2][2 * 2 * 3] = {{1, 2, 3}, {5, 4, 9}};
    unic_array array;
    unic_array_init(&array, features, UNIC_F32, 4, (const int64_t[]){2, 2, 2, 3});
    return give_extractor(w, unic_extractor_normalise(w->extractor, &array));
}

CALL(extractor_load_weights)
{
    return give_extractor(w, unic_extractor_load_weights(w->extractor, files.weights, NULL));
}

CALL(extractor_load_weights_source)
{
    const unic_source source = world_source(files.weights);
    return give_extractor(w, unic_extractor_load_weights_source(w->extractor, &source, NULL));
}

CALL(extractor_load_words)
{
    return give_extractor(w, unic_extractor_load_words(w->extractor, files.words,
                                                       UNIC_EXTRACTOR_VOCABULARY, NULL));
}

CALL(extractor_load_words_source)
{
    const unic_source source = world_source(files.words);
    return give_extractor(w, unic_extractor_load_words_source(w->extractor, &source,
                                                              UNIC_EXTRACTOR_VOCABULARY, NULL));
}

CALL(extractor_save)
{
    unic_status status = unic_extractor_save(w->extractor, files.out);
    if (status == UNIC_OK)
        give_file(w, files.out);
    return status;
}

CALL(extractor_save_sink)
{
    GIVE_SAVED(w, unic_extractor_save_sink, w->extractor);
}

CALL(extractor_load)
{
    return give_extractor(w, unic_extractor_load(&w->extractor, files.extractor, NULL));
}

CALL(extractor_load_source)
{
    const unic_source source = world_source(files.extractor);
    return give_extractor(w, unic_extractor_load_source(&w->extractor, &source, NULL));
}

const fault_case extract_cases[] = {
    CASE(extractor_create, 0, ALLOCATES),
    CASE(extractor_free, NEEDS_EXTRACTOR, NOTHING),
    CASE_OF(extractor_kind, extractor_about, NEEDS_EXTRACTOR, NOTHING),
    CASE_OF(extractor_settings, extractor_about, NEEDS_EXTRACTOR, NOTHING),
    CASE_OF(extractor_fingerprint, extractor_about, NEEDS_EXTRACTOR, NOTHING),
    CASE_OF(extractor_input_of, extractor_about, NEEDS_EXTRACTOR, NOTHING),
    CASE_OF(extractor_rate, extractor_about, NEEDS_EXTRACTOR, NOTHING),
    CASE_OF(extractor_input_dims, extractor_about, NEEDS_EXTRACTOR, NOTHING),
    CASE_OF(extractor_feature_dims, extractor_about, NEEDS_EXTRACTOR, NOTHING),
    CASE(extractor_extract, NEEDS_SPECTRA, NOTHING),
    CASE(extractor_extract_text, NEEDS_EXTRACTOR, NOTHING),
    CASE(extractor_fit, NEEDS_PATCHES, ALLOCATES),
    CASE(extractor_normalise, NEEDS_PATCHES, ALLOCATES),
    CASE(extractor_load_weights, NEEDS_NETWORK, ALLOCATES),
    CASE(extractor_load_weights_source, NEEDS_NETWORK, ALLOCATES),
    CASE(extractor_load_words, NEEDS_BERT, ALLOCATES),
    CASE(extractor_load_words_source, NEEDS_BERT, ALLOCATES),
    CASE(extractor_save, NEEDS_PATCHES, WRITES),
    CASE(extractor_save_sink, NEEDS_PATCHES | NEEDS_BUFFER, ALLOCATES),
    CASE(extractor_load, 0, ALLOCATES),
    CASE(extractor_load_source, 0, ALLOCATES),
    {NULL, NULL, 0, 0},
};
