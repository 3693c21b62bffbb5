#include "config/config_keys.h"

/* Type, owner and offset of a field; a field of another type does not compile. */
/* clang-format off */
#define FIELD(owner, type, field) _Generic(((owner *)0)->field, type: offsetof(owner, field))
#define WORD(owner, field)                                                                     \
    _Generic(((owner *)0)->field,                                                              \
        unsigned: offsetof(owner, field),                                                      \
        int: offsetof(owner, field))
#define CONFIG(type, field)   UNIC__OF_CONFIG, FIELD(unic_config, type, field)
#define MODALITY(type, field) FIELD(unic__modality, type, field)

#define NUMBER(field)     UNIC__KEY_NUMBER, CONFIG(double, field)
#define SIZE(field)       UNIC__KEY_SIZE, CONFIG(size_t, field)
#define SEED(field)       UNIC__KEY_SEED, CONFIG(uint64_t, field)
#define SWITCH(field)     UNIC__KEY_SWITCH, CONFIG(bool, field)
#define NAMES(field)      UNIC__KEY_NAMES, CONFIG(size_t, field)
#define WORDS(field)      UNIC__KEY_WORDS, CONFIG(char *, field)
#define CHOICE(field)     UNIC__KEY_CHOICE, UNIC__OF_CONFIG, WORD(unic_config, field)
#define KIND(field)       UNIC__KEY_CHOICE, UNIC__OF_MODALITY, WORD(unic__modality, field)
#define CONTEXT(field)    UNIC__KEY_CONTEXT, CONFIG(size_t, field)
#define TEXT(field)       UNIC__KEY_WORDS, UNIC__OF_MODALITY, MODALITY(char *, field)
#define DIMS(field)       UNIC__KEY_DIMS, UNIC__OF_MODALITY, MODALITY(unic__shape, field)
#define ANY_SIZE(field)   UNIC__KEY_SIZE, UNIC__OF_MODALITY, MODALITY(size_t, field)
#define GRID_SIZE(field)  UNIC__KEY_SIZE, UNIC__OF_GRID, MODALITY(size_t, field)
#define GRID_WORD(field)  UNIC__KEY_CHOICE, UNIC__OF_GRID, WORD(unic__modality, field)
#define TOKEN_SIZE(field) UNIC__KEY_SIZE, UNIC__OF_TOKEN, MODALITY(size_t, field)
/* clang-format on */

#define POSITIVE "[1, 65536]"
#define OR_ZERO  "[0, 65536]"
#define WEIGHT   "[0, 1e6]"
#define ON_OFF   "off | on"

/* P and A: sections of docs/method.md. Texts below are also docs/config.md's. */
/* A grid's two 3x3 convolutions without padding need 5 x 5 (A.2). */
const unic__kind_rule unic__config_kinds[UNIC__KIND_UNSET] = {
    [UNIC__GRID] = {"grid", "H W C", 3, UNIC__OF_GRID, 5},
    [UNIC__VECTOR] = {"vector", "C", 1, UNIC__OF_MODALITY, 1},
    [UNIC__TOKEN] = {"token", "C", 1, UNIC__OF_TOKEN, 1},
};

