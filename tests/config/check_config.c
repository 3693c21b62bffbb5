/* Keys, their bounds and defaults; behaviours and presets; what the whole must satisfy. */
#include "config/config_tools.h"

START_TEST(every_key_has_good_defaults_and_text)
{
    size_t of_modality = 0;
    ck_assert_uint_eq(unic_config_key_count(), unic__config_key_count);
    for (size_t i = 0; i < unic__config_key_count; i++) {
        const unic__config_key *key = &unic__config_key_table[i];
        union {
            double number;
            size_t size;
            uint64_t seed;
            unsigned word;
            bool on;
            unic__shape dims;
            char words[UNIC__WORDS_SIZE];
        } field;
        char text[UNIC__VALUE_BYTES];
        of_modality += key->owner != UNIC__OF_CONFIG;
        ck_assert_int_eq(key->owner != UNIC__OF_CONFIG,
                         strncmp(key->name, "<modality>.", 11) == 0);
        ck_assert_uint_lt(strlen(key->name), UNIC__KEY_BYTES);
        ck_assert_msg(key->help[strlen(key->help) - 1] == '.', "%s", key->name);
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(key->name, unic__config_key_table[j].name);
        const char *defaults[] = {key->paper, key->compat};
        for (size_t d = 0; d < 2; d++) {
            if (key->type == UNIC__KEY_NAMES || !defaults[d] || !defaults[d][0])
                continue;
            ok(unic__key_parse(key, key->name, defaults[d], defaults[d], &field));
            ck_assert(unic__key_print(key, &field, text));
            ck_assert_str_eq(text, defaults[d]);
        }
        if (key->compat)
            ck_assert_str_ne(key->paper, key->compat);
    }
    ck_assert_uint_eq(of_modality, UNIC__MODALITY_KEYS);
    ck_assert_str_eq(unic__config_key_table[UNIC__KEY_BEHAVIOUR].name, "behaviour");
    ck_assert_str_eq(unic__config_key_table[UNIC__KEY_PRESET].name, "preset");
    ck_assert_str_eq(unic__config_key_table[UNIC__KEY_OBJECTIVE].name, "objective");
    ck_assert_str_eq(unic__config_key_table[UNIC__KEY_MODALITIES].name, "modalities");
}
END_TEST

static void words_of(size_t key, const unic__preset *list, size_t n)
{
    char words[256] = "";
    for (size_t i = 0; i < n; i++)
        snprintf(words + strlen(words), sizeof words - strlen(words), "%s%s", i ? " | " : "",
                 list[i].word);
    ck_assert_str_eq(unic__config_key_table[key].allowed, words);
}

