/* Files of weights by their contents: checkpoints of PyTorch in all their forms, safetensors, npz. */
#include "torch/weight_open.h"

#include <check.h>
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

/* Every tensor of a checkpoint is found by its path, in the order of the names, with its values. */
static void compare(const char *path, size_t least)
{
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
        ck_assert(!same->wrong && !t->wrong && unic__shape_equal(&t->shape, &same->shape));
        const size_t n = unic__shape_count(&t->shape);
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
        float *x = malloc((unic__shape_count(&f->at[i].shape) + 1) * sizeof *x);
        status = unic__weight_file_read(f, &f->at[i], x);
        free(x);
    }
    unic__weight_file_close(f);
    return status;
}

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
    tcase_add_test(t, each_allocation_may_fail);
    return small_run("torch/weight_open", t);
}
