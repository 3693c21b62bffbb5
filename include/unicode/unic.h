/**
 * @mainpage libunicode
 * The functions, by header. Statuses, messages, memory, threads: unic_status.h. Clips from
 * files and from memory: unic_dataset.h, unic_array.h. Settings and pre-training:
 * unic_config.h, unic_trainer.h. Writing arrays to files: unic_npz.h. A trained model, its
 * codes and its codebook: unic_model.h, unic_encoder.h, unic_codebook.h; codes while the
 * features still come in: unic_stream.h. Tasks on codes:
 * unic_head.h, unic_index.h, unic_retriever.h, unic_segmenter.h, unic_metrics.h,
 * unic_class_map.h. Features from sound, pictures and text: unic_extractor.h. Files in memory
 * and elsewhere: unic_io.h. The pages of docs/ explain how to use them.
 */
/**
 * @file unic.h
 * Includes every public header: `#include <unicode/unic.h>`.
 */
#ifndef UNICODE_UNIC_H
#define UNICODE_UNIC_H

#include "unic_array.h"
#include "unic_class_map.h"
#include "unic_codebook.h"
#include "unic_comm.h"
#include "unic_config.h"
#include "unic_dataset.h"
#include "unic_encoder.h"
#include "unic_extractor.h"
#include "unic_head.h"
#include "unic_index.h"
#include "unic_io.h"
#include "unic_metrics.h"
#include "unic_model.h"
#include "unic_npz.h"
#include "unic_retriever.h"
#include "unic_segmenter.h"
#include "unic_status.h"
#include "unic_stream.h"
#include "unic_trainer.h"

#endif
