/* Texts: configs, class maps, tables of clips, and what the programs read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/config.h"
#include "cli/text.h"
#include "config/config.h"
#include "data/clip_table.h"
#include "extract/small_bert.h"
#include "base/utf8.h"
#include "extract/wordpiece.h"
#include "fuzz/targets/targets.h"
#include "train/interval.h"

enum { NAMES = 32 };

/* ---- config ---- */

/* What a config prints is read again, and prints the same. */
static void check_round_trip(unic_config *config)
{
    const char *text, *again;
    unic_config *copy;
    FUZZ_CHECK(fuzz_ok(unic_config_text(&text, config)));
    FUZZ_CHECK(fuzz_made(unic_config_create(&copy), copy));
    FUZZ_CHECK(fuzz_ok(unic_config_parse(copy, text, "copy")));
    FUZZ_CHECK(fuzz_ok(unic_config_text(&again, copy)));
    FUZZ_CHECK(strcmp(text, again) == 0);
    unic_config_free(copy);
    FUZZ_CHECK(fuzz_made(unic_config_copy(&copy, config), copy));
    FUZZ_CHECK(fuzz_ok(unic_config_text(&again, copy)));
    FUZZ_CHECK(strcmp(text, again) == 0);
    FUZZ_CHECK(unic_config_check(copy) == unic_config_check(config));
    unic_config_free(copy);
}

static void run_config(const unsigned char *data, size_t size)
{
    fuzz_in in = {data, data + size};
    unic_config *config, *loaded;
    size_t n;
    const unsigned char *part = fuzz_part(&in, &n);
    char *text = malloc(n + 1), key[80], value[300];
    memcpy(text, part, n);
    text[n] = '\0';
    FUZZ_CHECK(fuzz_made(unic_config_create(&config), config));
    FUZZ_CHECK(fuzz_made(unic_config_create(&loaded), loaded));
    bool parsed = fuzz_ok(unic_config_parse(config, text, "text"));
    FUZZ_CHECK(fuzz_ok(unic_config_load(loaded, fuzz_file(text, n))) == parsed);
    check_round_trip(config);
    while (in.at < in.end) {
        const char *now;
        fuzz_text(&in, key, sizeof key);
        fuzz_text(&in, value, sizeof value);
        if (fuzz_ok(unic_config_set(config, key, value)))
            check_round_trip(config);
        if (fuzz_ok(unic_config_get(&now, config, key))) {
            char kept[300];
            snprintf(kept, sizeof kept, "%s", now);
            if (*kept) /* what is not set cannot be set so */
                FUZZ_CHECK(strlen(now) >= sizeof kept ||
                           fuzz_ok(unic_config_set(config, key, kept)));
        }
    }
    fuzz_ok(unic_config_check(config));
    unic_config_free(loaded);
    unic_config_free(config);
    free(text);
}

static void config_seeds(fuzz_seed_fn *add)
{
    static const char sets[] = "code.dim = 8\n\0\x08"
                               "code.dim\x02"
                               "12\x09"
                               "behaviour\x06"
                               "compat";
    unic_config *config = fuzz_small_config(FUZZ_THREE);
    const char *text;
    FUZZ_CHECK(unic_config_text(&text, config) == UNIC_OK);
    add(text, strlen(text));
    unic_config_free(config);
    FUZZ_SEED(add, FUZZ_TWO);
    FUZZ_SEED(add, sets);
    FUZZ_SEED(add, "\xEF\xBB\xBFpreset = small\r\n# text\rbehaviour=paper");
}

const fuzz_target fuzz_config_target = {.name = "config",
                                        .reads = "configs, their keys and values",
                                        .form = FUZZ_RAW,
                                        .largest = 1 << 13,
                                        .run = run_config,
                                        .seeds = config_seeds};

/* ---- class maps: their names, theirs, and the map, each ended by a NUL ---- */

/* The lines of a text as names; `lines` is cut into them. */
static size_t names_of(char *lines, const char *names[NAMES])
{
    size_t n = 0;
    for (char *end = lines; end && n < NAMES; n++) {
        names[n] = lines;
        end = strchr(lines, '\n');
        if (end)
            *end = '\0';
        lines = end ? end + 1 : lines;
    }
    return n;
}

