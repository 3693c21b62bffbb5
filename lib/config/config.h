/*
 * The settings of a model and of its run, as plain values. One table (config_keys.c) says for
 * each key its name, place in this struct, bounds, defaults (paper, compat) and help; parsing,
 * printing, docs/config.md and the public functions all follow that table.
 */
#ifndef UNIC_CONFIG_CONFIG_H
#define UNIC_CONFIG_CONFIG_H

#include "base/half.h"
#include "unicode/unic_config.h"

/* Parameters that all modalities share have this in front of their names; no modality can be
 * named so, because keys are. */
#define UNIC__SHARED_PREFIX "encoder."
/* The codes, where gradients train them (CODIS). */
#define UNIC__PROTOTYPES "codis.prototypes"

enum {
    UNIC__NAME_SIZE = 32,
    UNIC__WORDS_SIZE = 256 /* of a list of words */
};

/* Values of the choice keys: the order is that of their words in the table. */
typedef enum unic__behaviour { UNIC__PAPER, UNIC__COMPAT } unic__behaviour;
typedef enum unic__kind { UNIC__GRID, UNIC__VECTOR, UNIC__TOKEN } unic__kind;
typedef enum unic__branch { UNIC__BRANCH_CONV, UNIC__BRANCH_POOLED } unic__branch;
typedef enum unic__spatial { UNIC__SPATIAL_SOFTMAX, UNIC__SPATIAL_SUM } unic__spatial;
typedef enum unic__partner {
    UNIC__PARTNER_ATTENTION,
    UNIC__PARTNER_SAME_STEP,
    UNIC__PARTNER_NONE
} unic__partner;
typedef enum unic__ema_order { UNIC__EMA_JOINT, UNIC__EMA_SEQUENTIAL } unic__ema_order;
typedef enum unic__ema_start {
    UNIC__START_DATA,
    UNIC__START_KMEANS,
    UNIC__START_UNIFORM
} unic__ema_start;
typedef enum unic__guard_choice {
    UNIC__GUARD_WARN,
    UNIC__GUARD_STOP,
    UNIC__GUARD_OFF,
    UNIC__GUARD_LOWER
} unic__guard_choice;
typedef enum unic__club_x { UNIC__CLUB_SEMANTIC, UNIC__CLUB_QUANTIZED } unic__club_x;
typedef enum unic__club_form { UNIC__CLUB_ALL_PAIRS, UNIC__CLUB_PERMUTATION } unic__club_form;
typedef enum unic__contrast { UNIC__OVER_FUTURES, UNIC__OVER_PREDICTIONS } unic__contrast;
typedef enum unic__match_form {
    UNIC__MATCH_SYMMETRIC,
    UNIC__MATCH_ASYMMETRIC
} unic__match_form;
typedef enum unic__margin { UNIC__MARGIN_ADAPTIVE, UNIC__MARGIN_FIXED } unic__margin;
typedef enum unic__shared {
    UNIC__SHARED_NONE,
    UNIC__SHARED_ALL,
    UNIC__SHARED_AFTER_FIRST
} unic__shared;
typedef enum unic__plan { UNIC__PLAN_IPOT, UNIC__PLAN_SINKHORN } unic__plan;
typedef enum unic__pool { UNIC__POOL_STEPS, UNIC__POOL_CLIP } unic__pool;
typedef enum unic__target { UNIC__TARGET_DETACHED, UNIC__TARGET_ATTACHED } unic__target;
typedef enum unic__reset { UNIC__RESET_OFF, UNIC__RESET_ANY, UNIC__RESET_TWO } unic__reset;
typedef enum unic__reset_source { UNIC__SOURCE_ENCODER, UNIC__SOURCE_CODE } unic__reset_source;
typedef enum unic__optimizer { UNIC__ADAM, UNIC__ADAMW } unic__optimizer;
typedef enum unic__schedule { UNIC__CONSTANT, UNIC__COSINE, UNIC__LINEAR_DECAY } unic__schedule;
typedef enum unic__padding { UNIC__PAD_MASKED, UNIC__PAD_REAL } unic__padding;
typedef enum unic__kernel {
    UNIC__KERNEL_AUTO,
    UNIC__KERNEL_ONEDNN,
    UNIC__KERNEL_BLAS
} unic__kernel;

