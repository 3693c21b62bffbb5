#include "model/kinds.h"

const unic__kind_parts *unic__kind_parts_of(const unic__modality *m)
{
    static const unic__kind_parts vector = {.front = NULL};
    static const unic__kind_parts *const kinds[UNIC__KIND_UNSET] = {
        [UNIC__GRID] = &unic__grid_parts,
        [UNIC__VECTOR] = &vector,
        [UNIC__TOKEN] = &unic__token_parts,
    };
    return kinds[m->kind];
}
