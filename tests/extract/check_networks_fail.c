/* The life of an extractor with a pretrained network: each allocation fails in turn, sound is not a
 * number, tensors cannot be read. */
#include "extract/extract.h"

#include <check.h>
#include <math.h>
#include <string.h>

#include "extract/small_bert.h"
#include "file/io_help.h"
#include "model/small_model.h"

enum { ALL = 1000, SAMPLES = 16000 };

static float sound[SAMPLES];

static unic_status take_vocabulary(unic_extractor *e)
{
    unic_source source;
    unic_source_memory(&source, SMALL_BERT_WORDS, strlen(SMALL_BERT_WORDS), "v.txt");
    return unic_extractor_load_words_source(e, &source, UNIC_EXTRACTOR_VOCABULARY, NULL);
}

/* One step of what the kind takes. */
static unic_status use(unic_extractor *e)
{
    static const unsigned char pixels[32 * 32 * 3] = {7};
    float y[64];
    size_t steps;
    unic_array in;
    switch (unic_extractor_input_of(e)) {
    case UNIC_EXTRACTOR_TEXT:
        return unic_extractor_extract_text(&steps, e, "one dogs", 8, 2, y);
    case UNIC_EXTRACTOR_SOUND:
        unic_array_init(&in, sound, UNIC_F32, 1, (const int64_t[]){SAMPLES});
        break;
    default:
        unic_array_init(&in, pixels, UNIC_U8, 4, (const int64_t[]){1, 32, 32, 3});
    }
    return unic_extractor_extract(&steps, e, &in, 1, y);
}

/* Created, given its weights, used, saved and loaded again. */
static unic_status live(const char *settings, const char *weights)
{
    const char *saved = io_path("lived.npz");
    unic_extractor *e, *again = NULL;
    UNIC__TRY(unic_extractor_create(&e, settings, NULL));
    unic_status status = unic_extractor_input_of(e) == UNIC_EXTRACTOR_TEXT ? take_vocabulary(e)
                                                                           : UNIC_OK;
    if (status == UNIC_OK)
        status = unic_extractor_load_weights(e, weights, NULL);
    if (status == UNIC_OK)
        status = use(e);
    if (status == UNIC_OK)
        status = unic_extractor_save(e, saved);
    if (status == UNIC_OK)
        status = unic_extractor_load(&again, saved, NULL);
    ck_assert(!io_has_leftovers(saved));
    unic_extractor_free(again);
    unic_extractor_free(e);
    return status;
}

static unic_status live_bert(const char *path)
{
    return live(SMALL_BERT, path);
}

static unic_status live_vggish(const char *path)
{
    return live("kind = vggish", path);
}

static unic_status live_vgg19(const char *path)
{
    return live("kind = vgg19\nside = 32\nrate = 1", path);
}

START_TEST(each_allocation_may_fail)
{
    char path[512]; /* that of io_path() lasts for a few calls */
    snprintf(path, sizeof path, "%s", io_path("weights.npz"));
    io_assert_ok(small_bert(path, ALL, ALL));
    io_fail_each_allocation(live_bert, path);
    io_assert_ok(small_weights(path, &small_vggish, "", ALL));
    io_fail_each_allocation(live_vggish, path);
    io_assert_ok(small_weights(path, &small_vgg19, "", ALL));
    io_fail_each_allocation(live_vgg19, path);
}
END_TEST

START_TEST(sound_that_is_no_number_is_refused)
{
    unic_extractor *e;
    io_assert_ok(small_weights(io_path("vggish.npz"), &small_vggish, "", ALL));
    io_assert_ok(unic_extractor_create(&e, "kind = vggish", NULL));
    io_assert_ok(unic_extractor_load_weights(e, io_path("vggish.npz"), NULL));
    sound[777] = NAN;
    io_assert_fails(use(e), UNIC_E_VALUE, "777");
    sound[777] = 0;
    io_assert_ok(use(e));
    unic_extractor_free(e);
}
END_TEST

/* ---- tensors that cannot be read, or have other shapes ---- */

static void refuses(const char *settings, const char *header, const char *message)
{
    unsigned char file[1024] = {0};
    unic_extractor *e;
    unic_source source;
    const size_t size = strlen(header);
    file[0] = (unsigned char)size;
    file[1] = (unsigned char)(size >> 8);
    memcpy(file + 8, header, size);
    unic_source_memory(&source, file, 8 + size + 64, "w.safetensors");
    io_assert_ok(unic_extractor_create(&e, settings, NULL));
    io_assert_fails(unic_extractor_load_weights_source(e, &source, NULL), UNIC_E_FORMAT,
                    message);
    unic_extractor_free(e);
}

START_TEST(tensors_that_do_not_fit)
{
    refuses(SMALL_BERT,
            "{\"embeddings.word_embeddings.weight\":{\"dtype\":\"I64\",\"shape\":[2,4],"
            "\"data_offsets\":[0,64]}}",
            "w.safetensors: embeddings.word_embeddings.weight is of I64");
    refuses(
        SMALL_BERT,
        "{\"a.embeddings.word_embeddings.weight\":{\"dtype\":\"F32\",\"shape\":[2,4],"
        "\"data_offsets\":[0,32]},\"b.embeddings.word_embeddings.weight\":{\"dtype\":\"F32\","
        "\"shape\":[2,4],\"data_offsets\":[32,64]}}",
        "has several networks: both a.embeddings.word_embeddings.weight and "
        "b.embeddings.word_embeddings.weight are there");
    refuses("kind = vggish",
            "{\"features.0.weight\":{\"dtype\":\"I64\",\"shape\":[2,1,2,2],"
            "\"data_offsets\":[0,64]}}",
            "features.0.weight is of I64");
    refuses("kind = vggish",
            "{\"features.0.bias\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},"
            "\"features.0.weight\":{\"dtype\":\"F32\",\"shape\":[0,1,3,3],"
            "\"data_offsets\":[8,8]},\"features.3.weight\":{\"dtype\":\"F32\",\"shape\":[14],"
            "\"data_offsets\":[8,64]}}",
            "features.0.weight is [0,1,3,3], expected [64,1,3,3]; features.0.bias is [2,1], "
            "expected [64]; ");
    refuses("kind = vggish",
            "{\"features.0.bias\":{\"dtype\":\"F32\",\"shape\":[64,0],\"data_offsets\":[0,0]},"
            "\"features.0.weight\":{\"dtype\":\"F32\",\"shape\":[1,1,4,4],"
            "\"data_offsets\":[0,64]}}",
            "features.0.weight is [1,1,4,4], expected [1,1,3,3]; features.0.bias is [64,0], "
            "expected [1]; ");
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("networks_fail");
    tcase_set_timeout(t, 600);
    tcase_add_test(t, each_allocation_may_fail);
    tcase_add_test(t, sound_that_is_no_number_is_refused);
    tcase_add_test(t, tensors_that_do_not_fit);
    return small_run("extract/networks_fail", t);
}
