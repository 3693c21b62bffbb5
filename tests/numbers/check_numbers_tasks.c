/* Codebooks, heads, retrievers, segmenters and indices on numbers and shapes at the edge:
 * results are finite or a status says why not, and state never becomes NaN or Inf. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"
#include "numbers/numbers_help.h"
#include "task/head.h"
#include "task/retriever.h"
#include "task/segment.h"

enum { ROWS = 12, MOST_DIM = 7 };

static const struct {
    size_t codes, dim;
} books[] = {{1, 1}, {1, 7}, {5, 1}, {5, 7}};
enum { BOOKS = sizeof books / sizeof books[0] };

static unic_array rows_of(const float *x, size_t rows, size_t dim)
{
    unic_array a;
    const int64_t dims[2] = {(int64_t)rows, (int64_t)dim};
    unic_array_init(&a, x, UNIC_F32, 2, dims);
    return a;
}

/* A codebook whose codes are of this kind: every finite one may be set. */
static unic_codebook *book_of(size_t codes, size_t dim, numbers kind)
{
    unic_codebook *cb;
    float *e = numbers_new(kind, codes * dim, 5);
    unic_array a = rows_of(e, codes, dim);
    io_assert_ok(unic_codebook_create(&cb, codes, dim, 2));
    io_assert_ok(unic_codebook_set(cb, &a));
    free(e);
    return cb;
}

/* ---- the codebook ---- */

static double square_distance(const float *a, const float *b, size_t dim)
{
    double sum = 0.0;
    for (size_t j = 0; j < dim; j++)
        sum += ((double)a[j] - (double)b[j]) * ((double)a[j] - (double)b[j]);
    return sum;
}

/* No other code is nearer, but for what float64 cannot tell. */
static void assert_nearest(const unic_codebook *cb, const float *z, int32_t code)
{
    size_t dim = unic_codebook_dim(cb), codes = unic_codebook_code_count(cb);
    const float *e = unic_codebook_embedding(cb);
    ck_assert(code >= 0 && (size_t)code < codes);
    double own = square_distance(z, e + (size_t)code * dim, dim);
    for (size_t l = 0; l < codes; l++)
        ck_assert_msg(own <= square_distance(z, e + l * dim, dim) * (1.0 + 1e-5),
                      "code %d at %g, code %zu at %g", code, own, l,
                      square_distance(z, e + l * dim, dim));
}

static void assert_finite_book(const unic_codebook *cb)
{
    size_t codes = unic_codebook_code_count(cb);
    float counts[5];
    ck_assert(numbers_finite(unic_codebook_embedding(cb), codes * unic_codebook_dim(cb)));
    io_assert_ok(unic_codebook_state(cb, counts, NULL));
    ck_assert(numbers_finite(counts, codes));
}

/* Assigns rows to codes, then moves the codes by them. */
static void use_book(unic_codebook *cb, const float *z, numbers kind)
{
    size_t dim = unic_codebook_dim(cb), revived, row_counts[2] = {ROWS, 1};
    int32_t codes[ROWS];
    float distances[25];
    unic_array rows = rows_of(z, ROWS, dim);
    if (!numbers_taken(unic_codebook_assign(cb, &rows, codes), "assigning", kind))
        return;
    for (size_t r = 0; r < ROWS; r++)
        assert_nearest(cb, z + r * dim, codes[r]);
    if (numbers_taken(unic_codebook_distances(cb, distances), "distances", kind))
        ck_assert(numbers_finite(distances, unic_codebook_code_count(cb)));
    uint64_t before = unic_codebook_fingerprint(cb);
    const float *targets[2] = {z, z};
    const int32_t *both[2] = {codes, codes};
    for (int i = 0; i < 3; i++)
        if (!numbers_taken(unic_codebook_update(cb, 0.5F, row_counts, targets, both), "update",
                           kind))
            ck_assert(i > 0 || unic_codebook_fingerprint(cb) == before);
    assert_finite_book(cb);
    if (numbers_taken(unic_codebook_revive(&revived, cb, UNIC_RESET_ANY, 0, 0, &rows, 1),
                      "revival", kind))
        assert_finite_book(cb);
}

