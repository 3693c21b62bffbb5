#include "bench.h"

/* ---- stream: one step in, one code out, of a clip without an end ---- */

static struct {
    unic_stream *stream;
    unic_array step; /* [1,...], a new place for each call */
    const float *features;
    size_t width, length, calls, next;
} st;

static void step_once(void)
{
    int32_t code;
    size_t count;
    st.step.data = st.features + st.next * st.width;
    st.next = (st.next + 1) % st.length;
    if (unic_stream_push(st.stream, &st.step) != UNIC_OK ||
        unic_stream_pull(&count, NULL, st.stream, 1, &code, NULL, NULL) != UNIC_OK)
        bench_die("stream");
}

/* model=, modality=, window=, lag=, calls=. The window is full before anything is measured. */
void bench_stream_setup(void)
{
    const char *modality = bench_text("modality", "audio");
    const size_t window = bench_size("window", 10);
    int64_t dims[UNIC_MAX_RANK] = {1};
    unic_model *model;
    unic_encoder *encoder;
    size_t rank;
    st.calls = bench_size("calls", 1);
    if (unic_model_open(&model, bench_text("model", "model.npz"), NULL) != UNIC_OK ||
        unic_model_feature_dims(&rank, model, modality, dims + 1) != UNIC_OK ||
        unic_encoder_create(&encoder, model, modality,
                            &(unic_encoder_options){.struct_size = sizeof(unic_encoder_options),
                                                    .max_batch = 1,
                                                    .max_length = window}) != UNIC_OK ||
        unic_stream_create(&st.stream, encoder,
                           &(unic_stream_options){.struct_size = sizeof(unic_stream_options),
                                                  .window = window,
                                                  .lag = bench_size("lag", 0)}) != UNIC_OK)
        bench_die("stream");
    unic_encoder_free(encoder);
    unic_model_free(model);
    st.width = 1;
    for (size_t i = 0; i < rank; i++)
        st.width *= (size_t)dims[1 + i];
    st.length = 2 * window;
    st.features = bench_floats(st.length * st.width, 0.0F, 1);
    unic_array_init(&st.step, st.features, UNIC_F32, (int)rank + 1, dims);
    for (size_t i = 0; i < st.length; i++)
        step_once();
}

double bench_stream_run(void)
{
    static double each[BENCH_MOST_CALLS];
    size_t n = st.calls < BENCH_MOST_CALLS ? st.calls : BENCH_MOST_CALLS;
    double start = bench_now(), last = start;
    for (size_t i = 0; i < n; i++) {
        step_once();
        double now = bench_now();
        each[i] = now - last;
        last = now;
    }
    bench_print_percentiles(each, n);
    return (last - start) / (double)n;
}
