#include "encode/films.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/progress.h"
#include "cli/report.h"
#include "cli/text.h"
#include "encode/output.h"

/* The codes of files, which are written at the end: how long the longest is, is known only
 * then. */
typedef struct results {
    encode_result *items;
    size_t count, length;
} results;

/* An encode_take_fn: the codes of a file, as a line. */
static bool print_codes(encode_result *result, void *user)
{
    (void)user;
    cli_progress_clear();
    cli_text_print(result->path);
    printf("\t%s\t", result->modality);
    for (size_t t = 0; t < result->steps; t++)
        printf("%s%d", t ? " " : "", (int)result->codes[t]);
    putchar('\n');
    return true;
}

bool encode_films_printed(const encode_job *job)
{
    return encode_media_files(&job->media, &job->inputs, print_codes, NULL);
}

/* An encode_take_fn. */
static bool keep_codes(encode_result *result, void *user)
{
    results *r = user;
    r->length = result->steps > r->length ? result->steps : r->length;
    r->items[r->count++] = *result;
    result->codes = NULL;
    result->quantized = result->semantic = NULL;
    return true;
}

static void free_results(results *r)
{
    for (size_t i = 0; i < r->count; i++) {
        free(r->items[i].codes);
        free(r->items[i].quantized);
        free(r->items[i].semantic);
    }
    free(r->items);
}

/* A clip's vectors, with zeros behind its end; to be freed. */
static float *pad(const encode_output *o, const float *vectors, size_t steps)
{
    float *padded = cli_alloc(o->count.length * o->dim, sizeof *padded);
    if (padded && steps)
        memcpy(padded, vectors, steps * o->dim * sizeof *padded);
    return padded;
}

static bool add_vectors(encode_output *o, const encode_result *r)
{
    float *quantized = pad(o, r->quantized, r->steps);
    float *semantic = pad(o, r->semantic, r->steps);
    bool ok = quantized && semantic && encode_output_vectors(o, 1, quantized, semantic);
    free(quantized);
    free(semantic);
    return ok;
}

static bool write_results(encode_count *count, const encode_job *job, const results *r,
                          const char *path)
{
    encode_output o = {.file = NULL};
    bool ok = encode_output_begin(&o, job, path, r->count, r->length);
    for (size_t i = 0; ok && i < r->count; i++) {
        const encode_result *x = &r->items[i];
        for (size_t t = 0; t < r->length; t++)
            o.codes[i * r->length + t] = t < x->steps ? x->codes[t] : -1;
        ok = !o.vectors || add_vectors(&o, x);
    }
    ok = ok && encode_output_finish(&o, job);
    *count = o.count;
    encode_output_free(&o);
    return ok;
}

bool encode_films(encode_count *count, const encode_job *job)
{
    results r = {cli_alloc(job->inputs.count, sizeof *r.items), 0, 0};
    bool ok = r.items && encode_media_files(&job->media, &job->inputs, keep_codes, &r);
    if (ok && r.length == 0)
        ok = cli_fail("nothing came of any of the %zu files", r.count);
    ok = ok && write_results(count, job, &r, job->out_path);
    free_results(&r);
    return ok;
}

cli_outcome encode_film(encode_count *count, const encode_job *job, encode_ready *ready,
                        const char *input, const char *out)
{
    results r = {cli_alloc(1, sizeof *r.items), 0, 0};
    cli_outcome outcome = CLI_FAILED;
    if (r.items)
        outcome = encode_ready_file(ready, 0, input, keep_codes, &r);
    if (outcome == CLI_GOOD && !write_results(count, job, &r, out))
        outcome = CLI_FAILED;
    free_results(&r);
    return outcome;
}