static char *take_text(fuzz_in *in)
{
    size_t size;
    const unsigned char *part = fuzz_part(in, &size);
    char *text = malloc(size + 1);
    memcpy(text, part, size);
    text[size] = '\0';
    return text;
}

static void use_map(const unic_class_map *map, size_t theirs, size_t ours)
{
    int32_t labels[NAMES + 1], rows[NAMES], out[NAMES];
    for (size_t i = 0; i <= theirs; i++) {
        labels[i] = (int32_t)i - 1;
        int32_t to = unic_class_map_get(map, labels[i]);
        FUZZ_CHECK(to >= -1 && to < (int32_t)ours);
    }
    FUZZ_CHECK(fuzz_ok(unic_class_map_classes(map, labels, theirs + 1, labels)));
    for (size_t i = 0; i < theirs; i++)
        rows[i] = i % 3 == 0;
    FUZZ_CHECK(fuzz_ok(unic_class_map_steps(map, rows, 1, out)));
}

static void run_class_map(const unsigned char *data, size_t size)
{
    const char *theirs[NAMES], *ours[NAMES];
    fuzz_in in = {data, data + size};
    char *a = take_text(&in), *b = take_text(&in);
    unic_class_names names = {.struct_size = sizeof names};
    names.their_count = names_of(a, theirs);
    names.our_count = names_of(b, ours);
    names.theirs = *theirs[0] ? theirs : NULL; /* numbers */
    names.ours = *ours[0] ? ours : NULL;
    unic_class_map *map, *loaded;
    size_t n = (size_t)(in.end - in.at);
    bool parsed = fuzz_made(unic_class_map_parse(&map, (const char *)in.at, n, "text", &names),
                            map);
    bool read = fuzz_made(unic_class_map_load(&loaded, fuzz_file(in.at, n), &names), loaded);
    FUZZ_CHECK(parsed == read);
    if (parsed)
        use_map(map, names.their_count, names.our_count);
    unic_class_map_free(map);
    unic_class_map_free(loaded);
    free(a);
    free(b);
}

static void class_map_seeds(fuzz_seed_fn *add)
{
    static const char named[] =
        "cello\ncat = dog\nx\0dog\ncello, bowed\0# map\ncello = cello, bowed\r\n"
        "x = dog # end\rcat = dog\n";
    static const char numbered[] = "\n\n\0\n\0"
                                   "0 = 1\n2 = 0\n";
    FUZZ_SEED(add, named);
    FUZZ_SEED(add, numbered);
}

const fuzz_target fuzz_class_map_target = {.name = "class_map",
                                           .reads = "class maps and the names of classes",
                                           .form = FUZZ_RAW,
                                           .largest = 2048,
                                           .run = run_class_map,
                                           .seeds = class_map_seeds};

/* ---- tables of clips ---- */

/* In the order of their bytes, or of numbers: of two the longer one is the greater. */
static void check_names(const unic__class_names *names)
{
    for (size_t i = 1; i < names->n; i++) {
        const char *a = names->at[i - 1], *b = names->at[i];
        const bool longer = names->numbers && strlen(a) != strlen(b);
        FUZZ_CHECK(longer ? strlen(a) < strlen(b) : strcmp(a, b) < 0);
    }
}

static void use_table(const char *path, const char *split)
{
    enum { STEPS = 10, MOST = 1 << 20 };
    unic__arena arena = {0};
    unic__clip_table t;
    if (!fuzz_ok(unic__clip_table_read(&t, &arena, path, split))) {
        unic__arena_free(&arena);
        return;
    }
    check_names(&t.categories);
    check_names(&t.event_names);
    for (size_t i = 0; i < t.n; i++) {
        FUZZ_CHECK(*t.ids[i]);
        FUZZ_CHECK(!t.labels || (t.labels[i] >= -1 && t.labels[i] < (int32_t)t.categories.n));
        for (size_t k = 0; t.events && k < t.events[i].n; k++)
            FUZZ_CHECK(t.events[i].at[k].class < (int32_t)t.event_names.n);
    }
    size_t labels = t.n * STEPS * (t.event_names.n + 1);
    if (t.events && labels <= MOST) {
        int32_t *x = malloc(labels * sizeof *x);
        unic__clip_table_steps(&t, STEPS, x);
        unic__clip_table_presence(&t, x);
        free(x);
    }
    bool *keep = calloc(t.n + 1, 1);
    for (size_t i = 0; i < t.n; i += 2)
        keep[i] = true;
    unic__clip_table_keep(&t, keep);
    free(keep);
    unic__arena_free(&arena);
}

