#include "train/figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "cli/table.h"

bool train_figures_create(train_figures *f, const unic_trainer *trainer)
{
    double **all[] = {&f->now, &f->sum, &f->first, &f->last, &f->held_out};
    f->trainer = trainer;
    f->count = unic_trainer_figure_count(trainer);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!(*all[i] = cli_alloc(f->count, sizeof **all[i])))
            return false;
    return true;
}

void train_figures_free(train_figures *f)
{
    free(f->now);
    free(f->sum);
    free(f->first);
    free(f->last);
    free(f->held_out);
}

void train_figures_add(train_figures *f)
{
    for (size_t i = 0; i < f->count; i++)
        f->sum[i] += f->now[i];
    f->summed++;
}

void train_figures_end_epoch(train_figures *f, uint64_t epoch, uint64_t batches)
{
    const uint64_t from = (epoch - 1) * batches + (batches - f->summed) + 1;
    for (size_t i = 0; i < f->count; i++)
        f->last[i] = f->sum[i] / (double)f->summed;
    if (!f->first_at) {
        memcpy(f->first, f->last, f->count * sizeof *f->first);
        f->first_at = epoch;
        f->first_from = f->summed < batches ? from : 0;
    }
    f->last_at = epoch;
    f->summed = 0;
    memset(f->sum, 0, f->count * sizeof *f->sum);
}

/* ---- in one line ---- */

/* Figures of one name ("cpc", "club.image", "club.speech"): their sum, and how many there
 * are. */
static double sum_of(const train_figures *f, const double *figures, const char *name,
                     size_t *count)
{
    size_t length = strlen(name);
    double sum = 0.0;
    *count = 0;
    for (size_t i = 0; i < f->count; i++) {
        const char *figure = unic_trainer_figure_name(f->trainer, i);
        if (strncmp(figure, name, length) || (figure[length] && figure[length] != '.'))
            continue;
        sum += figures[i];
        ++*count;
    }
    return sum;
}

const char *train_figures_line(const train_figures *f, const double *figures, double scale,
                               bool in_short, char text[TRAIN_LINE])
{
    static const char *const names[][2] = {
        {"total", "total"}, {"reconstruction", "recon"},
        {"cpc", "cpc"},     {"code_match", "match"},
        {"club", "club"},   {"commitment", "commit"},
    };
    size_t used = 0, count;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof *names && used < TRAIN_LINE; i++) {
        double value = scale * sum_of(f, figures, names[i][0], &count);
        if (count > 0)
            used += (size_t)snprintf(text + used, TRAIN_LINE - used, "%s%s %.*g",
                                     used ? "  " : "", names[i][in_short], in_short ? 3 : 4,
                                     value);
    }
    double perplexity = scale * sum_of(f, figures, "perplexity", &count);
    if (count > 0 && used < TRAIN_LINE)
        snprintf(text + used, TRAIN_LINE - used, "  perplexity %.0f",
                 perplexity / (double)count);
    return text;
}

const char *train_figures_so_far(const train_figures *f, bool in_short, char text[TRAIN_LINE])
{
    return train_figures_line(f, f->sum, f->summed ? 1.0 / (double)f->summed : 0.0, in_short,
                              text);
}

bool train_figures_print(const train_figures *f)
{
    cli_table table;
    bool both = f->first_at < f->last_at;
    cli_table_begin(&table, both ? 3 : 2);
    cli_table_cell(&table, "mean of epoch");
    if (f->first_from) /* the steps of the epoch before belonged to another process */
        cli_table_cell(&table, "%llu, from step %llu", (unsigned long long)f->first_at,
                       (unsigned long long)f->first_from);
    else
        cli_table_cell(&table, "%llu", (unsigned long long)f->first_at);
    if (both)
        cli_table_cell(&table, "%llu", (unsigned long long)f->last_at);
    for (size_t i = 0; i < f->count; i++) {
        cli_table_cell(&table, "%s", unic_trainer_figure_name(f->trainer, i));
        if (both)
            cli_table_cell(&table, "%.5g", f->first[i]);
        cli_table_cell(&table, "%.5g", f->last[i]);
    }
    return cli_table_end(&table, stdout);
}