START_TEST(words_stand_in_the_order_of_their_enums)
{
    static const struct {
        const char *key, *allowed;
        int last;
    } choices[] = {
        {"behaviour", "paper | compat", UNIC__COMPAT},
        {"<modality>.kind", "grid | vector | token", UNIC__TOKEN},
        {"<modality>.branch", "conv | pooled", UNIC__BRANCH_POOLED},
        {"<modality>.attention", "softmax | sum", UNIC__SPATIAL_SUM},
        {"padding", "masked | real", UNIC__PAD_REAL},
        {"recon.target", "detached | attached", UNIC__TARGET_ATTACHED},
        {"club.input", "semantic | quantized", UNIC__CLUB_QUANTIZED},
        {"club.form", "all_pairs | permutation", UNIC__CLUB_PERMUTATION},
        {"cpc.contrast", "futures | predictions", UNIC__OVER_PREDICTIONS},
        {"encoder.shared", "none | all | after_first", UNIC__SHARED_AFTER_FIRST},
        {"code.pool", "steps | clip", UNIC__POOL_CLIP},
        {"codis.plan", "ipot | sinkhorn", UNIC__PLAN_SINKHORN},
        {"margin.form", "adaptive | fixed", UNIC__MARGIN_FIXED},
        {"code_match.form", "symmetric | asymmetric", UNIC__MATCH_ASYMMETRIC},
        {"ema.partner", "attention | same_step | none", UNIC__PARTNER_NONE},
        {"ema.order", "joint | sequential", UNIC__EMA_SEQUENTIAL},
        {"ema.start", "data | kmeans | uniform", UNIC__START_UNIFORM},
        {"train.guard", "warn | stop | off | lower", UNIC__GUARD_LOWER},
        {"reset.rule", "off | any | two", UNIC__RESET_TWO},
        {"reset.source", "encoder | code", UNIC__SOURCE_CODE},
        {"train.optimizer", "adam | adamw", UNIC__ADAMW},
        {"train.schedule", "constant | cosine | linear", UNIC__LINEAR_DECAY},
        {"encoder.weights", "f32 | f16 | bf16", UNIC__BFLOAT16},
        {"kernel.backend", "auto | onednn | blas", UNIC__KERNEL_BLAS},
    };
    size_t choice_count = 0;
    for (size_t i = 0; i < unic__config_key_count; i++)
        choice_count += unic__config_key_table[i].type == UNIC__KEY_CHOICE;
    ck_assert_uint_eq(choice_count,
                      sizeof choices / sizeof choices[0] + 2); /* preset, objective */
    for (size_t c = 0; c < sizeof choices / sizeof choices[0]; c++)
        for (size_t i = 0; i < unic__config_key_count; i++) {
            const unic__config_key *key = &unic__config_key_table[i];
            if (strcmp(key->name, choices[c].key) != 0)
                continue;
            ck_assert_str_eq(key->allowed, choices[c].allowed);
            unsigned word;
            const char *last = strrchr(key->allowed, ' ') + 1;
            ok(unic__key_parse(key, key->name, "", last, &word));
            ck_assert_int_eq((int)word, choices[c].last);
        }
    words_of(UNIC__KEY_PRESET, unic__config_presets, unic__config_preset_count);
    words_of(UNIC__KEY_OBJECTIVE, unic__config_objectives, unic__config_objective_count);
}
END_TEST

START_TEST(the_context_is_a_word_or_a_chunk)
{
    static const struct {
        const char *given, *kept;
        size_t chunk;
    } good[] = {{"full", "full", 0},          {"causal", "causal", 1},
                {"chunk:1", "causal", 1},     {"chunk:3", "chunk:3", 3},
                {"chunk:0003", "chunk:3", 3}, {"chunk:65536", "chunk:65536", 65536}};
    static const char *const bad[] = {"",
                                      "chunk",
                                      "chunk:",
                                      "chunk:0",
                                      "chunk:-1",
                                      "chunk:1.",
                                      "Causal",
                                      "chunk:65537",
                                      "chunk:18446744073709551617",
                                      "chunk: 3",
                                      "3"};
    const char *value;
    unic_config *c;
    ok(unic_config_create(&c));
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        ok(unic_config_set(c, "encoder.context", good[i].given));
        ck_assert_uint_eq(c->encoder_context, good[i].chunk);
        ok(unic_config_get(&value, c, "encoder.context"));
        ck_assert_str_eq(value, good[i].kept);
    }
    ok(unic_config_set(c, "encoder.context", "chunk:5"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_int_eq(unic_config_set(c, "encoder.context", bad[i]), UNIC_E_CONFIG);
    }
    ck_assert_uint_eq(c->encoder_context, 5);
    ck_assert_int_eq(unic_config_set(c, "encoder.context", "chunk:0"), UNIC_E_CONFIG);
    ck_assert_ptr_nonnull(strstr(unic_last_error(),
                                 "encoder.context = chunk:0 is not one of full "
                                 "| causal | chunk:n, n in [1, 65536]"));
    unic_config_free(c);
}
END_TEST

START_TEST(the_key_table_is_public)
{
    unic_config_key key = {.struct_size = sizeof key};
    bool found = false;
    for (size_t i = 0; i < unic_config_key_count(); i++) {
        ok(unic_config_key_at(&key, i));
        if (strcmp(key.name, "commit.own") != 0)
            continue;
        found = true;
        ck_assert_str_eq(key.type, "number");
        ck_assert_str_eq(key.value, "0.25");
        ck_assert_str_eq(key.compat, "0.5");
        ck_assert_str_eq(key.allowed, "[0, 1e6]");
    }
    ck_assert(found);
    ck_assert_int_eq(unic_config_key_at(&key, unic_config_key_count()), UNIC_E_ARG);
    ck_assert_int_eq(unic_config_key_at(NULL, 0), UNIC_E_ARG);
    key.struct_size = 8;
    ck_assert_int_eq(unic_config_key_at(&key, 0), UNIC_E_ARG);
}
END_TEST

