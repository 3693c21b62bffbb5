#include <stdio.h>
#include <string.h>

#include "train/schedule.h"
#include "train/together.h"
#include "train/trainer.h"

/* A kind of figure: how many there are of it, and of each its label and its value. */
typedef struct kind {
    const char *name; /* "grad_norm", which a label follows; NULL: the label is the name */
    size_t (*count)(const unic_trainer *t);
    const char *(*label)(const unic_trainer *t, size_t i);
    double (*value)(const unic_trainer *t, size_t i);
} kind;

static size_t one(const unic_trainer *t)
{
    (void)t;
    return 1;
}

static const char *unlabelled(const unic_trainer *t, size_t i)
{
    (void)t;
    (void)i;
    return NULL;
}

static size_t modalities(const unic_trainer *t)
{
    return t->graph.n;
}

static const char *modality(const unic_trainer *t, size_t m)
{
    return t->config->modality[m].name;
}

/* ---- the objective ---- */

static size_t terms(const unic_trainer *t)
{
    return t->graph.objective.term_count;
}

static const char *term(const unic_trainer *t, size_t i)
{
    return t->graph.objective.term[i].name;
}

static double weighted(const unic_trainer *t, size_t i)
{
    return t->graph.objective.term[i].weight * (double)t->graph.objective.term[i].node->t.x[0];
}

static double total(const unic_trainer *t, size_t i)
{
    double sum = 0.0;
    for (i = 0; i < t->graph.objective.term_count; i++)
        sum += weighted(t, i);
    return sum;
}

/* ---- CLUB's fits and the gradients' norms ---- */

static size_t club_fits(const unic_trainer *t)
{
    return t->graph.club_fit[0] ? t->graph.clubs : 0;
}

static const char *club_modality(const unic_trainer *t, size_t m)
{
    return m < t->graph.n ? t->config->modality[m].name
                          : t->graph.level2.config.modality[m - t->graph.n].name;
}

static double club_fit(const unic_trainer *t, size_t m)
{
    return (double)t->graph.club_fit[m]->t.x[0];
}

static size_t groups(const unic_trainer *t)
{
    return t->params.group_count;
}

static const char *group(const unic_trainer *t, size_t k)
{
    return t->params.group[k];
}

static double grad_norm(const unic_trainer *t, size_t k)
{
    return t->grad_norm[k];
}

/* In compat the norms of CLUB's gradients are logged, as the CMG code clips them: those of the
 * last inner fit and of the bound together, since its buffer is not cleared in between (A.5).
 */
static size_t club_groups(const unic_trainer *t)
{
    return t->config->behaviour == UNIC__COMPAT ? t->club.group_count : 0;
}

static const char *club_group(const unic_trainer *t, size_t k)
{
    return t->club.group[k];
}

static double club_norm(const unic_trainer *t, size_t k)
{
    return t->club_norm[k];
}

/* ---- codes ---- */

static double perplexity(const unic_trainer *t, size_t m)
{
    size_t steps = unic__all_steps(t);
    unic__codebook_count(t->codebook, t->codes + m * steps, steps, t->usage);
    return unic__perplexity(t->usage, t->codebook->codes);
}

/* The part of the steps, valid for all modalities, at which all take the same code. */
static double agreement(const unic_trainer *t, size_t i)
{
    size_t steps = unic__all_steps(t), same = 0, valid = 0;
    for (i = 0; i < steps; i++) {
        bool there = true, equal = true;
        for (size_t m = 0; m < t->graph.n; m++) {
            there = there && t->codes[m * steps + i] >= 0;
            equal = equal && t->codes[m * steps + i] == t->codes[i];
        }
        valid += there;
        same += there && equal;
    }
    return valid ? (double)same / (double)valid : 0.0;
}

/* Known only when the codes have been renewed: the step writes it then to t->revived. */
static double revived(const unic_trainer *t, size_t i)
{
    (void)t;
    (void)i;
    return 0.0;
}

static double learning_rate(const unic_trainer *t, size_t i)
{
    (void)i;
    return unic__learning_rate(t->config, t->steps, t->total_steps);
}

/* The order in which a step reports. A figure that is not finite refuses the step, the first
 * one by name: the terms stand before what follows from them. */
static const kind kinds[] = {
    {"total", one, unlabelled, total},
    {NULL, terms, term, weighted},
    {"club_fit", club_fits, club_modality, club_fit},
    {"grad_norm", groups, group, grad_norm},
    {"grad_norm", club_groups, club_group, club_norm},
    {"perplexity", modalities, modality, perplexity},
    {"agreement", one, unlabelled, agreement},
    {"revived", one, unlabelled, revived},
    {"learning_rate", one, unlabelled, learning_rate},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void name_figure(unic__figure *f, const char *name, const char *label)
{
    bool both = name && label;
    snprintf(f->name, sizeof f->name, "%s%s%s", name ? name : "", both ? "." : "",
             label ? label : "");
}

unic_status unic__report_create(unic_trainer *t)
{
    size_t n = 0;
    for (size_t k = 0; k < KINDS; k++)
        n += kinds[k].count(t);
    t->report = unic__alloc_array(n, sizeof *t->report);
    if (!t->report)
        return unic__no_memory(n * sizeof *t->report, "a step's report");
    for (size_t k = 0; k < KINDS; k++)
        for (size_t i = 0; i < kinds[k].count(t); i++) {
            unic__figure *f = &t->report[t->figure_count++];
            *f = (unic__figure){.value = 0.0};
            name_figure(f, kinds[k].name, kinds[k].label(t, i));
            if (kinds[k].value == revived)
                t->revived = &f->value;
        }
    return UNIC_OK;
}

static void take_norms(unic_trainer *t)
{
    unic__grad_norms(&t->params, t->grad_norm);
    if (!club_groups(t))
        return;
    if (t->ranks)
        unic__together_norms_end(t);
    unic__grad_norms(&t->club, t->club_norm);
}

void unic__report_measure(unic_trainer *t, bool training)
{
    unic__figure *f = t->report;
    memset(t->grad_norm, 0, sizeof t->grad_norm);
    memset(t->club_norm, 0, sizeof t->club_norm);
    if (t->ranks)
        unic__together_terms(t);
    if (training)
        take_norms(t);
    for (size_t k = 0; k < KINDS; k++)
        for (size_t i = 0; i < kinds[k].count(t); i++)
            (f++)->value = kinds[k].value(t, i);
}