static void run_table(const unsigned char *data, size_t size)
{
    fuzz_in in = {data, data + size};
    char split[16];
    fuzz_text(&in, split, sizeof split);
    fuzz_limit_begin();
    use_table(fuzz_file(in.at, (size_t)(in.end - in.at)), *split ? split : NULL);
    fuzz_limit_end();
}

static const char *const tables[] = {
    "video_id,category,split\na,dog,train\nb,cat,test\n\"c \"\"x\"\"\",dog,train\n",
    "filename\tevent_labels\tonset\toffset\nx.mp4\tSpeech,Dog\t0,2\t1,10\nx\tCat\t3\t3\n",
    "id;category;event_labels\r\na;;Dog,Cat\r\n\r\nb;nan;\r\n",
    "\xEF\xBB\xBFid, category\ra, x\rb, y",
    "video_id,onset,offset,event_labels\na,0,65536,e1\na,0,65536,e2\nb,1.5,2.25,e3\n",
};

static void table_seeds(fuzz_seed_fn *add)
{
    char text[512];
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        size_t n = strlen(tables[i]);
        text[0] = 0;
        memcpy(text + 1, tables[i], n);
        add(text, n + 1);
        memcpy(text, "\x05train", 6);
        memcpy(text + 6, tables[i], n);
        add(text, n + 6);
    }
}

const fuzz_target fuzz_table_target = {.name = "table",
                                       .reads = "tables of clips and their events",
                                       .form = FUZZ_RAW,
                                       .largest = 2048,
                                       .run = run_table,
                                       .seeds = table_seeds};

/* ---- the same tables with the clips that they name, as a dataset ---- */

static void run_events(const unsigned char *data, size_t size)
{
    static const char *const clips[] = {"a", "b", "x", "c \"x\""};
    static const unsigned char array[] =
        "\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }  "
        "       \n"
        "\0\0\x80\x3f\0\0\0\x40\0\0\x80\x3f\0\0\0\x40\0\0\x80\x3f\0\0\0\x40";
    fuzz_in in = {data, data + size};
    unsigned flags = fuzz_byte(&in);
    for (size_t i = 0; i < sizeof clips / sizeof clips[0]; i++)
        for (int m = 0; m < 2; m++) {
            char name[32];
            snprintf(name, sizeof name, "%c/%s.npy", m ? 'v' : 'u', clips[i]);
            if (i != 1 || m != 1) /* one that has only one modality */
                fuzz_write(name, array, sizeof array - 1);
        }
    fuzz_write("t.csv", in.at, (size_t)(in.end - in.at));
    fuzz_use_dataset(fuzz_path("t.csv"), NULL, flags);
}

static void events_seeds(fuzz_seed_fn *add)
{
    char text[512];
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        size_t n = strlen(tables[i]);
        text[0] = (char)i;
        memcpy(text + 1, tables[i], n);
        add(text, n + 1);
    }
}

const fuzz_target fuzz_events_target = {
    .name = "events",
    .reads = "tables with clips: labels and batches of a dataset",
    .form = FUZZ_RAW,
    .largest = 2048,
    .run = run_events,
    .seeds = events_seeds};

/* ---- what the programs read themselves ---- */

static void run_programs(const unsigned char *data, size_t size)
{
    fuzz_in in = {data, data + size};
    char item[64];
    const char *items[] = {fuzz_text(&in, item, sizeof item), "code.dim=8"};
    const cli_list settings = {items, 2};
    train_interval interval = {.steps = 0};
    train_interval_parse(&interval, item);
    const char *path = fuzz_file(in.at, (size_t)(in.end - in.at));
    char *text = cli_text_read(path, 1 << 16, "list of classes"), *line;
    char *at = text ? cli_text_begin(text) : NULL;
    while (at && (line = cli_text_line(&at)))
        FUZZ_CHECK(!strpbrk(cli_text_trim(line), "\r\n"));
    free(text);
    free(cli_config_lines(path, &settings));
}

static void programs_seeds(fuzz_seed_fn *add)
{
    FUZZ_SEED(add, "\x04"
                   "a=30\xEF\xBB\xBF"
                   "dog\r\ncat \rcode.dim = 3\n");
    FUZZ_SEED(add, "\x03"
                   "20mdog\n\n cat\t");
}

