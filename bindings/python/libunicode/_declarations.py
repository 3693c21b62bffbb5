"""Constants, structures and signatures of the C library; written by tests/abi/generate.py (make generate)."""

from __future__ import annotations

from ctypes import (CFUNCTYPE, POINTER, Structure, c_char_p, c_double, c_float, c_int, c_int32, c_int64, c_size_t,
                    c_uint32, c_uint64, c_void_p)
from typing import Any, Dict, List, Tuple

VERSION_MAJOR = 0
VERSION_MINOR = 1
VERSION_PATCH = 0
OK = 0
E_ARG = 1
E_SHAPE = 2
E_VALUE = 3
E_NOMEM = 4
E_IO = 5
E_FORMAT = 6
E_CONFIG = 7
E_STATE = 8
E_NOTFOUND = 9
E_NUMERIC = 10
E_KERNEL = 11
E_MISMATCH = 12
E_CANCELLED = 13
LOG_INFO = 0
LOG_WARNING = 1
MAX_RANK = 6
F32 = 1
F64 = 2
I32 = 3
I64 = 4
U64 = 5
F16 = 6
BF16 = 7
I8 = 8
U8 = 9
RESET_OFF = 0
RESET_ANY = 1
RESET_TWO = 2
COMM_FLOAT32 = 0
COMM_FLOAT64 = 1
COMM_INT64 = 2
MAX_MODALITIES = 8
DAMAGE_FAILS = 0
DAMAGE_SKIPS = 1
EXTRACTOR_SOUND = 1
EXTRACTOR_FRAMES = 2
EXTRACTOR_TEXT = 3
EXTRACTOR_VOCABULARY = 1
EXTRACTOR_KEEP = 2
HEAD_CLIP = 1
HEAD_STEP = 2
HEAD_STEP_MULTI = 3
HEAD_LOSS_PLAIN = 0
HEAD_LOSS_CMG = 1
INDEX_INNER = 1
INDEX_COSINE = 2
INDEX_L2 = 3
INDEX_INTERSECTION = 4
METRICS_THRESHOLD_COUNT = 255
METRICS_OFTEN = 5
SEGMENTER_MAX_LEVELS = 4
SEGMENTER_SMALL = 0
SEGMENTER_PAPER = 1
SEGMENTER_FRAMES = 1
SEGMENTER_MAPS = 2


class Status(c_int):
    """A unic_status that is checked: not UNIC_OK raises."""


def opaque(name: str) -> Any:
    """The type of pointers to an opaque C struct."""
    return POINTER(type(name, (Structure,), {}))


BATCH = opaque("unic_batch")
CLASS_MAP = opaque("unic_class_map")
BUFFER = opaque("unic_buffer")
CODEBOOK = opaque("unic_codebook")
CONFIG = opaque("unic_config")
DATASET = opaque("unic_dataset")
MODEL = opaque("unic_model")
ENCODER = opaque("unic_encoder")
EXTRACTOR = opaque("unic_extractor")
HEAD = opaque("unic_head")
INDEX = opaque("unic_index")
NPZ_WRITER = opaque("unic_npz_writer")
RETRIEVER = opaque("unic_retriever")
SEGMENTER = opaque("unic_segmenter")
STREAM = opaque("unic_stream")
TRAINER = opaque("unic_trainer")


class Allocator(Structure):
    """unic_allocator"""

    _fields_ = [("struct_size", c_size_t), ("alloc", CFUNCTYPE(c_void_p, c_size_t, c_void_p)),
                ("release", CFUNCTYPE(None, c_void_p, c_void_p)), ("user", c_void_p)]


PROGRESS_FN = CFUNCTYPE(c_int, c_char_p, c_uint64, c_uint64, c_void_p)


class OpenOptions(Structure):
    """unic_open_options"""

    _fields_ = [("struct_size", c_size_t), ("memory_limit", c_size_t), ("preload", c_int32), ("progress", PROGRESS_FN),
                ("progress_user", c_void_p), ("reserved", c_void_p * 2)]


LOG_FN = CFUNCTYPE(None, c_int, c_char_p, c_void_p)


class Array(Structure):
    """unic_array"""

    _fields_ = [("struct_size", c_size_t), ("data", c_void_p), ("dtype", c_int32), ("rank", c_int32),
                ("dims", c_int64 * MAX_RANK), ("strides", c_int64 * MAX_RANK), ("reserved", c_int64 * 4)]


