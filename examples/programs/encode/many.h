/*
 * unic-encode --out-dir: an output for each input, by any number of processes at the same time,
 * each of which may be ended and started again at any moment.
 *
 * An output that is there is whole, and is passed over; if it was made of another input of that
 * name (cli/sources.h), nothing is done. One that is not there is claimed (cli/claim.h), made
 * under another name, and renamed. A process that finds no more to claim waits for the others,
 * and takes over what they leave: when it ends well, every output is there.
 */
#ifndef UNIC_ENCODE_MANY_H
#define UNIC_ENCODE_MANY_H

#include "encode/job.h"

/* Makes all outputs, and prints a table. False if one could not be made, or after a signal. */
bool encode_many(encode_job *job);

#endif