START_TEST(null_arguments_are_refused)
{
    unic_config *config = new_config(), *copy = config;
    const char *text;
    ck_assert_int_eq(unic_config_create(NULL), UNIC_E_ARG);
    ck_assert_int_eq(unic_config_copy(NULL, config), UNIC_E_ARG);
    ck_assert_int_eq(unic_config_copy(&copy, NULL), UNIC_E_ARG);
    ck_assert_ptr_null(copy);
    ck_assert_int_eq(unic_config_set(config, "padding", NULL), UNIC_E_ARG);
    ck_assert_str_eq(unic_last_error(), "unic_config_set: value is NULL");
    ck_assert_int_eq(unic_config_set(config, NULL, "real"), UNIC_E_ARG);
    ck_assert_int_eq(unic_config_set(NULL, "padding", "real"), UNIC_E_ARG);
    ck_assert_int_eq(unic_config_parse(config, NULL, NULL), UNIC_E_ARG);
    ck_assert_int_eq(unic_config_parse(NULL, "", NULL), UNIC_E_ARG);
    ck_assert_int_eq(unic_config_load(config, NULL), UNIC_E_ARG);
    ck_assert_int_eq(unic_config_get(NULL, config, "padding"), UNIC_E_ARG);
    ck_assert_int_eq(unic_config_get(&text, config, NULL), UNIC_E_ARG);
    ck_assert_int_eq(unic_config_text(NULL, config), UNIC_E_ARG);
    ck_assert_int_eq(unic_config_check(NULL), UNIC_E_ARG);
    unic_config_free(config);
    unic_config_free(NULL);
}
END_TEST

/* The numbers of design.md, section 5, field by field: what the layers below will read. */
START_TEST(paper_defaults)
{
    unic_config *c = new_config();
    ck_assert(c->behaviour == UNIC__PAPER && c->preset == 0 && c->modality_count == 0);
    ck_assert(c->code_dim == 256 && c->code_count == 400 && c->encoder_layers == 2);
    ck_assert(c->encoder_heads == 4 && c->encoder_ff == 1024 && c->encoder_dropout == 0.1);
    ck_assert(c->commit_own == 0.25 && c->commit_cross == 0.125 && c->commit_weight == 1);
    ck_assert(c->club_input == UNIC__CLUB_SEMANTIC && c->club_form == UNIC__CLUB_ALL_PAIRS);
    ck_assert(c->club_weight == 1 && c->cpc_weight == 1 && c->recon_weight == 1);
    ck_assert(c->cpc_layers == 1 && c->cpc_start == 0 && c->cpc_contrast == UNIC__OVER_FUTURES);
    ck_assert(c->cpc_self == 0 && c->cpc_steps == 1 && c->cpc_hidden == 0);
    ck_assert(c->match_weight == 1 && c->match_form == UNIC__MATCH_SYMMETRIC);
    ck_assert(c->ema_partner == UNIC__PARTNER_ATTENTION && c->ema_order == UNIC__EMA_JOINT);
    ck_assert(c->ema_start == UNIC__START_DATA && c->ema_decay == 0.99);
    ck_assert(c->ema_epsilon == 1e-5 && c->reset_rule == UNIC__RESET_TWO);
    ck_assert(c->reset_steps == 100 && c->reset_ema && c->reset_max == 32);
    ck_assert(c->reset_source == UNIC__SOURCE_ENCODER && !c->evaluate_counts && c->drop_last);
    ck_assert(c->padding == UNIC__PAD_MASKED && c->recon_target == UNIC__TARGET_DETACHED);
    ck_assert(c->batch == 80 && c->length == 10 && c->epochs == 6 && c->lr == 4e-4);
    ck_assert(c->clip == 0.5 && c->optimizer == UNIC__ADAM && c->schedule == UNIC__CONSTANT);
    unic_config_free(c);
}
END_TEST

