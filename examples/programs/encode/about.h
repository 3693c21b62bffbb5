/*
 * FOLDER/encode.ini: what the outputs in a folder were made with, so that those of another
 * model are not taken for these.
 */
#ifndef UNIC_ENCODE_ABOUT_H
#define UNIC_ENCODE_ABOUT_H

#include "encode/job.h"

bool encode_about_is_kept(const encode_job *job);

/* Writes the file, or compares it with what this job would write. */
bool encode_about_keep(const encode_job *job);

#endif