const unic__config_key unic__config_key_table[] = {
    {"behaviour", CHOICE(behaviour), "paper | compat", "paper", NULL,
     "The method as the paper gives it (P), or what the CMG code computes, its quirks included "
     "(A): compat takes the compat column's defaults."},
    {"preset", CHOICE(preset),
     "none | small | paper-av | paper-at | paper-vt | paper-avt | recommended | recommended-av "
     "| "
     "recommended-at | recommended-vt | recommended-avt",
     "none", NULL,
     "Sizes and schedule in one word (listed below), applied after behaviour and before single "
     "keys."},
    {"objective", CHOICE(objective),
     "unicode | baseline | smit | mst | codis | turn | cmcm | dcid+smit | dcid+mst | "
     "dcid+codis | dcid+turn | dcid+cmcm | micu | codaar | "
     "hdcid",
     "unicode", NULL,
     "Which terms are trained, in one word: Uni-Code, one of the methods that it is compared "
     "with, or a successor (listed below and in methods.md). Applied after preset and before "
     "single keys."},
    {"modalities", NAMES(modality_count), "up to 8 names", "", NULL,
     "The modalities' names, in the order that every loop over them takes; a name has letters, "
     "digits, - and _, begins with a letter, and is neither the first part of another key nor "
     "codebook or none, which are words of train.freeze."},

    {"<modality>.kind", KIND(kind), "grid | vector | token", "", NULL,
     "Features [T,H,W,C] as of video, [T,C] as of audio, or [T,C] with a bidirectional LSTM in "
     "front as of text (A.2)."},
    {"<modality>.dims", DIMS(dims), "H W C | C", "", NULL,
     "Dims of one step: H W C of a grid (H and W at least 5, for two 3x3 convolutions without "
     "padding), C of a vector or token; each in [1, 65536]."},
    {"<modality>.specific", ANY_SIZE(specific), OR_ZERO, "0", NULL,
     "Channels of the modality-specific features zbar = Psi(x) (P1); 0: code.dim."},
    {"<modality>.branch", GRID_WORD(branch), "conv | pooled", "conv", NULL,
     "Grid: Psi as the paper's convolutions over the map (A.2), or, far cheaper, one layer on "
     "the "
     "mean over positions; then that mean is what is reconstructed (P3)."},
    {"<modality>.inner", GRID_SIZE(inner), OR_ZERO, "0", NULL,
     "Grid: channels between the two 3x3 convolutions of Psi (A.2); 0: half of specific."},
    {"<modality>.squeeze", GRID_SIZE(squeeze), OR_ZERO, "0", NULL,
     "Grid: width of the channel attention s = sigmoid(W2 relu(W1 a)) (A.2); 0: C / 8."},
    {"<modality>.pooled", GRID_SIZE(pooled), OR_ZERO, "0", NULL,
     "Grid: width between the pooled zbar and the C channels that CLUB sees (A.2); 0: half of "
     "specific."},
    {"<modality>.attention", GRID_WORD(attention), "softmax | sum", "softmax", "sum",
     "Grid: pooling over positions, sum_i w_i u_i with softmax weights (A.2); compat: a plain "
     "sum, because the code's softmax runs over an axis of length 1 and learns nothing."},
    {"<modality>.recurrent", TOKEN_SIZE(recurrent), OR_ZERO, "0", NULL,
     "Token: hidden size of each direction of the LSTM (A.2); 0: half of code.dim."},
    {"<modality>.recurrent_layers", TOKEN_SIZE(recurrent_layers), "[1, 16]", "2", NULL,
     "Token: layers of the LSTM (A.2)."},
    {"<modality>.extractor", TEXT(extractor), "words", "", NULL,
     "How its features were made, the settings and the fingerprint of an extractor: "
     "\"kind=logmel rate=16000 ... fingerprint=0123456789abcdef\". unic-train sets it from the "
     "extract.ini of a folder of features, and features of another one are refused "
     "(media.md)."},

    {"code.dim", SIZE(code_dim), POSITIVE, "256", NULL,
     "D, the dimension of semantic vectors and codes (P1, P2)."},
    {"code.count", SIZE(code_count), "[2, 65536]", "400", NULL, "L, the number of codes (P2)."},
    {"code.pool", CHOICE(code_pool), "steps | clip", "steps", NULL,
     "What gets a code in training: every step's z, or the mean of the clip's, which then "
     "stands at all its steps. A model encodes step by step either way."},
    {"code.groups", SIZE(code_groups), "[1, 8]", "1", NULL,
     "q: a code is made of q parts, each the nearest of its own K vectors of D / q dims; "
     "code.count is their combinations, K to the power of q; reset.rule is off then, because "
     "it "
     "starts single codes anew."},
    {"code.segments", SWITCH(code_segments), ON_OFF, "off", NULL,
     "Each modality has a segment of its own in the codebook, tied to the others' by the "
     "code's "
     "number (CoDAAR): a code is as wide as all segments of code.dim together."},

    {"encoder.layers", SIZE(encoder_layers), "[1, 64]", "2", NULL,
     "Post-norm transformer layers of each semantic encoder Phi (A.2)."},
    {"encoder.heads", SIZE(encoder_heads), "[1, 1024]", "4", NULL,
     "Attention heads of a layer; they divide code.dim."},
    {"encoder.ff", SIZE(encoder_ff), POSITIVE, "1024", NULL,
     "Width of a layer's feed-forward part."},
    {"encoder.dropout", NUMBER(encoder_dropout), "[0, 1)", "0.1", NULL,
     "Dropout on attention weights, in the feed-forward part and before each residual sum."},
    {"encoder.context", CONTEXT(encoder_context), "full | causal | chunk:n", "full", NULL,
     "Steps that a step's z depends on: all of its clip; itself and those before it; or those "
     "of its own chunk of n steps (1..65536) and before, so that codes of a clip that still "
     "comes in are final. It holds for attention and for the LSTM of a token modality."},
    {"encoder.shared", CHOICE(encoder_shared), "none | all | after_first", "none", NULL,
     "Layers whose attention and feed-forward part all modalities share, as in MS-CLIP; "
     "projections and norms stay each modality's own."},
    {"encoder.weights", CHOICE(encoder_weights), "f32 | f16 | bf16", "f32", NULL,
     "Numbers of the matrices in a model's file, and in its encoders' memory where "
     "kernel.backend is auto: f16 and bf16 are half as large, and rounded to the nearest. "
     "Training computes in float32."},
    {"padding", CHOICE(padding), "masked | real", "masked", "real",
     "Steps beyond a clip's length are left out of attention, pooling and every loss; compat: "
     "they are steps like others, as in the code, which has no masks."},

    {"recon.weight", NUMBER(recon_weight), WEIGHT, "1", NULL,
     "Weight of the reconstruction || x - D(zhat; zbar) ||^2, a mean over elements (P3)."},
    {"recon.target", CHOICE(recon_target), "detached | attached", "detached", "attached",
     "Token: the target, the LSTM's output, is a constant; compat: gradients flow into it too "
     "(A.5), which rewards shrinking it."},

    {"commit.weight", NUMBER(commit_weight), WEIGHT, "1", NULL,
     "Weight of the commitment loss, own + cross (P7)."},
    {"commit.own", NUMBER(commit_own), WEIGHT, "0.25", "0.5",
     "beta of || z - sg[e] ||^2 to the own code (P7); compat: 2 beta (A.3)."},
    {"commit.cross", NUMBER(commit_cross), WEIGHT, "0.125", "0.25",
     "Factor of the mean over partners of || z - sg[e'] ||^2 to a partner's code, beta / 2 "
     "(P7); compat: beta (A.3), which with two partners is 0.125 for each."},

    {"club.weight", NUMBER(club_weight), WEIGHT, "1", NULL,
     "Weight of the CLUB bound on I(z; zbar), summed over modalities (P4); 0 leaves it out."},
    {"club.input", CHOICE(club_input), "semantic | quantized", "semantic", "quantized",
     "x of q(y|x): the semantic z as in Eq 5; compat: the quantized zhat, straight through "
     "(A.5)."},
    {"club.form", CHOICE(club_form), "all_pairs | permutation", "all_pairs", "permutation",
     "Negatives: all pairs of clips, step by step (P4, Eq 5); compat: one random permutation, "
     "and separate means over time of the squared difference and of the log-variance (A.5)."},
    {"club.width", SIZE(club_width), POSITIVE, "128", NULL,
     "Hidden width of the nets of mu and log-variance (A.5)."},
    {"club.layers", SIZE(club_layers), "[2, 16]", "4", NULL, "Linear layers of each net."},
    {"club.steps", SIZE(club_steps), "[1, 1000]", "5", NULL,
     "Maximum-likelihood fits of q in each training step (A.6)."},
    {"club.lr", NUMBER(club_lr), "(0, 10]", "0.001", NULL,
     "Adam's learning rate in these fits."},

    {"cpc.weight", NUMBER(cpc_weight), WEIGHT, "1", NULL,
     "Weight of Cross-CPC, summed over ordered pairs of modalities (P5); 0 leaves it out."},
    {"cpc.self", NUMBER(cpc_self), WEIGHT, "0", "0.1",
     "Weight, beside 1 of a cross pair, of a modality that predicts itself; the paper has none "
     "(P5), the code has 0.1 (A.5)."},
    {"cpc.steps", SIZE(cpc_steps), "[1, 64]", "1", NULL,
     "K: the steps ahead that are predicted, k = 1..K (P5). Where train.length is less than K "
     "+ 1 + the larger of cpc.start and 1, there is no past or no future: the same step of "
     "the others is predicted, which a warning tells."},
    {"cpc.layers", SIZE(cpc_layers), "[1, 16]", "1", "2",
     "Layers of the LSTM that gives the context c_t (P5); compat: two (A.5)."},
    {"cpc.hidden", SIZE(cpc_hidden), OR_ZERO, "0", NULL,
     "Hidden size of that LSTM; 0: code.dim."},
    {"cpc.start", SIZE(cpc_start), OR_ZERO, "0", "1",
     "The first t, counted from 0, that may be drawn from start..T-K-1 (P5); compat: 1 (A.5)."},
    {"cpc.contrast", CHOICE(cpc_contrast), "futures | predictions", "futures", "predictions",
     "The softmax runs over the batch's futures for a fixed context (Eq 6); compat: over the "
     "predictions for a fixed future (A.5)."},

    {"code_match.weight", NUMBER(match_weight), WEIGHT, "1", "0.5",
     "Weight of the code matching of each pair of modalities, L_cmcm of P9; compat: 0.5 "
     "(A.4)."},
    {"code_match.form", CHOICE(match_form), "symmetric | asymmetric", "symmetric", "asymmetric",
     "Cross-entropy of the clips' code distributions in both directions; compat: A.4 as it "
     "stands, whose off-diagonal terms mix the directions."},

    {"margin.weight", NUMBER(margin_weight), WEIGHT, "0", NULL,
     "Weight of the margin softmax of each pair of modalities (S-MiT); 0 leaves it out."},
    {"margin.form", CHOICE(margin_form), "adaptive | fixed", "adaptive", NULL,
     "The margin that is taken from a pair's own score: a part of how far it is above the "
     "others' mean, or the same number for all."},
    {"margin.alpha", NUMBER(margin_alpha), "[0, 1]", "0.5", NULL, "Adaptive: the part."},
    {"margin.rows", SWITCH(margin_rows), ON_OFF, "off", NULL,
     "Adaptive: the margins of the rows also serve the columns, as in a released code; off: "
     "each direction has its own."},
    {"margin.size", NUMBER(margin_size), WEIGHT, "0.001", NULL,
     "Fixed: the margin in the first 1000 steps."},
    {"margin.growth", NUMBER(margin_growth), "[1, 2]", "1.002", NULL,
     "Fixed: its factor after every 1000 steps."},
    {"margin.head", SIZE(margin_head), OR_ZERO, "256", NULL,
     "Width of the gated projection of each modality in front of the scores; 0: none, the "
     "scores are cosines over margin.temperature."},
    {"margin.temperature", NUMBER(margin_temperature), "(0, 100]", "0.07", NULL,
     "Without heads: what cosines are divided by."},

    {"contrast.weight", NUMBER(contrast_weight), WEIGHT, "0", NULL,
     "Weight of the symmetric contrastive loss of each pair of modalities (CLIP's, as MS-CLIP "
     "has it); 0 leaves it out."},
    {"contrast.head", SIZE(contrast_head), OR_ZERO, "256", NULL,
     "Width of the projection of each modality, without bias, in front of the cosines; 0: "
     "none."},
    {"contrast.temperature", NUMBER(contrast_temperature), "[0.01, 100]", "0.07", NULL,
     "What cosines are divided by; a learnt one starts so, and does not fall below 0.01."},
    {"contrast.learn", SWITCH(contrast_learn), ON_OFF, "on", NULL,
     "The temperature is trained."},

    {"restore.weight", NUMBER(restore_weight), WEIGHT, "0", NULL,
     "Weight of the masked steps of one modality restored from the code of another, for each "
     "ordered pair (TURN); 0 leaves it out."},
    {"restore.mask", NUMBER(restore_mask), "[0, 1]", "0.3", NULL,
     "The part of the steps that is masked and restored."},

    {"codis.weight", NUMBER(codis_weight), WEIGHT, "0", NULL,
     "Weight of CODIS's losses: codes are then unit vectors trained by gradients instead of "
     "the "
     "EMA, towards optimal transport plans and momentum teachers; 0 leaves it out."},
    {"codis.momentum", NUMBER(codis_momentum), "[0, 1]", "0.995", NULL,
     "m of the teachers, theta' <- m theta' + (1 - m) theta after each step."},
    {"codis.plan", CHOICE(codis_plan), "ipot | sinkhorn", "ipot", NULL,
     "How the plan between clips and codes is found: by proximal steps (IPOT) or by Sinkhorn's "
     "iterations."},
    {"codis.beta", NUMBER(codis_beta), "[0.001, 100]", "0.5", NULL,
     "What costs are divided by in exp(-D / beta)."},
    {"codis.rounds", SIZE(codis_rounds), "[1, 1000]", "50", NULL,
     "Rounds in which the plan is found."},
    {"codis.prototype_temperature", NUMBER(codis_sharpness), "[0.001, 100]", "0.1", NULL,
     "What cosines to the codes are divided by in the prediction of the partner's plan."},
    {"codis.temperature", NUMBER(codis_temperature), "[0.001, 0.5]", "0.07", NULL,
     "What cosines of clips are divided by at the start; it is learnt within these bounds."},
    {"codis.soft", NUMBER(codis_soft), "[0, 1]", "0.4", NULL,
     "The part of the teachers' own distribution in the targets of cross pairs."},
    {"codis.queue", SIZE(codis_queue), OR_ZERO, "2048", NULL,
     "Clips of past batches, as the teachers gave them, among the negatives; 0: none."},

    {"masked.weight", NUMBER(masked_weight), WEIGHT, "0", NULL,
     "Weight of the masked contrast of all ordered pairs of modalities (MICU); 0 leaves it "
     "out."},
    {"masked.part", NUMBER(masked_part), "[0, 1]", "0.3", NULL,
     "The part of the steps that is masked, the same steps in all modalities."},
    {"masked.temperature", NUMBER(masked_temperature), "[0.001, 100]", "0.1", NULL,
     "What cosines are divided by."},
    {"masked.fine", NUMBER(masked_fine), WEIGHT, "1", NULL,
     "Factor of the contrast of a step with the steps of the same clip."},
    {"masked.coarse", NUMBER(masked_coarse), WEIGHT, "1", NULL,
     "Factor of the contrast of a clip's mean with those of the batch."},

    {"level2.weight", NUMBER(level2_weight), WEIGHT, "0", NULL,
     "Weight of the objective of a second level of codes, which encodes the specific features "
     "(H-DCID); 0: there is none. A code is then a pair, one of each level."},
    {"level2.start", NUMBER(level2_start), "[0, 1]", "0.6", NULL,
     "The part of the run's declared steps in which the second level's objective does not "
     "count "
     "yet."},
    {"level2.count", SIZE(level2_count), OR_ZERO, "0", NULL,
     "Codes of the second level, at most 65536 pairs; 0: code.count, or as many as that "
     "allows."},

    {"jigsaw.weight", NUMBER(jigsaw_weight), WEIGHT, "0", NULL,
     "Weight of the jigsaw: in which order the parts of codes stand, each of a modality drawn "
     "at random (MICU); 0 leaves it out."},
    {"jigsaw.parts", SIZE(jigsaw_parts), "[2, 4]", "2", NULL,
     "S: the parts of equal size that code.dim is cut into."},
    {"jigsaw.orders", SIZE(jigsaw_orders), "[2, 24]", "2", NULL,
     "P: how many of the S! orders there are, drawn once."},
    {"jigsaw.width", SIZE(jigsaw_width), POSITIVE, "512", NULL,
     "Hidden width of the net that tells the order."},

    {"ema.partner", CHOICE(ema_partner), "attention | same_step | none", "attention",
     "same_step",
     "What is averaged with z in the sums o_l: r by cross-attention over the partner's steps "
     "(P6), or the partner's same step as in the code (A.3), or nothing."},
    {"ema.order", CHOICE(ema_order), "joint | sequential", "joint", "sequential",
     "One update of N_l and o_l from all modalities (P6); compat: one after the other with the "
     "smoothed count stored back, so that the decay is ema.decay to the power of their number "
     "(A.3)."},
    {"ema.start", CHOICE(ema_start), "data | kmeans | uniform", "data", "uniform",
     "Codes start as encoder outputs of the first batch or as their k-means centres, with "
     "N = 1 and o = e; compat: as uniform noise with N = 0, which throws unused codes far "
     "away in the first step (A.3)."},
    {"ema.decay", NUMBER(ema_decay), "[0, 1)", "0.99", NULL,
     "gamma of N_l <- gamma N_l + (1 - gamma) n_l, and of o_l likewise (P6)."},
    {"ema.epsilon", NUMBER(ema_epsilon), "(0, 1)", "1e-05", NULL,
     "Smoothing of the counts in the sequential order (A.3)."},

    {"reset.rule", CHOICE(reset_rule), "off | any | two", "two", "any",
     "A code stays if at least two modalities selected it within reset.steps batches (P8); "
     "compat: if any did (A.3)."},
    {"reset.steps", SIZE(reset_steps), "[1, 1000000000]", "100", "300",
     "N_re: the idle batches after which a code starts anew (P8)."},
    {"reset.ema", SWITCH(reset_ema), ON_OFF, "on", "off",
     "N_l and o_l start anew with the code; compat: they do not, and the next update undoes "
     "the "
     "reset of every code that is not selected at once (A.3)."},
    {"reset.max_per_step", SIZE(reset_max), OR_ZERO, "32", "0",
     "Most codes that start anew in one step, so that the codebook never changes at a stroke; "
     "0: no limit, as in the code."},
    {"reset.source", CHOICE(reset_source), "encoder | code", "encoder", "code",
     "A new code is a random encoder output of the batch; compat: a random active code and "
     "noise (A.3)."},

    {"evaluation.counts", SWITCH(evaluate_counts), ON_OFF, "off", "on",
     "Evaluation moves the idle counters and resets codes, as the code does (A.3); off: it "
     "changes nothing."},

    {"train.batch", SIZE(batch), "[2, 65536]", "80", NULL, "The largest batch, in clips."},
    {"train.length", SIZE(length), POSITIVE, "10", NULL, "The longest clip, in steps (T)."},
    {"train.epochs", SIZE(epochs), "[1, 1000000]", "6", NULL, "Passes over the data."},
    {"train.optimizer", CHOICE(optimizer), "adam | adamw", "adam", NULL,
     "Adam (0.9, 0.999, 1e-8), or the same with decoupled weight decay."},
    {"train.lr", NUMBER(lr), "(0, 10]", "0.0004", NULL, "Learning rate after the warm-up."},
    {"train.schedule", CHOICE(schedule), "constant | cosine | linear", "constant", NULL,
     "The learning rate's way from train.lr to train.lr_floor of it over the run, whose steps "
     "have to be declared: a warning tells where they are not."},
    {"train.warmup", SIZE(warmup), "[0, 1000000000]", "0", NULL,
     "Steps in which the learning rate grows linearly to train.lr."},
    {"train.lr_floor", NUMBER(lr_floor), "[0, 1]", "0", NULL,
     "Where cosine and linear end, as a part of train.lr."},
    {"train.weight_decay", NUMBER(weight_decay), "[0, 1]", "0.01", NULL,
     "Decay w <- w - lr decay w of adamw; adam has none."},
    {"train.clip", NUMBER(clip), WEIGHT, "0.5", NULL,
     "Largest L2 norm of each module's gradient (A.6); 0: no limit."},
    {"train.drop_last", SWITCH(drop_last), ON_OFF, "on", "off",
     "The smaller batch at an epoch's end is left out; compat: it is used, even if it is one "
     "clip (A.9)."},
    {"train.guard", CHOICE(guard), "warn | stop | off | lower", "warn", NULL,
     "What becomes of a run whose CLUB falls below minus all other terms and stays there: a "
     "warning, or the step is refused, or the term has a tenth of its weight from then on. A "
     "warning too where codes collapse into one; with lower, CLUB has a tenth of its weight."},
    {"train.freeze", WORDS(freeze), "none | names", "none", NULL,
     "Parts that do not learn: codebook; audio, which is all parts of modality audio; or one "
     "of them, audio.encoder (what makes its codes, of both levels), audio.specific, "
     "audio.decoder, audio.cpc, audio.club. They keep every bit, also of Adam's moments."},
    {"train.seed", SEED(seed), "[0, 18446744073709551615]", "0", NULL,
     "Seed of every random draw; equal seeds and threads give bit-identical runs."},

    {"kernel.backend", CHOICE(kernel), "auto | onednn | blas", "auto", NULL,
     "What computes convolutions and matrix products: auto takes the library's own kernels or "
     "oneDNN's, whichever is faster for the size, and never cblas, whose results depend on "
     "what "
     "is installed; onednn and blas take that library's wherever it has one."},
    {"kernel.winograd", SWITCH(winograd), ON_OFF, "on", NULL,
     "auto may compute 3x3 convolutions of stride 1 by Winograd's transforms, with half to a "
     "third "
     "of the multiplications and rounding errors up to 1e-5 of the largest value; off: by sums "
     "over the window alone."},
};