START_TEST(compat_defaults)
{
    unic_config *c = parsed("preset = paper-avt\nbehaviour = compat\n");
    ck_assert(c->behaviour == UNIC__COMPAT);
    ck_assert(c->commit_own == 0.5 && c->commit_cross == 0.25 && c->commit_weight == 1);
    ck_assert(c->club_input == UNIC__CLUB_QUANTIZED && c->club_form == UNIC__CLUB_PERMUTATION);
    ck_assert(c->cpc_layers == 2 && c->cpc_start == 1 && c->cpc_self == 0.1);
    ck_assert(c->cpc_contrast == UNIC__OVER_PREDICTIONS && c->match_weight == 0.5);
    ck_assert(c->match_form == UNIC__MATCH_ASYMMETRIC && c->ema_order == UNIC__EMA_SEQUENTIAL);
    ck_assert(c->ema_partner == UNIC__PARTNER_SAME_STEP && c->ema_start == UNIC__START_UNIFORM);
    ck_assert(c->reset_rule == UNIC__RESET_ANY && c->reset_steps == 300 && !c->reset_ema);
    ck_assert(c->reset_source == UNIC__SOURCE_CODE && c->reset_max == 0);
    ck_assert(c->evaluate_counts && !c->drop_last && c->padding == UNIC__PAD_REAL);
    ck_assert(c->recon_target == UNIC__TARGET_ATTACHED);
    ck_assert(c->modality[1].kind == UNIC__GRID);
    ck_assert(c->modality[1].attention == UNIC__SPATIAL_SUM);
    ok(unic_config_set(c, "behaviour", "paper"));
    ck_assert(c->modality[1].attention == UNIC__SPATIAL_SOFTMAX && c->reset_steps == 100);
    unic_config_free(c);
}
END_TEST

START_TEST(presets_give_sizes)
{
    unic_config *c = parsed("preset = small");
    ck_assert(c->code_dim == 64 && c->code_count == 200 && c->encoder_ff == 128);
    ck_assert(c->club_width == 64 && c->batch == 32 && c->epochs == 12 && c->lr == 1e-3);
    ck_assert(c->modality_count == 0 && c->reset_steps == 100);
    ok(unic_config_set(c, "preset", "paper-avt"));
    ck_assert(c->code_dim == 256 && c->code_count == 400 && c->batch == 80);
    ck_assert_uint_eq(c->modality_count, 3);
    ok(unic_config_check(c));
    const unic__modality *audio = &c->modality[0], *video = &c->modality[1];
    const unic__modality *text = &c->modality[2];
    ck_assert_str_eq(video->name, "video");
    ck_assert(unic__shape_equal(&video->dims, &UNIC__SHAPE_OF(7, 7, 512)));
    ck_assert(video->specific == 2048 && video->inner == 1024 && video->squeeze == 64);
    ck_assert(video->pooled == 1024 && audio->kind == UNIC__VECTOR && audio->specific == 256);
    ck_assert(unic__shape_equal(&audio->dims, &UNIC__SHAPE_OF(128)));
    ck_assert(unic__shape_equal(&text->dims, &UNIC__SHAPE_OF(768)) &&
              text->kind == UNIC__TOKEN);
    ck_assert(text->recurrent == 128 && text->recurrent_layers == 2 && c->cpc_hidden == 256);
    static const char *const others[][2] = {
        {"paper-av", "audio video"}, {"paper-at", "audio text"}, {"paper-vt", "video text"}};
    for (size_t i = 0; i < 3; i++) {
        ok(unic_config_set(c, "preset", others[i][0]));
        has(c, "modalities", others[i][1]);
        ok(unic_config_check(c));
    }
    ok(unic_config_set(c, "preset", "none"));
    unic_config *fresh = new_config();
    ck_assert_str_eq(text_of(c), text_of(fresh));
    unic_config_free(c);
    unic_config_free(fresh);
}
END_TEST

