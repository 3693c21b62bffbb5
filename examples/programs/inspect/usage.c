/* How the clips of a data file use the codes of a model. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/codes.h"
#include "cli/report.h"
#include "cli/table.h"
#include "inspect/inspect.h"

enum { STRIP = 64 };

typedef struct ranked {
    int64_t uses;
    size_t code;
} ranked;

static int most_used_first(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->uses != y->uses)
        return x->uses < y->uses ? 1 : -1;
    return (x->code > y->code) - (x->code < y->code);
}

/*
 * One line for each modality over the same codes, from most to least used by all together:
 * where the lines look alike the modalities share codes, where only one is dark they do not.
 */
static bool print_strips(const cli_codes *c, const cli_usage *u)
{
    static const char shades[] = " .:-=+*#%@";
    size_t columns = u->codes < STRIP ? u->codes : STRIP;
    ranked *order = cli_alloc(u->codes, sizeof *order);
    if (!order)
        return false;
    for (size_t l = 0; l < u->codes; l++)
        order[l] = (ranked){cli_usage_total(u, c->count, l), l};
    qsort(order, u->codes, sizeof *order, most_used_first);
    printf("codes from most to least used, %.3g in a character; the darker the more uses\n",
           (double)u->codes / (double)columns);
    double most = (double)order[0].uses;
    for (size_t i = 0; i < c->count; i++) {
        printf("  %-12s |", c->names[i]);
        for (size_t column = 0; column < columns; column++) {
            size_t from = column * u->codes / columns, to = (column + 1) * u->codes / columns;
            double mean = 0.0;
            for (size_t k = from; k < to; k++)
                mean += (double)u->counts[i][order[k].code] / (double)(to - from);
            size_t shade = most > 0.0 ? (size_t)ceil(9.0 * sqrt(mean / most)) : 0;
            putchar(shades[shade < 9 ? shade : 9]);
        }
        printf("|\n");
    }
    putchar('\n');
    free(order);
    return true;
}

/* What the modalities have in common. */
static void print_together(const unic_usage_report *r)
{
    printf("%zu of the %zu codes used at least %d times are shared: every modality has 20 to "
           "80 %% of the uses\n"
           "%zu codes are used by every modality, %zu by some, %zu by none\n",
           r->shared_count, r->often_count, UNIC_METRICS_OFTEN, r->common_count,
           r->used_count - r->common_count, r->dead_count);
    printf("%.1f %% of the %zu steps that every modality has have the same code in all\n"
           "divergence of the modalities' use of codes: %.3f, from 0 (alike) to 1\n",
           100.0 * r->agreement, r->paired_count, r->divergence);
}

static bool print_usage(const cli_codes *c, const cli_usage *u)
{
    cli_table table;
    cli_table_begin(&table, 5);
    static const char *const head[] = {"modality", "steps", "codes used", "never",
                                       "perplexity"};
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        cli_table_cell(&table, "%s", head[i]);
    for (size_t i = 0; i < c->count; i++) {
        int64_t steps = 0;
        for (size_t l = 0; l < u->codes; l++)
            steps += u->counts[i][l];
        cli_table_cell(&table, "%s", c->names[i]);
        cli_table_cell(&table, "%lld", (long long)steps);
        cli_table_cell(&table, "%zu", u->used[i]);
        cli_table_cell(&table, "%zu", u->codes - u->used[i]);
        cli_table_cell(&table, "%.1f", u->perplexity[i]);
    }
    if (!cli_table_end(&table, stdout) || !print_strips(c, u))
        return false;
    if (c->count > 1)
        print_together(&u->all);
    printf("perplexity of all uses: %.1f\n", u->all.perplexity);
    return true;
}

bool inspect_usage(unic_model *model, const unic_codebook *codebook, const cli_data *how,
                   const char *path)
{
    cli_codes codes;
    cli_usage usage = {0};
    bool ok = cli_codes_read(&codes, model, how, path, NULL, NULL) &&
              cli_usage_count(&usage, &codes, codebook) &&
              printf("usage on %s, %zu clips\n", path, codes.clips) > 0 &&
              print_usage(&codes, &usage);
    cli_usage_free(&usage);
    cli_codes_free(&codes);
    return ok;
}
