/* TOC: heads see some of the codes' channels alone. */
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
    if (!read_number(&text, &out->most))
        return false;
    if (*text == '\0')
        return true;
    return *text++ == ':' && read_number(&text, &out->p) && *text++ == ':' &&
           read_number(&text, &out->q) && *text == '\0';
}

bool eval_choose_channels(evaluation *e)
{
    eval_channels *c = &e->channels;
    unic_codebook *some;
    if (c->most == 0)
        return true;
    if (!(c->chosen = cli_alloc(unic_codebook_dim(e->codebook), sizeof *c->chosen)) ||
        !cli_ok(unic_codebook_channels(&c->count, e->codebook, lambda, c->most, c->p, c->q,
                                       c->chosen, NULL)) ||
        !cli_ok(unic_codebook_select(&some, e->codebook, c->chosen, c->count)))
        return false;
    unic_codebook_free(e->codebook);
    e->codebook = some;
    return true;
}