/* The rows of Table 1: what is added to, or missing from, Uni-Code. */
START_TEST(objectives_choose_terms)
{
    enum { ALIKE = 13 }; /* codaar follows, which is another codebook */
    unic_config *c = parsed("preset = small"), *fresh = parsed("preset = small");
    for (int i = 1; i < ALIKE; i++) {
        const char *word = unic__config_objectives[i].word;
        bool dcid = strncmp(word, "dcid+", 5) == 0;
        ok(unic_config_set(c, "objective", word));
        ck_assert_int_eq(c->objective, i);
        if (strcmp(word, "micu") == 0) { /* a successor: the codes are Uni-Code's */
            ck_assert(c->masked_weight == 1 && c->jigsaw_weight == 1 && c->club_weight == 0);
            ck_assert(c->cpc_weight == 0 && c->match_weight == 0 && c->commit_cross == 0.125);
            ck_assert(c->reset_rule == UNIC__RESET_TWO);
            continue;
        }
        ck_assert(c->recon_weight == 1 && c->commit_own == 0.25 && c->commit_cross == 0);
        ck_assert(c->ema_partner == UNIC__PARTNER_NONE && c->code_dim == 64);
        ck_assert(c->club_weight == (dcid ? 0.1 : 0) && c->cpc_weight == (dcid ? 1 : 0));
        /* those whose codes are not reset: in groups, or trained by gradients */
        bool stay = strstr(word, "turn") || strstr(word, "codis");
        ck_assert_int_eq(c->reset_rule, dcid && !stay ? UNIC__RESET_TWO : UNIC__RESET_OFF);
    }
    ok(unic_config_set(c, "objective", "baseline"));
    ck_assert(c->match_weight == 0 && c->commit_weight == 1);
    ok(unic_config_set(c, "club.weight", "0.5")); /* a key of one's own stays */
    ok(unic_config_set(c, "objective", "unicode"));
    ck_assert(c->club_weight == 0.5 && c->cpc_weight == 1 && c->match_weight == 1);
    ok(unic_config_set(fresh, "club.weight", "0.5"));
    ck_assert_str_eq(text_of(c), text_of(fresh));
    ck_assert_int_eq(unic_config_set(c, "objective", "base"), UNIC_E_CONFIG);
    unic_config_free(c);
    unic_config_free(fresh);
}
END_TEST

/* The methods that Uni-Code is compared with take from the recommended preset what they take from
 * Uni-Code. */
START_TEST(recommended_adds_masked_contrast_to_unicode)
{
    unic_config *c = parsed("preset = recommended");
    ck_assert(c->masked_weight == 3 && c->jigsaw_weight == 0 && c->club_weight == 0);
    ck_assert(c->cpc_weight == 1 && c->cpc_self == 0.1 && c->match_weight == 1);
    for (int i = 1; i < (int)unic__config_objective_count; i++) {
        const char *word = unic__config_objectives[i].word;
        double weight = strcmp(word, "micu") == 0                                   ? 1
                        : strcmp(word, "codaar") == 0 || strcmp(word, "hdcid") == 0 ? 3
                                                                                    : 0;
        ok(unic_config_set(c, "objective", word));
        ck_assert_msg(c->masked_weight == weight, "%s", word);
    }
    ok(unic_config_set(c, "objective", "unicode"));
    ck_assert(c->masked_weight == 3 && c->match_weight == 1);
    unic_config_free(c);
}
END_TEST

START_TEST(codaar_has_segments_and_no_club)
{
    unic_config *c = parsed("preset = small");
    ck_assert(!c->code_segments);
    ok(unic_config_set(c, "objective", "codaar"));
    ck_assert(c->code_segments && c->club_weight == 0 && c->cpc_weight == 1);
    ck_assert(c->commit_own == 0.5 && c->commit_cross == 0.125 && c->match_weight == 0.5);
    ck_assert(c->ema_partner == UNIC__PARTNER_SAME_STEP && c->reset_rule == UNIC__RESET_ANY);
    ok(unic_config_set(c, "objective", "unicode"));
    ck_assert(!c->code_segments && c->club_weight == 0.1);
    unic_config_free(c);
}
END_TEST

/* behaviour, preset, objective and single keys give the same config in any order of setting. */
START_TEST(order_does_not_matter)
{
    static const char *const settings[][2] = {
        {"behaviour", "compat"}, {"preset", "paper-av"}, {"reset.steps", "7"},
        {"ema.partner", "none"}, {"train.lr", "0.01"},   {"objective", "baseline"}};
    enum { N = 6 };
    unic_config *first = NULL;
    for (int order = 0; order < 720; order++) {
        unic_config *config = new_config();
        bool used[N] = {false};
        for (int k = 0, rest = order; k < N; k++) {
            int pick = rest % (N - k), i = 0;
            rest /= N - k;
            while (used[i] || pick-- > 0)
                i++;
            used[i] = true;
            ok(unic_config_set(config, settings[i][0], settings[i][1]));
        }
        has(config, "reset.steps", "7");
        has(config, "ema.partner", "none");
        has(config, "train.lr", "0.01");
        has(config, "train.batch", "80");
        has(config, "commit.own", "0.5");
        has(config, "cpc.weight", "0");
        has(config, "reset.rule", "off");
        if (first)
            ck_assert_str_eq(text_of(first), text_of(config));
        else
            first = config;
        if (first != config)
            unic_config_free(config);
    }
    unic_config_free(first);
}
END_TEST

