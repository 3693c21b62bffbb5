/* The kind "bert": a narrow network by double loops, words and pieces, lists of words, what is refused, saving and
 * loading. tests/extract/test_bert.py has BERT-base's sizes, and random texts. */
#include "extract/extract.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/bundle.h"
#include "extract/small_bert.h"
#include "file/io_help.h"
#include "model/small_model.h"

enum { ALL = 1000, D = SMALL_BERT_DIM, MOST = 8, HEADS = 2 };

static unic_status load_text(unic_extractor *e, const char *text, int32_t list)
{
    unic_source source;
    unic_source_memory(&source, text, strlen(text), "w.txt");
    return unic_extractor_load_words_source(e, &source, list, NULL);
}

static unic_extractor *made(const char *more)
{
    char settings[256];
    unic_extractor *e;
    snprintf(settings, sizeof settings, "%s%s", SMALL_BERT, more);
    io_assert_ok(unic_extractor_create(&e, settings, NULL));
    return e;
}

static unic_extractor *loaded(const char *more)
{
    unic_extractor *e = made(more);
    io_assert_ok(small_bert(io_path("bert.npz"), ALL, ALL));
    io_assert_ok(load_text(e, SMALL_BERT_WORDS, UNIC_EXTRACTOR_VOCABULARY));
    io_assert_ok(unic_extractor_load_weights(e, io_path("bert.npz"), NULL));
    return e;
}

static size_t extract(unic_extractor *e, const char *text, float y[MOST * D])
{
    size_t steps;
    io_assert_ok(unic_extractor_extract_text(&steps, e, text, strlen(text), MOST, y));
    return steps;
}

/* ---- by double loops ---- */

static float *values[SMALL_BERT_TENSORS];

static void naive_norm(double *x, size_t rows, size_t tensor)
{
    for (size_t r = 0; r < rows; r++, x += D) {
        double mean = 0, square = 0;
        for (size_t j = 0; j < D; j++)
            mean += x[j] / D;
        for (size_t j = 0; j < D; j++)
            square += (x[j] - mean) * (x[j] - mean) / D;
        for (size_t j = 0; j < D; j++)
            x[j] = (x[j] - mean) / sqrt(square + 1e-12) * values[tensor][j] +
                   values[tensor + 1][j];
    }
}

static void naive_linear(double *y, const double *x, size_t rows, size_t out, size_t in,
                         size_t tensor)
{
    for (size_t i = 0; i < rows * out; i++) {
        y[i] = values[tensor + 1][i % out];
        for (size_t k = 0; k < in; k++)
            y[i] += x[i / out * in + k] * values[tensor][i % out * in + k];
    }
}

static void naive_attention(double *o, const double *q, const double *k, const double *v,
                            size_t n)
{
    enum { W = D / HEADS };
    for (size_t t = 0; t < n; t++)
        for (size_t h = 0; h < HEADS; h++) {
            double weight[MOST], sum = 0;
            for (size_t s = 0; s < n; s++) {
                double dot = 0;
                for (size_t j = 0; j < W; j++)
                    dot += q[t * D + h * W + j] * k[s * D + h * W + j];
                sum += weight[s] = exp(dot / sqrt(W));
            }
            for (size_t j = 0; j < W; j++) {
                double *y = &o[t * D + h * W + j];
                *y = 0;
                for (size_t s = 0; s < n; s++)
                    *y += weight[s] / sum * v[s * D + h * W + j];
            }
        }
}

