/* Class maps: what their text may be, what is refused and where, and what becomes of labels. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "file/io_help.h"
#include "model/small_model.h"

static const char *const theirs[] = {"Dog", "Frying (food)", "C#", "Baby cry, infant cry",
                                     "Church = bell"};
static const char *const ours[] = {"animal", "food", "g\xC3\xA9n\xC3\xA9rique"};

static const unic_class_names named = {
    .struct_size = sizeof named,
    .theirs = theirs,
    .their_count = 5,
    .ours = ours,
    .our_count = 3,
};
static const unic_class_names numbered = {
    .struct_size = sizeof numbered, .their_count = 12, .our_count = 3};

static unic_class_map *map_of(const char *text, const unic_class_names *names)
{
    unic_class_map *map;
    io_assert_ok(unic_class_map_parse(&map, text, strlen(text), NULL, names));
    return map;
}

static void assert_maps(unic_class_map *map, size_t n, const int32_t *to)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(unic_class_map_get(map, (int32_t)i) == to[i], "class %zu becomes %d", i,
                      unic_class_map_get(map, (int32_t)i));
    unic_class_map_free(map);
}

START_TEST(names_are_found)
{
    const char *text = "\xEF\xBB\xBF# a comment = with a sign\r\n"
                       "\r\n"
                       "  Dog = animal # a pet\r\n"
                       "Frying (food)\t=food\n"
                       "#Dog = food\n"
                       "C# = g\xC3\xA9n\xC3\xA9rique";
    assert_maps(map_of(text, &named), 5, (const int32_t[]){0, 1, 2, -1, -1});
    text = "Baby cry, infant cry = animal\nDog=animal"; /* two may become one */
    assert_maps(map_of(text, &named), 5, (const int32_t[]){0, -1, -1, 0, -1});
}
END_TEST

START_TEST(numbers_are_names_where_there_are_none)
{
    assert_maps(map_of("0 = 2\n11 = 0\n 3=1 # x", &numbered), 12,
                (const int32_t[]){2, -1, -1, 1, -1, -1, -1, -1, -1, -1, -1, 0});
    unic_class_names mixed = named;
    mixed.ours = NULL;
    assert_maps(map_of("Dog = 2", &mixed), 5, (const int32_t[]){2, -1, -1, -1, -1});
    unic_class_map *map = map_of("0 = 0", &numbered);
    ck_assert(unic_class_map_get(map, -1) == -1 && unic_class_map_get(map, 12) == -1);
    ck_assert(unic_class_map_get(map, INT32_MAX) == -1 && unic_class_map_get(NULL, 0) == -1);
    unic_class_map_free(map);
    unic_class_map_free(NULL);
}
END_TEST

START_TEST(wrong_texts_are_named)
{
    static const struct {
        const char *text;
        unic_status status;
        const char *says;
    } cases[] = {
        {"Dog = animal\nDig = food", UNIC_E_NOTFOUND,
         "m.txt:2: \"Dig\" is none of their 5 classes; did you mean \"Dog\"?"},
        {"Dog = animal\n\n# x\nC# = anymal", UNIC_E_NOTFOUND,
         "m.txt:4: \"anymal\" is none of our 3 classes; did you mean \"animal\"?"},
        {"Dog = something else altogether", UNIC_E_NOTFOUND,
         "m.txt:1: \"something else altogether\" is none of our 3 classes"},
        {"dog = animal", UNIC_E_NOTFOUND, "\"dog\" is none of their"},
        {"Dog  = animal\nC# = food\nDog = food", UNIC_E_FORMAT,
         "m.txt:3: \"Dog\" was already given in line 1"},
        {"Dog = animal\nDog = animal", UNIC_E_FORMAT, "was already given"},
        {"Dog animal", UNIC_E_FORMAT, "m.txt:1: expected \"their class = our class\""},
        {"Dog =", UNIC_E_FORMAT, "m.txt:1: expected"},
        {"Dog = # animal", UNIC_E_FORMAT, "m.txt:1: expected"},
        {"= animal", UNIC_E_FORMAT, "m.txt:1: expected"},
        {"=", UNIC_E_FORMAT, "m.txt:1: expected"},
        {"Church = bell = food", UNIC_E_NOTFOUND, "\"Church\" is none of"},
        {"Dog = ani\x01mal", UNIC_E_FORMAT, "m.txt:1: byte 0x01 in a name"},
        {"Dog = animal\x7f", UNIC_E_FORMAT, "m.txt:1: byte 0x7f in a name"},
        {"Dog = animal\r\rDig = food\r", UNIC_E_NOTFOUND, "m.txt:3: \"Dig\" is none"},
        {"\xEF\xBB\xBF"
         "Dog = animal\r\nDig = food",
         UNIC_E_NOTFOUND, "m.txt:2: \"Dig\" is none"},
        {"\xFE\xFF", UNIC_E_FORMAT, "m.txt: is a text of 16 or 32 bits"},
        {"", UNIC_E_FORMAT, "m.txt maps no class"},
        {" # Dog = animal\n", UNIC_E_FORMAT, "m.txt maps no class"},
    };
    unic_class_map *map = (void *)&map;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        io_assert_fails(
            unic_class_map_parse(&map, cases[i].text, strlen(cases[i].text), "m.txt", &named),
            cases[i].status, cases[i].says);
        ck_assert(map == NULL);
    }
    io_assert_fails(unic_class_map_parse(&map, "Dog", 3, NULL, &named), UNIC_E_FORMAT,
                    "unic_class_map_parse: line 1: expected");
    io_assert_fails(unic_class_map_parse(&map, "Dog\0 = food", 11, NULL, &named), UNIC_E_FORMAT,
                    "byte 0x00");
    static const char *const numbers[] = {
        "12 = 0", "-1 = 0", "03 = 0", "1x = 0", "99999999999999999999 = 0", "x = 0"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        io_assert_fails(
            unic_class_map_parse(&map, numbers[i], strlen(numbers[i]), NULL, &numbered),
            UNIC_E_NOTFOUND, "which are the numbers 0..11");
}
END_TEST

