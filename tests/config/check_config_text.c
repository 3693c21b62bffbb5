/* Config text: reading, errors with their lines, writing, files, lack of memory, noise. */
#include <fenv.h>
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/locale_help.h"
#include "config/config_tools.h"

START_TEST(lines_in_any_order)
{
    unic_config *a = parsed("# a run\n\n"
                            "image.dims = 7 7 64   # one frame\r\n"
                            "  ema.decay\t=0.5\n"
                            "image.kind=grid\n"
                            "reset.steps = 9\n"
                            "speech.kind = vector\n"
                            "modalities = image \t speech\n"
                            "speech.dims = 128\n"
                            "preset = small\n"
                            "behaviour = compat");
    unic_config *b = parsed("behaviour = compat\npreset = small\n" GOOD
                            "ema.decay = 0.5\nreset.steps = 9\n");
    ck_assert_str_eq(text_of(a), text_of(b));
    has(a, "reset.steps", "9");
    has(a, "code.dim", "64");
    has(a, "commit.own", "0.5");
    unic_config_free(a);
    unic_config_free(b);
}
END_TEST

/* Whoever wrote the file: lines end in CR, LF or CR LF, with or without a mark before them. */
START_TEST(line_ends_and_byte_order_marks)
{
    static const char *const cases[] = {
        "ema.decay = 0.5\rreset.steps = 9\r",
        "ema.decay = 0.5\r\nreset.steps = 9",
        "\xEF\xBB\xBF"
        "ema.decay = 0.5\nreset.steps = 9",
        "\xEF\xBB\xBF# a comment\r\rema.decay = 0.5 # another\rreset.steps = 9",
        "\r\n\r\nema.decay = 0.5\n\rreset.steps\t=\t9\t\r",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unic_config *config = parsed(cases[i]);
        has(config, "reset.steps", "9");
        has(config, "ema.decay", "0.5");
        unic_config_free(config);
    }
    unic_config *config = parsed("");
    refused(unic_config_parse(config, "# x\r\rema.decay = 1.2\r", "c.ini"),
            "c.ini:3: ema.decay = 1.2 is out of range [0, 1); did you mean 0.99?");
    refused(unic_config_parse(config, "\xFF\xFE#", "c.ini"),
            "c.ini: is a text of 16 or 32 bits a character (UTF-16, UTF-32), UTF-8 expected");
    unic_config_free(config);
}
END_TEST

START_TEST(errors_name_source_and_line)
{
    static const char *const cases[][2] = {
        {"\n\nema.decay = 1.2",
         "config.ini:3: ema.decay = 1.2 is out of range [0, 1); did you mean 0.99?"},
        {"ema.decay = 0.5\nema.decay = 0.6\n",
         "config.ini:2: ema.decay was already set in line 1"},
        {GOOD "image.kind = grid", "config.ini:6: image.kind was already set in line 2"},
        {"# x\nema.decay 0.5", "config.ini:2: expected \"key = value\" or a comment"},
        {"= 0.5", "config.ini:1: expected \"key = value\" or a comment"},
        {"ema.decay =", "config.ini:1: ema.decay has no value; expected [0, 1)"},
        {"ema.decay = # 1", "config.ini:1: ema.decay has no value; expected [0, 1)"},
        {"\nem\xc3\xa4.decay = 1",
         "config.ini:2: byte 0xc3: only printable ASCII can stand outside comments"},
        {"ema.decay = 0.5\x1b[2J",
         "config.ini:1: byte 0x1b: only printable ASCII can stand outside comments"},
        {"encoder.layer = 3",
         "config.ini:1: unknown key encoder.layer; did you mean encoder.layers?"},
        {"modalities = a a", "config.ini:1: modalities: a is named twice"},
        {"preset = large", "config.ini:1: preset = large is not one of none | small | paper-av "
                           "| paper-at | paper-vt | paper-avt | recommended | recommended-av | "
                           "recommended-at | recommended-vt | recommended-avt"},
    };
    unic_config *config = parsed(GOOD), *same;
    ok(unic_config_copy(&same, config));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        refused(unic_config_parse(config, cases[i][0], "config.ini"), cases[i][1]);
        ck_assert_str_eq(text_of(config), text_of(same));
    }
    refused(unic_config_parse(config, "\nx = 1", NULL),
            "line 2: unknown key x; docs/config.md lists every key");
    /* nothing of a text with one error is kept, not even what stands before it */
    refused(unic_config_parse(config, "behaviour = compat\ncode.dim = 8\nx = 1", NULL),
            "line 3: unknown key x; docs/config.md lists every key");
    ck_assert_str_eq(text_of(config), text_of(same));
    unic_config_free(config);
    unic_config_free(same);
}
END_TEST

