/* Codes in groups: a code is the combination of its parts, quantised and moved each by itself. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "model/codebook.h"
#include "model/small_model.h"
#include "train/trainer.h"

enum { GROUPS = 2, K = 3, CODES = 9, DIM = 4, WIDTH = 2, ROWS = 40 };

static unic_codebook *codebook(void)
{
    unic_codebook *cb;
    io_assert_ok(unic__codebook_create(&cb, CODES, DIM, 2));
    for (size_t i = 0; i < CODES * DIM; i++)
        cb->embedding[i] = unic__random_uniform((unic__key){5}, i) - 0.5F;
    unic__codebook_set(cb, cb->embedding);
    unic__codebook_group_start(cb, GROUPS, K);
    return cb;
}

static void fill(float *z, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        z[i] = 2.0F * unic__random_uniform((unic__key){seed}, i) - 1.0F;
}

/* Part g of code k x (1 + K + ..), in which every part is k. */
static const float *part(const unic_codebook *cb, size_t g, size_t k)
{
    return cb->embedding + (k * K + k) * DIM + g * WIDTH;
}

static void require_tied(const unic_codebook *cb)
{
    for (size_t l = 0; l < CODES; l++) {
        ck_assert_int_eq(
            memcmp(cb->embedding + l * DIM, part(cb, 0, l / K), sizeof(float[WIDTH])), 0);
        ck_assert_int_eq(
            memcmp(cb->embedding + l * DIM + WIDTH, part(cb, 1, l % K), sizeof(float[WIDTH])),
            0);
    }
}

START_TEST(a_code_is_the_combination_of_its_parts)
{
    unic_codebook *cb = codebook();
    require_tied(cb);
    ck_assert_int_ne(memcmp(part(cb, 0, 0), part(cb, 0, 1), sizeof(float[WIDTH])), 0);
    unic__codebook_free(cb);
}
END_TEST

static size_t nearest_part(const unic_codebook *cb, size_t g, const float *z)
{
    size_t best = 0;
    double least = INFINITY;
    for (size_t k = 0; k < K; k++) {
        double d = 0.0;
        for (size_t i = 0; i < WIDTH; i++)
            d += pow((double)z[g * WIDTH + i] - (double)part(cb, g, k)[i], 2.0);
        if (d < least) {
            least = d;
            best = k;
        }
    }
    return best;
}

/* The nearest combination is that of the nearest parts; another first part leaves the second. */
START_TEST(parts_are_quantized_by_themselves)
{
    unic_codebook *cb = codebook();
    float z[ROWS * DIM];
    int32_t codes[ROWS], other[ROWS];
    fill(z, ROWS * DIM, 1);
    unic__codebook_nearest(cb, z, ROWS, codes);
    for (size_t r = 0; r < ROWS; r++)
        ck_assert_uint_eq((size_t)codes[r], K * nearest_part(cb, 0, z + r * DIM) +
                                                nearest_part(cb, 1, z + r * DIM));
    for (size_t r = 0; r < ROWS; r++)
        fill(z + r * DIM, WIDTH, 100 + r);
    unic__codebook_nearest(cb, z, ROWS, other);
    for (size_t r = 0; r < ROWS; r++)
        ck_assert_int_eq(codes[r] % K, other[r] % K);
    unic__codebook_free(cb);
}
END_TEST

/* The EMA of each group: N^g_k and o^g_k of its own, from the same starts. */
typedef struct naive {
    double count[GROUPS][K], sum[GROUPS][K][WIDTH];
} naive;

static naive naive_start(const unic_codebook *cb)
{
    naive n;
    for (size_t g = 0; g < GROUPS; g++)
        for (size_t k = 0; k < K; k++) {
            n.count[g][k] = K; /* the codes that have this part, each of weight 1 */
            for (size_t i = 0; i < WIDTH; i++)
                n.sum[g][k][i] = K * (double)part(cb, g, k)[i];
        }
    return n;
}

static void naive_update(naive *n, double decay, const float *z, const int32_t *codes)
{
    for (size_t g = 0; g < GROUPS; g++)
        for (size_t k = 0; k < K; k++) {
            double hits = 0.0, sum[WIDTH] = {0};
            for (size_t r = 0; r < ROWS; r++) {
                size_t own = g ? (size_t)codes[r] % K : (size_t)codes[r] / K;
                for (size_t i = 0; own == k && i < WIDTH; i++)
                    sum[i] += (double)z[r * DIM + g * WIDTH + i];
                hits += own == k;
            }
            n->count[g][k] = decay * n->count[g][k] + (1.0 - decay) * hits;
            for (size_t i = 0; i < WIDTH; i++)
                n->sum[g][k][i] = decay * n->sum[g][k][i] + (1.0 - decay) * sum[i];
        }
}