static void naive_layer(double x[MOST * D], size_t n, size_t tensor)
{
    double q[MOST * D], k[MOST * D], v[MOST * D], o[MOST * D], h[MOST * D],
        f[MOST * SMALL_BERT_WIDE];
    naive_linear(q, x, n, D, D, tensor);
    naive_linear(k, x, n, D, D, tensor + 2);
    naive_linear(v, x, n, D, D, tensor + 4);
    naive_attention(o, q, k, v, n);
    naive_linear(h, o, n, D, D, tensor + 6);
    for (size_t i = 0; i < n * D; i++)
        h[i] += x[i];
    naive_norm(h, n, tensor + 8);
    naive_linear(f, h, n, SMALL_BERT_WIDE, D, tensor + 10);
    for (size_t i = 0; i < n * SMALL_BERT_WIDE; i++)
        f[i] *= 0.5 * (1 + erf(f[i] / sqrt(2)));
    naive_linear(x, f, n, D, SMALL_BERT_WIDE, tensor + 12);
    for (size_t i = 0; i < n * D; i++)
        x[i] += h[i];
    naive_norm(x, n, tensor + 14);
}

static void naive(double x[MOST * D], const int *pieces, size_t n)
{
    for (size_t i = 0; i < SMALL_BERT_TENSORS; i++)
        values[i] = small_bert_values(i);
    for (size_t i = 0; i < n * D; i++)
        x[i] = (double)values[0][pieces[i / D] * D + i % D] + values[1][i] + values[2][i % D];
    naive_norm(x, n, 3);
    for (size_t l = 0; l < SMALL_BERT_LAYERS; l++)
        naive_layer(x, n, 5 + 16 * l);
    for (size_t i = 0; i < SMALL_BERT_TENSORS; i++)
        free(values[i]);
}

static void check_row(const float *got, const double *want)
{
    for (size_t j = 0; j < D; j++)
        ck_assert_msg(fabs(got[j] - want[j]) < 1e-5, "dim %zu is %g, expected %g", j,
                      (double)got[j], want[j]);
}

/* "Twos one dog" is [CLS] two ##s one do ##g [SEP]. */
START_TEST(words_and_pieces_are_what_double_loops_give)
{
    static const int pieces[] = {2, 5, 6, 4, 7, 8, 3};
    double want[MOST * D], mean[3][D];
    float y[MOST * D];
    unic_extractor *e = loaded("steps = pieces");
    naive(want, pieces, 7);
    ck_assert_uint_eq(extract(e, "Twos one dog", y), 5);
    for (size_t t = 0; t < 5; t++)
        check_row(y + t * D, want + (t + 1) * D);
    unic_extractor_free(e);
    e = loaded("");
    ck_assert_uint_eq(extract(e, "Twos one dog", y), 3);
    for (size_t j = 0; j < D; j++) {
        mean[0][j] = (want[D + j] + want[2 * D + j]) / 2;
        mean[1][j] = want[3 * D + j];
        mean[2][j] = (want[4 * D + j] + want[5 * D + j]) / 2;
    }
    for (size_t t = 0; t < 3; t++)
        check_row(y + t * D, mean[t]);
    /* a longer text loses its last pieces, in the middle of a word too; a shorter one follows */
    static const int cut[] = {2, 4, 5, 4, 5, 4, 7, 3};
    naive(want, cut, 8);
    ck_assert_uint_eq(extract(e, "one two one two one dog dogs .", y), 6);
    for (size_t t = 0; t < 6; t++)
        check_row(y + t * D, want + (t + 1) * D);
    static const int unknown[] = {2, 1, 9, 3};
    naive(want, unknown, 4);
    ck_assert_uint_eq(extract(e, "d\303\266g!one.", y), 4); /* dog ! one . */
    ck_assert_uint_eq(extract(e, "cat.", y), 2);
    check_row(y, want + D);
    check_row(y + D, want + 2 * D);
    ck_assert_uint_eq(extract(e, "", y), 0);
    ck_assert_uint_eq(extract(e, " \xc2\xad\n", y), 0);
    unic_extractor_free(e);
}
END_TEST