const size_t unic__config_key_count = sizeof unic__config_key_table /
                                      sizeof unic__config_key_table[0];

_Static_assert(sizeof unic__config_key_table / sizeof unic__config_key_table[0] <=
                   UNIC__MAX_KEYS,
               "unic__key_set has a bit for every key");

/* ---- presets ---- */

static const char small_sizes[] = "code.dim = 64\n"
                                  "code.count = 200\n"
                                  "encoder.ff = 128\n";
static const char small_nets[] = "encoder.layers = 2\n"
                                 "encoder.heads = 4\n"
                                 "encoder.dropout = 0.1\n"
                                 "club.width = 64\n"
                                 "club.layers = 4\n"
                                 "club.steps = 5\n"
                                 "club.lr = 0.001\n"
                                 "reset.steps = 100\n"
                                 "train.batch = 32\n"
                                 "train.length = 10\n"
                                 "train.lr = 0.001\n"
                                 "train.clip = 0.5\n";

/* Every term of the paper stays on. */
static const char small_terms[] = "club.weight = 0.1\n"
                                  "cpc.self = 0.1\n"
                                  "train.epochs = 12\n";

/* What validation clips say, whatever the paper does: docs/table.md has the figures. */
static const char recommended[] = "club.weight = 0\n"
                                  "cpc.self = 0.1\n"
                                  "masked.weight = 3\n"
                                  "masked.temperature = 0.2\n"
                                  "ema.partner = same_step\n"
                                  "encoder.context = chunk:5\n"
                                  "train.schedule = cosine\n";
