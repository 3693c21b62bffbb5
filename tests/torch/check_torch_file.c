/* lib/torch/torch_file: checkpoints of PyTorch's making; check_torch_refused.c has the
 * others. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file/io_help.h"
#include "torch/torch_file.h"
#include "torch_help.h"

#define TORCH  TORCH_FIXTURES ""
#define SAMPLE "../shared/cmg-sample/"

static unic__torch_file *open_good(const char *path)
{
    unic__torch_file *f;
    io_assert_ok(torch_open(&f, path));
    ck_assert_str_eq(unic__torch_path(f), path);
    return f;
}

static const unic__torch_tensor *find(const unic__torch_file *f, const char *path)
{
    const unic__torch_tensor *t = unic__torch_find(f, path);
    ck_assert_msg(t != NULL, "no %s", path);
    return t;
}

/* The tensor must be of this shape, and have fill's values whatever type is asked for. */
static void check_values(unic__torch_file *f, const unic__torch_tensor *t, const char *shape)
{
    enum { MOST = 9001 };
    static float f32[MOST];
    static double f64[MOST];
    static int64_t i64[MOST];
    const char *type = unic__torch_type_name(t->type);
    bool whole = t->type >= UNIC__TORCH_I64;
    size_t count = unic__shape_count(&t->shape);
    char text[UNIC__SHAPE_TEXT];
    ck_assert_str_eq(unic__shape_print(&t->shape, text), shape);
    f32[count] = 77;
    f64[count] = 77;
    i64[count] = 77;
    io_assert_ok(unic__torch_read_f32(f, t, f32, count));
    io_assert_ok(unic__torch_read_f64(f, t, f64, count));
    if (whole)
        io_assert_ok(unic__torch_read_i64(f, t, i64, count));
    else if (count > 1)
        io_assert_fails(unic__torch_read_i64(f, t, i64, count), UNIC_E_VALUE,
                        "element 1 is -1.75, a whole number expected");
    for (size_t i = 0; i < count; i++) {
        double value = torch_fixture_value(type, i);
        ck_assert_msg(f32[i] == value && f64[i] == value && (!whole || i64[i] == value),
                      "%s: element %zu is %g, not %g", t->path, i, f64[i], value);
    }
    ck_assert(f32[count] == 77 && f64[count] == 77 && i64[count] == 77);
}

/* ---- types and layouts ---- */

static const char *const types_files[] = {TORCH "types.pt", TORCH "types_old.pt",
                                          TORCH "types_deflated.pt", TORCH "types_big.pt"};

START_TEST(reads_every_type)
{
    static const struct {
        const char *path, *type, *shape;
    } tensors[] = {{"float64", "float64", "[3,7]"},       {"float32", "float32", "[3,7]"},
                   {"float16", "float16", "[3,7]"},       {"bfloat16", "bfloat16", "[3,7]"},
                   {"int64", "int64", "[3,7]"},           {"int32", "int32", "[3,7]"},
                   {"int16", "int16", "[3,7]"},           {"int8", "int8", "[3,7]"},
                   {"uint8", "uint8", "[3,7]"},           {"bool", "bool", "[3,7]"},
                   {"scalar", "float64", "[]"},           {"empty", "float32", "[0,3]"},
                   {"rank6", "float32", "[1,2,1,3,2,1]"}, {"long", "bfloat16", "[9,1000]"}};
    unic__torch_file *f = open_good(types_files[_i]);
    ck_assert_uint_eq(unic__torch_count(f), sizeof tensors / sizeof tensors[0]);
    for (int again = 0; again < 2;
         again++) /* a storage is read otherwise once it was checked */
        for (size_t i = 0; i < unic__torch_count(f); i++) {
            const unic__torch_tensor *t = unic__torch_tensor_at(f, i);
            ck_assert_str_eq(t->path, tensors[i].path);
            ck_assert(find(f, tensors[i].path) == t);
            ck_assert_str_eq(unic__torch_type_name(t->type), tensors[i].type);
            check_values(f, t, tensors[i].shape);
        }
    unic__torch_close(f);
    unic__torch_close(NULL);
}
END_TEST

static const char *const views_files[] = {TORCH "views.pt", TORCH "views_old.pt"};

