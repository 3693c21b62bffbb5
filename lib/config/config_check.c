/* Checks of a whole config: required keys, and keys that must be consistent with each other. */
#include <stdio.h>
#include <string.h>

#include "config/config_keys.h"

/* Numbers in one batch of one modality's features: far from where buffers' sizes overflow. */
#define MOST_NUMBERS (UINT64_C(1) << 40)

/* Keys that only one kind has must not have been set for another. */
static unic_status check_applies(const unic__modality *m)
{
    for (size_t i = 0; i < unic__config_key_count; i++) {
        const unic__config_key *key = &unic__config_key_table[i];
        if (unic__key_applies(key, m->kind) || !unic__key_in(&m->set, i))
            continue;
        const char *suffix = strchr(key->name, '.');
        return unic__fail(UNIC_E_CONFIG, "%s%s is set, but %s is a %s and has no such part",
                          m->name, suffix, m->name, unic__config_kinds[m->kind].word);
    }
    return UNIC_OK;
}

static unic_status check_size(const unic_config *config, const unic__modality *m)
{
    uint64_t count = (uint64_t)config->batch * config->length; /* at most 2^32 */
    for (size_t i = 0; i < m->dims.rank; i++)
        if (__builtin_mul_overflow(count, (uint64_t)m->dims.dim[i], &count))
            count = UINT64_MAX;
    if (count > MOST_NUMBERS) {
        char dims[UNIC__SHAPE_TEXT];
        return unic__fail(UNIC_E_CONFIG,
                          "train.batch = %zu, train.length = %zu and %s.dims = %s are together "
                          "too large: a batch would have more than 2^40 numbers",
                          config->batch, config->length, m->name,
                          unic__shape_print(&m->dims, dims));
    }
    return UNIC_OK;
}

static unic_status check_modality(const unic_config *config, const unic__modality *m)
{
    if ((unsigned)m->kind >= UNIC__KIND_UNSET)
        return unic__fail(UNIC_E_CONFIG, "%s.kind is not set; expected grid, vector or token",
                          m->name);
    const unic__kind_rule *kind = &unic__config_kinds[m->kind];
    if (m->dims.rank == 0)
        return unic__fail(UNIC_E_CONFIG, "%s.dims is not set; a %s has %s", m->name, kind->word,
                          kind->dims);
    if (m->dims.rank != kind->rank)
        return unic__fail(UNIC_E_CONFIG, "%s.dims has %zu number%s, but a %s has %s", m->name,
                          m->dims.rank, m->dims.rank > 1 ? "s" : "", kind->word, kind->dims);
    if (m->dims.dim[0] < kind->smallest || (kind->rank == 3 && m->dims.dim[1] < kind->smallest))
        return unic__fail(UNIC_E_CONFIG,
                          "%s.dims = %zu %zu %zu is too small: two 3x3 convolutions need a "
                          "grid of at least %zu x %zu",
                          m->name, m->dims.dim[0], m->dims.dim[1], m->dims.dim[2],
                          kind->smallest, kind->smallest);
    UNIC__TRY(check_applies(m));
    return check_size(config, m);
}

/* Combinations of `groups` parts, each of k vectors. */
static size_t combinations(size_t k, size_t groups)
{
    size_t power = 1;
    for (size_t i = 0; i < groups; i++)
        if (__builtin_mul_overflow(power, k, &power))
            power = SIZE_MAX;
    return power;
}

/* The fewest vectors of a part with which there are code.count combinations or more. */
static size_t vectors_enough(const unic_config *config)
{
    size_t k = 1;
    while (combinations(k, config->code_groups) < config->code_count)
        k++;
    return k;
}

size_t unic__config_group_size(const unic_config *config)
{
    size_t k = vectors_enough(config);
    return combinations(k, config->code_groups) == config->code_count ? k : 0;
}

/* "196 (14 vectors each) or 225 (15 vectors each)": the counts beside one that is no power. */
static unic_status fail_count(const unic_config *config)
{
    const size_t groups = config->code_groups, enough = vectors_enough(config);
    const size_t above = enough < 2 ? 2 : enough, below = above - 1;
    char less[64] = "";
    if (below >= 2)
        snprintf(less, sizeof less, "%zu (%zu vectors each) or ", combinations(below, groups),
                 below);
    return unic__fail(UNIC_E_CONFIG,
                      "code.count = %zu is not the number of combinations of "
                      "code.groups = %zu equal groups of two or more vectors; set code.count = "
                      "%s%zu (%zu vectors each)",
                      config->code_count, groups, less, combinations(above, groups), above);
}

static unic_status check_groups(const unic_config *config)
{
    if (config->code_dim % config->code_groups != 0)
        return unic__fail(UNIC_E_CONFIG, "code.dim = %zu is not divisible by code.groups = %zu",
                          config->code_dim, config->code_groups);
    if (unic__config_group_size(config) < 2)
        return fail_count(config);
    if (config->code_groups > 1 && config->codis_weight > 0.0)
        return unic__fail(UNIC_E_CONFIG,
                          "code.groups = %zu does not go with codis.weight = %g: gradients "
                          "train each code by itself",
                          config->code_groups, config->codis_weight);
    if (config->code_groups > 1 && config->reset_rule != UNIC__RESET_OFF)
        return unic__fail(UNIC_E_CONFIG,
                          "code.groups = %zu does not go with reset.rule = %s, which would put "
                          "the parts of idle combinations into vectors that are in use; set "
                          "reset.rule = off",
                          config->code_groups,
                          config->reset_rule == UNIC__RESET_ANY ? "any" : "two");
    return UNIC_OK;
}

