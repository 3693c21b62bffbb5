#include "loss/teacher.h"

#include <string.h>

/* The student's values of the teacher's parameter p; it declared them first. */
static const float *values_of(const unic__param_table *params, const unic__param *p)
{
    return params->values + unic__param_table_find(params, p->name)->offset;
}

void unic__teacher_copy(unic__param_table *teacher, const unic__param_table *params)
{
    for (size_t i = 0; i < teacher->n; i++) {
        const unic__param *p = teacher->at[i];
        memcpy(teacher->values + p->offset, values_of(params, p), p->count * sizeof(float));
    }
}

void unic__teacher_follow(unic__param_table *teacher, const unic__param_table *params,
                          double momentum)
{
    for (size_t i = 0; i < teacher->n; i++) {
        const unic__param *p = teacher->at[i];
        const float *to = values_of(params, p);
        float *own = teacher->values + p->offset;
        for (size_t k = 0; k < p->count; k++)
            own[k] = (float)(momentum * (double)own[k] + (1.0 - momentum) * (double)to[k]);
    }
}
