/* What is done with codes: heads, retrievers, segmenters, indexes, scores. */
#include <string.h>

#include "faults.h"

/* ---- heads ---- */

static const unic_head_options clip_head = {.struct_size = sizeof clip_head,
                                            .kind = UNIC_HEAD_CLIP,
                                            .class_count = CLASSES,
                                            .epochs = 1};

static unic_status give_head(world *w, unic_status status)
{
    uint64_t f = status == UNIC_OK ? unic_head_fingerprint(w->head) : 0;
    give(w, &f, sizeof f);
    return status;
}

CALL(head_create)
{
    return give_head(w, unic_head_create(&w->head, w->codebook, &clip_head));
}

CALL(head_free)
{
    unic_head_free(w->head);
    w->head = NULL;
    return UNIC_OK;
}

CALL(head_settings)
{
    unic_head_options o = {.struct_size = sizeof o};
    unic_status status = unic_head_settings(&o, w->head);
    give(w, &o.hidden, sizeof o.hidden);
    return status;
}

CALL(head_fit)
{
    double loss;
    unic_status status = unic_head_fit(&loss, w->head, head_clips->codes, CLIPS, LENGTH,
                                       head_clips->clip);
    if (status == UNIC_OK)
        give(w, &loss, sizeof loss);
    return status;
}

CALL(head_predict)
{
    float logits[CLIPS * CLASSES] = {0};
    unic_status status = unic_head_predict(w->head, head_clips->codes, CLIPS, LENGTH, logits);
    if (status == UNIC_OK)
        give(w, logits, sizeof logits);
    return status;
}

CALL(head_predict_soft)
{
    static const int32_t two[2 * 2] = {0, 1, 1, -1};
    static const float weights[2 * 2] = {0.75F, 0.25F, 1.0F, 0.0F};
    float logits[2 * 8] = {0};
    unic_status status = unic_head_predict_soft(w->head, two, weights, 2, 1, 2, logits);
    if (status == UNIC_OK)
        give(w, logits, sizeof logits);
    return status;
}

CALL(head_mask_labels)
{
    int32_t labels[CLIPS];
    memcpy(labels, head_clips->clip, sizeof labels);
    unic_status status = unic_head_mask_labels(w->head, head_clips->codes, CLIPS, LENGTH,
                                               labels);
    if (status == UNIC_OK)
        give(w, labels, sizeof labels);
    return status;
}

CALL(head_accepts)
{
    return unic_head_accepts(w->head, unic_head_fingerprint(w->head));
}

CALL(head_save)
{
    unic_status status = unic_head_save(w->head, files.out);
    if (status == UNIC_OK)
        give_file(w, files.out);
    return status;
}

CALL(head_save_sink)
{
    GIVE_SAVED(w, unic_head_save_sink, w->head);
}

CALL(head_load_source)
{
    const unic_source source = world_source(files.head);
    return give_head(w, unic_head_load_source(&w->head, &source, NULL));
}

CALL(head_load)
{
    return give_head(w, unic_head_load(&w->head, files.head, NULL));
}

/* ---- retrievers ---- */

/* Without the clip that is padding alone. */
static const int32_t *asked(void)
{
    static int32_t codes[CLIPS * LENGTH];
    for (size_t i = 0; i < CLIPS * LENGTH; i++)
        codes[i] = (int32_t)(i * 7 % L);
    return codes;
}

static unic_status give_retriever(world *w, unic_status status)
{
    uint64_t f = status == UNIC_OK ? unic_retriever_fingerprint(w->retriever) : 0;
    give(w, &f, sizeof f);
    return status;
}

CALL(retriever_create)
{
    const unic_retriever_options o = {.struct_size = sizeof o, .item_dim = 3, .epochs = 1};
    return give_retriever(w, unic_retriever_create(&w->retriever, w->codebook, &o));
}

CALL(retriever_free)
{
    unic_retriever_free(w->retriever);
    w->retriever = NULL;
    return UNIC_OK;
}

