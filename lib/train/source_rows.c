#include "train/trainer.h"

/* Which encoder outputs codes may start from, how they are numbered, and when codes restart. */

size_t unic__row_kinds(const unic_trainer *t)
{
    return t->config->code_segments ? 1 : t->graph.n;
}

size_t unic__rows_of_kind(const unic_trainer *t, size_t kind, size_t row)
{
    const unic__objective *o = &t->graph.objective;
    if (!t->config->code_segments)
        return (size_t)unic__all_lengths(o, kind)[row];
    size_t longest = 0;
    for (size_t m = 0; m < t->graph.n; m++) {
        const size_t length = (size_t)unic__all_lengths(o, m)[row];
        longest = length > longest ? length : longest;
    }
    return longest;
}

size_t unic__source_rows(const unic_trainer *t)
{
    size_t rows = 0;
    for (size_t k = 0; k < unic__row_kinds(t); k++)
        for (size_t row = 0; row < unic__all_batch(&t->graph.objective); row++)
            rows += unic__rows_of_kind(t, k, row);
    return rows;
}

unic__revival unic__due_revival(const unic_trainer *t, unic__key key)
{
    const unic_config *c = t->config;
    return (unic__revival){
        .rule = c->reset_rule,
        .steps = c->reset_steps,
        .max = c->reset_max,
        .ema = c->reset_ema,
        .source = c->reset_source,
        .z = t->rows,
        .rows = unic__source_rows(t),
        .key = key,
    };
}