START_TEST(reads_shared_and_strided_storages)
{
    static const struct {
        const char *path, *shape;
        size_t offset;
        const char *shares_with;
    } tensors[] = {{"line/a", "[2,6]", 0, NULL},      {"line/b", "[5]", 12, "line/a"},
                   {"line/c", "[3,4]", 20, "line/a"}, {"transposed", "[5,3]", 0, NULL},
                   {"permuted", "[2,3,4]", 0, NULL},  {"window", "[4,3]", 11, NULL},
                   {"every_third", "[12]", 2, NULL},  {"large", "[90,100]", 5, NULL},
                   {"one", "[1,1]", 2, NULL},         {"whole", "[12]", 0, NULL},
                   {"again", "[12]", 0, "whole"},     {"reshaped", "[3,4]", 0, "whole"}};
    unic__torch_file *f = open_good(views_files[_i]);
    const size_t count = sizeof tensors / sizeof tensors[0];
    ck_assert_uint_eq(unic__torch_count(f), count);
    for (size_t i = 0; i < count; i++) {
        const unic__torch_tensor *t = find(f, tensors[i].path);
        const char *owner = tensors[i].shares_with;
        check_values(f, t, tensors[i].shape);
        ck_assert_uint_eq(t->offset, tensors[i].offset);
        for (size_t k = 0; k < count; k++) {
            const unic__torch_tensor *other = unic__torch_tensor_at(f, k);
            const char *others = tensors[k].shares_with ? tensors[k].shares_with
                                                        : tensors[k].path;
            ck_assert_int_eq(other->storage == t->storage,
                             strcmp(others, owner ? owner : tensors[i].path) == 0);
        }
    }
    ck_assert_uint_eq(find(f, "large")->stride[0], 1);
    ck_assert_uint_eq(find(f, "large")->stride[1], 90);
    unic__torch_close(f);
}
END_TEST

/* ---- a checkpoint with all that people keep in one ---- */

static const char *const model_files[] = {TORCH "model.pt", TORCH "model_old.pt",
                                          TORCH "model_protocol4.pt"};

START_TEST(lists_tensors_in_their_order)
{
    static const char *const paths[][2] = {
        {"Encoder_parameters/0.weight", "[3,4]"},
        {"Encoder_parameters/0.bias", "[3]"},
        {"Encoder_parameters/1.weight", "[3]"},
        {"Encoder_parameters/1.bias", "[3]"},
        {"Encoder_parameters/1.running_mean", "[3]"},
        {"Encoder_parameters/1.running_var", "[3]"},
        {"Encoder_parameters/1.num_batches_tracked", "[]"},
        {"Encoder_parameters/2.weight", "[2,3]"},
        {"optimizer/state/0/step", NULL},
        {"optimizer/state/0/exp_avg", "[3,4]"},
        {"optimizer/state/0/exp_avg_sq", "[3,4]"},
        {"optimizer/state/1/exp_avg", "[3]"},
        {"optimizer/state/1/exp_avg_sq", "[3]"},
        {"optimizer/state/2/step", NULL},
        {"optimizer/state/2/exp_avg", "[2,3]"},
        {"optimizer/state/2/exp_avg_sq", "[2,3]"},
        {"parameter", "[2,3]"},
    };
    unic__torch_file *f = open_good(model_files[_i]);
    ck_assert_uint_eq(unic__torch_count(f), sizeof paths / sizeof paths[0]);
    for (size_t i = 0; i < unic__torch_count(f); i++) {
        const unic__torch_tensor *t = unic__torch_tensor_at(f, i);
        ck_assert_str_eq(t->path, paths[i][0]);
        if (paths[i][1])
            check_values(f, t, paths[i][1]);
    }
    ck_assert(unic__torch_find(f, "Encoder_parameters") == NULL);
    ck_assert(unic__torch_find(f, "epoch") == NULL);
    ck_assert(unic__torch_find(f, "") == NULL);
    unic__torch_close(f);
}
END_TEST