/* A modality's kind before it is set: not a word of the table, and never in a checked
 * config. */
enum { UNIC__KIND_UNSET = UNIC__TOKEN + 1 };

/* One bit for each key of the table: those that were set one by one. */
typedef struct unic__key_set {
    uint64_t bits[2];
} unic__key_set;

/*
 * One modality: keys "<name>.kind", "<name>.dims" ... The code has no special case for any
 * modality. A size that is 0 is derived from others; unic__config_resolve fills it in.
 */
typedef struct unic__modality {
    char name[UNIC__NAME_SIZE]; /* letters, digits, '-', '_'; begins with a letter         */
    unic__kind kind;            /* .kind: grid [T,H,W,C], vector [T,C], token [T,C]        */
    unic__shape dims;           /* .dims: of one step: {H,W,C} or {C}                      */
    size_t specific;            /* .specific: channels of the modality-specific features   */
    unic__branch branch;        /* .branch: grid: convolutions, or the pooled mean        */
    size_t inner;               /* .inner: grid: channels of its first convolution         */
    size_t squeeze;             /* .squeeze: grid: width of the channel attention          */
    size_t pooled;              /* .pooled: grid: width between the pooled specific map
                                    and CLUB's view of it; the view has C channels          */
    unic__spatial attention;    /* .attention: grid: softmax over positions, or a sum      */
    size_t recurrent;           /* .recurrent: token: hidden size of each direction        */
    size_t recurrent_layers;    /* .recurrent_layers                                       */
    char extractor[UNIC__WORDS_SIZE]; /* .extractor: how its features were made; "": unknown */
    unic__key_set set;
} unic__modality;

struct unic_config {
    unic__behaviour behaviour; /* behaviour  */
    int preset;                /* preset: index of its word, 0 = none */
    int objective;             /* objective: index of its word, 0 = unicode */
    size_t modality_count;     /* modalities */
    unic__modality modality[UNIC_MAX_MODALITIES];

    /* encoders and codebook */
    size_t code_dim;             /* code.dim: D                                             */
    size_t code_count;           /* code.count: L                                           */
    unic__pool code_pool;        /* code.pool: what a code stands for in training           */
    size_t code_groups;          /* code.groups: q; L is the q-th power of a whole number   */
    bool code_segments;          /* code.segments: each modality has columns of its own     */
    size_t encoder_layers;       /* encoder.layers                                          */
    size_t encoder_heads;        /* encoder.heads                                           */
    size_t encoder_ff;           /* encoder.ff                                              */
    double encoder_dropout;      /* encoder.dropout                                         */
    size_t encoder_context;      /* encoder.context: steps of a chunk; 0: full, 1: causal   */
    unic__shared encoder_shared; /* encoder.shared: layers that modalities share        */
    unic__float_type encoder_weights; /* encoder.weights: of files, and of packed weights */
    unic__padding padding; /* padding: masked, or zeros are real steps (compat)       */

