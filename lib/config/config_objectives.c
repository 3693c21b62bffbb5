/*
 * The objectives as texts of keys: which terms of the objective are there, and how the codebook
 * moves. What each computes, and its source, is in docs/methods.md.
 */
#include "config/config_keys.h"

/* What only Uni-Code has: code matching, and partners in the codebook's sums and targets; and what
 * only the recommended presets add to it. */
static const char own_codes[] = "code_match.weight = 0\n"
                                "masked.weight = 0\n"
                                "commit.cross = 0\n"
                                "ema.partner = none\n";

/* Without the dual cross-modal information disentangling ("DCID"), and without the reset that
 * comes with it. */
static const char no_dcid[] = "club.weight = 0\n"
                              "cpc.weight = 0\n"
                              "reset.rule = off\n";

static const char smit[] = "margin.weight = 1\n";

static const char mst[] = "contrast.weight = 1\n"
                          "encoder.shared = all\n";

/* The codes are trained by its own losses, so nothing commits to them, and nothing throws one away
 * that gradients have moved: docs/table.md has what the reset costs. */
static const char codis[] = "code.pool = clip\n"
                            "codis.weight = 1\n"
                            "commit.weight = 0\n"
                            "reset.rule = off\n";

/* 400 codes are the combinations of 20 and 20, which no reset of single codes can renew. */
static const char turn[] = "code.pool = clip\n"
                           "code.groups = 2\n"
                           "code.count = 400\n"
                           "restore.weight = 1\n"
                           "contrast.weight = 1\n"
                           "contrast.head = 0\n"
                           "contrast.learn = off\n"
                           "reset.rule = off\n";

static const char cmcm[] = "margin.weight = 1\n"
                           "margin.form = fixed\n"
                           "code_match.weight = 0.1\n"
                           "code_match.form = symmetric\n";

/* A successor: codes move and commit as Uni-Code's, and two losses stand for CLUB, Cross-CPC and
 * code matching. */
static const char micu[] = "club.weight = 0\n"
                           "cpc.weight = 0\n"
                           "code_match.weight = 0\n"
                           "masked.weight = 1\n"
                           "jigsaw.weight = 1\n";

/* Segments are a modality's own, so a code need only be of use to one of them. */
static const char codaar[] = "code.segments = on\n"
                             "club.weight = 0\n"
                             "ema.partner = same_step\n"
                             "commit.own = 0.5\n"
                             "commit.cross = 0.125\n"
                             "code_match.weight = 0.5\n"
                             "reset.rule = any\n";

static const char hdcid[] = "code_match.weight = 0\n"
                            "level2.weight = 0.3\n";

const unic__preset unic__config_objectives[] = {
    {"unicode", {NULL}},
    {"baseline", {own_codes, no_dcid}},
    {"smit", {own_codes, no_dcid, smit}},
    {"mst", {own_codes, no_dcid, mst}},
    {"codis", {own_codes, no_dcid, codis}},
    {"turn", {own_codes, no_dcid, turn}},
    {"cmcm", {own_codes, no_dcid, cmcm}},
    {"dcid+smit", {own_codes, smit}},
    {"dcid+mst", {own_codes, mst}},
    {"dcid+codis", {own_codes, codis}},
    {"dcid+turn", {own_codes, turn}},
    {"dcid+cmcm", {own_codes, cmcm}},
    {"micu", {micu}},
    {"codaar", {codaar}},
    {"hdcid", {hdcid}},
};

const size_t unic__config_objective_count = sizeof unic__config_objectives /
                                            sizeof unic__config_objectives[0];