START_TEST(groups_move_as_codebooks_of_their_own)
{
    unic_codebook *cb = codebook();
    naive n = naive_start(cb);
    float z[ROWS * DIM], *scratch = malloc(unic__codebook_update_scratch(CODES, DIM) * 4);
    double room[WIDTH];
    int32_t codes[ROWS];
    for (uint64_t step = 0; step < 20; step++) {
        fill(z, ROWS * DIM, step);
        unic__codebook_nearest(cb, z, ROWS, codes);
        const unic__ema_part parts[2] = {{ROWS, z, codes}, {0, NULL, NULL}};
        io_assert_ok(unic__codebook_update(cb, UNIC__EMA_JOINT, 0.9, 1e-5, parts, scratch));
        unic__codebook_group(cb, GROUPS, K, room);
        naive_update(&n, 0.9, z, codes);
        require_tied(cb);
        for (size_t g = 0; g < GROUPS; g++)
            for (size_t k = 0; k < K; k++)
                for (size_t i = 0; i < WIDTH; i++)
                    ck_assert_double_eq_tol((double)part(cb, g, k)[i],
                                            n.sum[g][k][i] / n.count[g][k], 1e-5);
    }
    free(scratch);
    unic__codebook_free(cb);
}
END_TEST

/* One group is the plain quantiser: a step with code.groups = 1 says nothing of groups, and
 * tying one group changes no bit of what an update left. */
START_TEST(one_group_is_the_plain_quantizer)
{
    unic_codebook *cb, *plain;
    float z[ROWS * DIM], *scratch = malloc(unic__codebook_update_scratch(CODES, DIM) * 4);
    double room[DIM];
    int32_t codes[ROWS];
    io_assert_ok(unic__codebook_create(&cb, CODES, DIM, 2));
    fill(z, ROWS * DIM, 3);
    unic__codebook_set(cb, z);
    io_assert_ok(unic__codebook_copy(&plain, cb));
    unic__codebook_group_start(cb, 1, CODES);
    ck_assert_int_eq(memcmp(cb->embedding, plain->embedding, sizeof(float[CODES * DIM])), 0);
    unic__codebook_nearest(cb, z, ROWS, codes);
    const unic__ema_part parts[2] = {{ROWS, z, codes}, {0, NULL, NULL}};
    io_assert_ok(unic__codebook_update(cb, UNIC__EMA_JOINT, 0.9, 1e-5, parts, scratch));
    unic__codebook_assign_state(plain, cb);
    unic__codebook_group(cb, 1, CODES, room);
    for (size_t i = 0; i < CODES * DIM; i++)
        ck_assert_float_eq_tol(cb->embedding[i], plain->embedding[i], 1e-6F);
    free(scratch);
    unic__codebook_free(plain);
    unic__codebook_free(cb);
}
END_TEST

static const char turn[] = "objective = turn\ncode.count = 16\n";

/* The codes of a run are combinations before its first step too; with ema.start = uniform, as in
 * compat, that step assigns them. */
START_TEST(a_run_begins_with_groups)
{
    static const char *const more[] = {"", "behaviour = compat\n"};
    for (size_t i = 0; i < 2; i++) {
        char text[128];
        snprintf(text, sizeof text, "%s%s", turn, more[i]);
        unic_trainer *t = small_trainer(SMALL_TWO, text);
        const float *e = t->codebook->embedding, *o = t->codebook->sum;
        for (size_t l = 0; l < 16; l++)
            for (size_t d = 0; d < SMALL_DIM; d++) {
                size_t own = d < SMALL_DIM / 2 ? l / 4 : l % 4;
                ck_assert(e[l * SMALL_DIM + d] == e[(own * 4 + own) * SMALL_DIM + d]);
                ck_assert(o[l * SMALL_DIM + d] == e[l * SMALL_DIM + d]);
            }
        ck_assert(t->codebook->count[3] == (i ? 0.0F : 1.0F) && t->started == i);
        unic_trainer_free(t);
    }
}
END_TEST

/* A whole run: its codes stay combinations, and a model takes them step by step. */
START_TEST(a_run_keeps_its_groups)
{
    unic_trainer *t = small_trainer(SMALL_TWO, turn), *resumed;
    small_batch *b = small_batch_new(SMALL_TWO, 4, 5, 1);
    const char *path = small_path("groups.npz");
    for (int i = 0; i < 3; i++)
        io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    const unic_codebook *cb = t->codebook;
    for (size_t l = 0; l < 16; l++)
        for (size_t d = 0; d < SMALL_DIM; d++) {
            size_t own = d < SMALL_DIM / 2 ? l / 4 : l % 4;
            ck_assert(cb->embedding[l * SMALL_DIM + d] ==
                      cb->embedding[(own * 4 + own) * SMALL_DIM + d]);
        }
    io_assert_ok(unic_trainer_save(t, path));
    io_assert_ok(unic_trainer_resume(&resumed, path, NULL, NULL));
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    io_assert_ok(unic_trainer_step(resumed, b->batch, NULL, NULL));
    small_state one = small_state_of(t), other = small_state_of(resumed);
    ck_assert(small_states_equal(&one, &other));
    small_batch_free(b);
    unic_trainer_free(t);
    unic_trainer_free(resumed);
}
END_TEST