/* Names of any length are compared whole, and messages stay messages. */
START_TEST(long_names)
{
    char long_name[300], text[700];
    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    const char *const both[] = {long_name, long_name + 1};
    const unic_class_names names = {.struct_size = sizeof names,
                                    .theirs = both,
                                    .their_count = 2,
                                    .ours = both,
                                    .our_count = 2};
    snprintf(text, sizeof text, "%s = %s", both[1], both[0]);
    assert_maps(map_of(text, &names), 2, (const int32_t[]){-1, 0});
    snprintf(text, sizeof text, "%sy = %s", both[1], both[0]);
    unic_class_map *map;
    io_assert_fails(unic_class_map_parse(&map, text, strlen(text), NULL, &names),
                    UNIC_E_NOTFOUND, "is none of their 2 classes");
    const char *const twice[] = {"a", "b", "a"};
    const unic_class_names same = {
        .struct_size = sizeof same, .theirs = twice, .their_count = 3, .our_count = 1};
    io_assert_fails(unic_class_map_parse(&map, "a = 0", 5, NULL, &same), UNIC_E_ARG,
                    "two of their classes have the name \"a\"");
    const char *const missing[] = {"a", NULL};
    const unic_class_names hole = {
        .struct_size = sizeof hole, .ours = missing, .their_count = 1, .our_count = 2};
    io_assert_fails(unic_class_map_parse(&map, "0 = a", 5, NULL, &hole), UNIC_E_ARG,
                    "the name of our class 1 is NULL");
}
END_TEST

START_TEST(files)
{
    const char *path = small_path("map.txt");
    unic_class_map *map;
    io_write(path, "Dog = food\n", 11);
    io_assert_ok(unic_class_map_load(&map, path, &named));
    assert_maps(map, 5, (const int32_t[]){1, -1, -1, -1, -1});
    io_write(path, "Dog = foot\n", 11);
    io_assert_fails(unic_class_map_load(&map, path, &named), UNIC_E_NOTFOUND,
                    "map.txt:1: \"foot\" is none of our");
    io_write(path, "", 0);
    io_assert_fails(unic_class_map_load(&map, path, &named), UNIC_E_FORMAT,
                    "map.txt maps no class");
    static char much[(1 << 20) + 1];
    memset(much, '\n', sizeof much);
    io_write(path, much, sizeof much);
    io_assert_fails(unic_class_map_load(&map, path, &named), UNIC_E_FORMAT,
                    "too many for a class map");
    ck_assert(map == NULL);
    io_assert_fails(unic_class_map_parse(&map, much, sizeof much, NULL, &named), UNIC_E_ARG,
                    "the text has 1048577 bytes");
    remove(path);
    io_assert_fails(unic_class_map_load(&map, path, &named), UNIC_E_NOTFOUND, "map.txt");
    io_assert_fails(unic_class_map_load(&map, "tests", &named), UNIC_E_IO, "tests");
}
END_TEST

/* ---- labels ---- */

START_TEST(classes_become_ours)
{
    unic_class_map *map = map_of("Dog = animal\nC# = food", &named);
    int32_t labels[] = {0, 2, -1, 1, 0}, out[] = {77, 77, 77, 77, 77};
    const int32_t expected[] = {0, 1, -1, -1, 0};
    io_assert_ok(unic_class_map_classes(map, labels, 5, out));
    ck_assert_mem_eq(out, expected, sizeof out);
    io_assert_ok(unic_class_map_classes(map, labels, 5, labels)); /* in place */
    ck_assert_mem_eq(labels, expected, sizeof labels);
    const int32_t bad[] = {0, 5}, low[] = {-2};
    io_assert_fails(unic_class_map_classes(map, bad, 2, labels), UNIC_E_VALUE,
                    "unic_class_map_classes: label 5 of row 1 is not in -1..4");
    io_assert_fails(unic_class_map_classes(map, low, 1, labels), UNIC_E_VALUE,
                    "label -2 of row 0");
    ck_assert_mem_eq(labels, expected, sizeof labels);
    io_assert_ok(unic_class_map_classes(map, NULL, 0, NULL));
    unic_class_map_free(map);
}
END_TEST

