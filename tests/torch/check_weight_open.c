/* Files of weights by their contents: checkpoints of PyTorch in all their forms, safetensors, npz. */
#include "torch/weight_open.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/npz.h"
#include "file/io_help.h"
#include "model/small_model.h"
#include "torch/torch_help.h"

static unic_status open_weights(unic__weight_file **out, const char *path)
{
    unic__source *source;
    *out = NULL;
    UNIC__TRY(unic__source_open_file(&source, path));
    const unic_status status = unic__weight_file_open(out, source);
    unic__source_release(source);
    return status;
}

static float *read_all(const unic__weight_file *f, const unic__weight_tensor *t)
{
    float *x = malloc((unic__shape_count(&t->shape) + 1) * sizeof *x);
    ck_assert_ptr_nonnull(x);
    io_assert_ok(unic__weight_file_read(f, t, x));
    return x;
}

/* Every tensor of a checkpoint is found by its path, in the order of the names, with its values; one of
 * whole numbers is not read. */
static void compare(const char *path, size_t least)
{
    char says[256];
    unic__torch_file *torch;
    unic__weight_file *f;
    io_assert_ok(torch_open(&torch, path));
    io_assert_ok(open_weights(&f, path));
    ck_assert_uint_ge(f->count, least);
    ck_assert_uint_eq(f->count, unic__torch_count(torch));
    ck_assert_str_eq(unic__weight_file_path(f), path);
    for (size_t i = 0; i < f->count; i++) {
        const unic__weight_tensor *t = &f->at[i];
        const unic__torch_tensor *same = unic__torch_find(torch, t->name);
        ck_assert(i == 0 || strcmp(f->at[i - 1].name, t->name) < 0);
        ck_assert_ptr_eq(unic__weight_file_find(f, t->name), t);
        ck_assert_ptr_nonnull(same);
        ck_assert(!same->wrong && unic__shape_equal(&t->shape, &same->shape));
        const size_t n = unic__shape_count(&t->shape);
        if (!unic__torch_type_is_float(same->type)) {
            snprintf(says, sizeof says, "%s: %s is of %s, and weights of whole numbers", path,
                     t->name, unic__torch_type_name(same->type));
            float *none = malloc((n + 1) * sizeof *none);
            io_assert_fails(unic__weight_file_read(f, t, none), UNIC_E_FORMAT, says);
            free(none);
            continue;
        }
        ck_assert_ptr_null(t->wrong);
        float *x = read_all(f, t), *want = malloc((n + 1) * sizeof *want);
        io_assert_ok(unic__torch_read_f32(torch, same, want, n));
        ck_assert_mem_eq(x, want, n * sizeof *x);
        free(x);
        free(want);
    }
    unic__weight_file_close(f);
    unic__torch_close(torch);
}

START_TEST(checkpoints_of_every_form)
{
    compare(TORCH_FIXTURES "types.pt", 14);
    compare(TORCH_FIXTURES "types_old.pt", 14);
    compare(TORCH_FIXTURES "types_deflated.pt", 14);
    compare(TORCH_FIXTURES "views.pt", 10);
    compare(TORCH_FIXTURES "model.pt", 7);
    compare(TORCH_FIXTURES "model_old.pt", 7);
    compare(TORCH_FIXTURES "model_protocol4.pt", 7);
    compare(TORCH_FIXTURES "module.pt", 2);
    compare(TORCH_FIXTURES "list.pt", 2);
}
END_TEST

START_TEST(a_tensor_of_another_type_is_refused_when_it_is_read)
{
    unic__weight_file *f;
    float x[2];
    io_assert_ok(open_weights(&f, TORCH_FIXTURES "complex.pt"));
    ck_assert_uint_eq(f->count, 1);
    ck_assert_ptr_nonnull(f->at[0].wrong);
    io_assert_fails(unic__weight_file_read(f, &f->at[0], x), UNIC_E_FORMAT,
                    "complex.pt: w is of complex64, which is not read");
    unic__weight_file_close(f);
}
END_TEST

static void refuses(const char *path, unic_status status, const char *message)
{
    unic__weight_file *f = (void *)&f;
    io_assert_fails(open_weights(&f, path), status, message);
    ck_assert_ptr_null(f);
}

