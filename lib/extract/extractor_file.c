/* An extractor as an npz: its settings as text, its weights if it has any, and what its features are
 * normalised by. */
#include <string.h>

#include "array/bundle.h"
#include "extract/extract.h"
#include "extract/network.h"

static const char settings_member[] = "extractor.ini";

/* Its weights go to the file one after the other: they are large. */
static unic_status save_network(const unic_extractor *e, unic__output to)
{
    unic__extract_weight normal[2];
    const size_t n = unic__normal_weights(e, normal);
    unic__npz_writer *w;
    UNIC__TRY(unic__npz_create(&w, to));
    unic_status status = unic__npz_add_text(w, settings_member, e->text);
    if (status == UNIC_OK)
        status = unic__network_write(e, w);
    if (status == UNIC_OK)
        status = unic__extractor_write_words(e, w);
    for (size_t i = 0; i < n && status == UNIC_OK; i++)
        status = unic__npz_add_f32(w, normal[i].name, &normal[i].shape, normal[i].data);
    if (status == UNIC_OK)
        return unic__npz_finish(w);
    unic__npz_abandon(w);
    return status;
}

unic_status unic__extractor_save(const unic_extractor *e, unic__output to)
{
    unic__bundle b = {0};
    unic__extract_weight normal[2];
    const size_t n = unic__normal_weights(e, normal);
    UNIC__TRY(unic__extractor_check_words(e));
    UNIC__TRY(unic__extractor_check_weights(e));
    if (e->network)
        return save_network(e, to);
    unic__bundle_text(&b, settings_member, e->text);
    for (size_t i = 0; i < e->weight_count; i++)
        unic__bundle_f32(&b, e->weights[i].name, e->weights[i].shape, e->weights[i].data);
    for (size_t i = 0; i < n; i++)
        unic__bundle_f32(&b, normal[i].name, normal[i].shape, normal[i].data);
    return unic__bundle_write(&b, to);
}

static unic_status create(unic_extractor **out, unic__npz *z)
{
    char *text;
    if (!unic__npz_has(z, settings_member))
        return unic__fail(UNIC_E_FORMAT, "%s is no extractor: it has no member %s",
                          unic__npz_path(z), settings_member);
    UNIC__TRY(unic__npz_read_text(z, settings_member, &text));
    unic_status status = unic__extractor_create(out, text, 0);
    unic__free(text);
    if (status == UNIC_E_CONFIG)
        status = unic__fail(UNIC_E_FORMAT, "%s", unic_last_error());
    return status == UNIC_OK ? status : unic__fail_in(status, "%s", unic__npz_path(z));
}

static unic_status read_network(unic_extractor *e, unic__npz *z)
{
    unic__weight_file *f;
    UNIC__TRY(unic__weight_npz(&f, z));
    const unic_status status = unic__extractor_load_weights(e, f);
    unic__weight_file_close(f);
    return status;
}

static unic_status read_weights(unic_extractor *e, unic__npz *z)
{
    UNIC__TRY(unic__extractor_read_words(e, z));
    if (e->kind->pretrained)
        return read_network(e, z);
    for (size_t i = 0; i < e->weight_count; i++) {
        const unic__extract_weight *w = &e->weights[i];
        UNIC__TRY(unic__expect_array(z, w->name, w->shape));
        UNIC__TRY(unic__read_f32(z, w->name, w->shape, w->data));
    }
    e->has_weights = true;
    return UNIC_OK;
}

unic_status unic__extractor_load(unic_extractor **out, unic__source *source)
{
    unic_extractor *e = NULL;
    unic__npz *z;
    UNIC__TRY(unic__npz_open(&z, source));
    unic_status status = create(&e, z);
    if (status == UNIC_OK)
        status = read_weights(e, z);
    if (status == UNIC_OK)
        status = unic__normal_read(e, z);
    unic__npz_close(z);
    if (status == UNIC_OK)
        *out = e;
    else
        unic__extractor_free(e);
    return status;
}