const fuzz_target fuzz_programs_target = {
    .name = "programs",
    .reads = "lists of classes, settings and times of the programs",
    .form = FUZZ_RAW,
    .largest = 1024,
    .run = run_programs,
    .seeds = programs_seeds};

/* ---- words: a list as words to keep and as a vocabulary, and a text, each ended by a NUL ---- */

/* Every word has pieces, which are lines of the vocabulary, and lines are found by their words. */
static void check_pieces(const unic__word_list *list, const char *text, size_t size,
                         bool lower_case)
{
    unic__wordpiece w;
    unic__word_reader r;
    int32_t pieces[UNIC__WORD_POINTS];
    for (size_t i = 0; i < list->n; i++)
        FUZZ_CHECK(
            unic__word_list_find(list, list->line[i].word.start, list->line[i].word.size) ==
            (int32_t)list->line[i].number);
    if (!fuzz_ok(unic__wordpiece_begin(&w, list)))
        return;
    unic__words_begin(&r, text, size, lower_case);
    for (size_t n; unic__words_next(&r);) {
        n = unic__wordpiece_split(&w, &r, pieces);
        FUZZ_CHECK(n >= 1 && n <= UNIC__WORD_POINTS && r.bytes > 0);
        for (size_t i = 0; i < n; i++)
            FUZZ_CHECK(pieces[i] >= 0 && (size_t)pieces[i] < list->lines);
    }
}

static void use_words(unic_extractor *e, const char *list, size_t size, const char *text,
                      size_t bytes)
{
    float y[8 * SMALL_BERT_DIM];
    size_t steps = 0;
    const char *path = fuzz_file(list, size);
    fuzz_ok(unic_extractor_load_words(e, path, UNIC_EXTRACTOR_KEEP, &fuzz_open));
    fuzz_ok(unic_extractor_load_words(e, path, UNIC_EXTRACTOR_VOCABULARY, &fuzz_open));
    if (fuzz_ok(unic_extractor_extract_text(&steps, e, text, bytes, 8, y)))
        fuzz_check_finite(y, steps * SMALL_BERT_DIM);
}

static void run_words(const unsigned char *data, size_t size)
{
    fuzz_in in = {data, data + size};
    size_t n;
    const char *list = (const char *)fuzz_part(&in, &n), *text = (const char *)in.at;
    const size_t bytes = (size_t)(in.end - in.at);
    unic__word_list *parsed;
    unic_extractor *e;
    const bool valid = unic__utf8_check(text, bytes) == UNIC_OK;
    if (fuzz_made(unic__word_list_parse(&parsed, list, n), parsed)) {
        check_pieces(parsed, text, valid ? bytes : 0, size % 2);
        unic__word_list_free(parsed);
    }
    const char *weights = fuzz_path("w.npz");
    FUZZ_CHECK(small_bert(weights, SIZE_MAX, SIZE_MAX) == UNIC_OK);
    FUZZ_CHECK(unic_extractor_create(&e, SMALL_BERT, NULL) == UNIC_OK);
    FUZZ_CHECK(unic_extractor_load_weights(e, weights, NULL) == UNIC_OK);
    use_words(e, list, n, text, bytes);
    use_words(e, SMALL_BERT_WORDS, sizeof SMALL_BERT_WORDS - 1, text, bytes);
    unic_extractor_free(e);
}

static void words_seeds(fuzz_seed_fn *add)
{
    FUZZ_SEED(add, SMALL_BERT_WORDS "\0Dogs, one. TWO\n");
    FUZZ_SEED(
        add,
        "\xEF\xBB\xBFone\r\ntwo\rone\n\n\0one two \xC3\xA9\xE4\xB8\x80\xED\x95\x9C\xCE\xA3");
    FUZZ_SEED(add, "[UNK]\n[CLS]\n[SEP]\n##\n#\n##a\na\nab\n\xE4\xB8\x80\n\0"
                   "aab a#b \xE2\x80\x8D\xCC\x81");
}

const fuzz_target fuzz_words_target = {.name = "words",
                                       .reads = "vocabularies, words to keep, and texts",
                                       .form = FUZZ_RAW,
                                       .largest = 2048,
                                       .run = run_words,
                                       .seeds = words_seeds};