START_TEST(only_words_of_the_list_are_kept)
{
    float all[MOST * D], y[MOST * D];
    unic_extractor *e = loaded("");
    const uint64_t before = unic_extractor_fingerprint(e);
    ck_assert_uint_eq(extract(e, "dog one cat two twos", all), 5);
    io_assert_ok(
        load_text(e, "\xef\xbb\xbfone\r\ntwo\r\n\r\n dog\ncat\n", UNIC_EXTRACTOR_KEEP));
    ck_assert(unic_extractor_fingerprint(e) != before);
    /* dog has two pieces, twos too, cat none; the others' features are as before */
    ck_assert_uint_eq(extract(e, "dog one cat two twos", y), 2);
    ck_assert_mem_eq(y, all + D, D * sizeof *y);
    ck_assert_mem_eq(y + D, all + 3 * D, D * sizeof *y);
    ck_assert_uint_eq(extract(e, "dog cat", y), 0);
    io_assert_ok(load_text(e, "", UNIC_EXTRACTOR_KEEP));
    ck_assert_uint_eq(extract(e, "dog one two", y), 0);
    unic_extractor_free(e);
}
END_TEST

static void refuses(unic_extractor *e, const char *text, int32_t list, unic_status status,
                    const char *message)
{
    io_assert_fails(load_text(e, text, list), status, message);
}

START_TEST(lists_that_are_refused)
{
    unic_extractor *e = loaded(""), *pieces = made("steps = pieces"), *other;
    const uint64_t before = unic_extractor_fingerprint(e);
    refuses(e, "[CLS]\n[SEP]\n", UNIC_EXTRACTOR_VOCABULARY, UNIC_E_FORMAT,
            "unic_extractor_load_words_source: w.txt: no vocabulary of BERT: it has no line "
            "\"[UNK]\"");
    refuses(e, SMALL_BERT_WORDS "more\n", UNIC_EXTRACTOR_VOCABULARY, UNIC_E_FORMAT,
            "the vocabulary has 11 pieces, the network knows 10");
    refuses(
        e, "one\nTwo\n", UNIC_EXTRACTOR_KEEP, UNIC_E_FORMAT,
        "line 2 of the words to keep is not one word as the tokenizer makes them: its first "
        "one is \"two\"");
    refuses(e, "dog's", UNIC_EXTRACTOR_KEEP, UNIC_E_FORMAT, "line 1 of the words to keep");
    refuses(e, "a b", UNIC_EXTRACTOR_KEEP, UNIC_E_FORMAT, "line 1 of the words to keep");
    refuses(e, "\xc2\xad", UNIC_EXTRACTOR_KEEP, UNIC_E_FORMAT, "its first one is \"\"");
    refuses(e, "\xff", UNIC_EXTRACTOR_KEEP, UNIC_E_FORMAT, "line 1 is not UTF-8");
    refuses(e, "a", 3, UNIC_E_ARG,
            "list = 3 is not UNIC_EXTRACTOR_VOCABULARY (1) or "
            "UNIC_EXTRACTOR_KEEP (2)");
    refuses(pieces, "one", UNIC_EXTRACTOR_KEEP, UNIC_E_ARG,
            "words are kept or dropped where steps = words");
    io_assert_ok(unic_extractor_create(&other, "kind = ngrams", NULL));
    refuses(other, "a", UNIC_EXTRACTOR_KEEP, UNIC_E_ARG,
            "an extractor of kind ngrams reads no lists of words");
    io_assert_fails(
        unic_extractor_load_words(e, io_path("absent.txt"), UNIC_EXTRACTOR_KEEP, NULL),
        UNIC_E_NOTFOUND, "unic_extractor_load_words: ");
    io_assert_fails(unic_extractor_load_words(NULL, "a", UNIC_EXTRACTOR_KEEP, NULL), UNIC_E_ARG,
                    "extractor is NULL");
    io_assert_fails(unic_extractor_load_words(e, NULL, UNIC_EXTRACTOR_KEEP, NULL), UNIC_E_ARG,
                    "path is NULL");
    refuses(NULL, "a", UNIC_EXTRACTOR_KEEP, UNIC_E_ARG, "extractor is NULL");
    ck_assert(unic_extractor_fingerprint(e) == before);
    unic_extractor_free(e);
    unic_extractor_free(pieces);
    unic_extractor_free(other);
}
END_TEST