CALL(retriever_settings)
{
    unic_retriever_options o = {.struct_size = sizeof o};
    unic_status status = unic_retriever_settings(&o, w->retriever);
    give(w, &o.hidden, sizeof o.hidden);
    return status;
}

CALL(retriever_fit)
{
    double loss;
    unic_status status = unic_retriever_fit(&loss, w->retriever, asked(), CLIPS, LENGTH,
                                            &items);
    if (status == UNIC_OK)
        give(w, &loss, sizeof loss);
    return status;
}

CALL(retriever_queries)
{
    static float out[CLIPS * 128];
    unic_status status = unic_retriever_queries(w->retriever, asked(), CLIPS, LENGTH, out);
    if (status == UNIC_OK)
        give(w, out, sizeof out);
    return status;
}

CALL(retriever_items)
{
    static float out[CLIPS * 128];
    unic_status status = unic_retriever_items(w->retriever, &items, out);
    if (status == UNIC_OK)
        give(w, out, sizeof out);
    return status;
}

CALL(retriever_accepts)
{
    return unic_retriever_accepts(w->retriever, unic_retriever_fingerprint(w->retriever));
}

CALL(retriever_save)
{
    unic_status status = unic_retriever_save(w->retriever, files.out);
    if (status == UNIC_OK)
        give_file(w, files.out);
    return status;
}

CALL(retriever_save_sink)
{
    GIVE_SAVED(w, unic_retriever_save_sink, w->retriever);
}

CALL(retriever_load_source)
{
    const unic_source source = world_source(files.retriever);
    return give_retriever(w, unic_retriever_load_source(&w->retriever, &source, NULL));
}

CALL(retriever_load)
{
    return give_retriever(w, unic_retriever_load(&w->retriever, files.retriever, NULL));
}

/* ---- segmenters ---- */

static unic_status give_segmenter(world *w, unic_status status)
{
    uint64_t f = status == UNIC_OK ? unic_segmenter_fingerprint(w->segmenter) : 0;
    give(w, &f, sizeof f);
    return status;
}

CALL(segmenter_create)
{
    return give_segmenter(w, unic_segmenter_create(&w->segmenter, w->codebook, &segment_small));
}

CALL(segmenter_free)
{
    unic_segmenter_free(w->segmenter);
    w->segmenter = NULL;
    return UNIC_OK;
}

CALL(segmenter_settings)
{
    unic_segmenter_options o = {.struct_size = sizeof o};
    unic_status status = unic_segmenter_settings(&o, w->segmenter);
    give(w, &o.batch, sizeof o.batch);
    return status;
}

CALL(segmenter_step)
{
    double loss;
    unic_status status = segment_step(w->segmenter, pictures, &loss);
    if (status == UNIC_OK)
        give(w, &loss, sizeof loss);
    return status;
}

CALL(segmenter_predict)
{
    static float logits[SEGMENT_CLIPS * SEGMENT_PIXELS];
    unic_status status = unic_segmenter_predict(w->segmenter, pictures->images, 1,
                                                pictures->codes, 2, logits);
    if (status == UNIC_OK)
        give(w, logits, sizeof logits);
    return status;
}

CALL(segmenter_accepts)
{
    return unic_segmenter_accepts(w->segmenter, unic_segmenter_fingerprint(w->segmenter));
}

CALL(segmenter_save)
{
    unic_status status = unic_segmenter_save(w->segmenter, files.out);
    if (status == UNIC_OK)
        give_file(w, files.out);
    return status;
}

CALL(segmenter_save_sink)
{
    GIVE_SAVED(w, unic_segmenter_save_sink, w->segmenter);
}

CALL(segmenter_load_source)
{
    const unic_source source = world_source(files.segmenter);
    return give_segmenter(w, unic_segmenter_load_source(&w->segmenter, &source, NULL));
}

CALL(segmenter_load)
{
    return give_segmenter(w, unic_segmenter_load(&w->segmenter, files.segmenter, NULL));
}

/* ---- indexes ---- */

