#include "train/trainer.h"

#include <string.h>

#include "api/api.h"
#include "cmg/cmg_resume.h"
#include "train/export.h"
#include "train/start_from.h"

/* Copies the options; NULL means all zero. Only a run that was saved has settings to change, and
 * what is opened has a limit already. */
static unic_status take_options(unic_trainer_options *o, unic__ranks *ranks,
                                const unic_trainer_options *options, bool is_opened,
                                bool is_saved, const char *call)
{
    unic_comm comm;
    *o = (unic_trainer_options){.struct_size = sizeof *o};
    *ranks = (unic__ranks){.size = 1};
    if (options)
        UNIC__TRY(unic__struct_take(&unic__trainer_options_kind, o, options, call, "options"));
    if (o->settings && !is_saved)
        return unic__fail(UNIC_E_ARG,
                          "%s: options->settings is not NULL, but only unic_trainer_resume() "
                          "takes it",
                          call);
    if (o->memory_limit && is_opened)
        return unic__fail(UNIC_E_ARG,
                          "%s: options->memory_limit is %zu, but a run is opened with that of "
                          "unic_open_options",
                          call, o->memory_limit);
    if (o->comm) {
        UNIC__TRY(unic__struct_take(&unic__comm_kind, &comm, o->comm, call, "options->comm"));
        UNIC__TRY(unic__ranks_take(ranks, &comm, call));
    }
    return unic__check_threads(o->threads, call);
}

static void set_options(unic_trainer *t, const unic_trainer_options *o)
{
    t->threads = o->threads;
    t->watch.progress = (unic__progress){o->progress, o->progress_user};
}

unic_status unic_trainer_create(unic_trainer **out, const unic_config *config,
                                const unic_trainer_options *options)
{
    unic_trainer_options o;
    unic__ranks ranks;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(config);
    UNIC__TRY(take_options(&o, &ranks, options, false, false, __func__));
    unic__budget budget;
    unic__budget_init(&budget, o.memory_limit, "the config");
    unic__budget *outside = unic__budget_enter(&budget);
    const int before = unic__threads_enter(o.threads);
    unic_status status = unic__trainer_create(out, config, &ranks);
    unic__threads_leave(before);
    UNIC__TRY_NAMED(unic__budget_leave(outside, status));
    set_options(*out, &o);
    return UNIC_OK;
}

unic_status unic_trainer_start_from(unic_trainer *trainer, unic_model *model)
{
    UNIC__REQUIRE(trainer);
    UNIC__REQUIRE(model);
    UNIC__HOLD(trainer);
    UNIC__TRY_NAMED(unic__trainer_start_from(trainer, model));
    return UNIC_OK;
}

void unic_trainer_free(unic_trainer *trainer)
{
    unic__trainer_free(trainer);
}

size_t unic_trainer_figure_count(const unic_trainer *trainer)
{
    return trainer ? trainer->figure_count : 0;
}

const char *unic_trainer_figure_name(const unic_trainer *trainer, size_t i)
{
    return i < unic_trainer_figure_count(trainer) ? trainer->report[i].name : NULL;
}

unic_status unic_trainer_step(unic_trainer *trainer, const unic_batch *batch,
                              const unic_draws *draws, double *figures)
{
    UNIC__REQUIRE(trainer);
    UNIC__REQUIRE(batch);
    UNIC__HOLD(trainer);
    unic_draws d;
    if (draws)
        UNIC__TAKE(unic__draws_kind, &d, draws);
    UNIC__TRY_WITH(trainer->threads,
                   unic__trainer_step(trainer, batch, draws ? &d : NULL, figures));
    return UNIC_OK;
}

unic_status unic_trainer_evaluate(unic_trainer *trainer, const unic_batch *batch,
                                  double *figures)
{
    UNIC__REQUIRE(trainer);
    UNIC__REQUIRE(batch);
    UNIC__HOLD(trainer);
    UNIC__TRY_WITH(trainer->threads, unic__trainer_evaluate(trainer, batch, figures));
    return UNIC_OK;
}

unic_status unic_trainer_set_total_step_count(unic_trainer *trainer, uint64_t steps)
{
    UNIC__REQUIRE(trainer);
    if (steps > UNIC__MOST_STEPS)
        return unic__fail(UNIC_E_ARG,
                          "%s: step_count is %llu, at most %llu (2^63 - 1) expected", __func__,
                          (unsigned long long)steps, (unsigned long long)UNIC__MOST_STEPS);
    UNIC__HOLD(trainer);
    trainer->total_steps = steps;
    return UNIC_OK;
}

