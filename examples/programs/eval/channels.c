/* What heads are given of the codes: some channels alone (TOC); several soft ones a step. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "cli/report.h"
#include "eval/eval.h"

static const double lambda = 0.7; /* as the authors' code */

/* A whole number at *text, which moves behind it. */
static bool read_number(const char **text, size_t *out)
{
    char *end;
    errno = 0;
    unsigned long long n = strtoull(*text, &end, 10);
    if (!isdigit((unsigned char)**text) || errno || n > SIZE_MAX)
        return false;
    *out = (size_t)n;
    *text = end;
    return true;
}

bool eval_parse_channels(eval_channels *out, const char *text)
{
    *out = (eval_channels){.p = 1};
    if (!read_number(&text, &out->most) || out->most == 0)
        return false;
    if (*text == '\0')
        return true;
    return *text++ == ':' && read_number(&text, &out->p) && *text++ == ':' &&
           read_number(&text, &out->q) && *text == '\0';
}

bool eval_parse_soft(evaluation *e, const char *text)
{
    char *end;
    e->temperature = 0.5; /* docs/tasks.md */
    if (!read_number(&text, &e->soft) || e->soft == 0)
        return false;
    if (*text == '\0')
        return true;
    e->temperature = strtod(text + 1, &end);
    return *text == ':' && end > text + 1 && *end == '\0' && e->temperature > 0.0 &&
           e->temperature < 1e6;
}

bool eval_choose_channels(evaluation *e)
{
    eval_channels *c = &e->channels;
    if (c->most == 0)
        return cli_ok(unic_codebook_copy(&e->codebook, e->whole));
    if (!(c->chosen = cli_alloc(unic_codebook_dim(e->whole), sizeof *c->chosen)) ||
        !cli_ok(unic_codebook_channels(&c->count, e->whole, lambda, c->most, c->p, c->q,
                                       c->chosen, NULL)))
        return false;
    return cli_ok(unic_codebook_select(&e->codebook, e->whole, c->chosen, c->count));
}
