/*
 * docs/config.md says what the table of keys says. With UPDATE=1 in the environment the file is
 * written instead of compared. Runs where `make` does, at the top of the tree.
 */
#include "config/config_tools.h"

static const char path[] = "docs/config.md";

static const char intro[] =
    "# Config keys\n"
    "\n"
    "This file is made from the table in `lib/config/config_keys.c` (`make config-doc`).\n"
    "\n"
    "A config is text: one `key = value` a line, `#` begins a comment. First `behaviour`, "
    "then\n"
    "`preset`, then `objective`, then `modalities`, then all other keys are applied, whatever\n"
    "their order in the text; a key that is set one by one stays when `behaviour`, `preset` "
    "or\n"
    "`objective` changes. An unknown key, a key given twice in a text, or a value that is not\n"
    "allowed is an error that names it, and nothing of that text is applied then.\n"
    "\n"
    "`[0, 1)` allows 0 and all numbers below 1. P and A with a number are the equations of "
    "the\n"
    "paper and the facts about its code, in [method.md](method.md). Where the compat column "
    "is\n"
    "empty, `behaviour = compat` has the same default; a size of 0 is derived from others "
    "when\n"
    "a model is built, as its line says.\n"
    "\n"
    "A smallest config:\n"
    "\n"
    "    preset = small\n"
    "    modalities = image speech\n"
    "    image.kind = grid\n"
    "    image.dims = 7 7 64\n"
    "    speech.kind = vector\n"
    "    speech.dims = 128\n";

/* A cell of a table: '|' would end it. */
static void put_cell(FILE *out, const char *text, bool code)
{
    if (!text || !*text) {
        fputs(" |", out);
        return;
    }
    fputs(code ? " `" : " ", out);
    for (; *text; text++)
        fputs(*text == '|' ? "\\|" : (char[]){*text, '\0'}, out);
    fputs(code ? "` |" : " |", out);
}

static void put_keys(FILE *out)
{
    char group[32] = "";
    for (size_t i = 0; i < unic_config_key_count(); i++) {
        unic_config_key key = {.struct_size = sizeof key};
        ok(unic_config_key_at(&key, i));
        bool dotted = strchr(key.name, '.') != NULL;
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(key.name, "."), key.name);
        if (i == 0)
            fputs("\n## The whole\n", out);
        else if (dotted && strcmp(name, group) != 0)
            fprintf(out, "\n## %s\n", name[0] == '<' ? "Each modality" : name);
        if (i == 0 || (dotted && strcmp(name, group) != 0))
            fputs("\n| key | type | allowed | default | compat | meaning |\n"
                  "|---|---|---|---|---|---|\n",
                  out);
        if (dotted)
            strcpy(group, name);
        fputs("|", out);
        put_cell(out, key.name, true);
        put_cell(out, key.type, false);
        put_cell(out, key.allowed, true);
        bool must = key.value[0] == '\0' && strcmp(key.allowed, "words") != 0;
        put_cell(out, must ? "must be given" : key.value, !must);
        put_cell(out, key.compat, true);
        put_cell(out, key.help, false);
        fputs("\n", out);
    }
}

/* A word, and the lines that it stands for. */
static void put_parts(FILE *out, const unic__preset *chosen)
{
    if (!chosen->parts[0])
        return;
    fprintf(out, "\n`%s`\n\n", chosen->word);
    for (size_t p = 0; p < UNIC__PRESET_PARTS && chosen->parts[p]; p++)
        for (const char *line = chosen->parts[p]; *line; line = strchr(line, '\n') + 1)
            fprintf(out, "    %.*s\n", (int)strcspn(line, "\n"), line);
}

static void put_presets(FILE *out)
{
    fputs("\n## Presets\n\nA preset stands for these lines:\n", out);
    for (size_t i = 0; i < unic__config_preset_count; i++)
        put_parts(out, &unic__config_presets[i]);
    fputs("\n## Objectives\n\nAn objective stands for these lines; what each computes is in "
          "[methods.md](methods.md). `unicode` is\nall that the keys above say.\n",
          out);
    for (size_t i = 0; i < unic__config_objective_count; i++)
        put_parts(out, &unic__config_objectives[i]);
}

static char *made(void)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    ck_assert_ptr_nonnull(out);
    fputs(intro, out);
    put_keys(out);
    put_presets(out);
    fclose(out);
    return text;
}

START_TEST(the_file_is_the_table)
{
    char *text = made(), *file = calloc(1, 1 << 18);
    const char *update = getenv("UPDATE");
    if (update && *update) {
        FILE *out = fopen(path, "w");
        ck_assert_msg(out && fputs(text, out) >= 0 && fclose(out) == 0, "cannot write %s",
                      path);
    }
    FILE *in = fopen(path, "r");
    ck_assert_msg(in != NULL, "cannot open %s: run this at the top of the tree", path);
    ck_assert_uint_lt(fread(file, 1, 1 << 18, in), 1 << 18);
    fclose(in);
    ck_assert_msg(strcmp(text, file) == 0, "%s is not what the table says: run make config-doc",
                  path);
    free(text);
    free(file);
}
END_TEST

START_TEST(the_example_works)
{
    const char *example = strstr(intro, "    preset");
    unic_config *config = parsed(example);
    ok(unic_config_check(config));
    has(config, "code.dim", "64");
    unic_config_free(config);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("docs");
    tcase_add_test(cases, the_file_is_the_table);
    tcase_add_test(cases, the_example_works);
    return run_suite(cases);
}