static unic_status give_index(world *w, unic_status status)
{
    if (status != UNIC_OK)
        return status;
    size_t n = unic_index_item_count(w->index);
    give(w, &n, sizeof n);
    give(w, unic_index_vectors(w->index), n * 6 * sizeof(float));
    give(w, unic_index_ids(w->index), n * sizeof(int64_t));
    return UNIC_OK;
}

CALL(pool_histogram)
{
    static float out[CLIPS * L];
    unic_status status = unic_pool_histogram(head_clips->codes, CLIPS, LENGTH, L, out);
    give(w, out, sizeof out);
    return status;
}

CALL(pool_mean)
{
    float out[2 * 6] = {0};
    static const int32_t codes[12] = {0, 1, 2, -1, -1, -1, 3, 4, 5, 6, 7, 8};
    unic_status status = unic_pool_mean(rows.data, codes, 2, 6, 6, out);
    give(w, out, sizeof out);
    return status;
}

CALL(index_create)
{
    const unic_index_options o = {.struct_size = sizeof o, .dim = 6, .metric = UNIC_INDEX_L2};
    return unic_index_create(&w->index, &o);
}

CALL(index_free)
{
    unic_index_free(w->index);
    w->index = NULL;
    return UNIC_OK;
}

CALL(index_sizes)
{
    size_t dim = unic_index_dim(w->index);
    int32_t metric = unic_index_metric_of(w->index);
    give(w, &dim, sizeof dim);
    give(w, &metric, sizeof metric);
    return give_index(w, UNIC_OK);
}

CALL(index_add)
{
    static const int64_t ids[12] = {100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111};
    return give_index(w, unic_index_add(w->index, &rows, ids));
}

CALL(index_reserve)
{
    return give_index(w, unic_index_reserve(w->index, 1000));
}