static const char recommended_sizes[] = "code.dim = 128\n"
                                        "code.count = 400\n"
                                        "encoder.ff = 512\n";
static const char recommended_epochs[] = "train.epochs = 30\n";

static const char paper_sizes[] = "code.dim = 256\n"
                                  "code.count = 400\n"
                                  "encoder.layers = 2\n"
                                  "encoder.heads = 4\n"
                                  "encoder.ff = 1024\n"
                                  "encoder.dropout = 0.1\n"
                                  "club.width = 128\n"
                                  "club.layers = 4\n"
                                  "club.steps = 5\n"
                                  "club.lr = 0.001\n"
                                  "cpc.hidden = 256\n"
                                  "train.batch = 80\n"
                                  "train.length = 10\n"
                                  "train.epochs = 6\n"
                                  "train.lr = 0.0004\n"
                                  "train.clip = 0.5\n";

/* The order audio, video, text is that of the CMG code's sequential EMA (A.3). */
static const char av[] = "modalities = audio video\n";
static const char at[] = "modalities = audio text\n";
static const char vt[] = "modalities = video text\n";
static const char avt[] = "modalities = audio video text\n";

static const char audio[] = "audio.kind = vector\n"
                            "audio.dims = 128\n"
                            "audio.specific = 256\n";

