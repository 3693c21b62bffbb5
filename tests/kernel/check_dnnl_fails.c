/*
 * Each call of oneDNN fails in turn, for want of memory and for another reason: a status with a
 * message, no object of oneDNN and no memory stays, and the same is then made and computed as before.
 */
#define _GNU_SOURCE /* RTLD_NEXT */

#include <check.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#if __has_include(<oneapi/dnnl/dnnl.h>)
#include <oneapi/dnnl/dnnl.h>
#else
enum { dnnl_out_of_memory = 1, dnnl_runtime_error = 5 };
#endif

#include "base/base_help.h"
#include "kernel/dnnl_glue.h"

/* ---- oneDNN's functions, which the program finds here before it finds oneDNN's ---- */

static struct {
    size_t fails_at, calls; /* counted from 1; 0: none fails */
    int with;
    long live; /* objects that were made and not yet destroyed */
} fault;

#ifdef DNNL_VERSION_MAJOR

static bool fails(void)
{
    return ++fault.calls == fault.fails_at;
}

#define REAL(function) ((__typeof__(function) *)dlsym(RTLD_NEXT, #function))

/* `makes`: 1 for what creates an object. */
#define CALLED(function, makes, parameters, ...)                                               \
    dnnl_status_t function parameters                                                          \
    {                                                                                          \
        if (fails())                                                                           \
            return (dnnl_status_t)fault.with;                                                  \
        dnnl_status_t status = REAL(function)(__VA_ARGS__);                                    \
        fault.live += (makes) && status == dnnl_success;                                       \
        return status;                                                                         \
    }
#define DESTROYED(function, type)                                                              \
    dnnl_status_t function(type object)                                                        \
    {                                                                                          \
        fault.live--;                                                                          \
        return REAL(function)(object);                                                         \
    }

#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t memory_desc;

CALLED(dnnl_memory_desc_create_with_strides, 1,
       (dnnl_memory_desc_t * made, int n, const dnnl_dims_t dims, dnnl_data_type_t type,
        const dnnl_dims_t strides),
       made, n, dims, type, strides)
CALLED(dnnl_memory_desc_create_with_tag, 1,
       (dnnl_memory_desc_t * made, int n, const dnnl_dims_t dims, dnnl_data_type_t type,
        dnnl_format_tag_t tag),
       made, n, dims, type, tag)
DESTROYED(dnnl_memory_desc_destroy, dnnl_memory_desc_t)
CALLED(dnnl_matmul_primitive_desc_create, 1,
       (dnnl_primitive_desc_t * made, dnnl_engine_t engine, memory_desc a, memory_desc b,
        memory_desc bias, memory_desc c, const_dnnl_primitive_attr_t attr),
       made, engine, a, b, bias, c, attr)
CALLED(dnnl_softmax_forward_primitive_desc_create, 1,
       (dnnl_primitive_desc_t * made, dnnl_engine_t engine, dnnl_prop_kind_t kind,
        dnnl_alg_kind_t way, memory_desc x, memory_desc y, int axis,
        const_dnnl_primitive_attr_t attr),
       made, engine, kind, way, x, y, axis, attr)
CALLED(dnnl_softmax_backward_primitive_desc_create, 1,
       (dnnl_primitive_desc_t * made, dnnl_engine_t engine, dnnl_alg_kind_t way, memory_desc dx,
        memory_desc dy, memory_desc y, int axis, const_dnnl_primitive_desc_t hint,
        const_dnnl_primitive_attr_t attr),
       made, engine, way, dx, dy, y, axis, hint, attr)
CALLED(dnnl_convolution_forward_primitive_desc_create, 1,
       (dnnl_primitive_desc_t * made, dnnl_engine_t engine, dnnl_prop_kind_t kind,
        dnnl_alg_kind_t way, memory_desc x, memory_desc w, memory_desc bias, memory_desc y,
        const dnnl_dims_t strides, const dnnl_dims_t gaps, const dnnl_dims_t before,
        const dnnl_dims_t behind, const_dnnl_primitive_attr_t attr),
       made, engine, kind, way, x, w, bias, y, strides, gaps, before, behind, attr)
CALLED(dnnl_convolution_backward_data_primitive_desc_create, 1,
       (dnnl_primitive_desc_t * made, dnnl_engine_t engine, dnnl_alg_kind_t way, memory_desc dx,
        memory_desc w, memory_desc dy, const dnnl_dims_t strides, const dnnl_dims_t gaps,
        const dnnl_dims_t before, const dnnl_dims_t behind, const_dnnl_primitive_desc_t hint,
        const_dnnl_primitive_attr_t attr),
       made, engine, way, dx, w, dy, strides, gaps, before, behind, hint, attr)