CALL(index_update)
{
    static const int64_t ids[12] = {11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
    return give_index(w, unic_index_update(w->index, &rows, ids));
}

CALL(index_remove)
{
    return give_index(w, unic_index_remove(w->index, (const int64_t[]){7, 2, 5}, 3));
}

CALL(index_search)
{
    int64_t ids[12 * 3];
    float scores[12 * 3];
    unic_status status = unic_index_search(w->index, &rows, 3, NULL, ids, scores);
    if (status == UNIC_OK) {
        give(w, ids, sizeof ids);
        give(w, scores, sizeof scores);
    }
    return status;
}

CALL(index_rank)
{
    int64_t ranks[12];
    static const int64_t ids[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    unic_status status = unic_index_rank(w->index, &rows, ids, NULL, ranks);
    if (status == UNIC_OK)
        give(w, ranks, sizeof ranks);
    return status;
}

CALL(index_accepts)
{
    return unic_index_accepts(w->index, 5);
}

CALL(index_save)
{
    unic_status status = unic_index_save(w->index, files.out);
    if (status == UNIC_OK)
        give_file(w, files.out);
    return status;
}

CALL(index_save_sink)
{
    GIVE_SAVED(w, unic_index_save_sink, w->index);
}

CALL(index_load_source)
{
    const unic_source source = world_source(files.index);
    return give_index(w, unic_index_load_source(&w->index, &source, NULL));
}

CALL(index_load)
{
    return give_index(w, unic_index_load(&w->index, files.index, NULL));
}

/* ---- scores ---- */

static const float scores[6 * 3] = {1, 2, 3, 3, 2, 1, 0, 5, 1, -1, 2, 4, 2, 1, 0, 0, 0, 9};
static const int32_t classes[6] = {2, 0, 0, 2, -1, 1};
static const int32_t events[6 * 3] = {0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1};

CALL(metrics_classes)
{
    unic_class_report r = {.struct_size = sizeof r};
    double each[3];
    int64_t confusion[9];
    unic_status status = unic_metrics_classes(&r, scores, classes, 6, 3, confusion, each);
    if (status == UNIC_OK)
        give(w, &r.accuracy, sizeof r.accuracy);
    return status;
}

static unic_status give_match(world *w, const unic_match_report *r, unic_status status)
{
    if (status == UNIC_OK)
        give(w, &r->f1, sizeof r->f1);
    return status;
}

CALL(metrics_steps)
{
    unic_match_report r = {.struct_size = sizeof r};
    return give_match(w, &r, unic_metrics_steps(&r, scores, events, 6, 3, 1.0F, -1));
}

CALL(metrics_steps_cmg)
{
    unic_match_report r = {.struct_size = sizeof r};
    return give_match(w, &r, unic_metrics_steps_cmg(&r, scores, events, 6, 3, 1.0F, 4));
}

CALL(metrics_events)
{
    unic_match_report r = {.struct_size = sizeof r};
    return give_match(w, &r, unic_metrics_events(&r, scores, events, 2, 3, 3, 1.0F, 0.5, -1));
}

static const uint8_t mask[6 * 3] = {1, 0, 1, 1, 0, 0, 0, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1};

CALL(metrics_masks)
{
    unic_mask_report r = {.struct_size = sizeof r};
    double curve[UNIC_METRICS_THRESHOLD_COUNT];
    unic_status status = unic_metrics_masks(&r, scores, mask, 2, 9, curve);
    if (status == UNIC_OK)
        give(w, &r.f_beta, sizeof r.f_beta);
    return status;
}

CALL(metrics_masks_cmg)
{
    unic_mask_report r = {.struct_size = sizeof r};
    unic_status status = unic_metrics_masks_cmg(&r, scores, mask, 2, 9, 1);
    if (status == UNIC_OK)
        give(w, &r.f_beta, sizeof r.f_beta);
    return status;
}

static const size_t depths[2] = {1, 3};

CALL(metrics_ranks)
{
    unic_rank_report r = {.struct_size = sizeof r};
    double recall[2];
    unic_status status = unic_metrics_ranks(&r, scores, 6, 3,
                                            (const int32_t[]){0, 1, 2, 0, 1, 2},
                                            (const int32_t[]){0, 1, 2}, depths, 2, recall);
    if (status == UNIC_OK)
        give(w, recall, sizeof recall);
    return status;
}

CALL(metrics_recall)
{
    unic_rank_report r = {.struct_size = sizeof r};
    double recall[2];
    unic_status status = unic_metrics_recall(&r, (const int64_t[]){1, 2, 9}, 3, depths, 2,
                                             recall);
    if (status == UNIC_OK)
        give(w, recall, sizeof recall);
    return status;
}

CALL(metrics_usage)
{
    static const int32_t other[6] = {2, 1, 0, 2, 1, -1};
    unic_usage_report r = {.struct_size = sizeof r};
    int64_t counts[2 * 3];
    double shares[2 * 3], perplexity[2];
    unic_status status = unic_metrics_usage(&r, (const int32_t *const[]){classes, other}, 2, 6,
                                            3, counts, shares, perplexity);
    if (status == UNIC_OK)
        give(w, &r.divergence, sizeof r.divergence);
    return status;
}

const fault_case task_cases[] = {
    CASE(head_create, NEEDS_CODEBOOK, ALLOCATES),
    CASE(head_free, NEEDS_HEAD, NOTHING),
    CASE(head_settings, NEEDS_HEAD, NOTHING),
    CASE(head_fit, NEEDS_HEAD, ALLOCATES),
    CASE(head_predict, NEEDS_HEAD, NOTHING),
    CASE(head_predict_soft, NEEDS_HEAD, NOTHING),
    CASE(head_mask_labels, NEEDS_HEAD, NOTHING),
    CASE_OF(head_fingerprint, head_accepts, NEEDS_HEAD, NOTHING),
    CASE(head_accepts, NEEDS_HEAD, NOTHING),
    CASE(head_save, NEEDS_HEAD, WRITES),
    CASE(head_save_sink, NEEDS_HEAD | NEEDS_BUFFER, ALLOCATES),
    CASE(head_load, 0, ALLOCATES),
    CASE(head_load_source, 0, ALLOCATES),
    CASE(retriever_create, NEEDS_CODEBOOK, ALLOCATES),
    CASE(retriever_free, NEEDS_RETRIEVER, NOTHING),
    CASE(retriever_settings, NEEDS_RETRIEVER, NOTHING),
    CASE(retriever_fit, NEEDS_RETRIEVER, ALLOCATES),
    CASE(retriever_queries, NEEDS_RETRIEVER, ALLOCATES),
    CASE(retriever_items, NEEDS_RETRIEVER, ALLOCATES),
    CASE_OF(retriever_fingerprint, retriever_accepts, NEEDS_RETRIEVER, NOTHING),
    CASE(retriever_accepts, NEEDS_RETRIEVER, NOTHING),
    CASE(retriever_save, NEEDS_RETRIEVER, WRITES),
    CASE(retriever_save_sink, NEEDS_RETRIEVER | NEEDS_BUFFER, ALLOCATES),
    CASE(retriever_load, 0, ALLOCATES),
    CASE(retriever_load_source, 0, ALLOCATES),
    CASE(segmenter_create, NEEDS_CODEBOOK, ALLOCATES),
    CASE(segmenter_free, NEEDS_SEGMENTER, NOTHING),
    CASE(segmenter_settings, NEEDS_SEGMENTER, NOTHING),
    CASE(segmenter_step, NEEDS_SEGMENTER, ALLOCATES),
    CASE(segmenter_predict, NEEDS_SEGMENTER, ALLOCATES),
    CASE_OF(segmenter_fingerprint, segmenter_accepts, NEEDS_SEGMENTER, NOTHING),
    CASE(segmenter_accepts, NEEDS_SEGMENTER, NOTHING),
    CASE(segmenter_save, NEEDS_SEGMENTER, WRITES),
    CASE(segmenter_save_sink, NEEDS_SEGMENTER | NEEDS_BUFFER, ALLOCATES),
    CASE(segmenter_load, 0, ALLOCATES),
    CASE(segmenter_load_source, 0, ALLOCATES),
    CASE(pool_histogram, 0, NOTHING),
    CASE(pool_mean, 0, NOTHING),
    CASE(index_create, 0, ALLOCATES),
    CASE(index_free, NEEDS_INDEX, NOTHING),
    CASE_OF(index_item_count, index_sizes, NEEDS_INDEX, NOTHING),
    CASE_OF(index_dim, index_sizes, NEEDS_INDEX, NOTHING),
    CASE_OF(index_metric_of, index_sizes, NEEDS_INDEX, NOTHING),
    CASE_OF(index_vectors, index_sizes, NEEDS_INDEX, NOTHING),
    CASE_OF(index_ids, index_sizes, NEEDS_INDEX, NOTHING),
    CASE(index_add, NEEDS_INDEX, ALLOCATES),
    CASE(index_reserve, NEEDS_INDEX, ALLOCATES),
    CASE(index_update, NEEDS_INDEX, ALLOCATES),
    CASE(index_remove, NEEDS_INDEX, ALLOCATES),
    CASE(index_search, NEEDS_INDEX, ALLOCATES),
    CASE(index_rank, NEEDS_INDEX, ALLOCATES),
    CASE(index_accepts, NEEDS_INDEX, NOTHING),
    CASE(index_save, NEEDS_INDEX, WRITES),
    CASE(index_save_sink, NEEDS_INDEX | NEEDS_BUFFER, ALLOCATES),
    CASE(index_load, 0, ALLOCATES),
    CASE(index_load_source, 0, ALLOCATES),
    CASE(metrics_classes, 0, ALLOCATES),
    CASE(metrics_steps, 0, NOTHING),
    CASE(metrics_steps_cmg, 0, NOTHING),
    CASE(metrics_events, 0, ALLOCATES),
    CASE(metrics_masks, 0, NOTHING),
    CASE(metrics_masks_cmg, 0, NOTHING),
    CASE(metrics_ranks, 0, ALLOCATES),
    CASE(metrics_recall, 0, ALLOCATES),
    CASE(metrics_usage, 0, ALLOCATES),
    {NULL, NULL, 0, 0},
};

const fault_case *const fault_tables[] = {ground_cases, model_cases, task_cases, extract_cases,
                                          NULL};
