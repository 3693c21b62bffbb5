#include "train/guard.h"

#include <math.h>
#include <stdio.h>

/* Runs that learn never came below a tenth of the other terms; of those that diverge CLUB grows
 * tenfold in some steps (docs/train.md). */
enum { FALLING_STEPS = 10, COLLAPSED_STEPS = 500, LEAST_STEPS = 16 };
static const double LEAST_PERPLEXITY = 1.1;

static double value_of(const unic__term *term)
{
    return term->weight * (double)term->node->t.x[0];
}

/* Which term has been falling for long enough; `count` if none. */
static size_t find_falling(unic__guard *guard, const unic__term *terms, size_t count)
{
    size_t found = count;
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += fmax(value_of(&terms[i]), 0.0);
    for (size_t i = 0; i < count; i++) {
        bool falls = value_of(&terms[i]) < -fmax(sum, 1.0);
        guard->falling[i] = falls ? guard->falling[i] + 1 : 0;
        if (guard->falling[i] >= FALLING_STEPS && found == count)
            found = i;
    }
    return found;
}

unic_status unic__guard_terms(unic__guard *guard, const unic_config *config, uint64_t step,
                              const unic__term *terms, size_t count)
{
    enum { LINE = 320 };
    char line[LINE];
    if (config->guard == UNIC__GUARD_OFF)
        return UNIC_OK;
    size_t i = find_falling(guard, terms, count);
    if (i == count)
        return UNIC_OK;
    snprintf(line, sizeof line,
             "step %llu%s: %s is %g and has outweighed all other terms for %zu steps: it falls "
             "without end; lower train.lr or club.weight (docs/train.md, \"When training "
             "diverges\")",
             (unsigned long long)step, config->guard == UNIC__GUARD_STOP ? " refused" : "",
             terms[i].name, value_of(&terms[i]), guard->falling[i]);
    if (config->guard == UNIC__GUARD_STOP)
        return unic__fail(UNIC_E_NUMERIC, "%s", line);
    if (!guard->said_falling)
        unic__log_line(UNIC_LOG_WARNING, "%s", line);
    guard->said_falling = true;
    return UNIC_OK;
}

void unic__guard_codes(unic__guard *guard, const unic_config *config, uint64_t step, size_t m,
                       double perplexity, size_t steps)
{
    if (config->guard == UNIC__GUARD_OFF || steps < LEAST_STEPS)
        return;
    guard->collapsed[m] = perplexity < LEAST_PERPLEXITY ? guard->collapsed[m] + 1 : 0;
    if (guard->collapsed[m] < COLLAPSED_STEPS || guard->said_collapsed)
        return;
    guard->said_collapsed = true;
    unic__log_line(
        UNIC_LOG_WARNING,
        "step %llu: nearly all steps of modality \"%s\" have had the same code for %zu "
        "steps (perplexity %.2f): the codebook has collapsed; scale the features to unit "
        "size, or lower reset.steps or train.lr (docs/train.md, \"When codes collapse\")",
        (unsigned long long)step, config->modality[m].name, guard->collapsed[m], perplexity);
}