class ClassNames(Structure):
    """unic_class_names"""

    _fields_ = [("struct_size", c_size_t), ("theirs", POINTER(c_char_p)), ("their_count", c_size_t),
                ("ours", POINTER(c_char_p)), ("our_count", c_size_t), ("reserved", c_void_p * 2)]


class Source(Structure):
    """unic_source"""

    _fields_ = [("struct_size", c_size_t), ("name", c_char_p), ("size", c_int64),
                ("read_at", CFUNCTYPE(c_int64, c_void_p, c_size_t, c_int64, c_void_p)),
                ("close", CFUNCTYPE(None, c_void_p)), ("user", c_void_p), ("reserved", c_void_p * 4)]


class Sink(Structure):
    """unic_sink"""

    _fields_ = [("struct_size", c_size_t), ("name", c_char_p),
                ("write", CFUNCTYPE(c_int, c_void_p, c_size_t, c_void_p)), ("finish", CFUNCTYPE(c_int, c_void_p)),
                ("abandon", CFUNCTYPE(None, c_void_p)), ("user", c_void_p), ("reserved", c_void_p * 4)]


class CodebookInitOptions(Structure):
    """unic_codebook_init_options"""

    _fields_ = [("struct_size", c_size_t), ("iterations", c_size_t), ("seed", c_uint64), ("progress", PROGRESS_FN),
                ("progress_user", c_void_p), ("threads", c_int32), ("reserved", c_void_p * 4)]


class DriftReport(Structure):
    """unic_drift_report"""

    _fields_ = [("struct_size", c_size_t), ("moved_count", c_size_t), ("step_count", c_size_t),
                ("changed_count", c_size_t), ("moved", c_double), ("changed", c_double), ("distance", c_double)]


class Comm(Structure):
    """unic_comm"""

    _fields_ = [("struct_size", c_size_t), ("rank", c_int32), ("size", c_int32), ("check_steps", c_int32),
                ("sum_start", CFUNCTYPE(c_int, c_void_p, c_size_t, c_int, POINTER(c_void_p), c_void_p)),
                ("sum_wait", CFUNCTYPE(c_int, c_void_p, c_void_p)),
                ("gather", CFUNCTYPE(c_int, c_void_p, c_size_t, c_void_p, c_void_p)), ("user", c_void_p),
                ("reserved", c_void_p * 4)]


class ConfigKey(Structure):
    """unic_config_key"""

    _fields_ = [("struct_size", c_size_t), ("name", c_char_p), ("type", c_char_p), ("value", c_char_p),
                ("compat", c_char_p), ("allowed", c_char_p), ("help", c_char_p), ("reserved", c_void_p * 4)]


class DatasetOptions(Structure):
    """unic_dataset_options"""

    _fields_ = [("struct_size", c_size_t), ("modalities", POINTER(c_char_p)), ("modality_count", c_size_t),
                ("batch", c_size_t), ("seed", c_uint64), ("shuffle", c_int32), ("drop_last", c_int32),
                ("prefetch", c_int32), ("on_damage", c_int32), ("length", c_size_t), ("split", c_char_p),
                ("repeat_last", POINTER(c_char_p)), ("repeat_last_count", c_size_t), ("memory_limit", c_size_t),
                ("progress", PROGRESS_FN), ("progress_user", c_void_p), ("part", c_int32), ("parts", c_int32),
                ("reserved", c_void_p * 3)]


class EncoderOptions(Structure):
    """unic_encoder_options"""

    _fields_ = [("struct_size", c_size_t), ("max_batch", c_size_t), ("max_length", c_size_t), ("threads", c_int32),
                ("reserved", c_void_p * 4)]


ENCODED_FN = CFUNCTYPE(c_int, c_size_t, BATCH, c_void_p, c_void_p, c_void_p, c_void_p)


class EncodeOptions(Structure):
    """unic_encode_options"""

    _fields_ = [("struct_size", c_size_t), ("encoded", ENCODED_FN), ("encoded_user", c_void_p),
                ("progress", PROGRESS_FN), ("progress_user", c_void_p), ("reserved", c_void_p * 4)]


class ExtractorOptions(Structure):
    """unic_extractor_options"""

    _fields_ = [("struct_size", c_size_t), ("threads", c_int32), ("reserved", c_void_p * 4)]


class HeadOptions(Structure):
    """unic_head_options"""

    _fields_ = [("struct_size", c_size_t), ("kind", c_int32), ("class_count", c_int32), ("hidden", c_int32),
                ("epochs", c_int32), ("batch", c_int32), ("learning_rate", c_float), ("seed", c_uint64),
                ("loss", c_int32), ("threads", c_int32), ("progress", PROGRESS_FN), ("progress_user", c_void_p),
                ("reserved", c_void_p * 4)]