START_TEST(hostile_texts)
{
    enum { LONG = 60000 };
    unic_config *config = new_config();
    char *text = malloc(LONG + 10000);
    memset(text, 'a', LONG);
    text[LONG] = '\0';
    refused(unic_config_parse(config, text, NULL),
            "line 1: expected \"key = value\" or a comment");
    memcpy(text + LONG, " = 1", 5);
    refused(unic_config_parse(config, text, NULL),
            "line 1: a key of 60000 bytes and a value of 1 "
            "(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ...); the most are 63 and 319");
    memcpy(text, "code.dim = ", 11);
    text[LONG] = '\0';
    ck_assert_int_eq(unic_config_parse(config, text, NULL), UNIC_E_CONFIG);
    text[0] = '#'; /* a comment may be long */
    ok(unic_config_parse(config, text, NULL));
    memset(text, '\n', LONG + 9999);
    text[LONG + 9999] = '\0';
    refused(unic_config_parse(config, text, "m.npz"),
            "m.npz has more than 65536 bytes, too many for a config");
    refused(unic__config_parse(config, "code.dim = 4\0", 13, "m.npz"),
            "m.npz:1: byte 0x00: only printable ASCII can stand outside comments");
    ok(unic__config_parse(config, "code.dim = 4garbage", 12, NULL)); /* not ended by NUL */
    has(config, "code.dim", "4");
    free(text);
    unic_config_free(config);
}
END_TEST

/* Every key, set to something other than its default, comes back through the text. */
START_TEST(text_gives_an_equal_config)
{
    static const char *const texts[] = {
        "",
        GOOD,
        "behaviour = compat",
        "preset = small\n" GOOD,
        "preset = paper-avt\nbehaviour = compat\nvideo.attention = softmax\n",
        "modalities = a b\nb.inner = 3\n",
        "modalities = a b\nb.extractor = kind=ngrams dim=64 fingerprint=0123456789abcdef\n",
        GOOD "train.seed = 18446744073709551615\nema.decay = 0.1234567890123456789\n"
             "train.lr = 3.3e-7\nema.epsilon = 1e-300\ntrain.clip = 999999.99999999988\n"
             "commit.own = 0.30000000000000004\nclub.lr = 5e-324\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        unic_config *a = parsed(texts[i]), *b = parsed(text_of(a));
        unic__key_ref refs[UNIC__MAX_REFS];
        size_t n = unic__key_ref_list(a, refs);
        ck_assert_str_eq(text_of(a), text_of(b));
        ck_assert_uint_eq(a->modality_count, b->modality_count);
        ck_assert(a->behaviour == b->behaviour && a->preset == b->preset);
        for (size_t r = UNIC__KEY_FIRST_SINGLE; r < n; r++)
            ck_assert_mem_eq(unic__key_field(a, refs[r]), unic__key_field(b, refs[r]),
                             unic__key_bytes(&unic__config_key_table[refs[r].index]));
        unic_config_free(a);
        unic_config_free(b);
    }
}
END_TEST