START_TEST(files_that_are_refused)
{
    static const char same_name[] =
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}";
    char file[8 + sizeof same_name + 3] = {(char)(sizeof same_name - 1)};
    size_t size;
    refuses(TORCH_FIXTURES "same_name.pt", UNIC_E_FORMAT,
            "same_name.pt: has two tensors of the name a.b");
    refuses("tests/array/fixtures/npy/none.npy", UNIC_E_NOTFOUND, "none.npy");
    unsigned char *old = io_read(TORCH_FIXTURES "model_old.pt", &size);
    io_write(io_path("cut.pt"), old, size / 2);
    free(old);
    refuses(io_path("cut.pt"), UNIC_E_FORMAT, "cut.pt: ");
    io_write(io_path("text.pt"), "no weights", 10);
    refuses(io_path("text.pt"), UNIC_E_FORMAT,
            "text.pt is a file of an unknown kind; weights are read of what torch.save() or "
            "safetensors wrote, or of an npz");
    io_write(io_path("a.npy"), "\x93NUMPY\x01\x00", 8);
    refuses(io_path("a.npy"), UNIC_E_FORMAT, "weights are read of what torch.save()");
    memcpy(file + 8, same_name, sizeof same_name - 1);
    unic__weight_file *f;
    io_write(io_path("a.safetensors"), file, 8 + sizeof same_name - 1 + 4);
    io_assert_ok(open_weights(&f, io_path("a.safetensors")));
    ck_assert(f->count == 1 && unic__weight_file_find(f, "a"));
    unic__weight_file_close(f);
    io_assert_ok(open_weights(&f, FIXTURES "few_deflated.npz"));
    ck_assert_uint_gt(f->count, 0);
    unic__weight_file_close(f);
}
END_TEST

static unic_status open_and_read(const char *path)
{
    unic__weight_file *f;
    UNIC__TRY(open_weights(&f, path));
    unic_status status = UNIC_OK;
    for (size_t i = 0; i < f->count && status == UNIC_OK; i++) {
        if (f->at[i].wrong) /* of whole numbers */
            continue;
        float *x = malloc((unic__shape_count(&f->at[i].shape) + 1) * sizeof *x);
        status = unic__weight_file_read(f, &f->at[i], x);
        free(x);
    }
    unic__weight_file_close(f);
    return status;
}

/* ---- what others write --------------------------------------------------------------------- */

#define P(text) (text), sizeof(text) - 1
#define TENSOR(key)                                                                            \
    "ctorch._utils\n_rebuild_tensor_v2\n((Vstorage\nctorch\nFloatStorage\nV" key               \
    "\nVcpu\nI2\ntQI0\n(I2\nt(I1\ntI01\nNtR"
#define OBJECT(class, state) "c__torch__" class "\n)\x81(" state "db"

/* A checkpoint in the folder `root`, with "/" behind it, whose data/0 is 1, 2 and data/1 is 3, 4. */
static const char *make(const char *root, const char *pickle, size_t size)
{
    const char *path = io_path("other.pt");
    static const float x[2][2] = {{1, 2}, {3, 4}};
    unic__zip_writer *w;
    remove(path);
    io_assert_ok(unic__zip_create(&w, UNIC__TO_FILE(path), false));
    io_assert_ok(unic__zip_add(w, root, "data.pkl", "", 0, pickle, size));
    io_assert_ok(unic__zip_add(w, root, "data/0", "", 0, x[0], sizeof x[0]));
    io_assert_ok(unic__zip_add(w, root, "data/1", "", 0, x[1], sizeof x[1]));
    io_assert_ok(unic__zip_add(w, root, "version", "", 0, "3\n", 2));
    io_assert_ok(unic__zip_finish(w));
    return path;
}

static void holds(const char *path, const char *name, float first)
{
    unic__weight_file *f;
    io_assert_ok(open_weights(&f, path));
    const unic__weight_tensor *t = unic__weight_file_find(f, name);
    ck_assert_msg(t != NULL, "no %s", name);
    float *x = read_all(f, t);
    ck_assert(x[0] == first && x[1] == first + 1);
    free(x);
    unic__weight_file_close(f);
}