class IndexOptions(Structure):
    """unic_index_options"""

    _fields_ = [("struct_size", c_size_t), ("dim", c_size_t), ("metric", c_int32), ("fingerprint", c_uint64),
                ("reserved", c_void_p * 4)]


class SearchOptions(Structure):
    """unic_search_options"""

    _fields_ = [("struct_size", c_size_t), ("progress", PROGRESS_FN), ("progress_user", c_void_p), ("threads", c_int32),
                ("reserved", c_void_p * 4)]


class ClassReport(Structure):
    """unic_class_report"""

    _fields_ = [("struct_size", c_size_t), ("row_count", c_size_t), ("right_count", c_size_t), ("accuracy", c_double),
                ("mean_accuracy", c_double)]


class MatchReport(Structure):
    """unic_match_report"""

    _fields_ = [("struct_size", c_size_t), ("predicted_count", c_size_t), ("actual_count", c_size_t),
                ("matched_count", c_size_t), ("precision", c_double), ("recall", c_double), ("f1", c_double)]


class MaskReport(Structure):
    """unic_mask_report"""

    _fields_ = [("struct_size", c_size_t), ("mask_count", c_size_t), ("miou", c_double), ("f_beta", c_double),
                ("threshold", c_double)]


class RankReport(Structure):
    """unic_rank_report"""

    _fields_ = [("struct_size", c_size_t), ("query_count", c_size_t), ("median_rank", c_double),
                ("mean_average_precision", c_double)]


class UsageReport(Structure):
    """unic_usage_report"""

    _fields_ = [("struct_size", c_size_t), ("use_count", c_size_t), ("used_count", c_size_t), ("dead_count", c_size_t),
                ("common_count", c_size_t), ("often_count", c_size_t), ("shared_count", c_size_t),
                ("paired_count", c_size_t), ("agreed_count", c_size_t), ("shared", c_double), ("agreement", c_double),
                ("perplexity", c_double), ("divergence", c_double)]


class RetrieverOptions(Structure):
    """unic_retriever_options"""

    _fields_ = [("struct_size", c_size_t), ("item_dim", c_int32), ("hidden", c_int32), ("dim", c_int32),
                ("epochs", c_int32), ("batch", c_int32), ("learning_rate", c_float), ("temperature", c_float),
                ("threads", c_int32), ("seed", c_uint64), ("progress", PROGRESS_FN), ("progress_user", c_void_p),
                ("reserved", c_void_p * 4)]


class SegmenterOptions(Structure):
    """unic_segmenter_options"""

    _fields_ = [("struct_size", c_size_t), ("preset", c_int32), ("input", c_int32), ("image_channels", c_int32),
                ("height", c_int32), ("width", c_int32), ("level_count", c_int32),
                ("level_channels", c_int32 * SEGMENTER_MAX_LEVELS), ("channels", c_int32), ("inner", c_int32),
                ("dilations", c_int32 * 4), ("output_channels", c_int32 * 2), ("batch", c_int32),
                ("learning_rate", c_float), ("seed", c_uint64), ("threads", c_int32), ("progress", PROGRESS_FN),
                ("progress_user", c_void_p), ("reserved", c_void_p * 2)]


class StreamOptions(Structure):
    """unic_stream_options"""

    _fields_ = [("struct_size", c_size_t), ("window", c_size_t), ("lag", c_size_t), ("backlog", c_size_t),
                ("reserved", c_void_p * 4)]


class TrainerOptions(Structure):
    """unic_trainer_options"""

    _fields_ = [("struct_size", c_size_t), ("threads", c_int32), ("settings", c_char_p), ("progress", PROGRESS_FN),
                ("progress_user", c_void_p), ("comm", POINTER(Comm)), ("memory_limit", c_size_t),
                ("reserved", c_void_p * 2)]


class Draws(Structure):
    """unic_draws"""

    _fields_ = [("struct_size", c_size_t), ("cpc_step", c_void_p), ("club_permutation", POINTER(c_void_p)),
                ("revival_source", c_void_p), ("reserved", c_void_p * 5)]


