/*
 * A momentum teacher: the encoders' parameters a second time, which follow slowly and get no
 * gradient (TCL, CODIS): theta' <- m theta' + (1 - m) theta.
 */
#ifndef UNIC_LOSS_TEACHER_H
#define UNIC_LOSS_TEACHER_H

#include "graph/param_table.h"

/* Every parameter of the teacher takes the value of that name in `params`. */
void unic__teacher_copy(unic__param_table *teacher, const unic__param_table *params);
/* One step towards them. */
void unic__teacher_follow(unic__param_table *teacher, const unic__param_table *params,
                          double momentum);

#endif
