/* Datasets of tables: classes by their names, files however the table writes their names, and
 * what is known of a dataset without reading it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "clips_help.h"
#include "dataset_help.h"
#include "file/io_help.h"
#include "unicode/unic_array.h"

#define OF(...) (&UNIC__SHAPE_OF(__VA_ARGS__))

static unic_dataset *open_all(const char *const *paths, size_t n)
{
    unic_dataset *d;
    unic_dataset_options o = data_options(4, 0, 0);
    io_assert_ok(unic_dataset_open(&d, paths, n, &o));
    return d;
}

/* A folder with a table; its path into `table`. */
static void write_table(const char *folder, const char *text, char table[600])
{
    clips_write_text(folder, "t.csv", text);
    snprintf(table, 600, "%s/t.csv", folder);
}

START_TEST(tables_opened_together_share_classes)
{
    char one[512], two[512], tables[2][600];
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    int32_t labels[4];
    clips_folder("tables/one", one);
    clips_folder("tables/two", two);
    clips_write(one, "a/x.npy", OF(3, 2), 0);
    clips_write(one, "a/y.npy", OF(3, 2), 0);
    clips_write(two, "a/x.npy", OF(3, 2), 0);
    clips_write(two, "a/z.npy", OF(3, 2), 0);
    write_table(one, "video_id,category\nx,Dog\ny,Zebra\n", tables[0]);
    write_table(two, "video_id,category\nx,Cat\nz,Dog\n", tables[1]);
    unic_dataset *d = open_all((const char *[]){tables[0], tables[1]}, 2);
    io_assert_ok(unic_dataset_labels(&rank, d, "label", dims, labels));
    ck_assert(rank == 1 && dims[0] == 4);
    ck_assert_mem_eq(labels, ((int32_t[]){1, 2, 0, 1}), sizeof labels);
    ck_assert_uint_eq(unic_dataset_class_count(d, "label"), 3);
    ck_assert_str_eq(unic_dataset_class_name(d, "label", 0), "Cat");
    ck_assert_str_eq(unic_dataset_class_name(d, "label", 2), "Zebra");
    ck_assert_ptr_null(unic_dataset_class_name(d, "label", 3));
    ck_assert_uint_eq(unic_dataset_class_count(d, "a.step_labels"), 0);
    ck_assert_uint_eq(unic_dataset_class_count(d, "b"), 0);
    ck_assert_uint_eq(unic_dataset_class_count(NULL, "label"), 0);
    unic_dataset_free(d);
}
END_TEST