    /* objective (P9) */
    double recon_weight;         /* recon.weight                                       */
    unic__target recon_target;   /* recon.target: of token modalities                  */
    double commit_weight;        /* commit.weight                                      */
    double commit_own;           /* commit.own                                         */
    double commit_cross;         /* commit.cross: of the mean over partners            */
    double club_weight;          /* club.weight                                        */
    unic__club_x club_input;     /* club.input                                         */
    unic__club_form club_form;   /* club.form                                          */
    size_t club_width;           /* club.width                                         */
    size_t club_layers;          /* club.layers                                        */
    size_t club_steps;           /* club.steps: inner fits a step                      */
    double club_lr;              /* club.lr                                            */
    double cpc_weight;           /* cpc.weight                                         */
    double cpc_self;             /* cpc.self: weight of a modality predicting itself   */
    size_t cpc_steps;            /* cpc.steps: K                                       */
    size_t cpc_layers;           /* cpc.layers                                         */
    size_t cpc_hidden;           /* cpc.hidden; resolved from 0 to code.dim            */
    size_t cpc_start;            /* cpc.start: the first t that may be drawn           */
    unic__contrast cpc_contrast; /* cpc.contrast                                       */
    double match_weight;         /* code_match.weight, of each pair                    */
    unic__match_form match_form; /* code_match.form                                    */
    double margin_weight;        /* margin.weight, of each pair                        */
    unic__margin margin_form;    /* margin.form                                        */
    double margin_alpha;         /* margin.alpha                                       */
    bool margin_rows;            /* margin.rows                                        */
    double margin_size;          /* margin.size                                        */
    double margin_growth;        /* margin.growth: each 1000 steps                     */
    double codis_weight;         /* codis.weight; > 0: codes are trained by gradients   */
    double codis_momentum;       /* codis.momentum: of the teachers                    */
    unic__plan codis_plan;       /* codis.plan                                         */
    double codis_beta;           /* codis.beta: of the plan                            */
    size_t codis_rounds;         /* codis.rounds: of the plan                          */
    double codis_sharpness;      /* codis.prototype_temperature                        */
    double codis_temperature;    /* codis.temperature: of instances, at the start      */
    double codis_soft;           /* codis.soft: the teachers' part of the targets      */
    size_t codis_queue;          /* codis.queue: clips of the past; 0: none            */
    double restore_weight;       /* restore.weight, of each ordered pair               */
    double restore_mask;         /* restore.mask: the part of the steps                */
    double contrast_weight;      /* contrast.weight, of each pair                      */
    size_t contrast_head;        /* contrast.head; 0: none                             */
    double contrast_temperature; /* contrast.temperature: at the start                 */
    bool contrast_learn;         /* contrast.learn: the temperature is trained         */
    size_t margin_head;          /* margin.head; 0: none                               */
    double margin_temperature;   /* margin.temperature: of cosines, without heads      */
    double masked_weight;        /* masked.weight                                      */
    double masked_part;          /* masked.part: of the steps                          */
    double masked_temperature;   /* masked.temperature                                 */
    double masked_fine;          /* masked.fine: of each ordered pair's steps          */
    double masked_coarse;        /* masked.coarse: of each ordered pair's clips        */
    double level2_weight;        /* level2.weight; > 0: codes have a second level       */
    double level2_start;         /* level2.start: the part of the run before it counts  */
    size_t level2_count;         /* level2.count: its codes; 0: code.count, or fewer    */
    double jigsaw_weight;        /* jigsaw.weight                                      */
    size_t jigsaw_parts;         /* jigsaw.parts: S                                    */
    size_t jigsaw_orders;        /* jigsaw.orders: P                                   */
    size_t jigsaw_width;         /* jigsaw.width: hidden, of its net                   */

    /* codebook */
    unic__partner ema_partner;       /* ema.partner                                    */
    unic__ema_order ema_order;       /* ema.order                                      */
    unic__ema_start ema_start;       /* ema.start                                      */
    double ema_decay;                /* ema.decay: gamma                               */
    double ema_epsilon;              /* ema.epsilon: smoothing of the sequential order */
    unic__reset reset_rule;          /* reset.rule                                     */
    size_t reset_steps;              /* reset.steps: N_re                              */
    bool reset_ema;                  /* reset.ema: the EMA state is reset too          */
    size_t reset_max;                /* reset.max_per_step; 0: no limit                */
    unic__reset_source reset_source; /* reset.source                                   */
    bool evaluate_counts;            /* evaluation.counts: evaluation moves the idle
                                        counters                                       */