static int64_t read_spaces(void *out, size_t bytes, int64_t offset, void *user)
{
    (void)user;
    (void)offset;
    memset(out, ' ', bytes);
    return (int64_t)bytes;
}

START_TEST(a_list_is_not_endless)
{
    unic_extractor *e = made("");
    unic_source source = {.struct_size = sizeof source,
                          .name = "many.txt",
                          .size = UNIC__WORD_LIST_MOST + 1,
                          .read_at = read_spaces};
    io_assert_fails(unic_extractor_load_words_source(e, &source, UNIC_EXTRACTOR_KEEP, NULL),
                    UNIC_E_FORMAT,
                    "many.txt has more than 16777216 bytes, too many for a list of words");
    unic_extractor_free(e);
}
END_TEST

static void refuses_weights(const char *more, size_t without, size_t cut, unic_status status,
                            const char *message)
{
    unic_extractor *e = made(more);
    io_assert_ok(load_text(e, SMALL_BERT_WORDS, UNIC_EXTRACTOR_VOCABULARY));
    io_assert_ok(small_bert(io_path("wrong.npz"), without, cut));
    io_assert_fails(unic_extractor_load_weights(e, io_path("wrong.npz"), NULL), status,
                    message);
    unic_extractor_free(e);
}

/* A file of the weights in which tensor `changed` has another name, or other dims; NULL: its own. */
static void changed_bert(const char *path, size_t changed, const char *as, int rank,
                         const int64_t *dims)
{
    unic_npz_writer *w;
    io_assert_ok(unic_npz_writer_create(&w, path));
    for (size_t i = 0; i < SMALL_BERT_TENSORS; i++) {
        char name[96];
        unic_array array;
        const small_bert_tensor *t = small_bert_at(i, name);
        float *x = small_bert_values(i);
        const bool here = i == changed;
        unic_array_init(&array, x, UNIC_F32,
                        here && dims ? rank
                        : t->dims[1] ? 2
                                     : 1,
                        here && dims ? dims : t->dims);
        io_assert_ok(unic_npz_writer_add(w, here && as ? as : name, &array));
        free(x);
    }
    io_assert_ok(unic_npz_writer_finish(w));
    unic_npz_writer_free(w);
}

static void refuses_changed(size_t changed, const char *as, int rank, const int64_t *dims,
                            const char *message)
{
    unic_extractor *e = made("");
    changed_bert(io_path("wrong.npz"), changed, as, rank, dims);
    io_assert_fails(unic_extractor_load_weights(e, io_path("wrong.npz"), NULL), UNIC_E_FORMAT,
                    message);
    unic_extractor_free(e);
}

static void refuses_heads(const char *settings, const char *message)
{
    unic_extractor *e;
    io_assert_ok(unic_extractor_create(&e, settings, NULL));
    io_assert_ok(small_bert(io_path("wrong.npz"), ALL, ALL));
    io_assert_fails(unic_extractor_load_weights(e, io_path("wrong.npz"), NULL), UNIC_E_CONFIG,
                    message);
    unic_extractor_free(e);
}