static const char video[] = "video.kind = grid\n"
                            "video.dims = 7 7 512\n"
                            "video.specific = 2048\n"
                            "video.inner = 1024\n"
                            "video.squeeze = 64\n"
                            "video.pooled = 1024\n";

static const char text[] = "text.kind = token\n"
                           "text.dims = 768\n"
                           "text.specific = 256\n"
                           "text.recurrent = 128\n"
                           "text.recurrent_layers = 2\n";

const unic__preset unic__config_presets[] = {
    {"none", {NULL}},
    {"small", {small_sizes, small_nets, small_terms}},
    {"paper-av", {av, audio, video, paper_sizes}},
    {"paper-at", {at, audio, text, paper_sizes}},
    {"paper-vt", {vt, video, text, paper_sizes}},
    {"paper-avt", {avt, audio, video, text, paper_sizes}},
    {"recommended", {recommended_sizes, small_nets, recommended, recommended_epochs}},
    {"recommended-av", {av, audio, video, paper_sizes, recommended}},
    {"recommended-at", {at, audio, text, paper_sizes, recommended}},
    {"recommended-vt", {vt, video, text, paper_sizes, recommended}},
    {"recommended-avt", {avt, audio, video, text, paper_sizes, recommended}},
};

const size_t unic__config_preset_count = sizeof unic__config_presets /
                                         sizeof unic__config_presets[0];