    /* run */
    size_t batch, length;          /* train.batch, train.length: the largest B and T       */
    size_t epochs;                 /* train.epochs                                         */
    unic__optimizer optimizer;     /* train.optimizer                                      */
    double lr;                     /* train.lr                                             */
    unic__schedule schedule;       /* train.schedule                                       */
    size_t warmup;                 /* train.warmup: steps of linear warm-up                */
    double lr_floor;               /* train.lr_floor: the end, as a part of train.lr       */
    double weight_decay;           /* train.weight_decay (adamw: decoupled; adam: none)    */
    double clip;                   /* train.clip: L2 norm of each module's gradient; 0: off */
    bool drop_last;                /* train.drop_last                                      */
    unic__guard_choice guard;      /* train.guard: where a term falls without end          */
    char freeze[UNIC__WORDS_SIZE]; /* train.freeze: parts that do not learn            */
    uint64_t seed;                 /* train.seed                                       */
    unic__kernel kernel;           /* kernel.backend                                       */
    bool winograd;                 /* kernel.winograd: by transforms where it pays (auto)  */

    /* The keys that were set one by one, which behaviour and preset do not change; then the
     * strings that unic_config_text and unic_config_get lend: the whole text, and the same text
     * with NULs as line ends. Both are NULL until first used. */
    unic__key_set set;
    char *text;
    char *lines;
};

/* The public functions of unic_config.h, without their checks of arguments. */
unic_status unic__config_create(unic_config **out);
void unic__config_free(unic_config *config);
unic_status unic__config_copy(unic_config **out, const unic_config *config);
unic_status unic__config_set(unic_config *config, const char *key, const char *value);
unic_status unic__config_get(const char **value, unic_config *config, const char *key);
unic_status unic__config_text(const char **text, unic_config *config);
unic_status unic__config_check(const unic_config *config);

enum {
    UNIC__CONFIG_TEXT = 65536
}; /* the most bytes of a text; typical configs have about 3000 */

/* Applies `length` bytes of untrusted text. `source` names it in messages; may be NULL. */
unic_status unic__config_parse(unic_config *config, const char *text, size_t length,
                               const char *source);

/*
 * Fills in every size that is 0, which means that it is derived. Code that builds a model or a
 * run copies the config, checks it and resolves it; lower layers read only resolved configs.
 * Text that was lent before does not change: call unic__config_text() before to keep the zeros,
 * or after to keep the sizes.
 */
void unic__config_resolve(unic_config *config);

/* A model's codes, and their width: code.dim, or a segment of that for each modality, or two
 * levels of it. */
size_t unic__config_code_rows(const unic_config *config);
size_t unic__config_code_width(const unic_config *config);
/* The width of a run's codes, without the second level. */
size_t unic__config_row_width(const unic_config *config);

/* K, of which code.count is the power of code.groups; 0 if there is none. */
size_t unic__config_group_size(const unic_config *config);

/* Whether train.freeze names the codebook, or a part to which the parameter of that name
 * ("audio.semantic.layer0.ff1.weight") belongs (config_freeze.c). */
bool unic__config_freezes_codebook(const unic_config *config);
bool unic__config_freezes(const unic_config *config, const char *parameter);

/* Whether a run with one config may go on with the other (both resolved); UNIC_E_CONFIG names a
 * key that a run keeps, and both values (config_change.c). */
unic_status unic__config_may_become(unic_config *from, unic_config *to);
/* A line of the log for each key that differs. */
void unic__config_log_change(unic_config *from, unic_config *to);

/* Index of a modality by name; modality_count if there is none. */
size_t unic__config_modality(const unic_config *config, const char *name);

/* The modalities' names for messages, "image, speech", into `text` of `size` bytes. */
const char *unic__config_names(const unic_config *config, char *text, size_t size);

#endif
