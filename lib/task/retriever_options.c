#include "task/retriever.h"

#define AT(member) UNIC__OPTION_OF(unic_retriever_options, member)
enum { MOST = 1 << 16 };

static const unic__option numbers[] = {
    {AT(item_dim), .low = 1, .high = MOST},
    {AT(hidden), .low = 1, .high = MOST, .standard = {256}},
    {AT(dim), .low = 1, .high = MOST, .standard = {128}},
    {AT(epochs), .low = 1, .high = INT32_MAX, .standard = {50}},
    {AT(batch), .low = 2, .high = MOST, .standard = {64}},
    {UNIC__OPTION_SEED(unic_retriever_options)},
};

static const unic__float_option reals[] = {
    {.member = "retriever.learning_rate",
     .offset = offsetof(unic_retriever_options, learning_rate),
     .standard = {0.001F}},
    {.member = "retriever.temperature",
     .offset = offsetof(unic_retriever_options, temperature),
     .low = 0.001F,
     .high = 1000.0F,
     .standard = {0.07F}},
};

const unic__options_table unic__retriever_options = {
    .member = "retriever.options",
    .kind = "a retriever",
    .number = numbers,
    .number_count = sizeof numbers / sizeof numbers[0],
    .real = reals,
    .real_count = sizeof reals / sizeof reals[0],
};

unic_status unic__retriever_complete(unic_retriever_options *o, const char *prefix,
                                     unic_status status)
{
    return unic__options_complete(o, &unic__retriever_options, 0, prefix, status);
}