START_TEST(a_codebook_takes_or_refuses_every_kind_of_number)
{
    size_t dim = books[_i].dim;
    for (int of_codes = 0; of_codes < NUMBER_KINDS; of_codes++)
        for (int of_rows = 0; of_rows < NUMBER_KINDS; of_rows++) {
            unic_codebook *cb = book_of(books[_i].codes, dim, (numbers)of_codes);
            float *z = numbers_new((numbers)of_rows, ROWS * dim, 9);
            use_book(cb, z, (numbers)of_rows);
            unic_array rows = rows_of(z, ROWS, dim);
            for (size_t iterations = 0; iterations < 4; iterations += 3) {
                uint64_t before = unic_codebook_fingerprint(cb);
                const unic_codebook_init_options o = {.struct_size = sizeof o,
                                                      .iterations = iterations};
                if (!numbers_taken(unic_codebook_init(cb, &rows, &o), "start",
                                   (numbers)of_rows))
                    ck_assert(unic_codebook_fingerprint(cb) == before);
                assert_finite_book(cb);
            }
            use_book(cb, z, (numbers)of_rows);
            free(z);
            unic_codebook_free(cb);
        }
}
END_TEST

/* ---- heads ---- */

enum { CLASSES = 3 };

typedef struct clips {
    size_t count, length;
    int32_t *codes,
        *labels; /* [count,length]; [count,length,CLASSES], of which any front is used */
} clips;

/* Every third step is padding, or all of them. */
static clips clips_new(size_t count, size_t length, size_t codes, bool padding, bool multi)
{
    clips c = {count, length, malloc(count * length * sizeof *c.codes),
               malloc(count * length * CLASSES * sizeof *c.labels)};
    ck_assert(c.codes && c.labels);
    for (size_t i = 0; i < count * length; i++)
        c.codes[i] = padding || (i % 3 == 2 && length > 1) ? -1 : (int32_t)(i % codes);
    for (size_t i = 0; i < count * length * CLASSES; i++)
        c.labels[i] = (int32_t)(i % (multi ? 2 : CLASSES));
    return c;
}

static void clips_free(clips *c)
{
    free(c->codes);
    free(c->labels);
}

/* Its state is finite: saving refuses what is not. */
static void assert_head_loads(const unic_head *head)
{
    unic_head *again;
    io_assert_ok(unic_head_save(head, small_path("head.npz")));
    io_assert_ok(unic_head_load(&again, small_path("head.npz"), NULL));
    unic_head_free(again);
}

static bool all_padding(const clips *c)
{
    size_t i = 0;
    while (i < c->count * c->length && c->codes[i] < 0)
        i++;
    return i == c->count * c->length;
}

static void use_head(unic_head *head, const clips *c, numbers kind)
{
    float *logits = malloc(c->count * c->length * CLASSES * sizeof *logits);
    double loss = 0.0;
    unic_status status = unic_head_fit(&loss, head, c->codes, c->count, c->length, c->labels);
    if (all_padding(c)) {
        io_assert_fails(status, UNIC_E_VALUE, "nothing to learn from");
    } else {
        bool taken = numbers_taken(status, "a head's fit", kind);
        ck_assert(!taken || loss - loss == 0.0);
        ck_assert_msg(taken || kind > TINY, "kind %d: %s", kind, unic_last_error());
    }
    unic_head_options o = {.struct_size = sizeof o};
    io_assert_ok(unic_head_settings(&o, head));
    if (numbers_taken(unic_head_predict(head, c->codes, c->count, c->length, logits),
                      "a prediction", kind))
        ck_assert(numbers_finite(logits, c->count * CLASSES *
                                             (o.kind == UNIC_HEAD_CLIP ? 1 : c->length)));
    free(logits);
}

START_TEST(a_head_takes_or_refuses_every_kind_of_number)
{
    const size_t shapes[][2] = {{1, 1}, {1, 4}, {6, 1}, {6, 4}, {2, 1000}};
    for (int kind = 0; kind < NUMBER_KINDS; kind++)
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++)
            for (int32_t of = UNIC_HEAD_CLIP; of <= UNIC_HEAD_STEP_MULTI; of++) {
                unic_codebook *cb = book_of(books[_i].codes, books[_i].dim, (numbers)kind);
                unic_head *head;
                unic_head_options o = {.struct_size = sizeof o,
                                       .kind = of,
                                       .class_count = CLASSES,
                                       .hidden = 3,
                                       .epochs = 3,
                                       .batch = 4};
                io_assert_ok(unic_head_create(&head, cb, &o));
                head->trained = true; /* its fit may refuse */
                for (int padding = 0; padding < 2; padding++) {
                    clips c = clips_new(shapes[s][0], shapes[s][1], books[_i].codes, padding,
                                        of == UNIC_HEAD_STEP_MULTI);
                    use_head(head, &c, (numbers)kind);
                    clips_free(&c);
                }
                assert_head_loads(head);
                unic_head_free(head);
                unic_codebook_free(cb);
            }
}
END_TEST