/* Unpacked, and packed again without torch's folder. */
START_TEST(a_checkpoint_without_its_folder)
{
    holds(make("", P("(Va\n" TENSOR("0") "Vb\n" TENSOR("1") "d.")), "b", 3);
    io_fail_each_allocation(open_and_read, io_path("other.pt"));
}
END_TEST

/* torch.jit.save(): objects of the script's own classes, under the names of the state dict. */
START_TEST(a_script_is_its_state_dict)
{
#define SCRIPT                                                                                 \
    OBJECT("\nNet",                                                                            \
           "Vtraining\nI00\nVhead\n" TENSOR("1") "Vfeatures\n" OBJECT(                         \
               ".torch.nn.modules.container\nSequential",                                      \
               "V0\n" OBJECT(".torch.nn.modules.conv\nConv2d", "Vweight\n" TENSOR("0"))))
    const char *path = make("net/", P(SCRIPT "."));
    holds(path, "features.0.weight", 1);
    holds(path, "head", 3);
    io_fail_each_allocation(open_and_read, path);
    path = make("net/", P("(Vmodel\n" SCRIPT "d."));
    holds(path, "model/features.0.weight", 1);
    holds(path, "model/head", 3);
    holds(make("net/", P("(Vmodel\n" OBJECT("\nEmpty", "") "Va\n" TENSOR("0") "d.")), "a", 1);
}
END_TEST

/* torch.save({name: array}). */
START_TEST(arrays_in_the_place_of_tensors)
{
#define ARRAY  "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntVb\ntR"
#define BUFFER "cnumpy.core.numeric\n_frombuffer\n(tR"
    refuses(make("x/", P("(Vnet\n(Va\n" ARRAY "Vb\n" BUFFER "dd.")), UNIC_E_FORMAT,
            "other.pt: holds 2 numpy arrays (net/a) and no tensor: write them with "
            "numpy.savez(), or save torch.from_numpy() of each");
    io_fail_each_allocation(open_and_read,
                            make("x/", P("(Va\n" ARRAY "Vb\n" TENSOR("0") "d.")));
    holds(io_path("other.pt"), "b", 1);
}
END_TEST

/* What a server sends in the place of a file. */
START_TEST(pages_in_the_place_of_weights)
{
    static const struct {
        const char *text, *is;
    } texts[] = {
        {"<!DOCTYPE html><html>",
         "a text that begins with <, as a page does; weights are read of"},
        {"\xEF\xBB\xBF\r\n <?xml version='1.0'?>\t", "a text that begins with <"},
        {"{\"message\": \"Not Found\"}", "a text of JSON; weights are read of"},
        {"\n[1, 2]", "a text of JSON"},
        {"<\x01html>", "a file of an unknown kind"},
        {" \n", "a file of an unknown kind"},
        {"404: Not Found", "a file of an unknown kind"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        io_write(io_path("page.pt"), texts[i].text, strlen(texts[i].text));
        refuses(io_path("page.pt"), UNIC_E_FORMAT, texts[i].is);
        ck_assert(strstr(unic_last_error(), "was it downloaded, and the download refused?") ||
                  strstr(texts[i].is, "unknown"));
    }
}
END_TEST

START_TEST(each_allocation_may_fail)
{
    io_fail_each_allocation(open_and_read, TORCH_FIXTURES "model.pt");
    io_fail_each_allocation(open_and_read, TORCH_FIXTURES "model_old.pt");
    io_fail_each_allocation(open_and_read, FIXTURES "few_deflated.npz");
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("weight_open");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, checkpoints_of_every_form);
    tcase_add_test(t, a_tensor_of_another_type_is_refused_when_it_is_read);
    tcase_add_test(t, files_that_are_refused);
    tcase_add_test(t, a_checkpoint_without_its_folder);
    tcase_add_test(t, a_script_is_its_state_dict);
    tcase_add_test(t, arrays_in_the_place_of_tensors);
    tcase_add_test(t, pages_in_the_place_of_weights);
    tcase_add_test(t, each_allocation_may_fail);
    return small_run("torch/weight_open", t);
}
