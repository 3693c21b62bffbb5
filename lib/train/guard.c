#include "train/guard.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Runs that learn never came below a tenth of the other terms; of those that diverge CLUB grows
 * tenfold in some steps (docs/train.md). */
enum { FALLING_STEPS = 10, COLLAPSED_STEPS = 500, CONSTANT_STEPS = 5, LEAST_STEPS = 16 };
static const double LEAST_PERPLEXITY = 1.1;

static double value_of(const unic__term *term)
{
    return term->weight * (double)term->node->t.x[0];
}

static double lowered_weight(const unic__term *term, size_t times)
{
    return term->given / pow(10.0, (double)times);
}

/* Counts for how many steps in a row each term has been below minus all others. */
static void count_falling(unic__guard *guard, const unic__term *terms, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += fmax(value_of(&terms[i]), 0.0);
    for (size_t i = 0; i < count; i++) {
        bool falls = value_of(&terms[i]) < -fmax(sum, 1.0);
        guard->falling[i] = falls ? guard->falling[i] + 1 : 0;
    }
}

/* Makes the weight of term i a tenth; false if it has been lowered as far as it goes. `what` is
 * the sentence about the reason. */
static bool lower(unic__guard *guard, const unic__term *terms, size_t i, const char *what)
{
    if (guard->lowered[i] >= UNIC__MOST_LOWERED)
        return false;
    const double from = lowered_weight(&terms[i], guard->lowered[i]);
    guard->lowered[i]++;
    guard->falling[i] = 0;
    unic__log_line(UNIC_LOG_WARNING, "%s; the weight of %s is lowered from %g to %g", what,
                   terms[i].name, from, lowered_weight(&terms[i], guard->lowered[i]));
    return true;
}

enum { LINE = 400 };

/* One term that has fallen for long enough. */
static unic_status tell_falling(unic__guard *guard, const unic_config *config, uint64_t step,
                                const unic__term *terms, size_t i)
{
    static const char advice[] =
        "lower train.lr or club.weight (docs/train.md, \"When training "
        "diverges\")";
    char line[LINE];
    snprintf(line, sizeof line,
             "step %llu%s: %s is %g and has outweighed all other terms for %zu steps: it falls "
             "without end",
             (unsigned long long)step, config->guard == UNIC__GUARD_STOP ? " refused" : "",
             terms[i].name, value_of(&terms[i]), guard->falling[i]);
    if (config->guard == UNIC__GUARD_STOP)
        return unic__fail(UNIC_E_NUMERIC, "%s; %s", line, advice);
    if (config->guard == UNIC__GUARD_LOWER && lower(guard, terms, i, line))
        return UNIC_OK;
    if (!guard->said_falling)
        unic__log_line(UNIC_LOG_WARNING, "%s; %s", line, advice);
    guard->said_falling = true;
    return UNIC_OK;
}

unic_status unic__guard_terms(unic__guard *guard, const unic_config *config, uint64_t step,
                              const unic__term *terms, size_t count)
{
    if (config->guard == UNIC__GUARD_OFF)
        return UNIC_OK;
    count_falling(guard, terms, count);
    for (size_t i = 0; i < count; i++)
        if (guard->falling[i] >= FALLING_STEPS)
            UNIC__TRY(tell_falling(guard, config, step, terms, i));
    return UNIC_OK;
}

/* The term of one modality's CLUB; `count` if it has none. */
static size_t find_club(const char *modality, const unic__term *terms, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(terms[i].name, "club.", 5) == 0 && strcmp(terms[i].name + 5, modality) == 0)
            return i;
    return count;
}

void unic__guard_codes(unic__guard *guard, const unic_config *config, uint64_t step, size_t m,
                       double perplexity, size_t steps, const unic__term *terms, size_t count)
{
    const char *modality = config->modality[m].name;
    char line[LINE];
    if (config->guard == UNIC__GUARD_OFF || steps < LEAST_STEPS)
        return;
    guard->collapsed[m] = perplexity < LEAST_PERPLEXITY ? guard->collapsed[m] + 1 : 0;
    if (guard->collapsed[m] < COLLAPSED_STEPS)
        return;
    snprintf(line, sizeof line,
             "step %llu: nearly all steps of modality \"%s\" have had the same code for %zu "
             "steps (perplexity %.2f): the codebook has collapsed",
             (unsigned long long)step, modality, guard->collapsed[m], perplexity);
    const size_t club = find_club(modality, terms, count);
    if (config->guard == UNIC__GUARD_LOWER && club < count && lower(guard, terms, club, line))
        guard->collapsed[m] = 0;
    else if (!guard->said_collapsed) {
        guard->said_collapsed = true;
        unic__log_line(UNIC_LOG_WARNING,
                       "%s; scale the features to unit size, or lower reset.steps or train.lr "
                       "(docs/train.md, \"When codes collapse\")",
                       line);
    }
}

/* By value: 0 and -0 are the same. */
static bool same_row(const float *a, const float *b, size_t n)
{
    size_t i = 0;
    while (i < n && a[i] == b[i])
        i++;
    return i == n;
}

void unic__guard_features(unic__guard *guard, const unic_config *config, uint64_t step,
                          size_t m, const float *x, const float *mask, size_t rows, size_t size)
{
    const float *first = NULL;
    size_t valid = 0;
    bool same = config->guard != UNIC__GUARD_OFF;
    for (size_t i = 0; i < rows && same; i++) {
        if (mask[i] == 0.0F)
            continue;
        const float *row = x + i * size;
        first = first ? first : row;
        same = same_row(first, row, size); /* mostly ends with the second */
        valid++;
    }
    if (same && valid < LEAST_STEPS) /* too few to tell */
        return;
    guard->constant[m] = same ? guard->constant[m] + 1 : 0;
    if (guard->constant[m] == CONSTANT_STEPS)
        unic__log_line(UNIC_LOG_WARNING,
                       "step %llu: the features of modality \"%s\" have been one and the same "
                       "vector, in all steps of all clips, for %d steps: nothing can be learnt "
                       "of them",
                       (unsigned long long)step, config->modality[m].name, CONSTANT_STEPS);
}

void unic__guard_weigh(const unic__guard *guard, unic__term *terms, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        terms[i].weight = lowered_weight(&terms[i], guard->lowered[i]);
        unic__loss(terms[i].node, terms[i].weight);
    }
}
