/*
 * The public structs and enums where pointers have 64 bits. Written by tests/abi/generate.py (make generate).
 */
#define AT(type, member, offset)                                                               \
    _Static_assert(offsetof(type, member) == (offset), #type "." #member " has moved")
#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type " has another size")

AT(unic_media_options, struct_size, 0);
AT(unic_media_options, threads, 8);
AT(unic_media_options, skip_damaged, 12);
AT(unic_media_options, max_pixels, 16);
AT(unic_media_options, max_seconds, 24);
AT(unic_media_options, alpha, 32);
AT(unic_media_options, reserved_int, 36);
AT(unic_media_options, reserved, 40);
SIZE(unic_media_options, 72);

AT(unic_media_stream, struct_size, 0);
AT(unic_media_stream, kind, 8);
AT(unic_media_stream, chosen, 12);
AT(unic_media_stream, codec, 16);
AT(unic_media_stream, seconds, 24);
AT(unic_media_stream, rate, 32);
AT(unic_media_stream, channels, 36);
AT(unic_media_stream, width, 40);
AT(unic_media_stream, height, 44);
AT(unic_media_stream, rotation, 48);
AT(unic_media_stream, still, 52);
AT(unic_media_stream, frame_rate, 56);
AT(unic_media_stream, reserved, 64);
SIZE(unic_media_stream, 96);

/* A C enum may be as small as its values allow; the ABI has it as int. */
SIZE(unic_media_kind, sizeof(int));
SIZE(unic_media_alpha, sizeof(int));
