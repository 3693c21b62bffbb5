/* The codebook of a model: its geometry, and what training left behind. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "inspect/inspect.h"

enum { MOST_CODES = 4096, RECENT = 100 };

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void print_spread(const char *what, float *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    printf("  %-30s %.4g .. %.4g .. %.4g\n", what, (double)values[0], (double)values[n / 2],
           (double)values[n - 1]);
}

/* The codes' lengths, and how far each is from the nearest other one. */
static bool print_geometry(const unic_codebook *codebook, float *values, float *distances)
{
    size_t codes = unic_codebook_code_count(codebook), dim = unic_codebook_dim(codebook);
    const float *e = unic_codebook_embedding(codebook);
    for (size_t l = 0; l < codes; l++) {
        double square = 0.0;
        for (size_t d = 0; d < dim; d++)
            square += (double)e[l * dim + d] * (double)e[l * dim + d];
        values[l] = (float)sqrt(square);
    }
    printf("  %-30s min .. median .. max\n", "");
    print_spread("length of a code", values, codes);
    if (!cli_ok(unic_codebook_distances(codebook, distances)))
        return false;
    for (size_t l = 0; l < codes; l++) {
        float least = INFINITY;
        for (size_t k = 0; k < codes; k++)
            if (k != l && distances[l * codes + k] < least)
                least = distances[l * codes + k];
        values[l] = sqrtf(least > 0.0F ? least : 0.0F);
    }
    print_spread("distance to the nearest other", values, codes);
    return true;
}

/* Whether a run has a term, by the key of its weight. */
static bool has_term(unic_config *config, const char *key)
{
    const char *weight;
    return unic_config_get(&weight, config, key) == UNIC_OK && strcmp(weight, "0") != 0;
}

/* How many codes training used, in effect: EMA counts tell it, which gradients do not keep, and
 * which two levels have of each alone. */
static void print_perplexity(const unic_codebook *codebook, unic_config *config, bool is_pairs)
{
    const char *unknown = is_pairs                           ? "counted for each level alone"
                          : has_term(config, "codis.weight") ? "gradients train the codes"
                                                             : NULL;
    printf("  %-30s ", "perplexity of the EMA counts");
    if (unknown)
        printf("not known: %s; --data counts the uses\n", unknown);
    else
        printf("%.1f\n", unic_codebook_perplexity(codebook));
}

/* What training left behind: for each modality the codes it selected within `recent` updates,
 * codes that none did, and the perplexity of the use of all. */
static bool print_history(const unic_codebook *codebook, const unic_model *model,
                          unic_config *config, int32_t recent)
{
    size_t codes = unic_codebook_code_count(codebook),
           modalities = unic_codebook_modality_count(codebook);
    const bool is_pairs = has_term(config, "level2.weight");
    int32_t *idle = cli_alloc(codes * modalities, sizeof *idle);
    bool ok = idle && cli_ok(unic_codebook_state(codebook, NULL, idle));
    size_t dead = 0;
    for (size_t l = 0; ok && l < codes; l++) {
        bool used = false;
        for (size_t m = 0; m < modalities; m++)
            used = used || idle[m * codes + l] <= recent;
        dead += !used;
    }
    for (size_t m = 0; ok && m < modalities; m++) {
        size_t used = 0;
        for (size_t l = 0; l < codes; l++)
            used += idle[m * codes + l] <= recent;
        printf("  %-30s %zu of %zu%s in the last %d steps of training\n",
               unic_model_modality_name(model, m), used, codes,
               is_pairs ? " pairs had both codes selected" : "", recent);
    }
    if (ok) {
        printf("  %-30s %zu\n",
               is_pairs ? "pairs that no modality had so" : "dead codes, used by none", dead);
        print_perplexity(codebook, config, is_pairs);
    }
    free(idle);
    return ok;
}

bool inspect_codebook(const unic_codebook *codebook, const unic_model *model,
                      unic_config *config)
{
    size_t codes = unic_codebook_code_count(codebook);
    printf("codebook: %zu codes of %zu dims, fingerprint %016llx\n", codes,
           unic_codebook_dim(codebook),
           (unsigned long long)unic_codebook_fingerprint(codebook));
    bool ok = true;
    if (codes <= MOST_CODES) { /* all distances are held at once */
        float *values = cli_alloc(codes, sizeof *values);
        float *distances = cli_alloc(codes * codes, sizeof *distances);
        ok = values && distances && print_geometry(codebook, values, distances);
        free(values);
        free(distances);
    }
    ok = ok && print_history(codebook, model, config, RECENT);
    putchar('\n');
    return ok;
}
