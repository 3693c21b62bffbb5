#include "model/file_kind.h"

#include <string.h>

#include "model/model.h"

/* A model has a codebook's members too. */
static bool has_only(const unic__npz *z, const char *prefix)
{
    const size_t n = strlen(prefix);
    for (size_t i = 0; i < unic__npz_count(z); i++)
        if (strncmp(unic__npz_name(z, i), prefix, n) != 0)
            return false;
    return unic__npz_count(z) > 0;
}

const char *unic__file_kind(const unic__npz *z)
{
    static const struct {
        const char *member, *kind;
    } kinds[] = {
        {"head.options", "a head"},
        {"index.options", "an index"},
        {"retriever.options", "a retriever"},
        {"segmenter.options", "a segmenter"},
        {UNIC__CONFIG_MEMBER, "a model or a run"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (unic__npz_has(z, kinds[i].member))
            return kinds[i].kind;
    if (has_only(z, "codebook."))
        return "a codebook";
    return unic__npz_has(z, "codes") && unic__npz_has(z, "fingerprint") ? "codes" : NULL;
}

unic_status unic__expect_kind(const unic__npz *z, const char *member, const char *wanted)
{
    const char *kind = unic__npz_has(z, member) ? NULL : unic__file_kind(z);
    return !kind || !strcmp(kind, wanted)
               ? UNIC_OK
               : unic__fail(UNIC_E_FORMAT, "%s: holds %s, %s expected", unic__npz_path(z), kind,
                            wanted);
}
