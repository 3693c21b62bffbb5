/**
 * @file unic.h
 * Everything: `#include <unicode/unic.h>`.
 */
#ifndef UNICODE_UNIC_H
#define UNICODE_UNIC_H

#include "unic_array.h"
#include "unic_codebook.h"
#include "unic_config.h"
#include "unic_dataset.h"
#include "unic_encoder.h"
#include "unic_head.h"
#include "unic_model.h"
#include "unic_status.h"
#include "unic_trainer.h"

#endif