START_TEST(modalities_keep_what_stays)
{
    unic_config *c = parsed(GOOD "speech.specific = 77\n");
    ok(unic_config_set(c, "modalities", "speech touch"));
    has(c, "speech.specific", "77");
    has(c, "speech.kind", "vector");
    const char *value;
    refused(unic_config_get(&value, c, "touch.kind"), "touch.kind is not set");
    ok(unic_config_set(c, "behaviour", "compat")); /* worked out anew, and kept */
    has(c, "speech.specific", "77");
    has(c, "modalities", "speech touch");

    ok(unic_config_set(c, "preset", "paper-av")); /* names set one by one stay */
    has(c, "modalities", "speech touch");
    ok(unic_config_set(c, "modalities", "video speech")); /* the preset knows video */
    has(c, "video.dims", "7 7 512");
    has(c, "speech.specific", "77");
    ok(unic_config_set(c, "video.dims", "9 9 64"));
    ok(unic_config_set(c, "preset", "small"));
    has(c, "video.dims", "9 9 64");
    refused(unic_config_get(&value, c, "video.kind"), "video.kind is not set");
    unic_config_free(c);
}
END_TEST

START_TEST(messages_name_key_value_and_what_is_allowed)
{
    static const char *const cases[][3] = {
        {"ema.decay", "1.2", "ema.decay = 1.2 is out of range [0, 1); did you mean 0.99?"},
        {"ema.decay", "1", "ema.decay = 1 is out of range [0, 1); did you mean 0.99?"},
        {"ema.epsilon", "0", "ema.epsilon = 0 is out of range (0, 1); did you mean 1e-05?"},
        {"train.lr_floor", "-0.1",
         "train.lr_floor = -0.1 is out of range [0, 1]; did you mean 0?"},
        {"train.clip", "1e400",
         "train.clip = 1e400 is out of range [0, 1e6]; did you mean 0.5?"},
        {"ema.decay", "fast", "ema.decay = fast is not a number; expected one in [0, 1)"},
        {"ema.decay", "nan", "ema.decay = nan is not a number; expected one in [0, 1)"},
        {"ema.decay", "0x1p-3", "ema.decay = 0x1p-3 is not a number; expected one in [0, 1)"},
        {"ema.decay", "0,5", "ema.decay = 0,5 is not a number; expected one in [0, 1)"},
        {"ema.decay", "", "ema.decay has no value; expected [0, 1)"},
        {"train.batch", "1", "train.batch = 1 is out of range [2, 65536]"},
        {"train.batch", "-4", "train.batch = -4 is out of range [2, 65536]"},
        {"train.batch", "99999999999999999999",
         "train.batch = 99999999999999999999 is out of range [2, 65536]"},
        {"train.batch", "2.5",
         "train.batch = 2.5 is not an integer; expected one in [2, 65536]"},
        {"reset.rule", "tow",
         "reset.rule = tow is not one of off | any | two; did you mean two?"},
        {"reset.rule", "whenever", "reset.rule = whenever is not one of off | any | two"},
        {"reset.ema", "onn", "reset.ema = onn is not one of off | on; did you mean on?"},
        {"image.dims", "7 7",
         "image.dims = 7 7 is not H W C | C: three integers for a grid, else one, each in "
         "[1, 65536]"},
        {"ema.decey", "0.9", "unknown key ema.decey; did you mean ema.decay?"},
        {"imag.kind", "grid", "unknown key imag.kind; did you mean image.kind?"},
        {"hyperspectral.kind", "grid",
         "unknown key hyperspectral.kind: the modalities are image, speech"},
        {"wavelength", "3", "unknown key wavelength; docs/config.md lists every key"},
        {"", "3", "unknown key ; docs/config.md lists every key"},
        {"padding", "\x01\xff", "padding = ?? is not one of masked | real"},
    };
    unic_config *config = parsed(GOOD), *same;
    ok(unic_config_copy(&same, config));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        refused(unic_config_set(config, cases[i][0], cases[i][1]), cases[i][2]);
        ck_assert_str_eq(text_of(config), text_of(same));
    }
    char dims[5000];
    memset(dims, '7', sizeof dims);
    dims[sizeof dims - 1] = '\0';
    ck_assert_int_eq(unic_config_set(config, "image.dims", dims), UNIC_E_CONFIG);
    ck_assert_int_eq(unic_config_set(config, "code.dim", dims), UNIC_E_CONFIG);
    ck_assert_int_eq(unic_config_set(config, "ema.decay", dims), UNIC_E_CONFIG);
    ck_assert_int_eq(unic_config_set(config, "padding", dims), UNIC_E_CONFIG);
    ck_assert_int_eq(unic_config_set(config, dims, "1"), UNIC_E_CONFIG);
    ck_assert_uint_lt(strlen(unic_last_error()), 200);
    ok(unic_config_set(config, "behaviour", "compat")); /* the default offered is this one's */
    refused(unic_config_set(config, "commit.own", "-1"),
            "commit.own = -1 is out of range [0, 1e6]; did you mean 0.5?");
    unic_config *fresh = new_config();
    refused(unic_config_set(fresh, "image.kind", "grid"),
            "unknown key image.kind: modalities is not set");
    unic_config_free(fresh);
    unic_config_free(config);
    unic_config_free(same);
}
END_TEST

