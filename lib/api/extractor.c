#include "api/api.h"
#include "array/array.h"
#include "extract/extract.h"
#include "kernel/stack.h"
#include "torch/weight_open.h"

unic_status unic_extractor_create(unic_extractor **out, const char *settings,
                                  const unic_extractor_options *options)
{
    unic_extractor_options o = {.struct_size = sizeof o};
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(settings);
    if (options)
        UNIC__TAKE(unic__extractor_options_kind, &o, options);
    UNIC__TRY(unic__check_threads(o.threads, __func__));
    UNIC__TRY_NAMED(unic__extractor_create(out, settings, o.threads));
    return UNIC_OK;
}

void unic_extractor_free(unic_extractor *extractor)
{
    unic__extractor_free(extractor);
}

const char *unic_extractor_kind(const unic_extractor *extractor)
{
    return extractor ? extractor->kind->name : NULL;
}

const char *unic_extractor_settings(const unic_extractor *extractor)
{
    return extractor ? extractor->text : NULL;
}

uint64_t unic_extractor_fingerprint(const unic_extractor *extractor)
{
    return extractor ? unic__extractor_fingerprint(extractor) : 0;
}

int32_t unic_extractor_input_of(const unic_extractor *extractor)
{
    return extractor ? extractor->kind->input : 0;
}

double unic_extractor_rate(const unic_extractor *extractor)
{
    return extractor ? extractor->rate : 0;
}

static void give_dims(size_t *rank, const unic__shape *shape, int64_t *dims)
{
    *rank = shape->rank;
    for (size_t i = 0; i < shape->rank; i++)
        dims[i] = (int64_t)shape->dim[i];
}

unic_status unic_extractor_input_dims(size_t *rank, const unic_extractor *extractor,
                                      int64_t *dims)
{
    UNIC__REQUIRE(extractor);
    UNIC__REQUIRE(dims);
    UNIC__REQUIRE(rank);
    give_dims(rank, &extractor->in, dims);
    return UNIC_OK;
}

unic_status unic_extractor_feature_dims(size_t *rank, const unic_extractor *extractor,
                                        int64_t *dims)
{
    UNIC__REQUIRE(extractor);
    UNIC__REQUIRE(dims);
    UNIC__REQUIRE(rank);
    give_dims(rank, &extractor->dims, dims);
    return UNIC_OK;
}

static unic_status check_input(const unic_extractor *e, bool text, const char *call)
{
    static const char *const names[] = {
        [UNIC_EXTRACTOR_SOUND] = "sound: unic_extractor_extract()",
        [UNIC_EXTRACTOR_FRAMES] = "frames: unic_extractor_extract()",
        [UNIC_EXTRACTOR_TEXT] = "text: unic_extractor_extract_text()"};
    if (text != (e->kind->input == UNIC_EXTRACTOR_TEXT))
        return unic__fail(UNIC_E_ARG, "%s: an extractor of kind %s reads %s", call,
                          e->kind->name, names[e->kind->input]);
    return UNIC_OK;
}

/* Whether it is an array of what the extractor reads; its dims are checked inside. */
static unic_status check_array(const unic_extractor *e, const unic_array *input,
                               const char *call)
{
    UNIC__TRY(check_input(e, false, call));
    UNIC__TRY(unic__array_check_real(input, call, "input"));
    if (e->kind->input == UNIC_EXTRACTOR_FRAMES && input->dtype != UNIC_U8) {
        char name[UNIC__DTYPE_TEXT];
        return unic__fail(UNIC_E_ARG, "%s: frames are %s, uint8 of 0..255 expected", call,
                          unic__dtype_print(input->dtype, name));
    }
    return UNIC_OK;
}

unic_status unic_extractor_extract(size_t *step_count, unic_extractor *extractor,
                                   const unic_array *input, size_t max_steps, float *features)
{
    UNIC__REQUIRE(step_count);
    *step_count = 0;
    UNIC__REQUIRE(extractor);
    UNIC__REQUIRE(input);
    UNIC__TRY(check_array(extractor, input, __func__));
    UNIC__HOLD(extractor);
    UNIC__TRY_NAMED(unic__stack_prepare());
    const unic__extract_input in = {.array = input};
    UNIC__TRY_WITH(extractor->threads,
                   unic__extractor_run(step_count, extractor, &in, max_steps, features));
    return UNIC_OK;
}

unic_status unic_extractor_extract_text(size_t *step_count, unic_extractor *extractor,
                                        const char *text, size_t bytes, size_t max_steps,
                                        float *features)
{
    UNIC__REQUIRE(step_count);
    *step_count = 0;
    UNIC__REQUIRE(extractor);
    UNIC__REQUIRE(text);
    UNIC__TRY(check_input(extractor, true, __func__));
    UNIC__HOLD(extractor);
    UNIC__TRY_NAMED(unic__stack_prepare());
    const unic__extract_input in = {.text = text, .bytes = bytes};
    UNIC__TRY_WITH(extractor->threads,
                   unic__extractor_run(step_count, extractor, &in, max_steps, features));
    return UNIC_OK;
}

unic_status unic_extractor_fit(unic_extractor *extractor, const unic_array *input)
{
    UNIC__REQUIRE(extractor);
    UNIC__REQUIRE(input);
    UNIC__TRY(check_array(extractor, input, __func__));
    UNIC__HOLD(extractor);
    UNIC__TRY_NAMED(unic__stack_prepare());
    UNIC__TRY_WITH(extractor->threads, unic__extractor_fit(extractor, input));
    return UNIC_OK;
}

