/*
 * The fits of CLUB's nets q within a training step (A.5). Each modality's q has a graph and
 * parameters of its own, so modalities are shared out among the threads, each with all of its
 * steps: the products of one step are too small to split.
 */
#ifndef UNIC_TRAIN_CLUB_FIT_H
#define UNIC_TRAIN_CLUB_FIT_H

#include "train/adam.h"
#include "train/training_graph.h"

/* `steps` Adam steps of every modality on the detached z and zbar as they stand. */
void unic__club_fit_run(unic__training_graph *tg, unic__adam *adam, size_t steps, double lr);

/* -log q alone. */
void unic__club_fit_evaluate(unic__training_graph *tg);

#endif
