/* Retrieval: how near the clips of one modality stand to those of another. */
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"
#include "eval/eval.h"

enum { BLOCK = 64 };

/* What the metrics take: [queries,gallery] scores, larger is nearer, and what is relevant. */
typedef struct ranking {
    const cli_vectors *queries, *gallery;
    float *scores;
    int32_t *query_ids, *gallery_ids;
    size_t *place; /* of a clip in the gallery */
} ranking;

static bool pool(const evaluation *e, const cli_codes *c, size_t i, cli_vectors *out)
{
    return cli_vectors_begin(out, e->codebook, e->metric->metric, c->clips, c->length) &&
           cli_vectors_add(out, c->codes[i], c->clips, 0) &&
           (out->count || cli_fail("%s: none of its %zu clips has a step of %s", e->test_path,
                                   c->clips, c->names[i]));
}

/* Every item's score, from the list of all items, the nearest first. */
static bool score_all(const ranking *r, const unic_index *index)
{
    size_t gallery = r->gallery->count;
    float sign = unic_index_metric_of(index) == UNIC_INDEX_L2 ? -1.0F : 1.0F;
    int64_t *ids = cli_alloc(BLOCK * gallery, sizeof *ids);
    float *scores = cli_alloc(BLOCK * gallery, sizeof *scores);
    bool ok = ids && scores;
    for (size_t from = 0; ok && from < r->queries->count; from += BLOCK) {
        size_t left = r->queries->count - from, rows = left < BLOCK ? left : BLOCK;
        const unic_array queries = cli_vectors_rows(r->queries, from, rows);
        ok = cli_ok(unic_index_search(index, &queries, gallery, NULL, ids, scores));
        for (size_t i = 0; ok && i < rows * gallery; i++)
            r->scores[(from + i / gallery) * gallery + r->place[ids[i]]] = sign * scores[i];
    }
    free(ids);
    free(scores);
    return ok;
}

/* The clip's number, or its class. */
static void name_relevant(const evaluation *e, const cli_vectors *v, int32_t *out)
{
    for (size_t i = 0; i < v->count; i++)
        out[i] = e->by_class ? e->test_labels.of[0][v->ids[i]] : (int32_t)v->ids[i];
}

static bool score(const evaluation *e, const ranking *r, eval_score *out)
{
    size_t k[CLI_RECALLS], gallery = r->gallery->count;
    for (size_t i = 0; i < CLI_RECALLS; i++)
        k[i] = cli_recall_at[i] < gallery ? cli_recall_at[i] : gallery;
    name_relevant(e, r->queries, r->query_ids);
    name_relevant(e, r->gallery, r->gallery_ids);
    out->gallery = gallery;
    out->ranks.struct_size = sizeof out->ranks;
    out->there = cli_ok(unic_metrics_ranks(&out->ranks, r->scores, r->queries->count, gallery,
                                           r->query_ids, r->gallery_ids, k, CLI_RECALLS,
                                           out->recall));
    return out->there;
}

/* One direction: the items of an index found by queries of another modality. */
static bool find(const evaluation *e, const cli_vectors *queries, const cli_vectors *gallery,
                 const unic_index *index, eval_score *out)
{
    ranking r = {.queries = queries, .gallery = gallery};
    bool ok = (r.scores = cli_alloc(queries->count, gallery->count * sizeof *r.scores)) &&
              (r.query_ids = cli_alloc(queries->count, sizeof *r.query_ids)) &&
              (r.gallery_ids = cli_alloc(gallery->count, sizeof *r.gallery_ids)) &&
              (r.place = cli_alloc(e->test.clips, sizeof *r.place));
    for (size_t i = 0; ok && i < gallery->count; i++)
        r.place[gallery->ids[i]] = i;
    ok = ok && score_all(&r, index) && score(e, &r, out);
    free(r.scores);
    free(r.query_ids);
    free(r.gallery_ids);
    free(r.place);
    return ok;
}

/* The clips of modality `b` as the gallery of every other modality's. */
static bool find_in(evaluation *e, size_t b, size_t *directions)
{
    cli_vectors gallery = {0};
    unic_index *index = NULL;
    bool ok = pool(e, &e->test, b, &gallery) && cli_vectors_index(&index, &gallery);
    for (size_t a = 0; ok && a < e->train.count; a++) {
        cli_vectors queries = {0};
        if (!strcmp(e->train.names[a], e->test.names[b]))
            continue;
        ok = pool(e, &e->train, a, &queries) &&
             find(e, &queries, &gallery, index, &e->scores[a][b]);
        if (ok && !e->scores[a][b].ranks.query_count)
            ok = cli_fail(
                "%s: no clip of \"%s\" has %s of \"%s\" to be found: there is nothing to "
                "score",
                e->test_path, e->train.names[a],
                e->by_class ? "one of its class" : "the same clip", e->test.names[b]);
        cli_vectors_free(&queries);
        ++*directions;
    }
    unic_index_free(index);
    cli_vectors_free(&gallery);
    return ok;
}

bool eval_retrieve(evaluation *e)
{
    size_t directions = 0;
    for (size_t b = 0; b < e->test.count; b++)
        if (!find_in(e, b, &directions))
            return false;
    if (directions == 0)
        return cli_fail("%s: clips of one modality are found by those of another, but \"%s\" "
                        "is all there is",
                        e->test_path, e->test.names[0]);
    return true;
}