# name: result, arguments. Numbers that numpy holds go by address: c_void_p.
SIGNATURES: Dict[str, Tuple[Any, List[Any]]] = {
    "unic_status_name": (c_char_p, [c_int]),
    "unic_last_error": (c_char_p, []),
    "unic_version": (c_char_p, []),
    "unic_set_allocator": (Status, [POINTER(Allocator)]),
    "unic_set_log": (None, [LOG_FN, c_void_p]),
    "unic_set_threads": (Status, [c_int]),
    "unic_get_threads": (c_int, []),
    "unic_array_init": (None, [POINTER(Array), c_void_p, c_int, c_int, c_void_p]),
    "unic_batch_create": (Status, [POINTER(BATCH)]),
    "unic_batch_free": (None, [BATCH]),
    "unic_batch_set": (Status, [BATCH, c_char_p, POINTER(Array), c_void_p]),
    "unic_batch_number_clips": (Status, [BATCH, c_void_p]),
    "unic_batch_clip_count": (c_size_t, [BATCH]),
    "unic_batch_get": (Status, [POINTER(Array), POINTER(c_void_p), BATCH, c_char_p]),
    "unic_class_map_parse": (Status, [POINTER(CLASS_MAP), c_char_p, c_size_t, c_char_p, POINTER(ClassNames)]),
    "unic_class_map_load": (Status, [POINTER(CLASS_MAP), c_char_p, POINTER(ClassNames)]),
    "unic_class_map_free": (None, [CLASS_MAP]),
    "unic_class_map_get": (c_int32, [CLASS_MAP, c_int32]),
    "unic_class_map_classes": (Status, [CLASS_MAP, c_void_p, c_size_t, c_void_p]),
    "unic_class_map_steps": (Status, [CLASS_MAP, c_void_p, c_size_t, c_void_p]),
    "unic_source_memory": (None, [POINTER(Source), c_void_p, c_size_t, c_char_p]),
    "unic_buffer_create": (Status, [POINTER(BUFFER)]),
    "unic_buffer_free": (None, [BUFFER]),
    "unic_buffer_sink": (None, [POINTER(Sink), BUFFER]),
    "unic_buffer_data": (c_void_p, [BUFFER]),
    "unic_buffer_byte_count": (c_size_t, [BUFFER]),
    "unic_codebook_create": (Status, [POINTER(CODEBOOK), c_size_t, c_size_t, c_size_t]),
    "unic_codebook_copy": (Status, [POINTER(CODEBOOK), CODEBOOK]),
    "unic_codebook_free": (None, [CODEBOOK]),
    "unic_codebook_save": (Status, [CODEBOOK, c_char_p]),
    "unic_codebook_save_sink": (Status, [CODEBOOK, POINTER(Sink)]),
    "unic_codebook_load": (Status, [POINTER(CODEBOOK), c_char_p, POINTER(OpenOptions)]),
    "unic_codebook_load_source": (Status, [POINTER(CODEBOOK), POINTER(Source), POINTER(OpenOptions)]),
    "unic_codebook_code_count": (c_size_t, [CODEBOOK]),
    "unic_codebook_dim": (c_size_t, [CODEBOOK]),
    "unic_codebook_modality_count": (c_size_t, [CODEBOOK]),
    "unic_codebook_set": (Status, [CODEBOOK, POINTER(Array)]),
    "unic_codebook_embedding": (c_void_p, [CODEBOOK]),
    "unic_codebook_init": (Status, [CODEBOOK, POINTER(Array), POINTER(CodebookInitOptions)]),
    "unic_codebook_jittered_count": (c_size_t, [CODEBOOK]),
    "unic_codebook_assign": (Status, [CODEBOOK, POINTER(Array), c_void_p]),
    "unic_codebook_nearest": (Status, [CODEBOOK, POINTER(Array), c_size_t, c_void_p, c_void_p]),
    "unic_codebook_soften": (Status, [CODEBOOK, POINTER(Array), c_size_t, c_double, c_void_p, c_void_p]),
    "unic_codebook_lookup": (Status, [CODEBOOK, c_void_p, c_size_t, c_void_p]),
    "unic_codebook_update": (Status, [CODEBOOK, c_float, c_void_p, POINTER(c_void_p), POINTER(c_void_p)]),
    "unic_codebook_revive": (Status, [c_void_p, CODEBOOK, c_int, c_uint32, c_size_t, POINTER(Array), c_uint64]),
    "unic_codebook_usage": (Status, [c_void_p, CODEBOOK, c_void_p, c_size_t, c_void_p]),
    "unic_codebook_state": (Status, [CODEBOOK, c_void_p, c_void_p]),
    "unic_codebook_ema_sums": (c_void_p, [CODEBOOK]),
    "unic_codebook_set_state": (Status, [CODEBOOK, c_void_p, c_void_p, c_void_p]),
    "unic_codebook_perplexity": (c_double, [CODEBOOK]),
    "unic_codebook_distances": (Status, [CODEBOOK, c_void_p]),
    "unic_codebook_drift": (Status, [POINTER(DriftReport), CODEBOOK, CODEBOOK, c_void_p, c_void_p, c_size_t]),
    "unic_codebook_channels": (Status, [c_void_p, CODEBOOK, c_double, c_size_t, c_size_t, c_size_t, c_void_p,
                                        c_void_p]),
    "unic_codebook_select": (Status, [POINTER(CODEBOOK), CODEBOOK, c_void_p, c_size_t]),
    "unic_codebook_fingerprint": (c_uint64, [CODEBOOK]),
    "unic_config_create": (Status, [POINTER(CONFIG)]),
    "unic_config_free": (None, [CONFIG]),
    "unic_config_copy": (Status, [POINTER(CONFIG), CONFIG]),
    "unic_config_set": (Status, [CONFIG, c_char_p, c_char_p]),
    "unic_config_parse": (Status, [CONFIG, c_char_p, c_char_p]),
    "unic_config_load": (Status, [CONFIG, c_char_p]),
    "unic_config_get": (Status, [POINTER(c_char_p), CONFIG, c_char_p]),
    "unic_config_text": (Status, [POINTER(c_char_p), CONFIG]),
    "unic_config_check": (Status, [CONFIG]),
    "unic_config_key_count": (c_size_t, []),
    "unic_config_key_at": (Status, [POINTER(ConfigKey), c_size_t]),
    "unic_dataset_open": (Status, [POINTER(DATASET), POINTER(c_char_p), c_size_t, POINTER(DatasetOptions)]),
    "unic_dataset_open_sources": (Status, [POINTER(DATASET), POINTER(POINTER(Source)), c_size_t,
                                           POINTER(DatasetOptions)]),
    "unic_dataset_free": (None, [DATASET]),
    "unic_dataset_clip_count": (c_size_t, [DATASET]),
    "unic_dataset_batch_count": (c_size_t, [DATASET]),
    "unic_dataset_length": (c_size_t, [DATASET]),
    "unic_dataset_modality_count": (c_size_t, [DATASET]),
    "unic_dataset_modality_name": (c_char_p, [DATASET, c_size_t]),
    "unic_dataset_feature_dims": (Status, [c_void_p, DATASET, c_char_p, c_void_p]),
    "unic_dataset_paired_count": (Status, [c_void_p, DATASET, c_char_p, c_char_p]),
    "unic_dataset_has": (c_int, [DATASET, c_char_p, c_size_t]),
    "unic_dataset_clip_name": (Status, [DATASET, c_char_p, c_size_t, c_void_p, c_size_t]),
    "unic_dataset_class_count": (c_size_t, [DATASET, c_char_p]),
    "unic_dataset_class_name": (c_char_p, [DATASET, c_char_p, c_size_t]),
    "unic_dataset_next": (Status, [POINTER(BATCH), DATASET]),
    "unic_dataset_seek": (Status, [DATASET, c_uint64, c_uint64]),
    "unic_dataset_labels": (Status, [c_void_p, DATASET, c_char_p, c_void_p, c_void_p]),
    "unic_model_open": (Status, [POINTER(MODEL), c_char_p, POINTER(OpenOptions)]),
    "unic_model_open_source": (Status, [POINTER(MODEL), POINTER(Source), POINTER(OpenOptions)]),
    "unic_model_import": (Status, [POINTER(MODEL), c_char_p, c_char_p, POINTER(OpenOptions)]),
    "unic_model_import_source": (Status, [POINTER(MODEL), POINTER(Source), c_char_p, POINTER(OpenOptions)]),
    "unic_model_retain": (MODEL, [MODEL]),
    "unic_model_free": (None, [MODEL]),
    "unic_model_modality_count": (c_size_t, [MODEL]),
    "unic_model_modality_name": (c_char_p, [MODEL, c_size_t]),
    "unic_model_feature_dims": (Status, [c_void_p, MODEL, c_char_p, c_void_p]),
    "unic_model_parameter_at": (Status, [POINTER(c_char_p), POINTER(c_void_p), c_void_p, MODEL, c_size_t, c_void_p]),
    "unic_model_code_count": (c_size_t, [MODEL]),
    "unic_model_code_dim": (c_size_t, [MODEL]),
    "unic_model_config": (c_char_p, [MODEL]),
    "unic_model_weights": (c_char_p, [MODEL]),
    "unic_model_convert": (Status, [POINTER(MODEL), MODEL, c_char_p]),
    "unic_model_codebook": (Status, [POINTER(CODEBOOK), MODEL]),
    "unic_model_save": (Status, [MODEL, c_char_p]),
    "unic_model_save_sink": (Status, [MODEL, POINTER(Sink)]),
    "unic_encoder_create": (Status, [POINTER(ENCODER), MODEL, c_char_p, POINTER(EncoderOptions)]),
    "unic_encoder_free": (None, [ENCODER]),
    "unic_encoder_encode": (Status, [ENCODER, POINTER(Array), c_void_p, c_void_p, c_void_p, c_void_p]),
    "unic_encoder_encode_batch": (Status, [ENCODER, BATCH, c_void_p, c_void_p, c_void_p]),
    "unic_encoder_encode_dataset": (Status, [POINTER(ENCODER), c_size_t, DATASET, POINTER(EncodeOptions),
                                             POINTER(c_void_p)]),
    "unic_extractor_create": (Status, [POINTER(EXTRACTOR), c_char_p, POINTER(ExtractorOptions)]),
    "unic_extractor_free": (None, [EXTRACTOR]),
    "unic_extractor_kind": (c_char_p, [EXTRACTOR]),
    "unic_extractor_settings": (c_char_p, [EXTRACTOR]),
    "unic_extractor_fingerprint": (c_uint64, [EXTRACTOR]),
    "unic_extractor_input_of": (c_int32, [EXTRACTOR]),
    "unic_extractor_rate": (c_double, [EXTRACTOR]),
    "unic_extractor_input_dims": (Status, [c_void_p, EXTRACTOR, c_void_p]),
    "unic_extractor_feature_dims": (Status, [c_void_p, EXTRACTOR, c_void_p]),
    "unic_extractor_extract": (Status, [c_void_p, EXTRACTOR, POINTER(Array), c_size_t, c_void_p]),
    "unic_extractor_extract_text": (Status, [c_void_p, EXTRACTOR, c_char_p, c_size_t, c_size_t, c_void_p]),
    "unic_extractor_fit": (Status, [EXTRACTOR, POINTER(Array)]),
    "unic_extractor_normalise": (Status, [EXTRACTOR, POINTER(Array)]),
    "unic_extractor_load_weights": (Status, [EXTRACTOR, c_char_p, POINTER(OpenOptions)]),
    "unic_extractor_load_weights_source": (Status, [EXTRACTOR, POINTER(Source), POINTER(OpenOptions)]),
    "unic_extractor_load_words": (Status, [EXTRACTOR, c_char_p, c_int32, POINTER(OpenOptions)]),
    "unic_extractor_load_words_source": (Status, [EXTRACTOR, POINTER(Source), c_int32, POINTER(OpenOptions)]),
    "unic_extractor_save": (Status, [EXTRACTOR, c_char_p]),
    "unic_extractor_save_sink": (Status, [EXTRACTOR, POINTER(Sink)]),
    "unic_extractor_load": (Status, [POINTER(EXTRACTOR), c_char_p, POINTER(OpenOptions)]),
    "unic_extractor_load_source": (Status, [POINTER(EXTRACTOR), POINTER(Source), POINTER(OpenOptions)]),
    "unic_head_create": (Status, [POINTER(HEAD), CODEBOOK, POINTER(HeadOptions)]),
    "unic_head_free": (None, [HEAD]),
    "unic_head_settings": (Status, [POINTER(HeadOptions), HEAD]),
    "unic_head_fit": (Status, [c_void_p, HEAD, c_void_p, c_size_t, c_size_t, c_void_p]),
    "unic_head_predict": (Status, [HEAD, c_void_p, c_size_t, c_size_t, c_void_p]),
    "unic_head_predict_soft": (Status, [HEAD, c_void_p, c_void_p, c_size_t, c_size_t, c_size_t, c_void_p]),
    "unic_head_mask_labels": (Status, [HEAD, c_void_p, c_size_t, c_size_t, c_void_p]),
    "unic_head_fingerprint": (c_uint64, [HEAD]),
    "unic_head_accepts": (Status, [HEAD, c_uint64]),
    "unic_head_save": (Status, [HEAD, c_char_p]),
    "unic_head_save_sink": (Status, [HEAD, POINTER(Sink)]),
    "unic_head_load": (Status, [POINTER(HEAD), c_char_p, POINTER(OpenOptions)]),
    "unic_head_load_source": (Status, [POINTER(HEAD), POINTER(Source), POINTER(OpenOptions)]),
    "unic_pool_histogram": (Status, [c_void_p, c_size_t, c_size_t, c_size_t, c_void_p]),
    "unic_pool_mean": (Status, [c_void_p, c_void_p, c_size_t, c_size_t, c_size_t, c_void_p]),
    "unic_index_create": (Status, [POINTER(INDEX), POINTER(IndexOptions)]),
    "unic_index_free": (None, [INDEX]),
    "unic_index_item_count": (c_size_t, [INDEX]),
    "unic_index_dim": (c_size_t, [INDEX]),
    "unic_index_metric_of": (c_int32, [INDEX]),
    "unic_index_vectors": (c_void_p, [INDEX]),
    "unic_index_ids": (c_void_p, [INDEX]),
    "unic_index_add": (Status, [INDEX, POINTER(Array), c_void_p]),
    "unic_index_reserve": (Status, [INDEX, c_size_t]),
    "unic_index_update": (Status, [INDEX, POINTER(Array), c_void_p]),
    "unic_index_remove": (Status, [INDEX, c_void_p, c_size_t]),
    "unic_index_search": (Status, [INDEX, POINTER(Array), c_size_t, POINTER(SearchOptions), c_void_p, c_void_p]),
    "unic_index_rank": (Status, [INDEX, POINTER(Array), c_void_p, POINTER(SearchOptions), c_void_p]),
    "unic_index_accepts": (Status, [INDEX, c_uint64]),
    "unic_index_save": (Status, [INDEX, c_char_p]),
    "unic_index_save_sink": (Status, [INDEX, POINTER(Sink)]),
    "unic_index_load": (Status, [POINTER(INDEX), c_char_p, POINTER(OpenOptions)]),
    "unic_index_load_source": (Status, [POINTER(INDEX), POINTER(Source), POINTER(OpenOptions)]),
    "unic_metrics_classes": (Status, [POINTER(ClassReport), c_void_p, c_void_p, c_size_t, c_size_t, c_void_p,
                                      c_void_p]),
    "unic_metrics_steps": (Status, [POINTER(MatchReport), c_void_p, c_void_p, c_size_t, c_size_t, c_float, c_int32]),
    "unic_metrics_steps_cmg": (Status, [POINTER(MatchReport), c_void_p, c_void_p, c_size_t, c_size_t, c_float,
                                        c_size_t]),
    "unic_metrics_events": (Status, [POINTER(MatchReport), c_void_p, c_void_p, c_size_t, c_size_t, c_size_t, c_float,
                                     c_double, c_int32]),
    "unic_metrics_masks": (Status, [POINTER(MaskReport), c_void_p, c_void_p, c_size_t, c_size_t, c_void_p]),
    "unic_metrics_masks_cmg": (Status, [POINTER(MaskReport), c_void_p, c_void_p, c_size_t, c_size_t, c_size_t]),
    "unic_metrics_ranks": (Status, [POINTER(RankReport), c_void_p, c_size_t, c_size_t, c_void_p, c_void_p, c_void_p,
                                    c_size_t, c_void_p]),
    "unic_metrics_recall": (Status, [POINTER(RankReport), c_void_p, c_size_t, c_void_p, c_size_t, c_void_p]),
    "unic_metrics_usage": (Status, [POINTER(UsageReport), POINTER(c_void_p), c_size_t, c_size_t, c_size_t, c_void_p,
                                    c_void_p, c_void_p]),
    "unic_npz_writer_create": (Status, [POINTER(NPZ_WRITER), c_char_p]),
    "unic_npz_writer_free": (None, [NPZ_WRITER]),
    "unic_npz_writer_add": (Status, [NPZ_WRITER, c_char_p, POINTER(Array)]),
    "unic_npz_writer_add_text": (Status, [NPZ_WRITER, c_char_p, c_char_p]),
    "unic_npz_writer_begin": (Status, [NPZ_WRITER, c_char_p, c_int, c_int, c_void_p]),
    "unic_npz_writer_append": (Status, [NPZ_WRITER, c_char_p, POINTER(Array)]),
    "unic_npz_writer_finish": (Status, [NPZ_WRITER]),
    "unic_retriever_create": (Status, [POINTER(RETRIEVER), CODEBOOK, POINTER(RetrieverOptions)]),
    "unic_retriever_free": (None, [RETRIEVER]),
    "unic_retriever_settings": (Status, [POINTER(RetrieverOptions), RETRIEVER]),
    "unic_retriever_fit": (Status, [c_void_p, RETRIEVER, c_void_p, c_size_t, c_size_t, POINTER(Array)]),
    "unic_retriever_queries": (Status, [RETRIEVER, c_void_p, c_size_t, c_size_t, c_void_p]),
    "unic_retriever_items": (Status, [RETRIEVER, POINTER(Array), c_void_p]),
    "unic_retriever_fingerprint": (c_uint64, [RETRIEVER]),
    "unic_retriever_accepts": (Status, [RETRIEVER, c_uint64]),
    "unic_retriever_save": (Status, [RETRIEVER, c_char_p]),
    "unic_retriever_save_sink": (Status, [RETRIEVER, POINTER(Sink)]),
    "unic_retriever_load": (Status, [POINTER(RETRIEVER), c_char_p, POINTER(OpenOptions)]),
    "unic_retriever_load_source": (Status, [POINTER(RETRIEVER), POINTER(Source), POINTER(OpenOptions)]),
    "unic_segmenter_create": (Status, [POINTER(SEGMENTER), CODEBOOK, POINTER(SegmenterOptions)]),
    "unic_segmenter_free": (None, [SEGMENTER]),
    "unic_segmenter_settings": (Status, [POINTER(SegmenterOptions), SEGMENTER]),
    "unic_segmenter_step": (Status, [c_void_p, SEGMENTER, POINTER(POINTER(Array)), c_size_t, c_void_p, c_size_t,
                                     POINTER(Array)]),
    "unic_segmenter_predict": (Status, [SEGMENTER, POINTER(POINTER(Array)), c_size_t, c_void_p, c_size_t, c_void_p]),
    "unic_segmenter_fingerprint": (c_uint64, [SEGMENTER]),
    "unic_segmenter_accepts": (Status, [SEGMENTER, c_uint64]),
    "unic_segmenter_save": (Status, [SEGMENTER, c_char_p]),
    "unic_segmenter_save_sink": (Status, [SEGMENTER, POINTER(Sink)]),
    "unic_segmenter_load": (Status, [POINTER(SEGMENTER), c_char_p, POINTER(OpenOptions)]),
    "unic_segmenter_load_source": (Status, [POINTER(SEGMENTER), POINTER(Source), POINTER(OpenOptions)]),
    "unic_stream_create": (Status, [POINTER(STREAM), ENCODER, POINTER(StreamOptions)]),
    "unic_stream_free": (None, [STREAM]),
    "unic_stream_push": (Status, [STREAM, POINTER(Array)]),
    "unic_stream_finish": (Status, [STREAM]),
    "unic_stream_ready_count": (c_size_t, [STREAM]),
    "unic_stream_pull": (Status, [c_void_p, c_void_p, STREAM, c_size_t, c_void_p, c_void_p, c_void_p]),
    "unic_stream_reset": (Status, [STREAM]),
    "unic_trainer_create": (Status, [POINTER(TRAINER), CONFIG, POINTER(TrainerOptions)]),
    "unic_trainer_start_from": (Status, [TRAINER, MODEL]),
    "unic_trainer_free": (None, [TRAINER]),
    "unic_trainer_figure_count": (c_size_t, [TRAINER]),
    "unic_trainer_figure_name": (c_char_p, [TRAINER, c_size_t]),
    "unic_trainer_step": (Status, [TRAINER, BATCH, POINTER(Draws), c_void_p]),
    "unic_trainer_evaluate": (Status, [TRAINER, BATCH, c_void_p]),
    "unic_trainer_set_total_step_count": (Status, [TRAINER, c_uint64]),
    "unic_trainer_total_step_count": (c_uint64, [TRAINER]),
    "unic_trainer_step_count": (c_uint64, [TRAINER]),
    "unic_trainer_save": (Status, [TRAINER, c_char_p]),
    "unic_trainer_save_sink": (Status, [TRAINER, POINTER(Sink)]),
    "unic_trainer_resume": (Status, [POINTER(TRAINER), c_char_p, POINTER(TrainerOptions), POINTER(OpenOptions)]),
    "unic_trainer_resume_source": (Status, [POINTER(TRAINER), POINTER(Source), POINTER(TrainerOptions),
                                            POINTER(OpenOptions)]),
    "unic_trainer_import": (Status, [POINTER(TRAINER), c_char_p, c_char_p, POINTER(TrainerOptions),
                                     POINTER(OpenOptions)]),
    "unic_trainer_model": (Status, [POINTER(MODEL), TRAINER]),
    "unic_trainer_config": (c_char_p, [TRAINER]),
}