CALLED(dnnl_convolution_backward_weights_primitive_desc_create, 1,
       (dnnl_primitive_desc_t * made, dnnl_engine_t engine, dnnl_alg_kind_t way, memory_desc x,
        memory_desc dw, memory_desc dbias, memory_desc dy, const dnnl_dims_t strides,
        const dnnl_dims_t gaps, const dnnl_dims_t before, const dnnl_dims_t behind,
        const_dnnl_primitive_desc_t hint, const_dnnl_primitive_attr_t attr),
       made, engine, way, x, dw, dbias, dy, strides, gaps, before, behind, hint, attr)
CALLED(dnnl_post_ops_append_sum, 0,
       (dnnl_post_ops_t ops, float scale, int32_t zero, dnnl_data_type_t type), ops, scale,
       zero, type)
#else
typedef const dnnl_memory_desc_t *memory_desc;

CALLED(dnnl_memory_desc_init_by_strides, 0,
       (dnnl_memory_desc_t * d, int n, const dnnl_dims_t dims, dnnl_data_type_t type,
        const dnnl_dims_t strides),
       d, n, dims, type, strides)
CALLED(dnnl_memory_desc_init_by_tag, 0,
       (dnnl_memory_desc_t * d, int n, const dnnl_dims_t dims, dnnl_data_type_t type,
        dnnl_format_tag_t tag),
       d, n, dims, type, tag)
CALLED(dnnl_matmul_desc_init, 0,
       (dnnl_matmul_desc_t * d, memory_desc a, memory_desc b, memory_desc bias, memory_desc c),
       d, a, b, bias, c)
CALLED(dnnl_primitive_desc_create, 1,
       (dnnl_primitive_desc_t * made, const_dnnl_op_desc_t op, const_dnnl_primitive_attr_t attr,
        dnnl_engine_t engine, const_dnnl_primitive_desc_t hint),
       made, op, attr, engine, hint)
CALLED(dnnl_post_ops_append_sum, 0, (dnnl_post_ops_t ops, float scale), ops, scale)
#endif

CALLED(dnnl_engine_create, 1, (dnnl_engine_t * made, dnnl_engine_kind_t kind, size_t index),
       made, kind, index)
CALLED(dnnl_stream_create, 1, (dnnl_stream_t * made, dnnl_engine_t engine, unsigned flags),
       made, engine, flags)
CALLED(dnnl_primitive_attr_create, 1, (dnnl_primitive_attr_t * made), made)
CALLED(dnnl_primitive_attr_set_scratchpad_mode, 0,
       (dnnl_primitive_attr_t attr, dnnl_scratchpad_mode_t mode), attr, mode)
CALLED(dnnl_post_ops_create, 1, (dnnl_post_ops_t * made), made)
CALLED(dnnl_primitive_attr_set_post_ops, 0,
       (dnnl_primitive_attr_t attr, const_dnnl_post_ops_t ops), attr, ops)
CALLED(dnnl_reorder_primitive_desc_create, 1,
       (dnnl_primitive_desc_t * made, memory_desc from, dnnl_engine_t from_engine,
        memory_desc to, dnnl_engine_t to_engine, const_dnnl_primitive_attr_t attr),
       made, from, from_engine, to, to_engine, attr)
CALLED(dnnl_primitive_create, 1, (dnnl_primitive_t * made, const_dnnl_primitive_desc_t pd),
       made, pd)
CALLED(dnnl_primitive_get_primitive_desc, 0,
       (const_dnnl_primitive_t primitive, const_dnnl_primitive_desc_t *pd), primitive, pd)
CALLED(dnnl_memory_create, 1,
       (dnnl_memory_t * made, memory_desc d, dnnl_engine_t engine, void *data), made, d, engine,
       data)
CALLED(dnnl_memory_set_data_handle, 0, (dnnl_memory_t memory, void *data), memory, data)
CALLED(dnnl_primitive_execute, 0,
       (const_dnnl_primitive_t primitive, dnnl_stream_t stream, int n,
        const dnnl_exec_arg_t *args),
       primitive, stream, n, args)
CALLED(dnnl_stream_wait, 0, (dnnl_stream_t stream), stream)

DESTROYED(dnnl_engine_destroy, dnnl_engine_t)
DESTROYED(dnnl_stream_destroy, dnnl_stream_t)
DESTROYED(dnnl_primitive_attr_destroy, dnnl_primitive_attr_t)
DESTROYED(dnnl_post_ops_destroy, dnnl_post_ops_t)
DESTROYED(dnnl_primitive_desc_destroy, dnnl_primitive_desc_t)
DESTROYED(dnnl_primitive_destroy, dnnl_primitive_t)
DESTROYED(dnnl_memory_destroy, dnnl_memory_t)

#endif

/* ---- what is made, computed and freed ---- */

enum { MOST = 4096 };
static float input[2][MOST], output[2][MOST];