static unic_status check_jigsaw(const unic_config *config)
{
    size_t most = 1;
    if (config->jigsaw_weight == 0.0)
        return UNIC_OK;
    if (config->code_dim % config->jigsaw_parts != 0)
        return unic__fail(UNIC_E_CONFIG,
                          "code.dim = %zu is not divisible by jigsaw.parts = %zu",
                          config->code_dim, config->jigsaw_parts);
    for (size_t i = 2; i <= config->jigsaw_parts; i++)
        most *= i;
    if (config->jigsaw_orders > most)
        return unic__fail(UNIC_E_CONFIG,
                          "jigsaw.orders = %zu is more than the %zu orders of "
                          "jigsaw.parts = %zu",
                          config->jigsaw_orders, most, config->jigsaw_parts);
    return UNIC_OK;
}

size_t unic__config_row_width(const unic_config *config)
{
    return config->code_dim * (config->code_segments ? config->modality_count : 1);
}

size_t unic__config_code_width(const unic_config *config)
{
    return unic__config_row_width(config) * (config->level2_weight > 0.0 ? 2 : 1);
}

size_t unic__config_code_rows(const unic_config *config)
{
    return config->code_count * (config->level2_weight > 0.0 ? config->level2_count : 1);
}

enum { MOST_PAIRS = 1 << 16, LONGEST_NAME = 24 };

/* The second level's modalities are called "<modality>.level2". */
static unic_status check_level2(const unic_config *config)
{
    if (config->level2_weight == 0.0)
        return UNIC_OK;
    if (config->code_count * config->level2_count > MOST_PAIRS ||
        (config->level2_count == 0 && config->code_count > MOST_PAIRS / 2))
        return unic__fail(UNIC_E_CONFIG,
                          "code.count = %zu and level2.count = %zu have more than %d pairs",
                          config->code_count, config->level2_count, MOST_PAIRS);
    if (config->level2_count == 1)
        return unic__fail(UNIC_E_CONFIG,
                          "level2.count = 1 is no choice; 2 or more expected, or "
                          "0");
    if (config->code_segments || config->code_groups > 1 || config->codis_weight > 0.0 ||
        config->code_pool != UNIC__POOL_STEPS || config->encoder_shared != UNIC__SHARED_NONE)
        return unic__fail(UNIC_E_CONFIG,
                          "level2.weight = %g does not go with code.segments, code.groups, "
                          "code.pool, codis.weight or encoder.shared",
                          config->level2_weight);
    for (size_t m = 0; m < config->modality_count; m++)
        if (strlen(config->modality[m].name) > LONGEST_NAME)
            return unic__fail(UNIC_E_CONFIG,
                              "level2.weight = %g: the name %s has more than %d letters",
                              config->level2_weight, config->modality[m].name, LONGEST_NAME);
    return UNIC_OK;
}

static unic_status check_segments(const unic_config *config)
{
    enum { WIDEST = 1 << 16 };
    if (!config->code_segments)
        return UNIC_OK;
    if (unic__config_code_width(config) > WIDEST)
        return unic__fail(UNIC_E_CONFIG,
                          "code.segments = on: %zu segments of code.dim = %zu are wider than "
                          "%d together",
                          config->modality_count, config->code_dim, WIDEST);
    if (config->code_groups > 1)
        return unic__fail(UNIC_E_CONFIG,
                          "code.segments = on does not go with code.groups = %zu",
                          config->code_groups);
    if (config->codis_weight > 0.0)
        return unic__fail(UNIC_E_CONFIG,
                          "code.segments = on does not go with codis.weight = "
                          "%g, whose codes gradients train",
                          config->codis_weight);
    if (config->jigsaw_weight > 0.0)
        return unic__fail(UNIC_E_CONFIG,
                          "code.segments = on does not go with jigsaw.weight = %g, which takes "
                          "a code's parts from several modalities",
                          config->jigsaw_weight);
    return UNIC_OK;
}

unic_status unic__config_check(const unic_config *config)
{
    if (config->modality_count == 0)
        return unic__fail(UNIC_E_CONFIG, "modalities is not set; expected at least two names");
    if (config->modality_count == 1)
        return unic__fail(UNIC_E_CONFIG, "modalities = %s is one name; expected at least two",
                          config->modality[0].name);
    for (size_t i = 0; i < config->modality_count; i++)
        UNIC__TRY(check_modality(config, &config->modality[i]));
    UNIC__TRY(unic__config_check_freeze(config));
    if (config->code_dim % config->encoder_heads != 0)
        return unic__fail(UNIC_E_CONFIG,
                          "code.dim = %zu is not divisible by encoder.heads = %zu",
                          config->code_dim, config->encoder_heads);
    UNIC__TRY(check_jigsaw(config));
    UNIC__TRY(check_segments(config));
    UNIC__TRY(check_level2(config));
    return check_groups(config);
}

static void derive(size_t *size, size_t from)
{
    if (*size == 0)
        *size = from > 0 ? from : 1;
}

void unic__config_resolve(unic_config *config)
{
    const size_t room = MOST_PAIRS / config->code_count;
    derive(&config->cpc_hidden, config->code_dim);
    if (config->level2_weight > 0.0)
        derive(&config->level2_count, config->code_count < room ? config->code_count : room);
    for (size_t i = 0; i < config->modality_count; i++) {
        unic__modality *m = &config->modality[i];
        derive(&m->specific, config->code_dim);
        derive(&m->inner, m->specific / 2);
        derive(&m->squeeze, unic__shape_last(&m->dims) / 8);
        derive(&m->pooled, m->specific / 2);
        derive(&m->recurrent, config->code_dim / 2);
    }
}