START_TEST(gets_numbers)
{
    static const struct {
        const char *path;
        double value;
        bool whole;
    } numbers[] = {{"epoch", 12, true},
                   {"negative", -3, true},
                   {"large", 0x1p62, true},
                   {"loss", 0.125, false},
                   {"flag", 1, true},
                   {"off", 0, true},
                   {"dims/0", 3, true},
                   {"dims/1", 2.5, false},
                   {"dims/2/0", 1, true},
                   {"dims/2/1/0", 8, true},
                   {"ordered/a", 1, true},
                   {"ordered/b/c", 2, true},
                   {"number/f8", 2.5, false},
                   {"number/f4", -0.5, false},
                   {"number/i8", -9, true},
                   {"number/b1", 1, true},
                   {"number/f2", 3, true},
                   {"5/five", 55, true},
                   {"optimizer/state/0/step", 1, true}, /* a tensor */
                   {"optimizer/state/1/step", 7, true}, /* an int */
                   {"optimizer/param_groups/0/lr", 4e-4, false},
                   {"optimizer/param_groups/1/lr", 0.25, false},
                   {"optimizer/param_groups/0/betas/1", 0.999, false},
                   {"optimizer/param_groups/0/params/1", 1, true},
                   {"optimizer/param_groups/1/params/0", 2, true},
                   {"Encoder_parameters/1.num_batches_tracked", -8, true}};
    unic__torch_file *f = open_good(model_files[_i]);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        double real;
        int64_t whole;
        io_assert_ok(unic__torch_get_f64(f, numbers[i].path, &real));
        ck_assert_msg(real == numbers[i].value, "%s is %.17g", numbers[i].path, real);
        if (numbers[i].whole) {
            io_assert_ok(unic__torch_get_i64(f, numbers[i].path, &whole));
            ck_assert_msg(whole == (int64_t)numbers[i].value, "%s", numbers[i].path);
        } else {
            io_assert_fails(unic__torch_get_i64(f, numbers[i].path, &whole), UNIC_E_VALUE,
                            ", a whole number expected");
            ck_assert(strstr(unic_last_error(), numbers[i].path) != NULL);
        }
    }
    unic__torch_close(f);
}
END_TEST

START_TEST(tells_what_stands_where)
{
    static const struct {
        const char *path;
        unic__torch_kind kind;
        size_t length;
    } places[] = {{"", UNIC__TORCH_DICT, 17},
                  {"Encoder_parameters", UNIC__TORCH_DICT, 8},
                  {"Encoder_parameters/0.weight", UNIC__TORCH_TENSOR, 0},
                  {"parameter", UNIC__TORCH_TENSOR, 0},
                  {"optimizer/state", UNIC__TORCH_DICT, 3},
                  {"optimizer/state/3", UNIC__TORCH_ABSENT, 0},
                  {"optimizer/param_groups", UNIC__TORCH_LIST, 2},
                  {"optimizer/param_groups/0/params", UNIC__TORCH_LIST, 2},
                  {"optimizer/param_groups/0/betas", UNIC__TORCH_LIST, 2},
                  {"none", UNIC__TORCH_DICT, 0},
                  {"epoch", UNIC__TORCH_NUMBER, 0},
                  {"loss", UNIC__TORCH_NUMBER, 0},
                  {"flag", UNIC__TORCH_NUMBER, 0},
                  {"number/f8", UNIC__TORCH_NUMBER, 0},
                  {"nothing", UNIC__TORCH_OTHER, 0},
                  {"text", UNIC__TORCH_OTHER, 0},
                  {"array", UNIC__TORCH_OTHER, 0},
                  {"Text_mi_net_parameters", UNIC__TORCH_ABSENT, 0}};
    unic__torch_file *f = open_good(model_files[_i]);
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        size_t length = 99;
        ck_assert_msg(unic__torch_kind_of(f, places[i].path, &length) == places[i].kind, "%s",
                      places[i].path);
        ck_assert_msg(length == places[i].length, "%s: %zu", places[i].path, length);
        ck_assert_int_eq(unic__torch_kind_of(f, places[i].path, NULL), places[i].kind);
    }
    unic__torch_close(f);
}
END_TEST