START_TEST(steps_become_ours)
{
    unic_class_map *map = map_of("Dog = animal\nC# = food\nBaby cry, infant cry = animal",
                                 &named);
    const int32_t labels[][5] = {
        {1, 0, 0, 0, 0},  /* Dog                                */
        {1, 0, 1, 1, 0},  /* two become one, and another        */
        {0, 1, 1, 0, 0},  /* one of them has no counterpart     */
        {0, 1, 0, 0, 1},  /* none of them has: not counted      */
        {0, 0, 0, 0, 0},  /* nothing stays nothing              */
        {1, -1, 0, 0, 0}, /* not counted                        */
    };
    const int32_t expected[][3] = {{1, 0, 0},    {1, 1, 0}, {0, 1, 0},
                                   {-1, -1, -1}, {0, 0, 0}, {-1, -1, -1}};
    int32_t out[6][3];
    memset(out, 0x55, sizeof out);
    io_assert_ok(unic_class_map_steps(map, labels[0], 6, out[0]));
    ck_assert_mem_eq(out, expected, sizeof out);
    const int32_t bad[] = {0, 0, 0, 0, 0, 0, 0, 0, 2, 0};
    io_assert_fails(unic_class_map_steps(map, bad, 2, out[0]), UNIC_E_VALUE,
                    "unic_class_map_steps: label 2 of row 1, class 3 is not in -1..1");
    ck_assert_mem_eq(out, expected, sizeof out);
    unic_class_map_free(map);
}
END_TEST

START_TEST(wrong_arguments_are_named)
{
    unic_class_map *map;
    const int32_t labels[] = {0};
    int32_t out[3];
    unic_class_names names = named;
    io_assert_fails(unic_class_map_parse(NULL, "", 0, NULL, &named), UNIC_E_ARG, "out is NULL");
    io_assert_fails(unic_class_map_parse(&map, NULL, 0, NULL, &named), UNIC_E_ARG,
                    "text is NULL");
    io_assert_fails(unic_class_map_parse(&map, "", 0, NULL, NULL), UNIC_E_ARG, "names is NULL");
    io_assert_fails(unic_class_map_load(NULL, "x", &named), UNIC_E_ARG, "out is NULL");
    io_assert_fails(unic_class_map_load(&map, NULL, &named), UNIC_E_ARG, "path is NULL");
    io_assert_fails(unic_class_map_load(&map, "x", NULL), UNIC_E_ARG, "names is NULL");
    names.struct_size--;
    io_assert_fails(unic_class_map_parse(&map, "", 0, NULL, &names), UNIC_E_ARG,
                    "names has struct_size");
    names = named;
    names.our_count = 0;
    io_assert_fails(unic_class_map_parse(&map, "", 0, NULL, &names), UNIC_E_ARG,
                    "names->their_count = 5 and our_count = 0; 1..1048576 expected");
    names.our_count = SIZE_MAX;
    io_assert_fails(unic_class_map_load(&map, "x", &names), UNIC_E_ARG, "1..1048576 expected");
    map = map_of("Dog = food", &named);
    io_assert_fails(unic_class_map_classes(NULL, labels, 1, out), UNIC_E_ARG, "map is NULL");
    io_assert_fails(unic_class_map_classes(map, NULL, 1, out), UNIC_E_ARG, "labels is NULL");
    io_assert_fails(unic_class_map_classes(map, labels, 1, NULL), UNIC_E_ARG, "out is NULL");
    io_assert_fails(unic_class_map_steps(NULL, labels, 1, out), UNIC_E_ARG, "map is NULL");
    io_assert_fails(unic_class_map_steps(map, NULL, 1, out), UNIC_E_ARG, "labels is NULL");
    io_assert_fails(unic_class_map_steps(map, labels, 1, NULL), UNIC_E_ARG, "out is NULL");
    io_assert_fails(unic_class_map_steps(map, labels, SIZE_MAX / 4, out), UNIC_E_ARG,
                    "larger than any memory");
    unic_class_map_free(map);
}
END_TEST

/* ---- out of memory ---- */

static unic_status load_and_use(const char *path)
{
    unic_class_map *map = NULL;
    unic_status status = unic_class_map_load(&map, path, &named);
    ck_assert((status == UNIC_OK) == (map != NULL));
    unic_class_map_free(map);
    return status;
}

START_TEST(survives_every_failing_allocation)
{
    const char *path = small_path("oom-map.txt");
    io_write(path, "Dog = food\nC# = animal\n", 23);
    io_fail_each_allocation(load_and_use, path);
    remove(path);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("class_map");
    tcase_add_test(t, names_are_found);
    tcase_add_test(t, numbers_are_names_where_there_are_none);
    tcase_add_test(t, wrong_texts_are_named);
    tcase_add_test(t, long_names);
    tcase_add_test(t, files);
    tcase_add_test(t, classes_become_ours);
    tcase_add_test(t, steps_become_ours);
    tcase_add_test(t, wrong_arguments_are_named);
    tcase_add_test(t, survives_every_failing_allocation);
    return small_run("task/class_map", t);
}