START_TEST(weights_that_are_refused)
{
    refuses_weights("", 0, ALL, UNIC_E_FORMAT,
                    "wrong.npz: embeddings.word_embeddings.weight of BERT: embeddings.* and "
                    "encoder.layer.<i>.* as Hugging Face names them is missing (the file has ");
    refuses_weights("", 3, ALL, UNIC_E_FORMAT, "embeddings.LayerNorm.weight [6] is missing");
    refuses_weights("", 7, ALL, UNIC_E_FORMAT,
                    "encoder.layer.0.attention.self.key.weight [6,6] is missing");
    refuses_weights("", ALL, 5 + 16 + 4, UNIC_E_FORMAT,
                    "encoder.layer.1.attention.self.value.weight is [5,6], expected [6,6]");
    refuses_weights("", ALL, 0, UNIC_E_FORMAT,
                    "wrong.npz: the network knows 9 pieces, the vocabulary has 10");
    refuses_heads("kind = bert\nheads = 4\nmax_seq_length = 8",
                  "heads = 4 does not divide the network's 6 dims");
    refuses_heads(
        "kind = bert\nmax_seq_length = 8",
        "heads = 0 does not divide the network's 6 dims (0 stands for dims / 64): set "
        "heads");
    refuses_heads("kind = bert\nheads = 1\nmax_seq_length = 10",
                  "the network takes up to 9 pieces, max_seq_length = 10");
}
END_TEST

/* Once the network ended before the first layer that had no such tensor, and was taken as it was. */
START_TEST(a_part_of_a_network_is_no_smaller_one)
{
    enum { FIRST = 5, SECOND = 5 + 16, WIDE = FIRST + 11 };
    refuses_weights(
        "", FIRST, ALL, UNIC_E_FORMAT,
        "1 of the tensors of BERT: embeddings.* and encoder.layer.<i>.* as Hugging Face "
        "names them is not as expected: encoder.layer.0.attention.self.query.weight "
        "[6,6] is missing");
    refuses_weights("", SECOND, ALL, UNIC_E_FORMAT,
                    "encoder.layer.1.attention.self.query.weight [6,6] is missing");
    refuses_changed(SECOND, "encoder.layer.2.attention.self.query.weight", 0, NULL,
                    "layer.1.attention.self.query.weight [6,6] is missing");
    refuses_changed(SECOND, "encoder.layer.3.attention.self.query.weight", 0, NULL,
                    "wrong.npz: has layer 3 of BERT, but 3 layers in all: it is a part of a "
                    "network");
    refuses_changed(SECOND, "encoder.layer.99999999999999999999.output", 0, NULL,
                    "encoder.layer.1.attention.self.query.weight [6,6] is missing");
    refuses_changed(SECOND, "encoder.layers", 0, NULL,
                    "encoder.layer.1.attention.self.query.weight [6,6] is missing");
    refuses_weights("", WIDE, ALL, UNIC_E_FORMAT,
                    "encoder.layer.0.intermediate.dense.bias of BERT");
}
END_TEST

START_TEST(sizes_that_are_refused)
{
    refuses_changed(0, NULL, 1, (const int64_t[]){60},
                    "wrong.npz: embeddings.word_embeddings.weight is [60], a matrix expected");
    refuses_changed(1, NULL, 2, (const int64_t[]){9, 0},
                    "embeddings.position_embeddings.weight is [9,0], a matrix expected");
    refuses_changed(2, NULL, 1, (const int64_t[]){12},
                    "embeddings.token_type_embeddings.weight is [12], a matrix expected");
    refuses_changed(5 + 11, NULL, 2, (const int64_t[]){5, 1},
                    "encoder.layer.0.intermediate.dense.bias is [5,1], a vector expected");
}
END_TEST

START_TEST(nothing_is_extracted_before_all_is_there)
{
    float y[MOST * D];
    size_t steps;
    unic_extractor *e = made("");
    io_assert_fails(unic_extractor_extract_text(&steps, e, "one", 3, MOST, y), UNIC_E_STATE,
                    "an extractor of kind bert has no vocabulary until "
                    "unic_extractor_load_words() has read it");
    io_assert_fails(unic_extractor_save(e, io_path("out.npz")), UNIC_E_STATE, "no vocabulary");
    io_assert_ok(load_text(e, SMALL_BERT_WORDS, UNIC_EXTRACTOR_VOCABULARY));
    io_assert_ok(unic_extractor_extract_text(&steps, e, "one dogs", 8, 0, NULL));
    ck_assert_uint_eq(steps, 2);
    io_assert_fails(unic_extractor_extract_text(&steps, e, "one", 3, MOST, y), UNIC_E_STATE,
                    "has no weights until");
    io_assert_fails(unic_extractor_save(e, io_path("out.npz")), UNIC_E_STATE, "no weights");
    io_assert_fails(unic_extractor_extract_text(&steps, e, "on\xff", 3, MOST, y), UNIC_E_VALUE,
                    "the text is not UTF-8: byte 2 is 0xff");
    unic_extractor_free(e);
}
END_TEST