START_TEST(refuses_wrong_requests)
{
    unic__torch_file *f = open_good(TORCH "model.pt");
    const unic__torch_tensor *t = find(f, "Encoder_parameters/0.weight");
    float x[64];
    double real;
    int64_t whole;
    io_assert_fails(
        unic__torch_read_f32(f, t, x, 13), UNIC_E_SHAPE,
        "model.pt: Encoder_parameters/0.weight is 3 x 4 float32, 13 elements expected");
    io_assert_fails(unic__torch_get_f64(f, "epochs", &real), UNIC_E_NOTFOUND,
                    "model.pt: has no epochs");
    io_assert_fails(unic__torch_get_f64(f, "text", &real), UNIC_E_FORMAT,
                    "model.pt: text: is a text, a number expected");
    io_assert_fails(unic__torch_get_i64(f, "nothing", &whole), UNIC_E_FORMAT,
                    "is None, a number expected");
    io_assert_fails(unic__torch_get_i64(f, "optimizer", &whole), UNIC_E_FORMAT, "is a dict");
    io_assert_fails(unic__torch_get_i64(f, "array", &whole), UNIC_E_FORMAT,
                    "array: is a numpy array, a number expected");
    io_assert_fails(unic__torch_get_f64(f, "parameter", &real), UNIC_E_SHAPE,
                    "parameter is 2 x 3 float32, 1 elements expected");
    unic__torch_close(f);
    io_assert_fails(torch_open(&f, TORCH "absent.pt"), UNIC_E_NOTFOUND, "absent.pt");
    ck_assert(f == NULL);
}
END_TEST

START_TEST(reads_what_is_no_dict)
{
    unic__torch_file *f = open_good(TORCH "bare.pt");
    ck_assert_uint_eq(unic__torch_count(f), 1);
    ck_assert_str_eq(unic__torch_tensor_at(f, 0)->path, "");
    check_values(f, find(f, ""), "[2,2]");
    ck_assert_int_eq(unic__torch_kind_of(f, "", NULL), UNIC__TORCH_TENSOR);
    float x;
    io_assert_fails(unic__torch_read_f32(f, find(f, ""), &x, 1), UNIC_E_SHAPE,
                    "bare.pt: its tensor is 2 x 2 float64, 1 elements expected");
    unic__torch_close(f);
    f = open_good(TORCH "list.pt");
    ck_assert_uint_eq(unic__torch_count(f), 2);
    check_values(f, find(f, "0"), "[2]");
    check_values(f, find(f, "1/x"), "[3]");
    unic__torch_close(f);
}
END_TEST

/* ---- the sample of the CMG code ---- */

/* Of element i times i % 97. */
static double weighted_sum(unic__torch_file *f, const unic__torch_tensor *t)
{
    size_t count = unic__shape_count(&t->shape);
    double *x = unic__alloc(count * sizeof *x), sum = 0;
    io_assert_ok(unic__torch_read_f64(f, t, x, count));
    for (size_t i = 0; i < count; i++)
        sum += x[i] * (double)(i % 97);
    unic__free(x);
    return sum;
}

START_TEST(reads_the_sample)
{
    static const struct {
        const char *path;
        size_t tensors;
        int64_t step;
        double embedding, sum; /* by torch */
    } files[] = {
        {SAMPLE "DCID-model-0.pt", 192, 0, 1291.954966407709, 22600.595469045864},
        {SAMPLE "DCID-model-after5.pt", 612, 5, 1281.312633294495, 19580.17795880219},
    };
    FILE *there = fopen(files[_i].path, "rb");
    if (!there) {
        printf("skipped: %s is not there\n", files[_i].path);
        return;
    }
    fclose(there);
    unic__torch_file *f = open_good(files[_i].path);
    int64_t step, epoch;
    size_t length;
    double sum = 0, lr;
    ck_assert_uint_eq(unic__torch_count(f), files[_i].tensors);
    const unic__torch_tensor *t = find(f, "Encoder_parameters/Cross_quantizer.embedding");
    ck_assert(unic__shape_equal(&t->shape, &UNIC__SHAPE_OF(50, 32)) &&
              t->type == UNIC__TORCH_F64);
    ck_assert_double_eq_tol(weighted_sum(f, t), files[_i].embedding, 1e-9);
    for (size_t i = 0; i < unic__torch_count(f); i++)
        sum += weighted_sum(f, unic__torch_tensor_at(f, i));
    ck_assert_double_eq_tol(sum, files[_i].sum, 1e-8);
    io_assert_ok(unic__torch_get_i64(f, "total_step", &step));
    io_assert_ok(unic__torch_get_i64(f, "epoch", &epoch));
    io_assert_ok(unic__torch_get_f64(f, "optimizer/param_groups/0/lr", &lr));
    ck_assert_int_eq(step, files[_i].step);
    ck_assert_int_eq(epoch, 0);
    ck_assert(lr == 0.0004);
    unic__torch_kind_of(f, "optimizer/param_groups/0/params", &length);
    ck_assert_uint_eq(length, 140);
    unic__torch_kind_of(f, "optimizer/state", &length);
    ck_assert_uint_eq(length, step ? 108 : 0);
    if (step) {
        io_assert_ok(unic__torch_get_i64(f, "optimizer/state/3/step", &step));
        ck_assert_int_eq(step, 5);
    }
    ck_assert_int_eq(unic__torch_kind_of(f, "Text_mi_net_parameters", NULL),
                     UNIC__TORCH_ABSENT);
    unic__torch_close(f);
}
END_TEST

