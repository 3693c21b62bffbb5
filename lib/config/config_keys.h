/*
 * The internals of the config: its keys as data (config_keys.c), the objectives as texts of keys
 * (config_objectives.c), conversion of a value between its text and its field (config_value.c), finding a key by name (config_find.c), splitting
 * text into lines (config_line.c), setting a key (config.c), whole texts (config_text.c), the
 * words of train.freeze (config_freeze.c), and what a run may change (config_change.c).
 * Only these files, those of lib/extract and lib/api, and their tests include this header: an
 * extractor's settings are keys of a table of its own.
 */
#ifndef UNIC_CONFIG_CONFIG_KEYS_H
#define UNIC_CONFIG_CONFIG_KEYS_H

#include "base/text.h"
#include "config/config.h"

typedef enum unic__key_type {
    UNIC__KEY_NUMBER,  /* double                                */
    UNIC__KEY_SIZE,    /* size_t                                */
    UNIC__KEY_SEED,    /* uint64_t                              */
    UNIC__KEY_CHOICE,  /* an enum, or an int: the word's index  */
    UNIC__KEY_SWITCH,  /* bool                                  */
    UNIC__KEY_DIMS,    /* unic__shape                           */
    UNIC__KEY_CONTEXT, /* size_t: steps of a chunk              */
    UNIC__KEY_NAMES,   /* the list of modalities                */
    UNIC__KEY_WORDS    /* char[UNIC__WORDS_SIZE]: words with one space between; "": none,
                          or, where the default is "", not set */
} unic__key_type;

/* Which struct has a key's field, and which modalities have the key. */
typedef enum unic__key_owner {
    UNIC__OF_CONFIG,   /* in unic_config                     */
    UNIC__OF_MODALITY, /* in unic__modality, of every kind   */
    UNIC__OF_GRID,
    UNIC__OF_TOKEN
} unic__key_owner;

/*
 * `allowed` defines the bounds or words and is parsed by the checks: "[0, 1)", "paper |
 * compat". A key of modalities is named "<modality>.x" and means one key for each modality.
 */
typedef struct unic__config_key {
    const char *name;
    unic__key_type type;
    unic__key_owner owner;
    size_t offset;
    const char *allowed;
    const char *paper;  /* default as text; "" if the key must be given      */
    const char *compat; /* default under behaviour = compat; NULL: the same  */
    const char *help;
} unic__config_key;

/* The first keys of the table set defaults of the others, and are applied before them. */
enum {
    UNIC__KEY_BEHAVIOUR,
    UNIC__KEY_PRESET,
    UNIC__KEY_OBJECTIVE,
    UNIC__KEY_MODALITIES,
    UNIC__KEY_FIRST_SINGLE
};
enum {
    UNIC__MAX_KEYS = 128,
    UNIC__PRESET_PARTS = 6,
    UNIC__MODALITY_KEYS = 11, /* keys named "<modality>.x" */
    UNIC__MAX_REFS = UNIC__MAX_KEYS + UNIC_MAX_MODALITIES * UNIC__MODALITY_KEYS
};

extern const unic__config_key unic__config_key_table[];
extern const size_t unic__config_key_count;

/* ---- kinds of modalities (config_keys.c); what is built for each is in model/kinds.c ---- */

/* The order is that of unic__kind and of the words of "<modality>.kind". */
typedef struct unic__kind_rule {
    const char *word, *dims;
    size_t rank;           /* the number of dims                                       */
    unic__key_owner owner; /* of keys that no other kind has; UNIC__OF_MODALITY: none  */
    size_t smallest;       /* the least H and W                                        */
} unic__kind_rule;

extern const unic__kind_rule unic__config_kinds[UNIC__KIND_UNSET];

/* ---- presets (config_keys.c) ---- */

/* A preset is config text in parts, `modalities` first. The order is that of the words. */
typedef struct unic__preset {
    const char *word;
    const char *parts[UNIC__PRESET_PARTS]; /* unused ones are NULL */
} unic__preset;