/* ---- retrievers ---- */

static void assert_retriever_loads(const unic_retriever *r)
{
    unic_retriever *again;
    io_assert_ok(unic_retriever_save(r, small_path("retriever.npz")));
    io_assert_ok(unic_retriever_load(&again, small_path("retriever.npz"), NULL));
    unic_retriever_free(again);
}

static void use_retriever(unic_retriever *r, const clips *c, const unic_array *items,
                          numbers kind)
{
    enum { DIM = 3 };
    float *out = malloc(c->count * DIM * sizeof *out);
    double loss;
    bool taken = numbers_taken(
        unic_retriever_fit(&loss, r, c->codes, c->count, c->length, items), "a retriever's fit",
        kind);
    ck_assert(!taken || loss - loss == 0.0);
    if (numbers_taken(unic_retriever_queries(r, c->codes, c->count, c->length, out), "queries",
                      kind))
        ck_assert(numbers_finite(out, c->count * DIM));
    if (numbers_taken(unic_retriever_items(r, items, out), "items", kind))
        ck_assert(numbers_finite(out, c->count * DIM));
    free(out);
}

START_TEST(a_retriever_takes_or_refuses_every_kind_of_number)
{
    const size_t shapes[][2] = {{2, 1}, {6, 4}, {2, 1000}};
    for (int of_codes = 0; of_codes < NUMBER_KINDS; of_codes++)
        for (int of_items = 0; of_items < NUMBER_KINDS; of_items++)
            for (size_t s = 0; s < 3; s++) {
                unic_codebook *cb = book_of(books[_i].codes, books[_i].dim, (numbers)of_codes);
                unic_retriever *r;
                unic_retriever_options o = {.struct_size = sizeof o,
                                            .item_dim = MOST_DIM,
                                            .hidden = 3,
                                            .dim = 3,
                                            .epochs = 2,
                                            .batch = 4};
                io_assert_ok(unic_retriever_create(&r, cb, &o));
                r->trained = true; /* its fit may refuse */
                clips c = clips_new(shapes[s][0], shapes[s][1], books[_i].codes, false, false);
                float *x = numbers_new((numbers)of_items, c.count * MOST_DIM, 2);
                unic_array items = rows_of(x, c.count, MOST_DIM);
                use_retriever(r, &c, &items,
                              (numbers)(of_codes > of_items ? of_codes : of_items));
                free(x);
                clips_free(&c);
                if (s == 1)
                    assert_retriever_loads(r);
                unic_retriever_free(r);
                unic_codebook_free(cb);
            }
}
END_TEST

/* ---- segmenters ---- */

enum { SIZE = 16, PIXELS = SIZE * SIZE };

static void assert_segmenter_loads(const unic_segmenter *s)
{
    unic_segmenter *again;
    io_assert_ok(unic_segmenter_save(s, small_path("segmenter.npz")));
    io_assert_ok(unic_segmenter_load(&again, small_path("segmenter.npz"), NULL));
    unic_segmenter_free(again);
}

static void use_segmenter(unic_segmenter *s, size_t count, size_t length, size_t codes,
                          numbers kind)
{
    const int64_t frame[5] = {(int64_t)count, 1, SIZE, SIZE, 1};
    float *x = numbers_new(kind, count * PIXELS, 3), *y = numbers_new(ZERO, count * PIXELS, 3);
    float *logits = malloc(count * PIXELS * sizeof *logits);
    unic_array frames, masks;
    const unic_array *images[1] = {&frames};
    clips c = clips_new(count, length, codes, false, false);
    unic_array_init(&frames, x, UNIC_F32, 5, frame);
    unic_array_init(&masks, y, UNIC_F32, 4, frame);
    for (size_t i = 0; i < count * PIXELS; i++)
        y[i] = i % 3 == 0 ? 1.0F : 0.0F;
    for (int step = 0; step < 2; step++) {
        double loss;
        bool taken = numbers_taken(
            unic_segmenter_step(&loss, s, images, 1, c.codes, length, &masks), "a step", kind);
        ck_assert(!taken || loss - loss == 0.0);
        if (numbers_taken(unic_segmenter_predict(s, images, 1, c.codes, length, logits),
                          "a prediction", kind))
            ck_assert(numbers_finite(logits, count * PIXELS));
    }
    free(x);
    free(y);
    free(logits);
    clips_free(&c);
}