/* ---- memory ---- */

static size_t live, peak;

static void *count_alloc(size_t bytes, void *user)
{
    size_t *memory = malloc(bytes + 16);
    (void)user;
    if (!memory)
        return NULL;
    *memory = bytes;
    live += bytes;
    peak = live > peak ? live : peak;
    return memory + 2;
}

static void count_release(void *memory, void *user)
{
    size_t *start = (size_t *)memory - 2;
    (void)user;
    live -= *start;
    free(start);
}

/* {"w": 8 x 8 float64, "large": 8000 x 10000 float64}; all of the second, 640 MB, is a hole. */
enum { W = 64, LARGE = 80000000 };

static size_t print_large(char *text, size_t room, const char *behind_id)
{
    static const char tensor[] =
        "V%s\nctorch._utils\n_rebuild_tensor_v2\n((Vstorage\nctorch\n"
        "DoubleStorage\nV%d\nVcpu\nI%d\n%stQI0\n(I%d\nI%d\nt(I%d\nI1\nt"
        "I00\nNtR";
    int n = snprintf(text, room, "(");
    n += snprintf(text + n, room - n, tensor, "w", 1, W, behind_id, 8, 8, 8);
    n += snprintf(text + n, room - n, tensor, "large", 0, LARGE, behind_id, 8000, 10000, 10000);
    n += snprintf(text + n, room - n, "d.");
    return (size_t)n;
}

static void fill_w(double w[W])
{
    for (int i = 0; i < W; i++)
        w[i] = i;
}

static void write_large_old(const char *path)
{
    static const char head[] = "\x80\2\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.I1001\n."
                               "(Vlittle_endian\nI01\nd.";
    const int64_t counts[] = {LARGE, W};
    char pickle[1024];
    double w[W];
    fill_w(w);
    FILE *file = fopen(path, "wb");
    ck_assert(file != NULL);
    fwrite(head, 1, sizeof head - 1, file);
    fwrite(pickle, 1, print_large(pickle, sizeof pickle, "N"), file);
    fputs("(V0\nV1\nl.", file);
    fwrite(&counts[0], 8, 1, file);
    ck_assert(fseek(file, LARGE * 8L, SEEK_CUR) == 0);
    fwrite(&counts[1], 8, 1, file);
    fwrite(w, 8, W, file);
    ck_assert(fclose(file) == 0);
}

/* The hole is the last member: its sizes and the directory's place are changed afterwards. */
static void write_large_zip(const char *path)
{
    const uint32_t hole = LARGE * 8U;
    unic__zip_writer *writer;
    char pickle[1024];
    double w[W];
    size_t size;
    fill_w(w);
    io_assert_ok(unic__zip_create(&writer, UNIC__TO_FILE(path), false));
    io_assert_ok(unic__zip_add(writer, "x/data.pkl", "", "", 0, pickle,
                               print_large(pickle, sizeof pickle, "")));
    io_assert_ok(unic__zip_add(writer, "x/data/1", "", "", 0, w, sizeof w));
    io_assert_ok(unic__zip_add(writer, "x/data/0", "", "", 0, NULL, 0));
    io_assert_ok(unic__zip_finish(writer));
    unsigned char *zip = io_read(path, &size), *directory = torch_entry(zip, size, 0);
    for (size_t i = 0; i < 2; i++) {
        torch_put32(torch_entry(zip, size, 2) + 20 + 4 * i, hole);
        torch_put32(torch_local(zip, size, 2) + 18 + 4 * i, hole);
    }
    torch_put32(zip + size - 6, (uint32_t)(directory - zip) + hole);
    FILE *file = fopen(path, "wb");
    ck_assert(file != NULL);
    fwrite(zip, 1, (size_t)(directory - zip), file);
    ck_assert(fseek(file, (long)hole, SEEK_CUR) == 0);
    fwrite(directory, 1, size - (size_t)(directory - zip), file);
    ck_assert(fclose(file) == 0);
    free(zip);
}