uint64_t unic_trainer_total_step_count(const unic_trainer *trainer)
{
    return trainer ? trainer->total_steps : 0;
}

uint64_t unic_trainer_step_count(const unic_trainer *trainer)
{
    return trainer ? trainer->steps : 0;
}

/* A run is named by its model, whose own file a run's would be otherwise. */
static unic_status check_model_path(const char *path, const char *call)
{
    static const char run[] = ".run.npz";
    const size_t length = strlen(path), end = sizeof run - 1;
    if (length <= end || strcmp(path + length - end, run) != 0)
        return UNIC_OK;
    return unic__fail(UNIC_E_ARG,
                      "%s: path is \"%s\", the name of a run's file, which stands beside its "
                      "model: give the model's, \"%.*s.npz\"",
                      call, path, (int)(length - end), path);
}

unic_status unic_trainer_save(unic_trainer *trainer, const char *path)
{
    UNIC__REQUIRE(trainer);
    UNIC__REQUIRE(path);
    UNIC__TRY(check_model_path(path, __func__));
    UNIC__HOLD(trainer);
    UNIC__TRY_NAMED(unic__trainer_save(trainer, path));
    return UNIC_OK;
}

unic_status unic_trainer_save_sink(unic_trainer *trainer, const unic_sink *sink)
{
    unic_sink to;
    UNIC__REQUIRE(trainer);
    UNIC__TRY(unic__take_sink(&to, sink, __func__));
    UNIC__HOLD(trainer);
    UNIC__TRY_NAMED(unic__run_save(trainer, UNIC__TO_SINK(&to)));
    return UNIC_OK;
}

/* Ends the opening of a run. */
static unic_status resume(unic_trainer **out, unic__opening *from,
                          const unic_trainer_options *o, const unic__ranks *ranks)
{
    int before = unic__threads_enter(o->threads);
    unic_status status = unic__opening_end(
        from, unic__run_load(out, from->source, o->settings, ranks));
    unic__threads_leave(before);
    if (status == UNIC_OK)    /* `out` is not NULL: the opening refuses that */
        set_options(*out, o); /* NOLINT(clang-analyzer-core.NullDereference) */
    return status;
}

unic_status unic_trainer_resume(unic_trainer **out, const char *path,
                                const unic_trainer_options *options,
                                const unic_open_options *open)
{
    unic_trainer_options o;
    unic__ranks ranks;
    unic__opening from;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(path);
    UNIC__TRY(check_model_path(path, __func__));
    UNIC__TRY(take_options(&o, &ranks, options, true, true, __func__));
    char *run = unic__run_path(path);
    if (!run)
        return unic__fail_in(unic__no_memory(strlen(path), "a path"), "%s", __func__);
    unic_status status = unic__opening_file(&from, run, open, __func__);
    unic__free(run);
    UNIC__TRY(status);
    return resume(out, &from, &o, &ranks);
}

unic_status unic_trainer_resume_source(unic_trainer **out, const unic_source *source,
                                       const unic_trainer_options *options,
                                       const unic_open_options *open)
{
    unic_trainer_options o;
    unic__ranks ranks;
    unic__opening from;
    if (out)
        *out = NULL;
    UNIC__TRY(unic__opening_source(&from, out, source, open, __func__));
    unic_status status = take_options(&o, &ranks, options, true, true, __func__);
    if (status != UNIC_OK) {
        unic__opening_abandon(&from);
        return status;
    }
    return resume(out, &from, &o, &ranks);
}

unic_status unic_trainer_import(unic_trainer **out, const char *path, const char *settings,
                                const unic_trainer_options *options,
                                const unic_open_options *open)
{
    unic_trainer_options o;
    unic__ranks ranks;
    unic__opening from;
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(path);
    UNIC__TRY(take_options(&o, &ranks, options, true, false, __func__));
    UNIC__TRY(unic__opening_file(&from, path, open, __func__));
    int before = unic__threads_enter(o.threads);
    unic_status status = unic__opening_end(
        &from, unic__trainer_import(out, from.source, settings, &ranks));
    unic__threads_leave(before);
    UNIC__TRY(status);
    set_options(*out, &o);
    return UNIC_OK;
}

unic_status unic_trainer_model(unic_model **out, unic_trainer *trainer)
{
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(trainer);
    UNIC__HOLD(trainer);
    UNIC__TRY_WITH(trainer->threads, unic__trainer_export(out, trainer));
    return UNIC_OK;
}

const char *unic_trainer_config(const unic_trainer *trainer)
{
    return trainer ? trainer->text : "";
}