START_TEST(lent_strings_live_until_the_config_changes)
{
    unic_config *config = parsed(GOOD);
    const char *text = text_of(config), *kind, *dims;
    ok(unic_config_get(&kind, config, "image.kind"));
    ok(unic_config_get(&dims, config, "image.dims"));
    ck_assert_str_eq(kind, "grid");
    ck_assert_str_eq(dims, "7 7 64");
    ck_assert_ptr_eq(text, text_of(config));
    ck_assert_int_eq(unic_config_set(config, "code.dim", "0"), UNIC_E_CONFIG);
    ck_assert_ptr_eq(text, text_of(config));
    ok(unic_config_set(config, "code.dim", "12"));
    has(config, "code.dim", "12");
    const char *value;
    refused(unic_config_get(&value, config, "speech.inner"),
            "speech.inner has no value: it is a key of another kind of modality");
    ck_assert_ptr_null(value);
    refused(unic_config_get(&value, config, "speach.dims"),
            "unknown key speach.dims; did you mean speech.dims?");
    unic_config *copy;
    ok(unic_config_copy(&copy, config));
    ok(unic_config_set(copy, "code.dim", "16"));
    has(config, "code.dim", "12");
    has(copy, "code.dim", "16");
    unic_config_free(config);
    has(copy, "image.dims", "7 7 64");
    unic_config_free(copy);
}
END_TEST

/* Numbers come back bit for bit, and look as a person would write them. */
START_TEST(numbers_print_exactly)
{
    static const char *const same[] = {"0", "0.1", "0.30000000000000004", "1e-05", "123456.75"};
    unic_config *config = new_config();
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        ok(unic_config_set(config, "commit.own", same[i]));
        has(config, "commit.own", same[i]);
    }
    ok(unic_config_set(config, "commit.own", "+00.250E+0"));
    has(config, "commit.own", "0.25");
    ok(unic_config_set(config, "commit.own", "-0"));
    has(config, "commit.own", "0");
    ok(unic_config_set(config, "commit.own", ".5"));
    has(config, "commit.own", "0.5");
    const char *bad[] = {"1.2.3", "1e",  "e5", ".",    "+",  "1 2",
                         " 1",    "--1", "1f", "0x10", "inf"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_int_eq(unic_config_set(config, "commit.own", bad[i]), UNIC_E_CONFIG);
    for (uint64_t i = 0; i < 20000; i++) {
        unic__key key = unic__random_key(3, 0, 0);
        double value = (double)(unic__random_bits(key, 2 * i) >> 11) * 0x1p-53;
        for (uint64_t n = unic__random_bits(key, 2 * i + 1) % 400; n > 0; n--)
            value /= 2;
        config->commit_own = value; /* by hand: the text must give these bits back */
        char text[UNIC__VALUE_BYTES];
        const unic__config_key *entry = unic__config_key_table;
        while (strcmp(entry->name, "commit.own") != 0)
            entry++;
        double back = -1;
        ck_assert(unic__key_print(entry, &config->commit_own, text));
        ok(unic__key_parse(entry, entry->name, "", text, &back));
        ck_assert_mem_eq(&back, &value, sizeof back);
        ck_assert(strtod(text, NULL) == value);
    }
    unic_config_free(config);
}
END_TEST

START_TEST(numbers_ignore_the_rounding_mode)
{
    static const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO, FE_TONEAREST};
    unic_config *config = new_config();
    ok(unic_config_set(config, "commit.own", "0.1"));
    const char *text, *now;
    ok(unic_config_text(&text, config));
    char *before = strdup(text);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        unic_config *other = new_config();
        fesetround(modes[i]);
        ok(unic_config_set(config, "commit.own", "0.2")); /* the text is made anew */
        ok(unic_config_set(config, "commit.own", "0.1"));
        ok(unic_config_text(&now, config));
        const int same = strcmp(now, before);
        ok(unic_config_set(other, "commit.own", "0.1"));
        const int kept = fegetround();
        fesetround(FE_TONEAREST);
        ck_assert_int_eq(same, 0);
        ck_assert(config->commit_own == 0.1 && other->commit_own == 0.1);
        ck_assert_int_eq(kept, modes[i]);
        unic_config_free(other);
    }
    free(before);
    unic_config_free(config);
}
END_TEST