START_TEST(one_file_is_the_whole_extractor)
{
    float y[MOST * D], z[MOST * D];
    unic_extractor *e = loaded(""), *again;
    io_assert_ok(load_text(e, "one\ntwo", UNIC_EXTRACTOR_KEEP));
    ck_assert_uint_eq(extract(e, "one dog two.", y), 2);
    io_assert_ok(unic_extractor_save(e, io_path("saved.npz")));
    io_assert_ok(unic_extractor_load(&again, io_path("saved.npz"), NULL));
    ck_assert(unic_extractor_fingerprint(e) == unic_extractor_fingerprint(again));
    ck_assert_uint_eq(extract(again, "one dog two.", z), 2);
    ck_assert_mem_eq(y, z, 2 * D * sizeof *y);
    unic_extractor_free(again);
    /* other lists are another extractor */
    const uint64_t before = unic_extractor_fingerprint(e);
    io_assert_ok(load_text(e, "one\ntwo\n.", UNIC_EXTRACTOR_KEEP));
    ck_assert(unic_extractor_fingerprint(e) != before);
    io_assert_ok(load_text(e, "one\r\ntwo\r\n\r\n", UNIC_EXTRACTOR_KEEP));
    ck_assert(unic_extractor_fingerprint(e) == before);
    unic_extractor_free(e);
}
END_TEST

/* An extractor's file with these texts in place of its own; NULL: without. */
static void refuses_file(const char *vocabulary, const char *keep, const char *message)
{
    unic__bundle b = {0};
    unic_extractor *e = (void *)&e;
    unic__bundle_text(&b, "extractor.ini", SMALL_BERT);
    if (keep)
        unic__bundle_text(&b, "keep.txt", keep);
    if (vocabulary)
        unic__bundle_text(&b, "vocabulary.txt", vocabulary);
    io_assert_ok(unic__bundle_write(&b, UNIC__TO_FILE(io_path("damaged.npz"))));
    io_assert_fails(unic_extractor_load(&e, io_path("damaged.npz"), NULL), UNIC_E_FORMAT,
                    message);
    ck_assert_ptr_null(e);
}

START_TEST(files_that_are_refused)
{
    refuses_file(NULL, NULL,
                 "damaged.npz: an extractor of kind bert has no member vocabulary.txt");
    refuses_file("a\n", NULL, "vocabulary.txt: no vocabulary of BERT");
    refuses_file(SMALL_BERT_WORDS, "A", "keep.txt: line 1 of the words to keep");
    refuses_file(SMALL_BERT_WORDS, "a", "embeddings.word_embeddings.weight of BERT");
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("bert");
    tcase_add_test(t, words_and_pieces_are_what_double_loops_give);
    tcase_add_test(t, only_words_of_the_list_are_kept);
    tcase_add_test(t, lists_that_are_refused);
    tcase_add_test(t, a_list_is_not_endless);
    tcase_add_test(t, weights_that_are_refused);
    tcase_add_test(t, a_part_of_a_network_is_no_smaller_one);
    tcase_add_test(t, sizes_that_are_refused);
    tcase_add_test(t, nothing_is_extracted_before_all_is_there);
    tcase_add_test(t, one_file_is_the_whole_extractor);
    tcase_add_test(t, files_that_are_refused);
    return small_run("extract/bert", t);
}