unic_status unic_extractor_normalise(unic_extractor *extractor, const unic_array *features)
{
    UNIC__REQUIRE(extractor);
    UNIC__REQUIRE(features);
    UNIC__TRY(unic__array_check_real(features, __func__, "features"));
    UNIC__HOLD(extractor);
    UNIC__TRY_NAMED(unic__extractor_normalise(extractor, features));
    return UNIC_OK;
}

static unic_status load_weights(unic_extractor *extractor, unic__source *source)
{
    unic__weight_file *f;
    UNIC__TRY(unic__extractor_takes_weights(extractor));
    UNIC__TRY(unic__weight_file_open(&f, source));
    const int before = unic__threads_enter(extractor->threads);
    const unic_status status = unic__extractor_load_weights(extractor, f);
    unic__threads_leave(before);
    unic__weight_file_close(f);
    return status;
}

unic_status unic_extractor_load_weights(unic_extractor *extractor, const char *path,
                                        const unic_open_options *options)
{
    unic__opening from;
    UNIC__REQUIRE(extractor);
    UNIC__REQUIRE(path);
    UNIC__HOLD(extractor);
    UNIC__TRY(unic__opening_file(&from, path, options, __func__));
    return unic__opening_end(&from, load_weights(extractor, from.source));
}

/* Opens a source for an extractor, which is then held; after a failure the source is closed. */
static unic_status hold_with_source(unic__opening *from, unic_extractor *extractor,
                                    const unic_source *source, const unic_open_options *options,
                                    const char *call)
{
    UNIC__TRY(unic__opening_source(from, source, source, options, call));
    const unic_status status = extractor
                                   ? unic__use_alone(&extractor->use, call, "extractor")
                                   : unic__fail(UNIC_E_ARG, "%s: extractor is NULL", call);
    if (status != UNIC_OK)
        unic__opening_abandon(from);
    return status;
}

unic_status unic_extractor_load_weights_source(unic_extractor *extractor,
                                               const unic_source *source,
                                               const unic_open_options *options)
{
    unic__opening from;
    UNIC__TRY(hold_with_source(&from, extractor, source, options, __func__));
    const unic_status status = unic__opening_end(&from, load_weights(extractor, from.source));
    unic__use_end(&extractor->use);
    return status;
}

static unic_status load_words(unic_extractor *extractor, int32_t list, unic__source *source)
{
    if (list != UNIC_EXTRACTOR_VOCABULARY && list != UNIC_EXTRACTOR_KEEP)
        return unic__fail(UNIC_E_ARG,
                          "list = %d is not UNIC_EXTRACTOR_VOCABULARY (%d) or "
                          "UNIC_EXTRACTOR_KEEP (%d)",
                          list, UNIC_EXTRACTOR_VOCABULARY, UNIC_EXTRACTOR_KEEP);
    return unic__extractor_load_words(extractor, (unic__word_use)(list - 1), source);
}

unic_status unic_extractor_load_words(unic_extractor *extractor, const char *path, int32_t list,
                                      const unic_open_options *options)
{
    unic__opening from;
    UNIC__REQUIRE(extractor);
    UNIC__REQUIRE(path);
    UNIC__HOLD(extractor);
    UNIC__TRY(unic__opening_file(&from, path, options, __func__));
    return unic__opening_end(&from, load_words(extractor, list, from.source));
}

unic_status unic_extractor_load_words_source(unic_extractor *extractor,
                                             const unic_source *source, int32_t list,
                                             const unic_open_options *options)
{
    unic__opening from;
    UNIC__TRY(hold_with_source(&from, extractor, source, options, __func__));
    const unic_status status = unic__opening_end(&from,
                                                 load_words(extractor, list, from.source));
    unic__use_end(&extractor->use);
    return status;
}

unic_status unic_extractor_save(const unic_extractor *extractor, const char *path)
{
    UNIC__REQUIRE(extractor);
    UNIC__REQUIRE(path);
    UNIC__HOLD_SHARED(extractor);
    UNIC__TRY_NAMED(unic__extractor_save(extractor, UNIC__TO_FILE(path)));
    return UNIC_OK;
}

unic_status unic_extractor_save_sink(const unic_extractor *extractor, const unic_sink *sink)
{
    unic_sink to;
    UNIC__REQUIRE(extractor);
    UNIC__TRY(unic__take_sink(&to, sink, __func__));
    UNIC__HOLD_SHARED(extractor);
    UNIC__TRY_NAMED(unic__extractor_save(extractor, UNIC__TO_SINK(&to)));
    return UNIC_OK;
}

unic_status unic_extractor_load(unic_extractor **out, const char *path,
                                const unic_open_options *options)
{
    unic__opening from;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(path);
    UNIC__TRY(unic__opening_file(&from, path, options, __func__));
    return unic__opening_end(&from, unic__extractor_load(out, from.source));
}

unic_status unic_extractor_load_source(unic_extractor **out, const unic_source *source,
                                       const unic_open_options *options)
{
    unic__opening from;
    if (out)
        *out = NULL;
    UNIC__TRY(unic__opening_source(&from, out, source, options, __func__));
    return unic__opening_end(&from, unic__extractor_load(out, from.source));
}