/* With code.pool = clip all steps of a clip have one code in training. */
START_TEST(clips_get_one_code)
{
    unic_trainer *t = small_trainer(SMALL_TWO, turn);
    small_batch *b = small_batch_new(SMALL_TWO, 4, 5, 1);
    b->lengths[1][2] = 2;
    io_assert_ok(unic_trainer_step(t, b->batch, NULL, NULL));
    for (size_t m = 0; m < 2; m++)
        for (size_t i = 0; i < 20; i++)
            ck_assert(t->codes[m * 20 + i] == t->codes[m * 20 + i / 5 * 5] ||
                      (m == 1 && i / 5 == 2 && t->codes[m * 20 + i] == -1));
    small_batch_free(b);
    unic_trainer_free(t);
}
END_TEST

/* The word of the objective brings a number of codes that its groups can have, and comes after the
 * preset's. */
START_TEST(every_preset_takes_turn)
{
    static const char *const presets[] = {"none", "small", "recommended"};
    static const char two[] = "modalities = a b\na.kind = vector\na.dims = 4\n"
                              "b.kind = vector\nb.dims = 4\nobjective = turn\n";
    for (size_t i = 0; i < 3; i++) {
        unic_config *c;
        io_assert_ok(unic_config_create(&c));
        io_assert_ok(unic_config_parse(c, two, NULL));
        io_assert_ok(unic_config_set(c, "preset", presets[i]));
        io_assert_ok(unic_config_check(c));
        ck_assert_uint_eq(c->code_count, 400);
        ck_assert_uint_eq(unic__config_group_size(c), 20);
        io_assert_ok(unic_config_set(c, "code.count", "200")); /* one's own number stays */
        io_assert_fails(unic_config_check(c), UNIC_E_CONFIG,
                        "set code.count = 196 (14 vectors");
        unic_config_free(c);
    }
}
END_TEST

START_TEST(counts_that_are_no_power_are_refused)
{
    static const struct {
        const char *groups, *count, *message;
    } cases[] = {
        {"2", "200",
         "code.count = 200 is not the number of combinations of code.groups = 2 equal "
         "groups of two or more vectors; set code.count = 196 (14 vectors each) or 225 "
         "(15 vectors each)"},
        {"3", "27", "code.dim = 8 is not divisible by code.groups = 3"},
        {"8", "3",
         "code.count = 3 is not the number of combinations of code.groups = 8 equal "
         "groups of two or more vectors; set code.count = 256 (2 vectors each)"}};
    for (size_t i = 0; i < 3; i++) {
        unic_config *c = small_config(SMALL_TWO, "");
        io_assert_ok(unic_config_set(c, "code.groups", cases[i].groups));
        io_assert_ok(unic_config_set(c, "code.count", cases[i].count));
        ck_assert_int_eq(unic_config_check(c), UNIC_E_CONFIG);
        ck_assert_ptr_nonnull(strstr(unic_last_error(), cases[i].message));
        unic_config_free(c);
    }
}
END_TEST

/* Codes are combinations only where the EMA moves them, and nothing starts single ones anew: a
 * run would go on with other codes than its config says, or with vectors that are torn apart. */
START_TEST(what_acts_on_single_codes_is_refused)
{
    static const char groups[] = "code.groups = 2\ncode.count = 16\n";
    static const struct {
        const char *more, *message;
    } cases[] = {
        {"codis.weight = 1\nreset.rule = off\n",
         "code.groups = 2 does not go with codis.weight = 1"},
        {"objective = codis\n", "code.groups = 2 does not go with codis.weight = 1"},
        {"", "code.groups = 2 does not go with reset.rule = two, which would put the parts of "
             "idle combinations into vectors that are in use; set reset.rule = off"},
        {"behaviour = compat\n", "code.groups = 2 does not go with reset.rule = any"},
    };
    unic_config *c;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        io_assert_ok(unic_config_create(&c));
        io_assert_ok(unic_config_parse(c, SMALL_TWO, NULL));
        io_assert_ok(unic_config_parse(c, groups, NULL));
        io_assert_ok(unic_config_parse(c, cases[i].more, NULL));
        io_assert_fails(unic_config_check(c), UNIC_E_CONFIG, cases[i].message);
        unic_config_free(c);
    }
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("groups");
    tcase_add_test(t, a_code_is_the_combination_of_its_parts);
    tcase_add_test(t, parts_are_quantized_by_themselves);
    tcase_add_test(t, groups_move_as_codebooks_of_their_own);
    tcase_add_test(t, one_group_is_the_plain_quantizer);
    tcase_add_test(t, a_run_begins_with_groups);
    tcase_add_test(t, a_run_keeps_its_groups);
    tcase_add_test(t, clips_get_one_code);
    tcase_add_test(t, every_preset_takes_turn);
    tcase_add_test(t, counts_that_are_no_power_are_refused);
    tcase_add_test(t, what_acts_on_single_codes_is_refused);
    return small_run("model/codebook_groups", t);
}