START_TEST(names_of_modalities_are_checked)
{
    static const char *const cases[][2] = {
        {"a b c d e f g h i", "modalities: i is one too many, at most 8 fit"},
        {"a b a", "modalities: a is named twice"},
        {"a train", "modalities: train is the first part of other keys"},
        {"code_match b", "modalities: code_match is the first part of other keys"},
        {"a codebook",
         "modalities: codebook is a word of train.freeze, and means something else there"},
        {"none b",
         "modalities: none is a word of train.freeze, and means something else there"},
        {"a 1b",
         "modalities: 1b is not a name: a letter, then letters, digits, - and _, at most 31 in "
         "all"},
        {"a b.c", "modalities: b.c is not a name: a letter, then letters, digits, - and _, at "
                  "most 31 in "
                  "all"},
        {"a b\xc3\xa9", "modalities: b?? is not a name: a letter, then letters, digits, - and "
                        "_, at most 31 in "
                        "all"},
    };
    unic_config *config = parsed(GOOD);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refused(unic_config_set(config, "modalities", cases[i][0]), cases[i][1]);
    char names[8 * 32 + 1] = "", one[40];
    for (char c = 'a'; c < 'i'; c++) {
        snprintf(one, sizeof one, "%c%030d ", c, 0);
        strcat(names, one); /* eight of 31 characters */
    }
    ok(unic_config_set(config, "modalities", names));
    ck_assert_uint_eq(config->modality_count, 8);
    unic_config *again = parsed(text_of(config));
    ck_assert_str_eq(text_of(again), text_of(config));
    snprintf(one, sizeof one, "%032d", 0);
    one[0] = 'x';
    ck_assert_int_eq(unic_config_set(config, "modalities", one), UNIC_E_CONFIG);
    enum { MANY = 6 * 5000 };
    char *thousands = calloc(1, MANY + 1);
    memset(thousands, ' ', MANY);
    for (int i = 0; i < MANY; i += 6)
        memcpy(thousands + i, "many", 4);
    refused(unic_config_set(config, "modalities", thousands),
            "modalities has 30000 characters; expected at most 8 names of at most 31 "
            "characters");
    free(thousands);
    ck_assert_uint_eq(unic__config_modality(config, "nobody"), 8);
    char little[4];
    ck_assert_uint_lt(strlen(unic__config_names(config, little, sizeof little)), 4);
    unic_config_free(config);
    unic_config_free(again);
}
END_TEST