START_TEST(a_small_tensor_of_a_large_file_costs_little)
{
    const unic_allocator allocator = {sizeof allocator, count_alloc, count_release, NULL};
    const char *path = io_path("large.pt");
    remove(path);
    if (_i == 0)
        write_large_zip(path);
    else
        write_large_old(path);
    live = peak = 0;
    ck_assert_int_eq(unic_set_allocator(&allocator), UNIC_OK);
    unic__torch_file *f = open_good(path);
    double x[W];
    const unic__torch_tensor *large = find(f, "large");
    ck_assert(unic__shape_equal(&large->shape, &UNIC__SHAPE_OF(8000, 10000)));
    io_assert_ok(unic__torch_read_f64(f, find(f, "w"), x, W));
    ck_assert(x[0] == 0 && x[W - 1] == W - 1);
    unic__torch_close(f);
    unic_set_allocator(NULL);
    ck_assert_uint_eq(live, 0);
    ck_assert_msg(peak < 1 << 19, "%zu bytes at the peak", peak);
    remove(path);
}
END_TEST

static unic_status read_all(const char *path)
{
    static float x[9001];
    unic__torch_file *f;
    double number;
    UNIC__TRY(torch_open(&f, path));
    unic_status status = UNIC_OK;
    for (size_t i = 0; i < unic__torch_count(f) && status == UNIC_OK; i++) {
        const unic__torch_tensor *t = unic__torch_tensor_at(f, i);
        status = unic__torch_read_f32(f, t, x, unic__shape_count(&t->shape));
    }
    if (status == UNIC_OK && unic__torch_kind_of(f, "epoch", NULL) == UNIC__TORCH_NUMBER)
        status = unic__torch_get_f64(f, "epoch", &number);
    unic__torch_close(f);
    return status;
}

/* torch.save(torch.nn.Linear(...)): the names are those of its state dict. */
START_TEST(reads_a_module_that_was_saved_whole)
{
    static const char *const names[] = {"weight", "bias"};
    unic__torch_file *f;
    io_assert_ok(torch_open(&f, TORCH_FIXTURES "module.pt"));
    ck_assert_uint_eq(unic__torch_count(f), 2);
    for (size_t i = 0; i < 2; i++) {
        const unic__torch_tensor *t = unic__torch_tensor_at(f, i);
        double x[64];
        ck_assert_str_eq(t->path, names[i]);
        ck_assert_ptr_eq(unic__torch_find(f, names[i]), t);
        io_assert_ok(unic__torch_read_f64(f, t, x, unic__shape_count(&t->shape)));
    }
    double number; /* its path is the state dict's */
    io_assert_fails(unic__torch_get_f64(f, "_parameters/bias", &number), UNIC_E_FORMAT,
                    "module.pt: _parameters/bias: is an object of");
    unic__torch_close(f);
}
END_TEST

START_TEST(out_of_memory)
{
    io_fail_each_allocation(read_all, TORCH "model.pt");
    io_fail_each_allocation(read_all, TORCH "model_old.pt");
    io_fail_each_allocation(read_all, TORCH "types_deflated.pt");
    io_fail_each_allocation(read_all, TORCH "views_old.pt");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("torch_file");
    TCase *tests = tcase_create("torch_file");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, reads_every_type, 0, 4);
    tcase_add_loop_test(tests, reads_shared_and_strided_storages, 0, 2);
    tcase_add_loop_test(tests, lists_tensors_in_their_order, 0, 3);
    tcase_add_loop_test(tests, gets_numbers, 0, 3);
    tcase_add_loop_test(tests, tells_what_stands_where, 0, 3);
    tcase_add_test(tests, refuses_wrong_requests);
    tcase_add_test(tests, reads_what_is_no_dict);
    tcase_add_loop_test(tests, reads_the_sample, 0, 2);
    tcase_add_loop_test(tests, a_small_tensor_of_a_large_file_costs_little, 0, 2);
    tcase_add_test(tests, reads_a_module_that_was_saved_whole);
    tcase_add_test(tests, out_of_memory);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
