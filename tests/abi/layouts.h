/*
 * The public structs and enums where pointers have 64 bits. Written by tests/abi/generate.py (make generate).
 */
#define AT(type, member, offset)                                                               \
    _Static_assert(offsetof(type, member) == (offset), #type "." #member " has moved")
#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type " has another size")

AT(unic_allocator, struct_size, 0);
AT(unic_allocator, alloc, 8);
AT(unic_allocator, release, 16);
AT(unic_allocator, user, 24);
SIZE(unic_allocator, 32);

AT(unic_open_options, struct_size, 0);
AT(unic_open_options, memory_limit, 8);
AT(unic_open_options, preload, 16);
AT(unic_open_options, progress, 24);
AT(unic_open_options, progress_user, 32);
AT(unic_open_options, reserved, 40);
SIZE(unic_open_options, 56);

AT(unic_array, struct_size, 0);
AT(unic_array, data, 8);
AT(unic_array, dtype, 16);
AT(unic_array, rank, 20);
AT(unic_array, dims, 24);
AT(unic_array, strides, 72);
AT(unic_array, reserved, 120);
SIZE(unic_array, 152);

AT(unic_class_names, struct_size, 0);
AT(unic_class_names, theirs, 8);
AT(unic_class_names, their_count, 16);
AT(unic_class_names, ours, 24);
AT(unic_class_names, our_count, 32);
AT(unic_class_names, reserved, 40);
SIZE(unic_class_names, 56);

AT(unic_source, struct_size, 0);
AT(unic_source, name, 8);
AT(unic_source, size, 16);
AT(unic_source, read_at, 24);
AT(unic_source, close, 32);
AT(unic_source, user, 40);
AT(unic_source, reserved, 48);
SIZE(unic_source, 80);

AT(unic_sink, struct_size, 0);
AT(unic_sink, name, 8);
AT(unic_sink, write, 16);
AT(unic_sink, finish, 24);
AT(unic_sink, abandon, 32);
AT(unic_sink, user, 40);
AT(unic_sink, reserved, 48);
SIZE(unic_sink, 80);

AT(unic_codebook_init_options, struct_size, 0);
AT(unic_codebook_init_options, iterations, 8);
AT(unic_codebook_init_options, seed, 16);
AT(unic_codebook_init_options, progress, 24);
AT(unic_codebook_init_options, progress_user, 32);
AT(unic_codebook_init_options, threads, 40);
AT(unic_codebook_init_options, reserved, 48);
SIZE(unic_codebook_init_options, 80);

AT(unic_drift_report, struct_size, 0);
AT(unic_drift_report, moved_count, 8);
AT(unic_drift_report, step_count, 16);
AT(unic_drift_report, changed_count, 24);
AT(unic_drift_report, moved, 32);
AT(unic_drift_report, changed, 40);
AT(unic_drift_report, distance, 48);
SIZE(unic_drift_report, 56);

AT(unic_comm, struct_size, 0);
AT(unic_comm, rank, 8);
AT(unic_comm, size, 12);
AT(unic_comm, check_steps, 16);
AT(unic_comm, sum_start, 24);
AT(unic_comm, sum_wait, 32);
AT(unic_comm, gather, 40);
AT(unic_comm, user, 48);
AT(unic_comm, reserved, 56);
SIZE(unic_comm, 88);

AT(unic_config_key, struct_size, 0);
AT(unic_config_key, name, 8);
AT(unic_config_key, type, 16);
AT(unic_config_key, value, 24);
AT(unic_config_key, compat, 32);
AT(unic_config_key, allowed, 40);
AT(unic_config_key, help, 48);
AT(unic_config_key, reserved, 56);
SIZE(unic_config_key, 88);

AT(unic_dataset_options, struct_size, 0);
AT(unic_dataset_options, modalities, 8);
AT(unic_dataset_options, modality_count, 16);
AT(unic_dataset_options, batch, 24);
AT(unic_dataset_options, seed, 32);
AT(unic_dataset_options, shuffle, 40);
AT(unic_dataset_options, drop_last, 44);
AT(unic_dataset_options, prefetch, 48);
AT(unic_dataset_options, on_damage, 52);
AT(unic_dataset_options, length, 56);
AT(unic_dataset_options, split, 64);
AT(unic_dataset_options, repeat_last, 72);
AT(unic_dataset_options, repeat_last_count, 80);
AT(unic_dataset_options, memory_limit, 88);
AT(unic_dataset_options, progress, 96);
AT(unic_dataset_options, progress_user, 104);
AT(unic_dataset_options, part, 112);
AT(unic_dataset_options, parts, 116);
AT(unic_dataset_options, reserved, 120);
SIZE(unic_dataset_options, 144);

AT(unic_encoder_options, struct_size, 0);
AT(unic_encoder_options, max_batch, 8);
AT(unic_encoder_options, max_length, 16);
AT(unic_encoder_options, threads, 24);
AT(unic_encoder_options, reserved, 32);
SIZE(unic_encoder_options, 64);

AT(unic_encode_options, struct_size, 0);
AT(unic_encode_options, encoded, 8);
AT(unic_encode_options, encoded_user, 16);
AT(unic_encode_options, progress, 24);
AT(unic_encode_options, progress_user, 32);
AT(unic_encode_options, reserved, 40);
SIZE(unic_encode_options, 72);

AT(unic_extractor_options, struct_size, 0);
AT(unic_extractor_options, threads, 8);
AT(unic_extractor_options, reserved, 16);
SIZE(unic_extractor_options, 48);

AT(unic_head_options, struct_size, 0);
AT(unic_head_options, kind, 8);
AT(unic_head_options, class_count, 12);
AT(unic_head_options, hidden, 16);
AT(unic_head_options, epochs, 20);
AT(unic_head_options, batch, 24);
AT(unic_head_options, learning_rate, 28);
AT(unic_head_options, seed, 32);
AT(unic_head_options, loss, 40);
AT(unic_head_options, threads, 44);
AT(unic_head_options, progress, 48);
AT(unic_head_options, progress_user, 56);
AT(unic_head_options, reserved, 64);
SIZE(unic_head_options, 96);

AT(unic_index_options, struct_size, 0);
AT(unic_index_options, dim, 8);
AT(unic_index_options, metric, 16);
AT(unic_index_options, fingerprint, 24);
AT(unic_index_options, reserved, 32);
SIZE(unic_index_options, 64);

AT(unic_search_options, struct_size, 0);
AT(unic_search_options, progress, 8);
AT(unic_search_options, progress_user, 16);
AT(unic_search_options, threads, 24);
AT(unic_search_options, reserved, 32);
SIZE(unic_search_options, 64);

AT(unic_class_report, struct_size, 0);
AT(unic_class_report, row_count, 8);
AT(unic_class_report, right_count, 16);
AT(unic_class_report, accuracy, 24);
AT(unic_class_report, mean_accuracy, 32);
SIZE(unic_class_report, 40);

AT(unic_match_report, struct_size, 0);
AT(unic_match_report, predicted_count, 8);
AT(unic_match_report, actual_count, 16);
AT(unic_match_report, matched_count, 24);
AT(unic_match_report, precision, 32);
AT(unic_match_report, recall, 40);
AT(unic_match_report, f1, 48);
SIZE(unic_match_report, 56);

AT(unic_mask_report, struct_size, 0);
AT(unic_mask_report, mask_count, 8);
AT(unic_mask_report, miou, 16);
AT(unic_mask_report, f_beta, 24);
AT(unic_mask_report, threshold, 32);
SIZE(unic_mask_report, 40);

AT(unic_rank_report, struct_size, 0);
AT(unic_rank_report, query_count, 8);
AT(unic_rank_report, median_rank, 16);
AT(unic_rank_report, mean_average_precision, 24);
SIZE(unic_rank_report, 32);

AT(unic_usage_report, struct_size, 0);
AT(unic_usage_report, use_count, 8);
AT(unic_usage_report, used_count, 16);
AT(unic_usage_report, dead_count, 24);
AT(unic_usage_report, common_count, 32);
AT(unic_usage_report, often_count, 40);
AT(unic_usage_report, shared_count, 48);
AT(unic_usage_report, paired_count, 56);
AT(unic_usage_report, agreed_count, 64);
AT(unic_usage_report, shared, 72);
AT(unic_usage_report, agreement, 80);
AT(unic_usage_report, perplexity, 88);
AT(unic_usage_report, divergence, 96);
SIZE(unic_usage_report, 104);

AT(unic_retriever_options, struct_size, 0);
AT(unic_retriever_options, item_dim, 8);
AT(unic_retriever_options, hidden, 12);
AT(unic_retriever_options, dim, 16);
AT(unic_retriever_options, epochs, 20);
AT(unic_retriever_options, batch, 24);
AT(unic_retriever_options, learning_rate, 28);
AT(unic_retriever_options, temperature, 32);
AT(unic_retriever_options, threads, 36);
AT(unic_retriever_options, seed, 40);
AT(unic_retriever_options, progress, 48);
AT(unic_retriever_options, progress_user, 56);
AT(unic_retriever_options, reserved, 64);
SIZE(unic_retriever_options, 96);

AT(unic_segmenter_options, struct_size, 0);
AT(unic_segmenter_options, preset, 8);
AT(unic_segmenter_options, input, 12);
AT(unic_segmenter_options, image_channels, 16);
AT(unic_segmenter_options, height, 20);
AT(unic_segmenter_options, width, 24);
AT(unic_segmenter_options, level_count, 28);
AT(unic_segmenter_options, level_channels, 32);
AT(unic_segmenter_options, channels, 48);
AT(unic_segmenter_options, inner, 52);
AT(unic_segmenter_options, dilations, 56);
AT(unic_segmenter_options, output_channels, 72);
AT(unic_segmenter_options, batch, 80);
AT(unic_segmenter_options, learning_rate, 84);
AT(unic_segmenter_options, seed, 88);
AT(unic_segmenter_options, threads, 96);
AT(unic_segmenter_options, progress, 104);
AT(unic_segmenter_options, progress_user, 112);
AT(unic_segmenter_options, reserved, 120);
SIZE(unic_segmenter_options, 136);

AT(unic_stream_options, struct_size, 0);
AT(unic_stream_options, window, 8);
AT(unic_stream_options, lag, 16);
AT(unic_stream_options, backlog, 24);
AT(unic_stream_options, reserved, 32);
SIZE(unic_stream_options, 64);

AT(unic_trainer_options, struct_size, 0);
AT(unic_trainer_options, threads, 8);
AT(unic_trainer_options, settings, 16);
AT(unic_trainer_options, progress, 24);
AT(unic_trainer_options, progress_user, 32);
AT(unic_trainer_options, comm, 40);
AT(unic_trainer_options, memory_limit, 48);
AT(unic_trainer_options, reserved, 56);
SIZE(unic_trainer_options, 72);

AT(unic_draws, struct_size, 0);
AT(unic_draws, cpc_step, 8);
AT(unic_draws, club_permutation, 16);
AT(unic_draws, revival_source, 24);
AT(unic_draws, reserved, 32);
SIZE(unic_draws, 72);

/* A C enum may be as small as its values allow; the ABI has it as int. */
SIZE(unic_status, sizeof(int));
SIZE(unic_log_level, sizeof(int));
SIZE(unic_dtype, sizeof(int));
SIZE(unic_reset_rule, sizeof(int));
SIZE(unic_comm_type, sizeof(int));
SIZE(unic_on_damage, sizeof(int));
SIZE(unic_extractor_input, sizeof(int));
SIZE(unic_extractor_list, sizeof(int));
SIZE(unic_head_kind, sizeof(int));
SIZE(unic_head_loss, sizeof(int));
SIZE(unic_index_metric, sizeof(int));
SIZE(unic_segmenter_preset, sizeof(int));
SIZE(unic_segmenter_input, sizeof(int));