/* Names that are all whole numbers are in the order of these: class "2" of 0..10 is number 2. */
START_TEST(numbers_as_names)
{
    static const struct {
        const char *one, *two; /* the categories of two tables' clips, x and y */
        const char *names;
    } cases[] = {
        {"10,0,2", "11,1", "0 1 2 10 11"},
        {"7,7,123456789012345678901234567890", "99,8", "7 8 99 123456789012345678901234567890"},
        {"10,2", "dog,2", "10 2 dog"}, /* of one table by number, of both by name */
        {"10,02", "2,1", "02 1 10 2"},
        {"10,-1", "2,1", "-1 1 10 2"},
        {"10,1.0", "2,1", "1 1.0 10 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char folder[512], table[600], text[512], tables[2][600], names[256] = "";
        int32_t labels[16];
        int64_t dims[UNIC_MAX_RANK];
        size_t rank, n = 0, first = 0;
        clips_folder("tables/numbers", folder);
        for (int k = 0; k < 2; k++) {
            char list[256], *next = list;
            snprintf(list, sizeof list, "%s", k ? cases[i].two : cases[i].one);
            strcpy(text, "video_id,category\n");
            for (char *name; (name = strtok(next, ",")); next = NULL, n++) {
                sprintf(text + strlen(text), "c%zu,%s\n", n, name);
                snprintf(table, sizeof table, "a/c%zu.npy", n);
                clips_write(folder, table, OF(3, 2), 0);
            }
            snprintf(table, sizeof table, "%d.csv", k);
            clips_write_text(folder, table, text);
            snprintf(tables[k], sizeof tables[k], "%s/%d.csv", folder, k);
        }
        unic_dataset *d = open_all((const char *[]){tables[0], tables[1]}, 2);
        for (size_t k = 0; k < unic_dataset_class_count(d, "label"); k++)
            sprintf(names + strlen(names), "%s%s", k ? " " : "",
                    unic_dataset_class_name(d, "label", k));
        ck_assert_str_eq(names, cases[i].names);
        io_assert_ok(unic_dataset_labels(&rank, d, "label", dims, labels));
        for (int k = 0; k < 2; k++) { /* each clip has the class that its line says */
            char list[256], *next = list;
            snprintf(list, sizeof list, "%s", k ? cases[i].two : cases[i].one);
            for (char *name; (name = strtok(next, ",")); next = NULL)
                ck_assert_str_eq(unic_dataset_class_name(d, "label", (size_t)labels[first++]),
                                 name);
        }
        ck_assert_uint_eq(first, n);
        unic_dataset_free(d);
    }
}
END_TEST

/* Names that look the same are classes of their own, in one table or two, and are told of. */
START_TEST(names_that_look_the_same)
{
    static const struct {
        const char *one, *two, *says; /* says NULL: nothing */
    } cases[] = {
        {"video_id,category\nx,dog\ny,Dog\n", NULL,
         "t.csv: 1 of 2 classes have the name of another but for case, accents, "
         "blanks, _ and -, as \"Dog\" and "
         "\"dog\": they are different classes\n"},
        {"video_id,category\nx,\"dog \"\ny,dog\xc2\xa0\nz,dog\n", NULL, "2 of 3 classes have"},
        {"video_id,category\nx,guitar solo\ny,guitarsolo\nz,cat\n", NULL,
         "1 of 3 classes have the name of another but for case, accents, blanks, _ and -, "
         "as \"guitar solo\" and "
         "\"guitarsolo\""},
        {"video_id,category\nx,dog\n", "video_id,category\nx,Dog\n", "1 of 2 classes have"},
        {"video_id,event_labels\nx,\"dog,Dog\"\n", NULL, "1 of 2 classes have"},
        {"video_id,category\nx,Acoustic guitar\ny,acoustic_guitar\nz,Acoustic-guitar\n", NULL,
         "2 of 3 classes have"},
        /* as macOS and as others write accents; in capitals; Hangul */
        {"video_id,category\nx,caf\xc3\xa9\ny,cafe\xcc\x81\nz,CAF\xc3\x89\n", NULL,
         "2 of 3 classes have"},
        {"video_id,category\nx,\xea\xb0\x9c\ny,\xe1\x84\x80\xe1\x85\xa2\n", NULL,
         "1 of 2 classes have"},
        /* a zero-width space, a byte order mark within a file, an ideographic space */
        {"video_id,category\nx,dog\ny,dog\xe2\x80\x8b\nz,\xef\xbb\xbf"
         "dog\n",
         NULL, "2 of 3 classes have"},
        {"video_id,category\nx,\xe7\x8a\xac\ny,\xe7\x8a\xac\xe3\x80\x80\n", NULL,
         "1 of 2 classes have"},
        {"video_id,category\nx,dog\ny,dogs\nz,caf\xc3\xa9\n", NULL, NULL},
        /* ranges, Thai vowels, bytes that are no UTF-8 */
        {"video_id,category\nx,1-2 clips\ny,12 clips\nz,-12 clips\n", NULL, NULL},
        {"video_id,category\nx,\xe0\xb8\x81\xe0\xb8\xb4\ny,\xe0\xb8\x81\xe0\xb8\xb1\n", NULL,
         NULL},
        {"video_id,category\nx,caf\xe9\ny,caf\xe8\nz,caf\n", NULL, NULL},
        {"video_id,category\nx,dog\ny,dog\n", "video_id,category\nx,dog\n", NULL},
        /* numbers: what label a name has is not what it says */
        {"video_id,category\nx,10.0\ny,2.0\nz,0.0\n", NULL,
         "t.csv: all classes are called by numbers, and not all by whole ones as 0 and 12: "
         "they are "
         "numbered in the order of their bytes, and class 1 is \"10.0\"\n"},
        {"video_id,category\nx,-1\ny,0\nz,1\n", NULL, "and class 0 is \"-1\""},
        {"video_id,category\nx,0\ny,1\n", "video_id,category\nx,2.5\n",
         "and class 2 is \"2.5\""},
        {"video_id,event_labels\nx,\"10.0,2.0\"\n", NULL, "and class 0 is \"10.0\""},
        {"video_id,category\nx,000\ny,001\nz,002\n", NULL, NULL},
        {"video_id,category\nx,0.0\ny,1.0\n", NULL, NULL},
        {"video_id,category\nx,10.0\ny,2.0\nz,dog\n", NULL, NULL},
        {"video_id,category\nx,12\ny,7\n", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char folder[512], tables[2][600];
        clips_folder("tables/near", folder);
        for (const char *name = "xyz"; *name; name++) {
            snprintf(tables[0], sizeof tables[0], "a/%c.npy", *name);
            clips_write(folder, tables[0], OF(3, 2), 0);
        }
        write_table(folder, cases[i].one, tables[0]);
        clips_write_text(folder, "two.csv", cases[i].two ? cases[i].two : "");
        snprintf(tables[1], sizeof tables[1], "%s/two.csv", folder);
        io_log_begin();
        unic_dataset_free(
            open_all((const char *[]){tables[0], tables[1]}, cases[i].two ? 2 : 1));
        const char *log = io_log_end();
        ck_assert_msg(cases[i].says ? strstr(log, cases[i].says) != NULL
                                    : !strstr(log, "classes"),
                      "case %zu: the log says \"%s\"", i, log);
    }
}
END_TEST

START_TEST(names_and_numbers_do_not_mix)
{
    char one[512], two[512], table[600];
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    int32_t labels[4];
    clips_folder("tables/one", one);
    clips_folder("tables/two", two);
    clips_write(one, "a/x.npy", OF(3, 2), 0);
    clips_write(two, "a/x.npy", OF(3, 2), 0);
    clips_write(two, "label.npy", OF(1), 0);
    write_table(one, "video_id,category\nx,Dog\n", table);
    unic_dataset *d = open_all((const char *[]){table, two}, 2);
    io_assert_fails(unic_dataset_labels(&rank, d, "label", dims, labels), UNIC_E_MISMATCH,
                    "\"label\" has names of classes in ");
    unic_dataset_free(d);
}
END_TEST

/* Of events too, whose classes are not those of the other table; and with steps to spare. */
START_TEST(events_of_two_tables)
{
    char one[512], two[512], tables[2][600];
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    static const int32_t expected[2][4][3] = {{{0, 1, 0}, {0, 1, 0}, {0, 0, 1}, {-1, -1, -1}},
                                              {{0, 0, 1}, {1, 0, 0}, {1, 0, 0}, {1, 0, 0}}};
    int32_t steps[2][4][3], label[2][2];
    clips_folder("tables/one", one);
    clips_folder("tables/two", two);
    clips_write(one, "a/x.npy", OF(3, 2), 0);
    clips_write(two, "a/x.npy", OF(4, 2), 0);
    write_table(one, "video_id,onset,offset,event_labels\nx,0,2,Dog\n", tables[0]);
    write_table(two, "video_id,onset,offset,event_labels\nx,1,9,Cat\n", tables[1]);
    unic_dataset *d = open_all((const char *[]){tables[0], tables[1]}, 2);
    io_assert_ok(unic_dataset_labels(&rank, d, "a.step_labels", dims, steps[0][0]));
    ck_assert(rank == 3 && dims[0] == 2 && dims[1] == 4 && dims[2] == 3);
    ck_assert_mem_eq(steps, expected, sizeof steps);
    io_assert_ok(unic_dataset_labels(&rank, d, "label", dims, label[0]));
    ck_assert(rank == 2 && dims[0] == 2 && dims[1] == 2);
    ck_assert_mem_eq(label, ((int32_t[]){0, 1, 1, 0}), sizeof label);
    ck_assert_uint_eq(unic_dataset_class_count(d, "a.step_labels"), 2);
    ck_assert_str_eq(unic_dataset_class_name(d, "a.step_labels", 1), "Dog");
    unic_dataset_free(d);
}
END_TEST

/* AVE's annotations as they come, in a .txt, and times that no clip has. */
START_TEST(annotations_in_a_text)
{
    char folder[512], table[600];
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    int32_t label[2], steps[2][3][3];
    static const int32_t expected[2][3][3] = {{{0, 0, 1}, {1, 0, 0}, {1, 0, 0}},
                                              {{0, 1, 0}, {0, 0, 1}, {0, 0, 1}}};
    clips_folder("tables/ave", folder);
    clips_write(folder, "a/y.npy", OF(2, 2), 0);
    clips_write(folder, "a/x.npy", OF(3, 2), 0);
    clips_write_text(folder, "Annotations.txt", "Bark&y&good&1&7\nToot&x&good&0&1\n");
    snprintf(table, sizeof table, "%s/Annotations.txt", folder);
    io_log_begin();
    unic_dataset *d = open_all((const char *[]){table}, 1);
    ck_assert_ptr_nonnull(strstr(io_log_end(),
                                 "1 of 2 events end behind the last of 3 steps (one of clip "
                                 "\"y\" at 7): what is there is in no step"));
    io_assert_ok(unic_dataset_labels(&rank, d, "label", dims, label));
    ck_assert(rank == 1 && label[0] == 0 && label[1] == 1);
    io_assert_ok(unic_dataset_labels(&rank, d, "a.step_labels", dims, steps[0][0]));
    ck_assert(rank == 3 && dims[0] == 2 && dims[1] == 3 && dims[2] == 3);
    ck_assert_mem_eq(steps, expected, sizeof steps);
    unic_dataset_free(d);
}
END_TEST

/* The table's names of clips, and the names of their files. */
START_TEST(names_are_found)
{
    static const struct {
        const char *id, *file, *says; /* says NULL: refused */
    } cases[] = {
        {"x", "x", ""},
        {"x.mp4", "x", "1 of 1 clips have files without the suffix"},
        {"x.WAV", "x", "without the suffix"},
        {"x.npy", "x", "without the suffix"},
        {"x.mp4", "x.mp4", ""},
        {"x.v2", "x", NULL},
        {"AAAAAAAAAAA_23_33", "AAAAAAAAAAA", "first 11 characters (\"AAAAAAAAAAA\" for"},
        {"AAAAAAAAAAA_23_33", "AAAAAAAAAAA_23_33", ""},
        {"AAAAAAAAAAA_000030.mp4", "AAAAAAAAAAA", "first 11 characters"},
        {"-_AAAAAA_A__0_10", "-_AAAAAA_A_", "first 11 characters"},
        {"AAAAAAAAAAA_x", "AAAAAAAAAAA", NULL},
        {"AAAAAAAAAAAB_1_2", "AAAAAAAAAAA", NULL},
        {"AAAAAAAAAA_1_2", "AAAAAAAAAA", NULL},
        /* of names that lack a character or more, the seconds' first characters are left */
        {"P7x4FV4lg_570_580", "P7x4FV4lg_5", "first 11 characters (\"P7x4FV4lg_5\" for"},
        {"AAAAAAAAAA_0_10.mp4", "AAAAAAAAAA_", "first 11 characters"},
        {"CSWQ_HzQ_10_20", "CSWQ_HzQ_10", "first 11 characters"},
        {"CSWQ_HzQx_20_10", "CSWQ_HzQx_2", NULL}, /* no end behind its start */
        /* nor is a number cut that is another clip's, as it may be */
        {"vid_1000_1200", "vid_1000_12", NULL},
        {"vid_1000_1010", "vid_1000_10", NULL},
        {"recording_570_600", "recording_5", NULL},
        {"clip_0000012", "clip_000001", NULL},
        {"clip_0000012_x_13", "clip_000001", NULL},
        {"_1_23456789", "_1_23456789", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char folder[512], table[600], text[128], name[128];
        unic_dataset *d;
        unic_dataset_options o = data_options(1, 0, 0);
        clips_folder("tables/names", folder);
        snprintf(name, sizeof name, "a/%s.npy", cases[i].file);
        snprintf(text, sizeof text, "video_id\n%s\n", cases[i].id);
        clips_write(folder, name, OF(3, 2), 7);
        write_table(folder, text, table);
        io_log_begin();
        unic_status status = unic_dataset_open(&d, (const char *[]){table}, 1, &o);
        const char *log = io_log_end();
        if (!cases[i].says) {
            io_assert_fails(status, UNIC_E_NOTFOUND, "has no .npy or .zip file");
            continue;
        }
        io_assert_ok(status);
        ck_assert_msg(*cases[i].says ? strstr(log, cases[i].says) != NULL : !*log,
                      "%s: the log says \"%s\"", cases[i].id, log);
        unic_dataset_clip_name(d, "a", 0, text, sizeof text);
        snprintf(name, sizeof name, "/a/%s.npy", cases[i].file);
        ck_assert_ptr_nonnull(strstr(text, name));
        unic_dataset_free(d);
    }
}
END_TEST

/* Whole names come before cut ones, and clips that share a file are counted. */
START_TEST(names_that_are_ambiguous)
{
    char folder[512], table[600];
    clips_folder("tables/names", folder);
    clips_write(folder, "a/AAAAAAAAAAA.npy", OF(3, 2), 7);
    clips_write(folder, "a/AAAAAAAAAAA_1_2.npy", OF(3, 2), 9);
    write_table(folder, "video_id\nAAAAAAAAAAA_1_2\nAAAAAAAAAAA_3_4\nAAAAAAAAAAA_5_6\n", table);
    io_log_begin();
    unic_dataset *d = open_all((const char *[]){table}, 1);
    ck_assert_ptr_nonnull(
        strstr(io_log_end(), "2 of 3 clips have files named by the first 11"));
    ck_assert_ptr_nonnull(strstr(io_log_end(), "2 of 3 clips share the file of another"));
    const unic_batch *b;
    unic_array x;
    io_assert_ok(unic_dataset_next(&b, d));
    io_assert_ok(unic_batch_get(&x, NULL, b, "a"));
    ck_assert(((const float *)x.data)[0] == 9 && ((const float *)x.data)[6] == 7);
    unic_dataset_free(d);
}
END_TEST

/* Clips that are read from one file are told of over all splits, since a test of what was trained
 * on is none; names of one clip must agree, as lines of one name. */
START_TEST(clips_that_share_files)
{
    static const struct {
        const char *text, *split, *says; /* says NULL: nothing */
        unic_status status;
    } cases[] = {
        {"video_id,category,split\nAAAAAAAAAAA_0_10,dog,train\nAAAAAAAAAAA_10_20,dog,test\n"
         "y,dog,train\n",
         "train",
         "t.csv: 2 of 3 clips of all splits share the file of another: \"AAAAAAAAAAA_0_10\" "
         "and "
         "\"AAAAAAAAAAA_10_20\" are both ",
         UNIC_OK},
        {"video_id,category,split\nAAAAAAAAAAA_0_10,dog,train\nAAAAAAAAAAA_10_20,cat,test\n",
         "test",
         "a/AAAAAAAAAAA.npy; 2 of them with one of another split, as these of \"test\" and "
         "\"train\"; 2 of them with one of another category\n",
         UNIC_OK},
        {"video_id,category,split\nAAAAAAAAAAA_0_10,dog,train\nAAAAAAAAAAA_10_20,dog,train\n"
         "y,dog,test\nAAAAAAAAAAA,dog,\ny.mp4,dog,test\n",
         NULL, "5 of 5 clips of all splits share the file of another: ", UNIC_OK},
        {"video_id,category\ny.mp4,dog\ny,dog\ny.wav,\n", NULL,
         "3 of 3 clips share the file of another: \"y.mp4\" and \"y\" are both ", UNIC_OK},
        {"video_id,category\ny.mp4,dog\ny,cat\n", NULL,
         "a/y.npy, but have category \"dog\" and \"cat\"", UNIC_E_FORMAT},
        {"video_id,split\ny.mp4,train\ny,test\n", "train",
         "t.csv: clips \"y.mp4\" and \"y\" are both ", UNIC_E_FORMAT},
        {"video_id,category,onset,offset\ny.mp4,dog,0,1\ny,cat,1,2\n", NULL,
         "2 of 2 clips share the file of another", UNIC_OK},
        {"video_id,category,split\nAAAAAAAAAAA,dog,train\ny,dog,test\n", "train", NULL,
         UNIC_OK},
    };
    char folder[512], table[600];
    clips_folder("tables/shares", folder);
    clips_write(folder, "a/AAAAAAAAAAA.npy", OF(3, 2), 7);
    clips_write(folder, "a/y.npy", OF(3, 2), 9);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unic_dataset *d;
        unic_dataset_options o = data_options(4, 0, 0);
        o.split = cases[i].split;
        write_table(folder, cases[i].text, table);
        io_log_begin();
        unic_status status = unic_dataset_open(&d, (const char *[]){table}, 1, &o);
        const char *log = io_log_end();
        if (cases[i].status != UNIC_OK) {
            io_assert_fails(status, cases[i].status, cases[i].says);
            continue;
        }
        io_assert_ok(status);
        ck_assert_msg(cases[i].says ? strstr(log, cases[i].says) != NULL
                                    : !strstr(log, "share"),
                      "table %zu: the log says \"%s\"", i, log);
        unic_dataset_free(d);
    }
}
END_TEST

START_TEST(pairs_are_counted)
{
    char folder[512], text[600];
    size_t n;
    clips_folder("tables/pairs", folder);
    clips_write(folder, "a/1.npy", OF(3, 2), 0);
    clips_write(folder, "a/2.npy", OF(3, 2), 0);
    clips_write(folder, "b/2.npy", OF(3, 2), 0);
    clips_write(folder, "b/3.npy", OF(3, 2), 0);
    clips_write(folder, "b/4.npy", OF(0, 2), 0); /* a clip without a step has no modality */
    unic_dataset *d = open_all((const char *[]){folder}, 1);
    ck_assert_uint_eq(unic_dataset_clip_count(d), 4);
    io_assert_ok(unic_dataset_paired_count(&n, d, "a", "a"));
    ck_assert_uint_eq(n, 2);
    io_assert_ok(unic_dataset_paired_count(&n, d, "b", "b"));
    ck_assert_uint_eq(n, 2);
    io_assert_ok(unic_dataset_paired_count(&n, d, "b", "a"));
    ck_assert_uint_eq(n, 1);
    ck_assert(unic_dataset_has(d, "a", 0) && !unic_dataset_has(d, "b", 0));
    ck_assert(!unic_dataset_has(d, "b", 3) && !unic_dataset_has(d, "a", 4));
    ck_assert(!unic_dataset_has(d, "c", 0) && !unic_dataset_has(NULL, "a", 0));
    io_assert_fails(unic_dataset_paired_count(&n, d, "a", "c"), UNIC_E_NOTFOUND,
                    "unic_dataset_paired_count: the dataset has no modality \"c\", it has ");
    io_assert_ok(unic_dataset_clip_name(d, "b", 2, text, sizeof text));
    ck_assert_ptr_nonnull(strstr(text, "tables/pairs/b/3.npy"));
    io_assert_ok(unic_dataset_clip_name(d, "b", 0, text, sizeof text));
    ck_assert_str_eq(text, "clip 0"); /* it has none */
    io_assert_ok(unic_dataset_clip_name(d, "b", 2, text, 4));
    ck_assert_uint_eq(strlen(text), 3);
    io_assert_fails(unic_dataset_clip_name(d, "b", 4, text, sizeof text), UNIC_E_ARG,
                    "clip is 4");
    unic_dataset_free(d);
}
END_TEST

/* A process without a file to open left is not a damaged clip. */
START_TEST(no_file_left_to_open_is_no_damage)
{
    char folder[512];
    unic_dataset *d;
    const unic_batch *b;
    unic_dataset_options o = data_options(2, 0, _i);
    struct rlimit old, none;
    clips_folder("tables/limit", folder);
    clips_write(folder, "a/1.npy", OF(3, 2), 5);
    clips_write(folder, "a/2.zip", OF(3, 2), 5);
    o.on_damage = UNIC_DAMAGE_SKIPS;
    d = data_open(folder, &o);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    none = (struct rlimit){3, old.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    unic_status status = unic_dataset_next(&b, d);
    unic_dataset *other;
    unic_status opened = unic_dataset_open(&other, (const char *[]){folder}, 1, &o);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    ck_assert_int_eq(status, UNIC_E_IO);
    ck_assert_int_eq(opened, UNIC_E_IO);
    io_assert_ok(unic_dataset_next(&b, d)); /* the same batch */
    unic_array x;
    const int32_t *lengths;
    io_assert_ok(unic_batch_get(&x, &lengths, b, "a"));
    ck_assert(lengths[0] == 3 && lengths[1] == 3);
    unic_dataset_free(d);
}
END_TEST

/* Two tables with all that they can have. */
static unic_status read_two(const char *path)
{
    char one[600], two[600];
    unic_dataset *d;
    unic_dataset_options o = data_options(4, 0, 0);
    int64_t dims[UNIC_MAX_RANK];
    size_t rank;
    int32_t label[4], steps[4 * 3 * 4];
    const unic_batch *b;
    o.split = "train";
    o.on_damage = UNIC_DAMAGE_SKIPS;
    snprintf(one, sizeof one, "%s/t.csv", path);
    snprintf(two, sizeof two, "%s/u.csv", path);
    UNIC__TRY(unic_dataset_open(&d, (const char *[]){one, two}, 2, &o));
    unic_status status = unic_dataset_next(&b, d);
    if (status == UNIC_OK)
        status = unic_dataset_labels(&rank, d, "label", dims, label);
    if (status == UNIC_OK)
        status = unic_dataset_labels(&rank, d, "a.step_labels", dims, steps);
    unic_dataset_free(d);
    return status;
}

START_TEST(out_of_memory_is_a_status)
{
    char folder[512];
    clips_folder("tables/memory", folder);
    clips_write(folder, "a/x.npy", OF(3, 2), 5);
    clips_write(folder, "a/AAAAAAAAAAA.npy", OF(3, 2), 5);
    clips_write_text(folder, "t.csv",
                     "video_id,category,split,onset,offset,event_labels\n"
                     "x.mp4,p,train,0,1,e\nx.mp4,,train,1,2,f\nAAAAAAAAAAA_1_2,,train,,,\n"
                     "y,q,test,0,0,g\n");
    clips_write_text(folder, "u.csv",
                     "video_id,category,split,onset,offset,event_labels\nx,o,train,0,3,a\n");
    io_fail_each_allocation(read_two, folder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data/tables");
    TCase *t = tcase_create("tables");
    tcase_add_test(t, tables_opened_together_share_classes);
    tcase_add_test(t, numbers_as_names);
    tcase_add_test(t, names_that_look_the_same);
    tcase_add_test(t, names_and_numbers_do_not_mix);
    tcase_add_test(t, events_of_two_tables);
    tcase_add_test(t, annotations_in_a_text);
    tcase_add_test(t, names_are_found);
    tcase_add_test(t, names_that_are_ambiguous);
    tcase_add_test(t, clips_that_share_files);
    tcase_add_test(t, pairs_are_counted);
    tcase_add_test(t, out_of_memory_is_a_status);
    tcase_add_loop_test(t, no_file_left_to_open_is_no_damage, 0, 2);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
