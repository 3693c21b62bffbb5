#include "train/trainer.h"

/* Settings that have no effect beside others, which a warning tells of when a run begins; of the
 * schedule it is told when the steps are known (schedule.c). */

/* Cross-CPC needs a past and a future, for which the longest clip may be too short. */
static void tell_short(const unic_config *c)
{
    size_t shift;
    unic__cpc_horizon(c, c->length, &shift);
    if (c->cpc_weight > 0.0 && shift == 0)
        unic__log_line(UNIC_LOG_WARNING,
                       "cpc.steps = %zu and cpc.start = %zu do not fit into train.length = %zu "
                       "(at least %zu is expected): Cross-CPC predicts the same step of other "
                       "modalities, none ahead",
                       c->cpc_steps, c->cpc_start, c->length,
                       (c->cpc_start > 1 ? c->cpc_start : 1) + c->cpc_steps + 1);
}

/* Settings that leave a term or a choice without effect, each for itself allowed. */
static void tell_idle(const unic_config *c)
{
    const struct {
        bool is;
        const char *what;
    } idle[] = {
        {c->encoder_shared == UNIC__SHARED_AFTER_FIRST && c->encoder_layers == 1,
         "encoder.shared = after_first shares nothing with encoder.layers = 1"},
        {c->level2_weight > 0.0 && c->level2_start == 1.0,
         "level2.start = 1: the second level's objective counts in none of the steps that are "
         "declared"},
        {c->restore_weight > 0.0 && c->restore_mask == 0.0,
         "restore.weight has no effect: with restore.mask = 0 no step is restored"},
        {c->masked_weight > 0.0 && c->masked_fine == 0.0 && c->masked_coarse == 0.0,
         "masked.weight has no effect: masked.fine and masked.coarse are 0"},
    };
    for (size_t i = 0; i < sizeof idle / sizeof idle[0]; i++)
        if (idle[i].is)
            unic__log_line(UNIC_LOG_WARNING, "%s", idle[i].what);
}

void unic__tell_no_effect(const unic_config *c)
{
    tell_short(c);
    tell_idle(c);
}