START_TEST(a_segmenter_takes_or_refuses_every_kind_of_number)
{
    for (int of_codes = 0; of_codes < NUMBER_KINDS; of_codes++)
        for (int kind = 0; kind < NUMBER_KINDS; kind++) {
            unic_codebook *cb = book_of(books[_i].codes, books[_i].dim, (numbers)of_codes);
            unic_segmenter *s;
            unic_segmenter_options o = {.struct_size = sizeof o,
                                        .image_channels = 1,
                                        .height = SIZE,
                                        .width = SIZE,
                                        .level_count = 1,
                                        .level_channels = {3},
                                        .channels = 3,
                                        .inner = 2,
                                        .dilations = {1, 2, 3, 4},
                                        .output_channels = {3, 2},
                                        .batch = 2,
                                        .learning_rate = 0.01F};
            io_assert_ok(unic_segmenter_create(&s, cb, &o));
            s->trained = true; /* its step may refuse */
            use_segmenter(s, 1, 1, books[_i].codes, (numbers)kind);
            use_segmenter(s, 2, 3, books[_i].codes, (numbers)kind);
            assert_segmenter_loads(s);
            unic_segmenter_free(s);
            unic_codebook_free(cb);
        }
}
END_TEST

/* ---- indices ---- */

START_TEST(an_index_takes_or_refuses_every_kind_of_number)
{
    for (int of_items = 0; of_items < NUMBER_KINDS; of_items++)
        for (int of_queries = 0; of_queries < NUMBER_KINDS; of_queries++)
            for (size_t dim = 1; dim <= MOST_DIM; dim += MOST_DIM - 1) {
                unic_index *index, *again;
                unic_index_options o = {.struct_size = sizeof o, .dim = dim, .metric = _i};
                float *x = numbers_new((numbers)of_items, ROWS * dim, 1);
                float *q = numbers_new((numbers)of_queries, ROWS * dim, 2), scores[ROWS * 2];
                unic_array items = rows_of(x, ROWS, dim), queries = rows_of(q, ROWS, dim);
                int64_t ids[ROWS * 2], ranks[ROWS], own[ROWS];
                numbers worst = (numbers)(of_items > of_queries ? of_items : of_queries);
                for (size_t i = 0; i < ROWS; i++)
                    own[i] = (int64_t)i;
                io_assert_ok(unic_index_create(&index, &o));
                if (numbers_taken(unic_index_add(index, &items, NULL), "adding", worst)) {
                    if (numbers_taken(unic_index_search(index, &queries, 2, NULL, ids, scores),
                                      "a search", worst))
                        ck_assert_msg(numbers_finite(scores, ROWS * 2),
                                      "metric %d: items of kind %d, queries of kind %d", _i,
                                      of_items, of_queries);
                    numbers_taken(unic_index_rank(index, &queries, own, NULL, ranks), "ranks",
                                  worst);
                } else {
                    ck_assert_uint_eq(unic_index_item_count(index), 0);
                }
                if (of_queries == 0) {
                    io_assert_ok(unic_index_save(index, small_path("index.npz")));
                    io_assert_ok(unic_index_load(&again, small_path("index.npz"), NULL));
                    unic_index_free(again);
                }
                unic_index_free(index);
                free(x);
                free(q);
            }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("numbers");
    tcase_add_loop_test(t, a_codebook_takes_or_refuses_every_kind_of_number, 0, BOOKS);
    tcase_add_loop_test(t, a_head_takes_or_refuses_every_kind_of_number, 0, BOOKS);
    tcase_add_loop_test(t, a_retriever_takes_or_refuses_every_kind_of_number, 0, BOOKS);
    tcase_add_loop_test(t, a_segmenter_takes_or_refuses_every_kind_of_number, 0, BOOKS);
    tcase_add_loop_test(t, an_index_takes_or_refuses_every_kind_of_number, UNIC_INDEX_INNER,
                        UNIC_INDEX_INTERSECTION + 1);
    return small_run("numbers/tasks", t);
}