START_TEST(the_whole_is_checked)
{
    static const char *const cases[][2] = {
        {"", "modalities is not set; expected at least two names"},
        {"modalities = image", "modalities = image is one name; expected at least two"},
        {"modalities = a b", "a.kind is not set; expected grid, vector or token"},
        {"modalities = a b\na.kind = token", "a.dims is not set; a token has C"},
        {GOOD "image.kind = token", "image.dims has 3 numbers, but a token has C"},
        {GOOD "speech.kind = grid", "speech.dims has 1 number, but a grid has H W C"},
        {GOOD "image.dims = 7 4 64", "image.dims = 7 4 64 is too small: two 3x3 convolutions "
                                     "need a grid of at least 5 x 5"},
        {GOOD "speech.inner = 5",
         "speech.inner is set, but speech is a vector and has no such part"},
        {GOOD "image.recurrent = 5",
         "image.recurrent is set, but image is a grid and has no such part"},
        {GOOD "encoder.heads = 3", "code.dim = 256 is not divisible by encoder.heads = 3"},
        {GOOD "image.dims = 65536 65536 65536",
         "train.batch = 80, train.length = 10 and image.dims = [65536,65536,65536] are "
         "together too large: a batch would have more than 2^40 numbers"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_config *config = new_config(); /* one key again in the text would be refused */
        char text[512], *last = strrchr(strcpy(text, cases[i][0]), '\n');
        if (last && strncmp(text, GOOD, strlen(GOOD)) == 0) {
            char *value = strstr(last + 1, " = ");
            *last = *value = '\0';
            ok(unic_config_parse(config, text, NULL));
            ok(unic_config_set(config, last + 1, value + 3));
        } else {
            ok(unic_config_parse(config, text, NULL));
        }
        refused(unic_config_check(config), cases[i][1]);
        unic_config_free(config);
    }
    unic_config *good = parsed(GOOD);
    ok(unic_config_check(good));
    ok(unic_config_set(good, "image.dims", "5 5 1"));
    ok(unic_config_check(good));
    unic_config_free(good);
}
END_TEST

START_TEST(derived_sizes_are_resolved)
{
    unic_config *c = parsed("modalities = g v t\ng.kind = grid\ng.dims = 7 7 64\n"
                            "v.kind = vector\nv.dims = 3\nv.specific = 9\n"
                            "t.kind = token\nt.dims = 30\ncode.dim = 48\n");
    ok(unic_config_check(c));
    unic__config_resolve(c);
    const unic__modality *g = &c->modality[0], *v = &c->modality[1], *t = &c->modality[2];
    ck_assert(g->specific == 48 && g->inner == 24 && g->squeeze == 8 && g->pooled == 24);
    ck_assert(v->specific == 9 && t->specific == 48 && t->recurrent == 24);
    ck_assert(c->cpc_hidden == 48);
    unic__config_resolve(c);
    ck_assert(g->inner == 24);
    unic_config_free(c);

    c = parsed(GOOD "image.specific = 1\ncode.dim = 4\n");
    ok(unic_config_set(c, "image.dims", "7 7 3"));
    unic__config_resolve(c);
    ck_assert(c->modality[0].inner == 1 && c->modality[0].squeeze == 1);
    unic_config_free(c);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("keys");
    tcase_add_test(cases, every_key_has_good_defaults_and_text);
    tcase_add_test(cases, words_stand_in_the_order_of_their_enums);
    tcase_add_test(cases, the_context_is_a_word_or_a_chunk);
    tcase_add_test(cases, the_key_table_is_public);
    tcase_add_test(cases, null_arguments_are_refused);
    tcase_add_test(cases, paper_defaults);
    tcase_add_test(cases, compat_defaults);
    tcase_add_test(cases, presets_give_sizes);
    tcase_add_test(cases, objectives_choose_terms);
    tcase_add_test(cases, recommended_adds_masked_contrast_to_unicode);
    tcase_add_test(cases, codaar_has_segments_and_no_club);
    tcase_add_test(cases, order_does_not_matter);
    tcase_add_test(cases, modalities_keep_what_stays);
    tcase_add_test(cases, messages_name_key_value_and_what_is_allowed);
    tcase_add_test(cases, names_of_modalities_are_checked);
    tcase_add_test(cases, the_whole_is_checked);
    tcase_add_test(cases, derived_sizes_are_resolved);
    return run_suite(cases);
}