START_TEST(numbers_ignore_the_locale)
{
    if (!locale_made("de_DE", "ISO-8859-1")) {
        puts("skipped: numbers_ignore_the_locale (localedef makes no German locale here)");
        return;
    }
    ck_assert_str_eq(localeconv()->decimal_point, ",");
    unic_config *config = parsed("commit.own = 0.375\n");
    ck_assert(config->commit_own == 0.375);
    has(config, "commit.own", "0.375");
    has(config, "ema.decay", "0.99");
    /* bounds with a point in them */
    static const char *const inside[][2] = {{"codis.beta", "50"},
                                            {"codis.beta", "0.001"},
                                            {"codis.temperature", "0.5"},
                                            {"codis.temperature", "0.001"},
                                            {"contrast.temperature", "7.5"},
                                            {"masked.temperature", "100"}},
                             *const outside[][2] = {{"codis.temperature", "0.9"},
                                                    {"codis.temperature", "0"},
                                                    {"codis.beta", "0.0009"},
                                                    {"contrast.temperature", "0.009"},
                                                    {"contrast.temperature", "101"},
                                                    {"masked.temperature", "0"}};
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
        ok(unic_config_set(config, inside[i][0], inside[i][1]));
        has(config, inside[i][0], inside[i][1]);
    }
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        ck_assert_int_eq(unic_config_set(config, outside[i][0], outside[i][1]), UNIC_E_CONFIG);
        ck_assert_ptr_nonnull(strstr(unic_last_error(), "is out of range"));
    }
    unic_config_free(config);
    setlocale(LC_ALL, "C");
}
END_TEST

/* A new file among what was built; its name into `path` of 512 bytes. */
static int new_file(char *path)
{
    const char *build = getenv("BUILD");
    snprintf(path, 512, "%s/tests/model/config_XXXXXX", build ? build : "build");
    return mkstemp(path);
}

START_TEST(files)
{
    char path[512], message[600];
    int fd = new_file(path);
    ck_assert_int_ge(fd, 0);
    static const char good[] = GOOD, bad[] = "code.dim = 8\ncode.dim = 9\n";
    unic_config *config = new_config();
    ck_assert_int_eq(write(fd, good, sizeof good - 1), (int)sizeof good - 1);
    ok(unic_config_load(config, path));
    ok(unic_config_check(config));
    ck_assert_int_eq(pwrite(fd, bad, sizeof bad - 1, 0), (int)sizeof bad - 1);
    ck_assert_int_eq(ftruncate(fd, sizeof bad - 1), 0);
    snprintf(message, sizeof message, "%s:2: code.dim was already set in line 1", path);
    refused(unic_config_load(config, path), message);
    ck_assert_int_eq(ftruncate(fd, 70000), 0);
    snprintf(message, sizeof message, "%s has more than 65536 bytes, too many for a config",
             path);
    refused(unic_config_load(config, path), message);
    close(fd);
    unlink(path);
    ck_assert_int_eq(unic_config_load(config, path), UNIC_E_NOTFOUND);
    ck_assert_ptr_nonnull(strstr(unic_last_error(), path));
    ck_assert_int_eq(unic_config_load(config, "/tmp"), UNIC_E_IO);
    ck_assert_int_eq(mkfifo(path, 0600), 0); /* which no one writes to: it must not wait */
    ck_assert_int_eq(unic_config_load(config, path), UNIC_E_IO);
    ck_assert_ptr_nonnull(strstr(unic_last_error(), "a regular file was expected"));
    unlink(path);
    has(config, "image.dims", "7 7 64");
    unic_config_free(config);
}
END_TEST

/* ---- memory that runs out: the n-th allocation fails ---- */

static long allocations_left;
static long blocks;

static void *failing_alloc(size_t bytes, void *user)
{
    (void)user;
    if (allocations_left-- == 0) /* only this one: what follows must be given back */
        return NULL;
    blocks++;
    return malloc(bytes);
}

static void counting_release(void *memory, void *user)
{
    (void)user;
    blocks--;
    free(memory);
}

static unic_status everything(const char *path)
{
    unic_config *config = NULL, *copy = NULL;
    const char *text, *value;
    unic_status status = unic_config_create(&config);
    if (status == UNIC_OK)
        status = unic_config_load(config, path);
    if (status == UNIC_OK)
        status = unic_config_set(config, "behaviour", "compat");
    if (status == UNIC_OK)
        status = unic_config_get(&value, config, "image.dims");
    if (status == UNIC_OK)
        status = unic_config_copy(&copy, config);
    if (status == UNIC_OK)
        status = unic_config_text(&text, copy);
    if (status == UNIC_OK)
        status = unic_config_check(copy);
    if (config) /* a handle stays usable */
        ck_assert_int_eq(unic_config_set(config, "code.dim", "32"), UNIC_OK);
    unic_config_free(config);
    unic_config_free(copy);
    return status;
}