static void begin_outputs(void)
{
    for (size_t i = 0; i < MOST; i++) {
        input[0][i] = (float)(i % 13) - 6.0F;
        input[1][i] = (float)(i % 7) - 3.0F;
        output[0][i] = output[1][i] = 1.0F;
    }
}

static unic_status matmul(void)
{
    unic__dnnl_matmul *p;
    unic_status sticky = UNIC_OK;
    UNIC__TRY(unic__dnnl_matmul_create(&p, 2, false, 5, 7, 3, true, false, true));
    unic__dnnl_matmul_run(p, input[0], input[1], output[0], &sticky);
    unic__dnnl_matmul_run(p, input[0], input[1], output[1], &sticky);
    unic__dnnl_matmul_free(p);
    return sticky;
}

static unic_status softmax(void)
{
    unic__dnnl_softmax *p;
    unic_status sticky = UNIC_OK;
    UNIC__TRY(unic__dnnl_softmax_create(&p, 6, 10));
    unic__dnnl_softmax_run(p, input[0], output[0], &sticky);
    unic__dnnl_softmax_backward_run(p, input[0], input[1], output[1], &sticky);
    unic__dnnl_softmax_free(p);
    return sticky;
}

static unic_status convolution(unic__conv_product product)
{
    static const unic__conv_dims dims = {.n = 2,
                                         .h = 6,
                                         .w = 5,
                                         .ci = 16,
                                         .kh = 3,
                                         .kw = 3,
                                         .co = 16,
                                         .stride = 1,
                                         .pad = 1,
                                         .dilation = 1,
                                         .oh = 6,
                                         .ow = 5};
    unic__dnnl_conv *p;
    unic_status sticky = UNIC_OK;
    UNIC__TRY(unic__dnnl_conv_create(&p, product, &dims, true));
    unic__dnnl_conv_run(p, input[0], input[1], output[0], &sticky);
    unic__dnnl_conv_free(p);
    return sticky;
}

static unic_status forward(void)
{
    return convolution(UNIC__CONV_FORWARD);
}

static unic_status data(void)
{
    return convolution(UNIC__CONV_DATA);
}

static unic_status weights(void)
{
    return convolution(UNIC__CONV_WEIGHTS);
}

static const struct {
    const char *name;
    unic_status (*compute)(void);
} things[] = {{"matmul", matmul},
              {"softmax", softmax},
              {"forward", forward},
              {"data", data},
              {"weights", weights}};

/* The n-th call fails (0: none); the number of calls. */
static size_t compute(int i, size_t n, int with, unic_status *status)
{
    begin_outputs();
    fault.calls = 0;
    fault.fails_at = n;
    fault.with = with;
    *status = things[i].compute();
    fault.fails_at = 0;
    return fault.calls;
}

START_TEST(each_call_of_onednn_fails_in_turn)
{
    static float expected[2][MOST];
    const struct {
        int error;
        unic_status status;
        const char *says;
    } ways[] = {{dnnl_out_of_memory, UNIC_E_NOMEM, "out of memory (oneDNN, "},
                {dnnl_runtime_error, UNIC_E_KERNEL, "refuses "}};
    const char *name = things[_i].name;
    unic_status status;
    base_heap heap = {0};
    unic__threads_set(1);
    size_t calls = compute(_i, 0, 0, &status); /* also what oneDNN keeps for ever */
    base_assert_ok(status);
    memcpy(expected, output, sizeof output);
    ck_assert_uint_gt(calls, 10);
    base_heap_watch(&heap);
    const long live = fault.live;
    for (size_t n = 1; n <= calls; n++)
        for (size_t w = 0; w < 2; w++) {
            compute(_i, n, ways[w].error, &status);
            ck_assert_msg(status == ways[w].status &&
                              strstr(unic_last_error(), ways[w].says) != NULL,
                          "%s, call %zu of %zu: %s: %s", name, n, calls,
                          unic_status_name(status), unic_last_error());
            ck_assert_msg(fault.live == live && heap.live == 0,
                          "%s, call %zu of %zu: %ld objects of oneDNN and %zu blocks stay",
                          name, n, calls, fault.live - live, heap.live);
            compute(_i, 0, 0, &status);
            base_assert_ok(status);
            ck_assert_msg(memcmp(expected, output, sizeof output) == 0,
                          "%s: another result after call %zu failed", name, n);
        }
    base_heap_leave();
}
END_TEST

int main(void)
{
    if (!unic__dnnl_available()) {
        printf("skipped: check_dnnl_fails: a build without oneDNN\n");
        return 0;
    }
    TCase *t = tcase_create("failing calls");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, each_call_of_onednn_fails_in_turn, 0,
                        (int)(sizeof things / sizeof things[0]));
    return base_run("oneDNN", t);
}
