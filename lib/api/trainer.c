#include "train/trainer.h"

#include "api/api.h"
#include "cmg/cmg_resume.h"
#include "train/export.h"

unic_status unic_trainer_create(unic_trainer **out, const unic_config *config)
{
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(config);
    return unic__trainer_create(out, config);
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
    if (draws && draws->struct_size < sizeof *draws)
        return unic__fail(UNIC_E_ARG, "%s: draws->struct_size is %zu, expected %zu", __func__,
                          draws->struct_size, sizeof *draws);
    UNIC__TRY_NAMED(unic__trainer_step(trainer, batch, draws, figures));
    return UNIC_OK;
}

unic_status unic_trainer_evaluate(unic_trainer *trainer, const unic_batch *batch,
                                  double *figures)
{
    UNIC__REQUIRE(trainer);
    UNIC__REQUIRE(batch);
    UNIC__TRY_NAMED(unic__trainer_evaluate(trainer, batch, figures));
    return UNIC_OK;
}

unic_status unic_trainer_set_total_step_count(unic_trainer *trainer, uint64_t steps)
{
    UNIC__REQUIRE(trainer);
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

unic_status unic_trainer_save(unic_trainer *trainer, const char *path)
{
    UNIC__REQUIRE(trainer);
    UNIC__REQUIRE(path);
    UNIC__TRY_NAMED(unic__trainer_save(trainer, path));
    return UNIC_OK;
}

unic_status unic_trainer_resume(unic_trainer **out, const char *path)
{
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(path);
    UNIC__TRY_NAMED(unic__trainer_resume(out, path));
    return UNIC_OK;
}

unic_status unic_trainer_import(unic_trainer **out, const char *path, const char *settings)
{
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(path);
    UNIC__TRY_NAMED(unic__trainer_import(out, path, settings));
    return UNIC_OK;
}

unic_status unic_trainer_model(unic_model **out, unic_trainer *trainer)
{
    UNIC__REQUIRE(out);
    *out = NULL;
    UNIC__REQUIRE(trainer);
    UNIC__TRY_NAMED(unic__trainer_export(out, trainer));
    return UNIC_OK;
}

const char *unic_trainer_config(const unic_trainer *trainer)
{
    return trainer ? trainer->text : "";
}