START_TEST(every_allocation_may_fail)
{
    char path[512];
    int fd = new_file(path);
    ck_assert_int_eq(write(fd, GOOD, strlen(GOOD)), (int)strlen(GOOD));
    close(fd);
    unic_allocator failing = {sizeof failing, failing_alloc, counting_release, NULL};
    ok(unic_set_allocator(&failing));
    long n = 0;
    for (unic_status status = UNIC_E_NOMEM; status != UNIC_OK; n++) {
        allocations_left = n;
        status = everything(path);
        ck_assert_int_eq(blocks, 0);
        ck_assert_msg(status == UNIC_OK || status == UNIC_E_NOMEM, "%s", unic_last_error());
        ck_assert_int_lt(n, 100);
    }
    ck_assert_int_eq(n, 8); /* config, file, 2 texts, copy, 2 texts; then none fails */
    ok(unic_set_allocator(NULL));
    unlink(path);
}
END_TEST

/* A text with random edits gives a config that its text gives back, or an error
 * and no change. */
START_TEST(noise)
{
    unic_config *seed = parsed("preset = paper-avt\nbehaviour = compat\n");
    unic_config *base = parsed(GOOD);
    char original[8192], text[8192];
    snprintf(original, sizeof original, "%s", text_of(seed));
    size_t bytes = strlen(original), parsed_well = 0;
    unic__key key = unic__random_key(1, 2, 3);
    static const char alphabet[] = "\n\n= .#019eaxyz-\t\xff";
    for (uint64_t round = 0, draw = 0; round < 3000; round++) {
        memcpy(text, original, bytes + 1);
        size_t n = bytes, edits = 1 + unic__random_below(key, draw++, 3);
        for (size_t e = 0; e < edits; e++) {
            size_t at = unic__random_below(key, draw++, n);
            size_t span = unic__random_below(key, draw++, 40);
            span = at + span > n ? n - at : span;
            switch (unic__random_below(key, draw++, 4)) {
            case 0: /* one byte */
                text[at] = alphabet[unic__random_below(key, draw++, sizeof alphabet)];
                break;
            case 1: /* cut a piece out */
                memmove(text + at, text + at + span, n - at - span);
                n -= span;
                break;
            case 2: /* put a piece twice */
                memmove(text + at + span, text + at, n - at);
                n += span;
                break;
            default: /* cut the end off */
                n = n > 1000 ? n - span : n;
            }
        }
        unic_config *config;
        ok(unic_config_copy(&config, base));
        unic_status status = unic__config_parse(config, text, n, "noise");
        if (status == UNIC_OK) {
            unic_config *again = parsed(text_of(config));
            ck_assert_str_eq(text_of(again), text_of(config));
            unic_config_check(config);
            unic_config_free(again);
            parsed_well++;
        } else {
            ck_assert_int_eq(status, UNIC_E_CONFIG);
            ck_assert_int_eq(strncmp(unic_last_error(), "noise:", 6), 0);
            ck_assert_str_eq(text_of(config), text_of(base));
        }
        unic_config_free(config);
    }
    ck_assert_uint_gt(parsed_well, 30); /* the noise reaches both sides */
    ck_assert_uint_lt(parsed_well, 2000);
    unic_config_free(seed);
    unic_config_free(base);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("text");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, numbers_ignore_the_rounding_mode);
    tcase_add_test(cases, lines_in_any_order);
    tcase_add_test(cases, line_ends_and_byte_order_marks);
    tcase_add_test(cases, errors_name_source_and_line);
    tcase_add_test(cases, hostile_texts);
    tcase_add_test(cases, text_gives_an_equal_config);
    tcase_add_test(cases, lent_strings_live_until_the_config_changes);
    tcase_add_test(cases, numbers_print_exactly);
    tcase_add_test(cases, numbers_ignore_the_locale);
    tcase_add_test(cases, files);
    tcase_add_test(cases, every_allocation_may_fail);
    tcase_add_test(cases, noise);
    return run_suite(cases);
}