extern const unic__preset unic__config_presets[];
extern const size_t unic__config_preset_count;

/* Objectives (config_objectives.c) are texts of the same make, applied after the preset. */
extern const unic__preset unic__config_objectives[];
extern const size_t unic__config_objective_count;

enum {
    UNIC__KEY_BYTES = 64,    /* of a key's name with its modality's                    */
    UNIC__VALUE_BYTES = 320, /* of a value: the longest is a list of modalities        */
    UNIC__SHOWN_BYTES = 64   /* of a value quoted in a message                          */
};

/* ---- a key and its value (config_value.c) ---- */

bool unic__key_applies(const unic__config_key *key, unic__kind kind);
const char *unic__key_default(const unic__config_key *key, unic__behaviour behaviour);
size_t unic__key_bytes(const unic__config_key *key); /* size of the field; not for NAMES */

/*
 * Reads `value` into a field of any type but NAMES; on an error the field stays as it is. The
 * message names the key by `name`, which includes its modality, and suggests `standard` if a
 * real number is out of bounds.
 */
unic_status unic__key_parse(const unic__config_key *key, const char *name, const char *standard,
                            const char *value, void *field);

/* Prints a field so that parsing gives it back exactly; false if it has no value yet. */
bool unic__key_print(const unic__config_key *key, const void *field,
                     char text[UNIC__VALUE_BYTES]);

/* `text` made fit for a message: shortened, and printable ASCII only. */
const char *unic__shown(const char *text, char out[UNIC__SHOWN_BYTES]);

/* ---- finding keys (config_find.c) ---- */

/* A key of the table and, for a key of modalities, the modality. */
typedef struct unic__key_ref {
    size_t index;
    size_t modality;
} unic__key_ref;

bool unic__key_find(const unic_config *config, const char *name, unic__key_ref *ref);

/* The message for a name that unic__key_find did not find. */
unic_status unic__key_unknown(const unic_config *config, const char *name);

/* "image.kind", into `text`. */
const char *unic__key_name(const unic_config *config, unic__key_ref ref,
                           char text[UNIC__KEY_BYTES]);

/* Every key of this config in the order of its text; returns how many. */
size_t unic__key_ref_list(const unic_config *config, unic__key_ref refs[UNIC__MAX_REFS]);

/* The modalities' names with `separator` between them. */
const char *unic__config_list(const unic_config *config, const char *separator, char *text,
                              size_t size);

void *unic__key_field(unic_config *config, unic__key_ref ref);

/* Whether every word of train.freeze is a part of the config (config_freeze.c). */
unic_status unic__config_check_freeze(const unic_config *config);
/* Whether a word of train.freeze is this, so that no modality can be named by it. */
bool unic__config_is_freeze_word(const char *name);
unic__key_set *unic__key_set_of(unic_config *config, unic__key_ref ref);
bool unic__key_in(const unic__key_set *set, size_t index);

/* ---- setting keys (config.c) ---- */

/* Sets one key of a draft as set by the user; after an error the draft must not be used. */
unic_status unic__config_apply(unic_config *draft, unic__key_ref ref, const char *value);

/* Replaces the config by the draft; strings lent by text and get become invalid. */
void unic__config_commit(unic_config *config, unic_config *draft);

/* ---- lines (config_line.c) ---- */

typedef struct unic__config_line {
    unic__lines lines; /* this line's number, and the text after it */
    char key[UNIC__KEY_BYTES];
    char value[UNIC__VALUE_BYTES];
} unic__config_line;

/* Begins reading a text; UNIC_E_CONFIG if it is not one (base/text.h). */
unic_status unic__config_begin(unic__config_line *line, const char *text, size_t length);

/* Moves to the next "key = value"; *found is false at the end of the text. */
unic_status unic__config_next(unic__config_line *line, bool *found);

#endif
