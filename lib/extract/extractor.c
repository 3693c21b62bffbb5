/* An extractor of any kind: created once with all its memory, run on one input after another. */
#include "extract/extract.h"

#include <string.h>

#include "array/array.h"
#include "extract/network.h"

unic_status unic__extract_memory(void **out, unic_extractor *e, size_t count, size_t size,
                                 const char *what)
{
    size_t bytes;
    if (!unic__mul_size(count, size, &bytes))
        return unic__fail(UNIC_E_NOMEM, "out of memory (%zu elements for %s)", count, what);
    *out = unic__arena_alloc(&e->arena, bytes);
    return *out ? UNIC_OK : unic__no_memory(bytes, what);
}

static unic_status prepare(unic_extractor *e, const char *settings)
{
    UNIC__TRY(unic__extract_settings_read(e, settings));
    UNIC__TRY(unic__extract_settings_print(e));
    return e->kind->plan(e);
}

unic_status unic__extractor_create(unic_extractor **out, const char *settings, int threads)
{
    unic_extractor *e = unic__alloc_zero(sizeof *e);
    if (!e)
        return unic__no_memory(sizeof *e, "an extractor");
    e->threads = threads;
    unic_status status = prepare(e, settings);
    if (status == UNIC_OK)
        *out = e;
    else
        unic__extractor_free(e);
    return status;
}

void unic__extractor_free(unic_extractor *e)
{
    if (!e)
        return;
    if (e->kind && e->kind->release)
        e->kind->release(e);
    unic__network_free(e->network);
    unic__normal_forget(e);
    for (size_t i = 0; i < UNIC__WORD_USES; i++)
        unic__word_list_free(e->words[i]);
    unic__arena_free(&e->arena);
    unic__free(e);
}

uint64_t unic__extractor_fingerprint(const unic_extractor *e)
{
    uint64_t hash = unic__hash_bytes(UNIC__FNV_START, e->text, strlen(e->text));
    for (size_t i = 0; e->has_weights && i < e->weight_count; i++)
        hash = unic__hash_bytes(hash, e->weights[i].data,
                                unic__shape_count(&e->weights[i].shape) * sizeof(float));
    if (e->network)
        hash = unic__hash_bytes(hash, &e->network->hash, sizeof e->network->hash);
    return unic__normal_hash(e, unic__extractor_hash_words(e, hash));
}

/* Whether the array has the dims that the kind takes. */
static unic_status check_dims(const unic_extractor *e, const unic_array *a)
{
    const char *what = e->kind->input == UNIC_EXTRACTOR_SOUND ? "sound" : "frames";
    unic__shape got = unic__array_shape(a), want = e->in;
    char gs[UNIC__SHAPE_TEXT], ws[UNIC__SHAPE_TEXT];
    if (got.rank == want.rank)
        want.dim[0] = got.dim[0]; /* any number */
    if (!unic__shape_equal(&got, &want))
        return unic__fail(
            UNIC_E_SHAPE, "%s is %s, %s expected, of any number%s", what,
            unic__shape_print(&got, gs), unic__shape_print(&want, ws),
            got.rank == 2 && want.rank == 1 ? ": average the channels to one (mono)" : "");
    return UNIC_OK;
}

unic_status unic__extractor_check_weights(const unic_extractor *e)
{
    if (e->weight_count > 0 && !e->has_weights)
        return unic__fail(UNIC_E_STATE,
                          "an extractor of kind %s has no weights until it is "
                          "fitted; unic_extractor_load() reads one that was",
                          e->kind->name);
    if (e->kind->pretrained && !e->network)
        return unic__fail(UNIC_E_STATE,
                          "an extractor of kind %s has no weights until "
                          "unic_extractor_load_weights() has read them (%s)",
                          e->kind->name, e->kind->pretrained->source);
    return UNIC_OK;
}

unic_status unic__extractor_takes_weights(const unic_extractor *e)
{
    if (!e->kind->pretrained)
        return unic__fail(UNIC_E_ARG, "an extractor of kind %s has no weights that are loaded",
                          e->kind->name);
    return UNIC_OK;
}

unic_status unic__extractor_load_weights(unic_extractor *e, unic__weight_file *f)
{
    unic__network *n;
    UNIC__TRY(unic__network_create(&n, e, f));
    unic__network_free(e->network);
    e->network = n;
    e->dims = n->dims;
    unic__normal_forget(e);
    return UNIC_OK;
}

unic_status unic__extractor_fit(unic_extractor *e, const unic_array *input)
{
    if (!e->kind->fit)
        return unic__fail(UNIC_E_ARG,
                          "an extractor of kind %s has nothing that is fitted to "
                          "its input; unic_extractor_normalise() takes its features",
                          e->kind->name);
    UNIC__TRY(check_dims(e, input));
    UNIC__TRY(e->kind->fit(e, input));
    e->has_weights = true;
    unic__normal_forget(e);
    return UNIC_OK;
}

unic_status unic__extractor_normalise(unic_extractor *e, const unic_array *features)
{
    UNIC__TRY(unic__extractor_check_words(e));
    UNIC__TRY(unic__extractor_check_weights(e));
    return unic__normal_learn(e, features);
}

unic_status unic__extractor_run(size_t *step_count, unic_extractor *e,
                                const unic__extract_input *in, size_t max_steps,
                                float *features)
{
    if (in->array)
        UNIC__TRY(check_dims(e, in->array));
    UNIC__TRY(e->kind->count(e, in, step_count));
    if (!features || *step_count == 0)
        return UNIC_OK;
    if (*step_count > max_steps)
        return unic__fail(UNIC_E_SHAPE,
                          "the input gives %zu steps, but features have room for "
                          "max_steps = %zu",
                          *step_count, max_steps);
    UNIC__TRY(unic__extractor_check_weights(e));
    UNIC__TRY(e->kind->run(e, in, features));
    unic__normal_apply(e, features, *step_count);
    const size_t width = unic__shape_count(&e->dims);
    if (!unic__all_finite(features, *step_count * width))
        return unic__fail(UNIC_E_NUMERIC,
                          "the features of step %zu are not finite: values of "
                          "the input are too large",
                          unic__first_not_finite(features, *step_count * width) / width);
    return UNIC_OK;
}
